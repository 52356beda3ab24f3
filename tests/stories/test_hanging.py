"""Machines that never answer: nobody who types waits for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from bot.bootstrap.bot import TICK, Bot
from bot.bootstrap.container import build
from bot.config.settings import Settings
from bot.core.model.cluster import Observation
from bot.core.model.launch_plan import ClusterRef, LaunchOrder
from bot.core.model.people import create_trusted_actor
from slack_playground.client import Person, PlaygroundClient
from slack_playground.server import Playground
from slack_playground.slack import APP_TOKEN, BOT_TOKEN
from tests.doubles.cloud import FakeCloud
from tests.live import OPEN_POLICY
from tests.story import ANA, TRAINING
from tests.waiting import eventually

pytestmark = pytest.mark.slow

LINES = [
    "/verl status",
    "/verl list",
    "/verl launch smoke nodes=2",
    "/verl stop smoke",
    "/verl describe ppo",
    "/verl help",
]


class HangingCloud(FakeCloud):
    """Every look, launch, removal and read of a log waits until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.released = Event()

    def observe(self, watched: Sequence[ClusterRef]) -> Mapping[str, Observation]:
        self.released.wait()
        return super().observe(watched)

    def launch(self, order: LaunchOrder) -> str:
        self.released.wait()
        return super().launch(order)

    def tear_down(self, watched: ClusterRef) -> None:
        self.released.wait()
        super().tear_down(watched)

    def tail_log(self, watched: ClusterRef, lines: int) -> str:
        self.released.wait()
        return super().tail_log(watched, lines)


class SlowToRemove(FakeCloud):
    """Its first removal takes until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.released = Event()
        self.asked: list[str] = []

    def tear_down(self, watched: ClusterRef) -> None:
        self.asked.append(watched.cluster)
        if len(self.asked) == 1:
            self.released.wait()
        super().tear_down(watched)


class TicksAsItStops(FakeCloud):
    """As it is stopped, it waits for a look that must not come any more."""

    def __init__(self) -> None:
        super().__init__()
        self.released = Event()
        self.looks = Event()
        self.wake: Callable[[], None] = lambda: None

    def observe(self, watched: Sequence[ClusterRef]) -> Mapping[str, Observation]:
        self.looks.set()
        return super().observe(watched)

    def stop(self) -> None:
        super().stop()
        self.looks.clear()
        self.wake()
        self.looks.wait(1.5)  # three ticks


def test_nothing_begins_any_more_once_the_cloud_lets_go(
    tmp_path: Path, playground: Playground, slack: PlaygroundClient
) -> None:
    """A tick that began then would take for failures what the bot itself has cut off."""
    cloud = TicksAsItStops()
    with started(tmp_path, playground, slack, cloud) as bot:
        cloud.wake = partial(bot.scheduler.wake, TICK)
        Person(slack).says("/verl launch smoke")
        eventually(cloud.looks.is_set)
    assert cloud.stopped
    assert not cloud.looks.is_set()


@pytest.fixture
def cloud() -> HangingCloud:
    return HangingCloud()


@pytest.fixture
def hanging(tmp_path: Path, playground: Playground, slack: PlaygroundClient, cloud: HangingCloud) -> Iterator[Bot]:
    with started(tmp_path, playground, slack, cloud) as bot:
        yield bot


@contextmanager
def started(
    folder: Path, playground: Playground, slack: PlaygroundClient, cloud: HangingCloud | SlowToRemove | TicksAsItStops
) -> Iterator[Bot]:
    """A bot on these machines, which are released at its end."""
    environment = {
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_APP_TOKEN": APP_TOKEN,
        "SLACK_API_URL": playground.api_url,
        "VERLBOT_DATA_DIR": str(folder),
        "VERLBOT_POLICY": str(OPEN_POLICY),
        "VERLBOT_TICK_SECONDS": "0.5",
        "VERLBOT_TEARDOWN_CONFIRM_SECONDS": "0.2",
    }
    bot = build(Settings.read(environment), cloud)
    bot.start()
    eventually(lambda: slack.get("state")["connections"])
    yield bot
    cloud.released.set()
    bot.stop()


@pytest.fixture
def slow() -> SlowToRemove:
    return SlowToRemove()


@pytest.fixture
def removing(tmp_path: Path, playground: Playground, slack: PlaygroundClient, slow: SlowToRemove) -> Iterator[Bot]:
    with started(tmp_path, playground, slack, slow) as bot:
        yield bot


@pytest.mark.long
def test_a_removal_that_takes_long_holds_up_no_other_run(
    removing: Bot, slack: PlaygroundClient, slow: SlowToRemove
) -> None:
    service, ana = removing.run_service, Person(slack)
    ana.says("/verl launch smoke")
    first = eventually(service.queries.list_active)[0]
    ana.can_see(f":large_blue_circle: *{first.id} is running*")
    ana.says(f"/verl stop {first.id}")
    eventually(lambda: first.cluster in slow.asked)
    ana.says("/verl launch smoke")
    second = eventually(lambda: [run for run in service.queries.list_active() if run.id != first.id])[0]
    ana.can_see(f":large_blue_circle: *{second.id} is running*")
    ana.says(f"/verl stop {second.id}")
    eventually(lambda: service.queries.find(second.id, create_trusted_actor(ANA)).closed_at)
    assert service.queries.find(first.id, create_trusted_actor(ANA)).status == "stopping"
    slow.released.set()
    eventually(lambda: service.queries.find(first.id, create_trusted_actor(ANA)).closed_at)
    assert slow.asked.count(first.cluster) == 1


def test_fifty_people_are_answered_while_the_machines_hang(
    hanging: Bot, playground: Playground, slack: PlaygroundClient
) -> None:
    """The double gives up after Slack's three seconds: every outcome is an acknowledgement in time."""
    playground.talk(ANA, TRAINING, [[LINES[(person + turn) % len(LINES)] for turn in range(4)] for person in range(50)])
    deliveries = slack.record("delivery")
    assert len(deliveries) == 200
    assert {entry["outcome"] for entry in deliveries} == {"ok"}


def test_a_wish_is_shown_while_the_machines_hang_and_done_when_they_answer(
    hanging: Bot, slack: PlaygroundClient, cloud: HangingCloud
) -> None:
    ana = Person(slack)
    ana.says("/verl launch smoke nodes=2")
    ana.can_see(" is waiting*")
    (run,) = hanging.run_service.queries.list_active()
    ana.can_see(f"*{run.id} is waiting*")
    ana.says(f"/verl stop {run.id}")
    ana.can_see("stop requested by @ana")
    cloud.released.set()
    ana.can_see("was stopped by @ana")
    assert cloud.launches == []
