"""A terminal as a Slack client: type a line, see what a person would see."""

import importlib
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from threading import Lock, Thread
from types import ModuleType
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from slack_playground.client import Json, Person, PlaygroundClient
from slack_playground.transcript import written
from slack_playground.workspace import File, Message, Workspace

readline: ModuleType | None = None
with suppress(ImportError):  # a Python may have been built without it
    readline = importlib.import_module("readline")

MOMENT = re.compile(r"<!date\^(\d{1,11})\^([^|<>]*)\|[^<>]*>")
PROMPT = "› "
EMOJI = {
    "alarm_clock": "⏰",
    "bar_chart": "▥",
    "black_circle": "●",
    "black_square_for_stop": "■",
    "boom": "✸",
    "busts_in_silhouette": "◍",
    "chart_with_upwards_trend": "↗",
    "clipboard": "▤",
    "crystal_ball": "◌",
    "eye": "◉",
    "floppy_disk": "▣",
    "ghost": "∩",
    "raised_hand": "☝",
    "recycle": "↻",
    "grey_question": "?",
    "hourglass": "…",
    "hourglass_flowing_sand": "…",
    "large_blue_circle": "●",
    "leftwards_arrow_with_hook": "↩",
    "lock": "⚿",
    "mag": "⌕",
    "memo": "✎",
    "moneybag": "¤",
    "mute": "∅",
    "no_bell": "∅",
    "no_entry_sign": "⊘",
    "octagonal_sign": "■",
    "ok": "✓",
    "ok_hand": "✓",
    "package": "▣",
    "rocket": "▲",
    "rotating_light": "‼",
    "scroll": "≡",
    "speech_balloon": "❝",
    "stethoscope": "⚕",
    "test_tube": "⚗",
    "trophy": "♛",
    "warning": "⚠",
    "white_check_mark": "✓",
    "x": "✗",
    "zzz": "z",
}
"""Characters of one column each, so that an edited line stays where it was."""

CLEAR_LINE = "\r\x1b[K"


class Terminal:
    """One channel as one person sees it, printed as it changes.

    An edited message is printed again on the line where it stood if that is the last one, so that a
    card counts up in place; where the output is no terminal, only changes of `milestone` are printed.

    Args:
        milestone: of a message's text, what is worth a line of its own in a file.
    """

    def __init__(
        self, playground: PlaygroundClient, person: Person, workspace: Workspace, milestone: Callable[[str], str]
    ) -> None:
        self._playground = playground
        self._person = person
        self._workspace = workspace
        self._milestone = milestone
        self._zone = ZoneInfo(workspace.users[person.user].tz or "UTC")
        self._out: TextIO = sys.stdout
        self._shown: dict[str, str] = {}
        self._lines: dict[str, list[str]] = {}
        self._last_edit = ""
        self._form = ""
        self._lock = Lock()
        self._prompting = False
        self._over = False
        self._thread = Thread(target=self._follow, name="terminal", daemon=True)

    def start(self) -> None:
        """Show whatever comes, and how much is there already."""
        earlier = self._look()
        for message in earlier:
            self._shown[message["ts"]] = message["text"]
            self._lines[message["ts"]] = self._rendered(message)
        if earlier:
            count = f"{len(earlier)} earlier messages are" if len(earlier) > 1 else "One earlier message is"
            self.say(f"{count} in this channel, and not shown again.")
        self._thread.start()

    def stop(self) -> None:
        """Show no more; what is there by now has been shown."""
        self._over = True
        self._thread.join()

    def say(self, text: str) -> None:
        """A line of the terminal's own."""
        with self._lock:
            self._print(text)

    def type(self, line: str, echo: bool = True) -> None:
        """Send a line as the person.

        Args:
            echo: whether the line is printed: not where the person sees it at the prompt.
        """
        if echo:
            self.say(f"\x1b[1mana\x1b[0m: {line}" if self._out.isatty() else f"ana: {line}")
        answer = self._person.says(line)
        if "error" in answer:
            self.say(f"  Slack says: {answer['error']}")
        if not line.startswith("/") and "@verlbot" not in line:
            self.say("  (only you and the channel read this; commands begin with /verl or @verlbot)")

    def prompt(self) -> str | None:
        """The next line that the person types; None at the end."""
        self._prompting = True
        try:
            return input(PROMPT).strip()
        except (EOFError, KeyboardInterrupt):
            return None
        finally:
            self._prompting = False

    def _follow(self) -> None:
        version = 0
        while not self._over:
            messages = self._look()
            modal = self._playground.get("look", user=self._person.user)["modal"]
            with self._lock:
                for message in messages:
                    self._show(message)
                self._tell_of(modal)
            version = self._playground.get("wait", after=version, seconds=1)["version"]

    def _tell_of(self, modal: Json | None) -> None:
        """A terminal shows no form: where it is to be filled in."""
        form, self._form = self._form, modal["id"] if modal else ""
        if modal and modal["id"] != form:
            title = modal["body"]["title"]["text"]
            self._print(
                f"  A form is open, “{title}”. Fill it in on the page, {self._playground.address},\n"
                "  or type the command with its settings here."
            )

    def _look(self) -> list[Json]:
        """What the person sees now, of others."""
        answer = self._playground.get("messages", user=self._person.user, channel=self._person.channel)
        for file, title in answer["files"].items():
            self._workspace.files[file] = File(file, title, title, self._workspace.bot)
        return [message for message in answer["messages"] if message["user"] != self._person.user]

    def _show(self, message: Json) -> None:
        key, text, lines = message["ts"], message["text"], self._rendered(message)
        known = self._shown.get(key)
        if known is None:
            self._print("\n".join(lines))
        elif known != text and (self._out.isatty() or self._milestone(known) != self._milestone(text)):
            self._print_edit(key, text)
        elif known == text and message["thread_ts"] and (grown := self._grown(key, lines)):
            self._print("\n".join(grown))
        elif known != text:
            return
        self._shown[key], self._lines[key] = text, lines

    def _grown(self, key: str, lines: list[str]) -> list[str]:
        """What an edit added to a message of a thread, such as a log that is followed."""
        before = set(self._lines[key])
        return [line for line in lines[1:] if line not in before]

    def _rendered(self, message: Json) -> list[str]:
        here = localized(message, self._zone)
        found = Message(**{key: here[key] for key in Message.__dataclass_fields__})
        indent = "    ↳ " if found.thread_ts else ""
        return [indent + line for line in written(self._workspace, found)]

    def _print_edit(self, key: str, text: str) -> None:
        here = localized(text, self._zone)
        line = "  ✎ " + "\n".join(written(self._workspace, Message(key, "", self._workspace.bot, here)))
        if self._out.isatty() and self._last_edit == key:
            self._out.write(f"\x1b[1A{CLEAR_LINE}")
        self._print(line)
        self._last_edit = key

    def _print(self, text: str) -> None:
        """Above the line that the person is typing, which is drawn again below."""
        self._last_edit = ""
        tty = self._out.isatty()
        self._out.write(f"{CLEAR_LINE if tty else ''}{drawn(text)}\n")
        if tty and self._prompting:
            self._out.write(PROMPT + typed_so_far())
        self._out.flush()


def localized(value: Any, zone: ZoneInfo) -> Any:
    """A message, or a part of one, with its moments in the person's time zone.

    >>> localized({"text": "until <!date^1768471200^{time}|10:00 UTC>"}, ZoneInfo("Europe/Berlin"))
    {'text': 'until 11:00'}
    """
    if isinstance(value, dict):
        return {key: localized(inner, zone) for key, inner in value.items()}
    if isinstance(value, list):
        return [localized(inner, zone) for inner in value]
    return MOMENT.sub(lambda found: in_zone(found[1], found[2], zone), value) if isinstance(value, str) else value


def in_zone(unix: str, pattern: str, zone: ZoneInfo) -> str:
    moment = datetime.fromtimestamp(int(unix), zone)
    return f"{moment:%d %b %H:%M}" if "{date" in pattern else f"{moment:%H:%M}"


def drawn(text: str) -> str:
    """A message as Slack would draw it, as far as a terminal can.

    >>> drawn(":x: `smoke-7f3a` *failed* · :unheard_of:")
    '✗ smoke-7f3a failed · :unheard_of:'
    """
    text = re.sub(r"(?<![\w:]):([a-z_]+):(?![\w:])", lambda found: EMOJI.get(found[1], found[0]), text)
    return re.sub(r"(?<![\w*])\*([^*\s][^*\n]*)\*(?![\w*])", r"\1", text.replace("`", ""))


def typed_so_far() -> str:
    """What stands on the line that is being typed, where this Python knows."""
    return readline.get_line_buffer() if readline else ""
