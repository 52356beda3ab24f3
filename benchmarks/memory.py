"""Memory of the bot, as its own process holds it, against Python with Bolt imported and against SkyPilot imported."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from benchmarks.world import Slack, a_slack, many_runs
from bot.adapters.store import RedisStore
from bot.adapters.valkey import Valkey
from bot.core.run import Reason
from tests.doubles.cloud import FakeCloud
from tests.live import ENVIRONMENT
from tests.waiting import eventually

WAIT = "import sys; sys.stdin.read()"


def measure() -> None:
    bolt = imported("slack_bolt")
    with a_slack() as slack:
        figures = {
            "python, slack_bolt imported": bolt,
            "the bot, no run": bot_with(slack, 0),
            "the bot, 1,000 ended runs": bot_with(slack, 1_000),
            "python, sky imported": imported("sky"),
        }
    for name, size in figures.items():
        print(f"{name:32}{size / 2**20:8.1f} MiB{size / bolt:8.2f}x")


def imported(module: str) -> int:
    """Bytes that are a process's own after an import."""
    environment = {**os.environ, "SKYPILOT_DISABLE_USAGE_COLLECTION": "1"}
    program = [sys.executable, "-c", f"import {module}; print(); {WAIT}"]
    process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    process.stdout.readline()
    size = own(process.pid)
    process.communicate()
    return size


def bot_with(slack: Slack, ended: int) -> int:
    """Bytes of a bot that has answered a few hundred commands, with so many runs in its store."""
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), ended)
        settings = {"SLACK_API_URL": slack.playground.api_url, "VERLBOT_DATA_DIR": folder}
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "run"],
            env={**os.environ, **ENVIRONMENT, **settings},
            stderr=subprocess.DEVNULL,
        )
        eventually(slack.listens)
        slack.talk([["/verl list all"] * 200])
        size = own(process.pid)
        process.terminate()
        process.wait()
        eventually(lambda: not slack.listens())
    return size


def fill(folder: Path, number: int) -> None:
    valkey = Valkey(folder / "store", answer_seconds=60)
    store = RedisStore(valkey.start())
    for run in many_runs(store, FakeCloud(), number):
        store.update(run.id, lambda run: run.ended(Reason.SUCCEEDED, run.created_at))
        store.settle(run.id)
    valkey.stop()


def own(pid: int) -> int:
    """Memory that would be free if the process ended."""
    return int(psutil.Process(pid).memory_full_info().uss)
