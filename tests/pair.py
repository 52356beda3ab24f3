"""Two bots in processes of their own, on one database and one Slack: what `replicas: 2` installs."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from bot.adapters.redis.connection import LEADER, decode_text
from bot.adapters.redis.embedded import EmbeddedValkey
from slack_playground.client import Person, PlaygroundClient
from slack_playground.server import Playground
from tests.live import ENVIRONMENT, keys
from tests.waiting import SECONDS, eventually

NAMES = ("first", "second")

PairT = TypeVar("PairT", bound="Pair")


@contextmanager
def both_started(pair: PairT) -> Iterator[PairT]:
    """Two bots that listen, and are stopped in the end."""
    try:
        for name in NAMES:
            pair.start(name)
        yield pair
    finally:
        pair.stop()


class Pair:
    """Two bots. Each has a folder of its own, so that the runs of one are none of the other's: a takeover in the middle
    of a run is shown where runs are on machines that both reach (tests/slurm).
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.valkey = EmbeddedValkey(folder / "store", answer_seconds=5)
        self.redis = self.valkey.start()
        port = self.redis.connection_pool.connection_kwargs
        self.url = f"unix://{port['path']}" if "path" in port else f"redis://127.0.0.1:{port['port']}"
        self.playground = Playground()
        self.playground.start()
        self.slack = PlaygroundClient(self.playground.address)
        self.ana = Person(self.slack)
        self.settings = settings
        self.bots: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start a bot, and wait until it listens beside the other."""
        before = self.connections()
        data_dir = self.folder / name
        data_dir.mkdir(exist_ok=True)
        own = {"SLACK_API_URL": self.playground.api_url, "VERLBOT_DATA_DIR": str(data_dir), "REDIS_URL": self.url}
        kept = {one: os.environ[one] for one in ("PATH", "HOME", "LANG", "TMPDIR") if one in os.environ}
        with (data_dir / "bot.log").open("ab") as log:
            self.bots[name] = subprocess.Popen(
                [sys.executable, "-m", "bot", "run"],
                env={**kept, **ENVIRONMENT, **own, **self.settings},
                stdout=log,
                stderr=log,
            )
        eventually(lambda: self.connections() > before, self.log, SECONDS)

    def connections(self) -> int:
        return int(self.slack.get("state")["connections"])

    def leader(self) -> str:
        """The name of the bot that leads; empty for none."""
        held = decode_text(self.redis.get(LEADER)).rpartition(" ")[0]
        return next((name for name in self.bots if self.owner(name) == held), "")

    def owner(self, name: str) -> str:
        """What a bot calls itself in the store."""
        return (self.folder / name / "owner").read_text().strip()

    def kill_leader(self) -> str:
        """kill -9 of the one that leads; its name, once Slack has seen it: what Slack sends a dead bot is lost."""
        leader, before = str(eventually(self.leader, self.log, SECONDS)), self.connections()
        self.bots[leader].kill()
        self.bots[leader].wait()
        eventually(lambda: self.connections() < before, self.log, SECONDS)
        return leader

    def stop_leader(self) -> str:
        """Let the one that leads stop as an upgrade does; its name."""
        leader = str(eventually(self.leader, self.log, SECONDS))
        before = self.connections()
        self.bots[leader].terminate()
        self.bots[leader].wait(60)
        eventually(lambda: self.connections() < before, self.log, SECONDS)
        return leader

    def cards(self) -> int:
        """How many cards there are, each of a run of its own."""
        payloads = [
            (message["metadata"]["event_payload"]["run"], message)
            for message in self.ana.messages()
            if message["metadata"] and "card" in keys(message)
        ]
        assert all(count == 1 for count in Counter(run for run, _ in payloads).values()), "a card twice"
        return len(payloads)

    def log(self) -> str:
        return "\n".join(f"{name}:\n{(self.folder / name / 'bot.log').read_text()[-3000:]}" for name in self.bots)

    def stop(self) -> None:
        for bot in self.bots.values():
            if bot.poll() is None:
                bot.terminate()
        for bot in self.bots.values():
            bot.wait(60)
        self.slack.close()
        self.playground.stop()
        self.valkey.stop()
