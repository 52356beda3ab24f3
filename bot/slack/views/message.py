"""A message as a value: its text, blocks, chart and file, and the answer to a command. Pure."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.core.model.sent_message import CARD_KEY
from bot.core.rules.chart_data import Chart
from bot.core.rules.chart_table import build_table, is_cut, is_smoothed
from bot.i18n import render
from bot.phrase import Phrase
from bot.slack.views.blocks import (
    EMPTY_TEXT,
    Block,
    fit_blocks,
    fit_message_text,
    section,
)
from bot.slack.views.chart_blocks import CHART, IMAGE, line_chart
from bot.slack.views.mrkdwn import (
    Markup,
    to_literal,
    to_plain_line,
)


def build_native_chart(chart: Chart) -> Block | None:
    """Return the chart as a Slack block; None if it has too few points."""
    table = build_table(chart) if chart.is_drawable else None
    if table is None:
        return None
    series = [(render(name), list(map(round_to_six_digits, values))) for name, values in table.lines]
    x_label, y_label = chart.x_label, chart.y_label
    if is_cut(chart):
        x_label = Phrase("{axis} (shared range)", axis=x_label)
    if is_smoothed(chart):
        y_label = Phrase("{metric} (smoothed)", metric=y_label)
    return line_chart(render(chart.title), render(x_label), render(y_label), table.labels, series)


def format_x_value(x: float) -> str:
    """Return an x value as text.

    >>> format_x_value(1200000.0), format_x_value(12.3456)
    ('1200000', '12.35')
    """
    return str(int(x)) if float(x).is_integer() else f"{x:.4g}"


def round_to_six_digits(value: float) -> float:
    """Return the value with six digits: more are not visible, and every edit transfers them."""
    return float(f"{value:.6g}")


def is_chart(block: Block) -> bool:
    """Return whether a block draws something, which a workspace may refuse to do."""
    return block["type"] in (CHART, IMAGE)


CARD = CARD_KEY

MAX_MARK_CHARACTERS = 120
"""Maximum characters of a key in metadata, of which Slack takes 3,000 bytes."""

NON_ASCII = re.compile("[^ -~]")

LEADING_EMOJI = re.compile(r":[a-z_]+: ")
"""An emoji at the beginning of a text, in Slack's notation."""


class Attachment(StrEnum):
    """A file that is a message of its own."""

    TASK = "task"  # The exact task that waits for an approval.


class Color(StrEnum):
    """The color of a message's bar, which tells its state at a glance."""

    ACTIVE = "#3AA3E3"
    SUCCEEDED = "#2EB67D"
    FAILED = "#E01E5A"
    NEEDS_ATTENTION = "#ECB22E"
    ENDED = "#8D8D8D"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a run as Slack should show it.

    Attributes:
        key: its name among the run's messages.
        text: the whole message on one line, for notifications and clients without blocks.
        urgent: the part of the content whose change is shown at once, not with the next regular edit.
        is_edited: whether it is edited as the run changes, or sent once.
        broadcast: whether the channel shows it too.
        charts: the content of its charts, for workspaces that need pictures.
        attachment: the file that it is, in place of text; sent once.
        period_factor: time between two edits, as a multiple of a card's.
        color: the color of the bar beside all blocks but the first one, which is the title; None for no bar.
    """

    key: str
    text: Markup
    blocks: tuple[Block, ...]
    urgent: str = ""
    is_edited: bool = False
    broadcast: bool = False
    period_factor: int = 1
    attachment: Attachment | None = None
    charts: tuple[Chart, ...] = ()
    color: Color | None = None

    def __post_init__(self) -> None:
        """Cut what Slack would refuse as too long. `urgent` becomes a plain string, because the run's record stores
        it.
        """
        object.__setattr__(self, "urgent", str(self.urgent))
        object.__setattr__(self, "text", fit_message_text(self.text))
        object.__setattr__(self, "blocks", tuple(fit_blocks(self.blocks)))

    @property
    def alt_text(self) -> str:
        """Return the text that describes a picture of the message to people who do not see it."""
        return LEADING_EMOJI.sub("", to_literal(self.text))

    @property
    def digest(self) -> str:
        """Return a hash of the content that Slack shows."""
        content = json.dumps([self.text, self.blocks, *filter(None, [self.color])], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def to_metadata_key(key: str) -> str:
    r"""Return a key or an id as a message's metadata contain it: in ASCII, and without commas, which separate several
    keys.

    >>> to_metadata_key("finding-a,b:1\n")
    'finding-a;b:1'
    """
    return NON_ASCII.sub("?", to_plain_line(key, MAX_MARK_CHARACTERS)).replace(",", ";")


def thread_notice(key: str, text: Markup) -> Message:
    """Return a message that is sent once, in the thread."""
    return Message(key, text, (section(text),))


Answer = dict[str, Any]
"""The arguments that `ack`, `respond` and `chat.postMessage` accept: text and blocks."""


def build_text_answer(sentence: Markup, *more: Block) -> Answer:
    """Return an answer with one section, and further blocks under it."""
    return build_answer(sentence, [section(sentence), *more])


def build_answer(text: Markup, blocks: Sequence[Block]) -> Answer:
    """Return an answer, cut to what Slack accepts.

    Args:
        text: what notifications and clients without blocks show.
    """
    return {"text": fit_message_text(text), "blocks": fit_blocks(blocks)}


Responder = Callable[[Answer], None]
"""Sends an answer to the person who requested it."""

MAX_FILE_NAME_CHARACTERS, MAX_FILE_TITLE_CHARACTERS = 100, 250
"""Maximum characters of a file's name and title: some file systems limit a name to 255 bytes."""

UNSAFE_FILE_NAME_CHARACTERS = re.compile(r'[/\\:*?"<>|]')
"""Matches characters that file systems do not allow in a name, or not all of them do."""


@dataclass(frozen=True, slots=True)
class FileUpload:
    """A file to upload: its name, its title and its text have no invisible characters."""

    name: str
    title: str
    content: str | bytes

    def __post_init__(self) -> None:
        object.__setattr__(
            self,
            "name",
            UNSAFE_FILE_NAME_CHARACTERS.sub("-", to_plain_line(self.name, MAX_FILE_NAME_CHARACTERS)) or EMPTY_TEXT,
        )
        object.__setattr__(self, "title", to_plain_line(self.title, MAX_FILE_TITLE_CHARACTERS) or EMPTY_TEXT)
        object.__setattr__(self, "content", to_literal(self.content) if isinstance(self.content, str) else self.content)
