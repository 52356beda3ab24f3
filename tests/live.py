"""A bot in a process of its own, on a playground, an embedded store and real processes: what a person installs."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from bot.adapters.local.processes import find_marked_processes, find_supervisors
from bot.adapters.local.state_files import ClusterDirectory
from bot.adapters.redis.embedded import EmbeddedValkey
from slack_playground.client import Person, PlaygroundClient
from slack_playground.server import Playground
from slack_playground.slack import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET
from tests.waiting import SECONDS, eventually

OPEN_POLICY = Path(__file__).parent / "open_policy.yaml"

ENVIRONMENT = {
    "SLACK_BOT_TOKEN": BOT_TOKEN,
    "SLACK_APP_TOKEN": APP_TOKEN,
    "SLACK_SIGNING_SECRET": SIGNING_SECRET,
    "VERLBOT_POLICY": str(OPEN_POLICY),
    "VERLBOT_TICK_SECONDS": "0.3",
    "VERLBOT_CARD_SECONDS": "0.5",
    "VERLBOT_TEARDOWN_CONFIRM_SECONDS": "0.2",
    "VERLBOT_LAUNCH_CONFIRM_SECONDS": "1.5",
    "VERLBOT_TEARDOWN_RETRY_SECONDS": "3",
    "VERLBOT_LOCAL_GRACE_SECONDS": "1",
    "VERLBOT_LOCAL_DOLLARS_PER_NODE_HOUR": "2",
}
QUICK = "steps=12 seconds_per_step=0 test_every_steps=4 save_every_steps=6"
ENDLESS = "steps=100000 seconds_per_step=0.05 batch_size=8 group_size=2 budget=100"
KILLED = -signal.SIGKILL


class Live:
    """One installation.

    Args:
        program: what is run, `-m bot run` unless a test wraps it.
    """

    def __init__(self, folder: Path, program: tuple[str, ...] = ("-m", "bot", "run"), **settings: str) -> None:
        self.data_dir = folder / "data"
        self.playground = Playground()
        self.playground.start()
        self.slack = PlaygroundClient(self.playground.address)
        self.ana = Person(self.slack)
        self.program = program
        self.settings = settings
        self.bot: subprocess.Popen[bytes] | None = None

    def start(self, **more: str) -> None:
        """Start the bot, and wait until it listens or is dead again."""
        own = {"SLACK_API_URL": self.playground.api_url, "VERLBOT_DATA_DIR": str(self.data_dir)}
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.data_dir / "bot.log").open("ab") as log:
            self.bot = subprocess.Popen(
                [sys.executable, *self.program],
                env={**kept, **ENVIRONMENT, **own, **self.settings, **more},
                stdout=log,
                stderr=log,
            )
        eventually(lambda: self.listens() or self.bot is None or self.bot.poll() is not None, self.log)

    def listens(self) -> bool:
        return bool(self.slack.get("state")["connections"])

    def kill(self) -> None:
        """kill -9."""
        assert self.bot is not None
        self.bot.kill()
        self.bot.wait()
        eventually(lambda: not self.listens(), self.log)

    def kill_store(self) -> None:
        """kill -9 of the embedded store."""
        store = EmbeddedValkey(self.data_dir / "store", answer_seconds=5)
        process = psutil.Process(store.start().info("server")["process_id"])
        process.kill()
        process.wait(10)

    def wait_killed(self, seconds: float = SECONDS) -> None:
        """Wait until the bot has ended itself by kill -9."""
        bot = self.bot
        assert bot is not None
        eventually(lambda: bot.poll() is not None, self.log, seconds)
        assert bot.returncode == KILLED, self.log()
        eventually(lambda: not self.listens(), self.log)

    def stop(self) -> None:
        """End everything, whatever state it is in, and leave nothing behind."""
        if self.bot and self.bot.poll() is None:
            self.bot.terminate()
            self.bot.wait(60)
        store = EmbeddedValkey(self.data_dir / "store", answer_seconds=5)
        store.start()
        store.stop()
        for place in self.places():
            for process in (*find_supervisors(place.marker), *find_marked_processes(place.marker)):
                process.kill()
        self.slack.close()
        self.playground.stop()

    def log(self) -> str:
        return (self.data_dir / "bot.log").read_text()[-6000:]

    # what people do and see

    def launch(self, settings: str) -> str:
        """Launch the smoke recipe; the run's id once its card is there."""
        self.ana.says(f"/verl launch smoke {settings}")
        return self.run_id()

    def launched(self, line: str) -> str:
        """Launch, beside other runs; the run's id, as the answer names it."""
        before = set(self.told_ids())
        self.ana.says(f"/verl launch {line}")
        return str(eventually(lambda: next(iter(set(self.told_ids()) - before), None), self.ana.reads))

    def told_ids(self) -> list[str]:
        return launched_ids(self.ana)

    def run_id(self) -> str:
        read = self.ana.can_see(": *smoke-")
        found = re.search(r": \*(smoke-[0-9a-f]{4}) ", read)
        assert found is not None
        return found[1]

    def card(self) -> str:
        """The text of the card."""
        return str(self.card_message()["text"])

    def card_message(self) -> dict[str, Any]:
        return self.ana.sees_message(lambda message: "card" in keys(message))

    def sees_card(self, text: str, seconds: float = 60) -> None:
        self.ana.sees_message(lambda message: "card" in keys(message) and text in message["text"], seconds)

    def sees_end(self, word: str, seconds: float = 60) -> None:
        """Wait for the end's notice and for the card to say it too."""
        try:
            self.ana.sees_message(lambda message: "ended" in keys(message) and word in message["text"], seconds)
            self.ana.sees_message(lambda message: "card" in keys(message) and word in message["text"], seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from error

    def notices(self) -> Counter[str]:
        """How often each message of the run is in the channel."""
        return Counter(key for message in self.ana.messages() for key in keys(message))

    def ended(self) -> list[str]:
        """Runs whose end was said."""
        payloads = [(message["metadata"] or {}).get("event_payload") or {} for message in self.ana.messages()]
        return [payload["run"] for payload in payloads if "ended" in payload.get("keys", "").split(",")]

    # what is there

    def places(self) -> list[ClusterDirectory]:
        root = self.data_dir / "local"
        names = {path.name for path in root.glob("clusters/*")} | {path.stem for path in root.glob("gone/*.json")}
        return [ClusterDirectory(root.resolve(), name) for name in sorted(names)]

    def processes(self) -> int:
        """Node processes that are alive."""
        return sum(len(find_marked_processes(place.marker)) for place in self.places())

    def assert_nothing_left(self) -> None:
        assert [place.cluster for place in self.places() if place.folder.exists()] == []
        assert self.processes() == 0
        eventually(lambda: not any(find_supervisors(place.marker) for place in self.places()))


def launched_ids(person: Person) -> list[str]:
    """The runs whose launch was confirmed to a person, in order."""
    return re.findall(r"Launching `([a-z-]+-[0-9a-f]{4})`", person.reads())


def keys(message: dict[str, Any]) -> list[str]:
    """The keys of a run's message, by its metadata."""
    metadata = message["metadata"] or {}
    return str(metadata.get("event_payload", {}).get("keys") or "").split(",")
