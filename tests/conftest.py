"""Real parts that tests share: one embedded Redis-protocol server for a session, emptied for each test."""

import signal
import warnings
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import settings
from redis import Redis

from bot.adapters.redis.embedded import EmbeddedValkey
from bot.adapters.redis.redis_store import RedisStore
from bot.runtime.failure_isolation import REPORTED_FAILURES
from bot.slack.manifest import SCOPES
from bot.slack.outbound.refusals import MALFORMED_CODES
from slack_playground.checks.surfaces import ADDED_RULES
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.access import World
from tests.complete import find_invalid_payloads, must_be_complete, refuse_missing_tool
from tests.examples import USUAL
from tests.slack_types import NO_COMPILER, PAYLOADS, can_compile
from tests.spreading import spread
from tests.story import Bot

settings.register_profile("steady", derandomize=True, deadline=None, max_examples=USUAL * 3 // 10)
settings.register_profile("thorough", derandomize=True, deadline=None, max_examples=USUAL)
settings.register_profile("explore", deadline=None, max_examples=5000)
settings.load_profile("steady")


def pytest_configure() -> None:
    """A shell lets what it runs in the background ignore SIGINT; so would the programs that tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What needs a Slack is a story. Where several workers share the tests, each begins with long ones; those of the
    page share a demo and a browser, and those of SkyPilot's client its import."""
    for item in items:
        if {"playground", "world"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("story")
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers > 1:
        kinds: dict[str, list[pytest.Item]] = {"page": [], "sky": [], "long": [], "short": []}
        for item in items:
            kinds[kind(item)].append(item)
        groups = [kinds["page"], kinds["sky"]]
        backwards = kinds["long"][::-1]  # the last of them wait the longest
        long = sorted(backwards, key=is_of_usual_length)
        items[:] = spread(groups, long, kinds["short"], workers)


def is_of_usual_length(item: pytest.Item) -> bool:
    """Whether it has no time of its own, beyond the usual, to hang in."""
    return item.get_closest_marker("timeout") is None


def kind(item: pytest.Item) -> str:
    if "page" in item.path.parent.parts[-1:]:
        return "page"
    if "sky_here" in getattr(item, "fixturenames", ()):
        return "sky"
    return "long" if item.get_closest_marker("slow") else "short"


ADDED_RULES.append(PAYLOADS.inspect)


@pytest.fixture(autouse=True)
def valid_payloads(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the bot sends to the double of Slack is valid by slack_sdk's models too."""
    is_of_the_double = "playground" in request.path.parts
    PAYLOADS.test, PAYLOADS.problems = "" if is_of_the_double else request.node.nodeid, []
    yield
    assert PAYLOADS.problems == []


def pytest_testnodedown(node: Any) -> None:
    """Take over the shapes of the payloads that a worker has seen."""
    PAYLOADS.merge(getattr(node, "workeroutput", {}).get("payloads", ()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Check each shape by Slack's TypeScript types: once in a session, and in the process that has all."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["payloads"] = PAYLOADS.dump()
        return
    session.config.stash[INVALID_PAYLOADS] = find_invalid_payloads(PAYLOADS, can_compile(), must_be_complete())
    if session.config.stash[INVALID_PAYLOADS]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Name each payload that is not of Slack's types, with its test."""
    if not (PAYLOADS.is_empty or can_compile() or must_be_complete()):
        terminalreporter.write_line(f"No payload was checked: {NO_COMPILER}.")
    if found := config.stash.get(INVALID_PAYLOADS, []):
        terminalreporter.section("payloads that are not of Slack's TypeScript types", red=True)
        for line in found:
            terminalreporter.write_line(f"FAILED {line}")


INVALID_PAYLOADS = pytest.StashKey[list[str]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test fail where it is left out for want of a tool that `make` brings, and the session must be complete."""
    return refuse_missing_tool((yield), must_be_complete())


@pytest.fixture(autouse=True)
def unreported() -> None:
    """What was reported in one test is reported again in the next."""
    REPORTED_FAILURES.forget()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """Without its file, which tests of kills have one each for: to wait for the disk is most of a story's time."""
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"), answer_seconds=10)
    client = server.start()
    client.config_set("appendonly", "no")
    yield client
    server.stop()


@pytest.fixture
def redis(valkey: Redis) -> Redis:
    valkey.flushall()
    return valkey


@pytest.fixture
def store(redis: Redis) -> RedisStore:
    return RedisStore(redis)


@pytest.fixture
def sky_here(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """SkyPilot's client in this process, with a home of its own, which starts no server."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("sky")))
    monkeypatch.setenv("SKYPILOT_DISABLE_LOCAL_API_SERVER", "1")
    monkeypatch.setenv("SKYPILOT_DISABLE_USAGE_COLLECTION", "1")
    monkeypatch.setenv("SKYPILOT_API_SERVER_ENDPOINT", "")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # else each request looks through the whole environment for one, twice
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it warns its own developers of
        import sky  # noqa: F401


@pytest.fixture(scope="session")
def farewells() -> Iterator[ThreadPoolExecutor]:
    """Where servers end for which no test waits: each takes a fifth of a second to see that it is over."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def playground(farewells: ThreadPoolExecutor) -> Iterator[Playground]:
    server = Playground()
    server.start()
    yield server
    farewells.submit(server.stop)


@pytest.fixture
def slack(playground: Playground) -> Iterator[PlaygroundClient]:
    """The hand on the playground: people, faults, the recorder."""
    client = PlaygroundClient(playground.address)
    yield client
    client.close()


@pytest.fixture
def bot(store: RedisStore, playground: Playground, slack: PlaygroundClient) -> Iterator[Bot]:
    """A bot with the rights of its manifest, whose every message must be one that Slack would take."""
    playground._slack.scopes = set(SCOPES)
    yield Bot(store, playground, slack)
    malformed = [
        entry
        for entry in slack.record("call")
        if entry["outcome"] in MALFORMED_CODES | {"invalid_arguments", "missing_scope"}
    ]
    assert malformed == []


@pytest.fixture(scope="module")
def world(valkey: Redis) -> Iterator[World]:
    """A bot of which everything can be put back: one for a module, because thousands of things are tried with it."""
    playground = Playground()
    playground.start()
    playground._slack.scopes = set(SCOPES)
    client = PlaygroundClient(playground.address)
    yield World.made(Bot(RedisStore(valkey), playground, client), valkey)
    client.close()
    playground.stop()
