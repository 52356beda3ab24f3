"""Acknowledgement times with 50 commands in flight, by the double's record; and while the machines hang or are away."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread

from benchmarks.answer import p95
from benchmarks.world import Slack, a_bot, a_slack
from slack_playground.faults import Trouble
from tests.doubles.sky_server import SkyServer
from tests.doubles.sky_world import World

IN_FLIGHT, EACH = 50, 8
LINES = (
    "/verl status",
    "/verl status ppo-00001",
    "/verl list",
    "/verl launch smoke nodes=2",
    "/verl launch ppo nodes=2 trainer.total_epochs=3 --dry-run",
    "/verl logs ppo-00001",
    "/verl describe grpo",
    "/verl launch smok",
)
KINDS = {"bare": "bare Bolt listener", "quick": "the bot", "hanging": "the bot, machines hanging"}
TROUBLES = {None: "SkyPilot's server down", Trouble.SLOW: "… hanging", Trouble.BROKEN: "… answering 503"}

RESTART_SECONDS = 1.0
"""For so long a restarting server is away, and then there, in turn."""

People = list[list[str]]


def measure() -> None:
    print(f"{'':28}{'median':>10}{'p95':>10}{'slowest':>10}   over 100 ms   unanswered")
    people = [[LINES[(number + turn) % len(LINES)] for turn in range(EACH)] for number in range(IN_FLIGHT)]
    with a_slack() as slack:
        for kind, name in KINDS.items():
            talk(slack, people, kind, name)
        for trouble, name in TROUBLES.items():
            with a_server(trouble) as settings:
                talk(slack, people, "skypilot", name, **settings)
        with a_restarting_server() as settings:
            talk(slack, people, "skypilot", "… restarting", **settings)


def talk(slack: Slack, people: People, kind: str, name: str, **settings: str) -> None:
    with a_bot(slack, kind, **settings):
        slack.talk([["/verl list"]] * 5)
        report(name, slack.talk(people))


@contextmanager
def a_server(trouble: Trouble | None) -> Iterator[dict[str, str]]:
    """A double of SkyPilot's API server in trouble, or a port without one; the settings of a bot on it."""
    server = SkyServer(World(time.time))
    with TemporaryDirectory() as home:
        if trouble:
            server.trouble("*", trouble, times=None, seconds=600)
        else:
            server.stop()
        yield on(server, home)
    server.stop()


@contextmanager
def a_restarting_server() -> Iterator[dict[str, str]]:
    """A double that goes and comes back all the time; the settings of a bot on it."""
    server = SkyServer(World(time.time))
    is_measured = Event()

    def restart() -> None:
        for go in cycle((server.stop, server.start)):
            if is_measured.wait(RESTART_SECONDS):
                return
            go()

    restarts = Thread(target=restart)
    restarts.start()
    with TemporaryDirectory() as home:
        yield on(server, home)
    is_measured.set()
    restarts.join()
    server.stop()


def on(server: SkyServer, home: str) -> dict[str, str]:
    return {"HOME": home, "SKYPILOT_API_SERVER_ENDPOINT": server.url, "VERLBOT_TICK_SECONDS": "1"}


def report(name: str, answers: list[tuple[float, str]]) -> None:
    times = [seconds for seconds, _ in answers]
    late = sum(seconds > 0.1 for seconds in times)
    unanswered = sum(outcome != "ok" for _, outcome in answers)
    figures = "".join(f"{seconds * 1000:7.1f} ms" for seconds in (median(times), p95(times), max(times)))
    print(f"{name:28}{figures}{late:8} of {len(times)}{unanswered:10}")
