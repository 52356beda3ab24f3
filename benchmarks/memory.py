"""Memory of the bot, as its processes hold it, against Python with Bolt imported and against SkyPilot imported."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.world import Slack, a_slack, many_runs
from bot.adapters.redis.embedded import EmbeddedValkey
from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.run_state import Reason
from tests.doubles.cloud import FakeCloud
from tests.doubles.sky_server import SkyServer
from tests.doubles.sky_world import World
from tests.live import ENVIRONMENT
from tests.waiting import eventually

WAIT = "import sys; sys.stdin.read()"


def measure() -> None:
    bolt, sky = imported("slack_bolt"), imported("sky")
    with a_slack() as slack:
        figures = {
            "python, slack_bolt imported": bolt,
            "the bot, no run": bot_with(slack, 0),
            "the bot, 1,000 ended runs": bot_with(slack, 1_000),
            "python, sky imported": sky,
            "the bot on SkyPilot, 10 runs": bot_on_skypilot(slack, 10),
        }
    print(f"{'':32}{'':12}{'of Bolt':>9}{'of sky':>9}")
    for name, size in figures.items():
        print(f"{name:32}{size / 2**20:8.1f} MiB{size / bolt:8.2f}x{size / sky:8.2f}x")


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


def bot_on_skypilot(slack: Slack, launched: int) -> int:
    """Bytes of a bot that watches so many clusters, with the process that its calls are forked from."""
    server = SkyServer(World(time.time))
    with tempfile.TemporaryDirectory() as home:
        own = {"HOME": home, "SKYPILOT_API_SERVER_ENDPOINT": server.url, "VERLBOT_TICK_SECONDS": "1"}

        def busy() -> None:
            slack.talk([["/verl launch smoke"] * launched])
            eventually(lambda: len(server.world.launched) == launched, seconds=120)

        size = bot_with(slack, 0, busy, **own)
    server.stop()
    return size


def bot_with(slack: Slack, ended: int, busy: Callable[[], None] = lambda: None, **more: str) -> int:
    """Bytes of a bot that has answered a few hundred commands, with so many runs in its store."""
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), ended)
        settings = {"SLACK_API_URL": slack.playground.api_url, "VERLBOT_DATA_DIR": folder, **more}
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "run"],
            env={**os.environ, **ENVIRONMENT, **settings},
            stderr=subprocess.DEVNULL,
        )
        eventually(slack.listens)
        busy()
        slack.talk([["/verl list all"] * 200])
        size = own(process.pid)
        process.terminate()
        process.wait()
        eventually(lambda: not slack.listens())
    return size


def fill(folder: Path, number: int) -> None:
    valkey = EmbeddedValkey(folder / "store", answer_seconds=60)
    store = RedisStore(valkey.start())
    for run in many_runs(store, FakeCloud(), number):
        store.update(run.id, lambda run: run.close(Reason.SUCCEEDED, run.created_at))
        store.archive(run.id)
    valkey.stop()


def own(pid: int) -> int:
    """Memory that would be free if the process and those of Python below it ended; the store's is another matter."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(int(process.memory_full_info().uss) for process in processes if "python" in process.name())
