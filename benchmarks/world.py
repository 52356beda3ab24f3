"""What the benchmarks share: a store, a Slack, bots in processes of their own, thousands of runs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis

from bot.adapters.redis.embedded import EmbeddedValkey
from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.cluster import JobState
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from slack_playground.slack import APP_TOKEN, BOT_TOKEN
from tests.builders import running
from tests.doubles.cloud import FakeCloud
from tests.live import OPEN_POLICY
from tests.waiting import eventually

ANA, TRAINING = "U0ANA", "C0TRAIN"


@contextmanager
def a_store() -> Iterator[Redis]:
    """An embedded Valkey, with fsync at every write, as the bot has it."""
    with TemporaryDirectory() as folder:
        valkey = EmbeddedValkey(Path(folder), answer_seconds=60)
        yield valkey.start()
        valkey.stop()


class Slack:
    """A playground in this process, with people who type without a way over HTTP: what is measured is the bot."""

    def __init__(self) -> None:
        self.playground = Playground()
        self.playground.start()
        self.client = PlaygroundClient(self.playground.address)

    def listens(self) -> bool:
        return bool(self.client.get("state")["connections"])

    def talk(self, lines: list[list[str]]) -> list[tuple[float, str]]:
        """Each person types his lines, the next as soon as the last is acknowledged; seconds and outcomes of all."""
        before = len(self.client.record("delivery"))
        self.playground.talk(ANA, TRAINING, lines)
        return [(entry["seconds"], entry["outcome"]) for entry in self.client.record("delivery")[before:]]

    def stop(self) -> None:
        self.client.close()
        self.playground.stop()


@contextmanager
def a_slack() -> Iterator[Slack]:
    slack = Slack()
    yield slack
    slack.stop()


@contextmanager
def a_bot(slack: Slack, kind: str, **more: str) -> Iterator[int]:
    """A bot in a process of its own, listening; its process id. See `benchmarks.serve` for the kinds."""
    with TemporaryDirectory() as folder:
        settings = {
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_APP_TOKEN": APP_TOKEN,
            "SLACK_API_URL": slack.playground.api_url,
            "VERLBOT_DATA_DIR": folder,
            "VERLBOT_POLICY": str(OPEN_POLICY),
        }
        program = [sys.executable, "-m", "benchmarks.serve", kind]
        environment = {**os.environ, **settings, **more}
        with subprocess.Popen(program, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
            eventually(slack.listens)
            yield process.pid
            process.communicate()
            eventually(lambda: not slack.listens())
        if kind != "bare":
            store = EmbeddedValkey(Path(folder) / "store", answer_seconds=60)
            store.start()
            store.stop()


def many_runs(store: RedisStore, cloud: FakeCloud, number: int) -> list[Run]:
    """So many runs in the store that train, and their clusters in the cloud."""
    now = datetime.now(UTC)
    progress = Progress(420, 1000, {"critic/rewards/mean": 0.61, "val-core/gsm8k/reward/mean@1": 0.53}, 400)
    pattern = running(
        created_at=now, launch_requested_at=now, first_launch_requested_at=now, progress=progress, autostop_minutes=5
    )
    runs = [
        replace(pattern, id=f"ppo-{index:05x}", observed=replace(pattern.observed, infra="a cloud in memory"))
        for index in range(number)
    ]
    for run in runs:
        store.add(run, {})
        cloud.come_up(run.cluster, JobState.RUNNING)
    return runs
