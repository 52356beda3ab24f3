"""The parts of a bot are put together in one place, for production and for stories."""

import ast
import json
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from bot.adapters.redis.redis_store import RedisStore
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.doubles.cloud import FakeCloud
from tests.naming import ROOT
from tests.story import Bot

ROOTS = {"RunService", "Commands", "ButtonListeners", "Listeners", "RunNotifier"}
"""Parts that hold most of the others: who builds one of them wires a bot."""


def list_calls(path: Path) -> set[str]:
    """Return the names of all functions and classes that a module calls by their own names."""
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return {function.id for function in calls if isinstance(function, ast.Name)}


@pytest.mark.slow
def test_the_parts_are_put_together_in_one_place() -> None:
    modules = chain.from_iterable((ROOT / folder).rglob("*.py") for folder in ("bot", "tests", "benchmarks"))
    builders = {str(path.relative_to(ROOT)): list_calls(path) & ROOTS for path in modules}
    assert {path: parts for path, parts in builders.items() if parts} == {"bot/bootstrap/container.py": ROOTS}


def test_a_bot_that_is_not_started_asks_nothing_of_slack_or_of_the_machines(
    store: RedisStore, playground: Playground, slack: PlaygroundClient
) -> None:
    Bot(store, playground, slack, FakeCloud(answers=False))
    assert slack.record("call") == []


NOT_LOADED = {
    "sky": "a process of its own calls it",
    "matplotlib": "a process of its own draws",
    "numpy": "it draws with that",
    "PIL": "it draws with that",
    "opentelemetry.exporter": "few name a collector of traces",
    "google.protobuf": "traces alone are sent in it",
    "requests": "traces alone are sent with it",
    "httpx": "the doctor alone asks with it",
    "valkey": "the embedded database alone is started with it",
}
"""Packages of many megabytes that the bot's own process has no use for by default, and why."""


@pytest.mark.slow
def test_the_bot_itself_loads_nothing_that_it_does_not_need() -> None:
    program = "import json, sys; import bot.bootstrap.bot; print(json.dumps(sorted(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert NOT_LOADED.keys() & set(json.loads(printed.stdout)) == set()
