"""A cloud that answers slowly: a stop that a person requested is carried out all the same."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.cluster import JobState, Observation
from bot.core.model.launch_plan import ClusterRef
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.doubles.cloud import FakeCloud
from tests.story import BEN, Bot

RUN, CLUSTER = "smoke-0001", "verl-smoke-0001"
LINE = "launch smoke nodes=2 budget=100 lease=24"


class SlowCloud(FakeCloud):
    """Each look and each removal takes this many seconds of the story's time."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.removals = 0
        self.let_pass: Callable[[timedelta], None] = lambda span: None

    def observe(self, watched: Sequence[ClusterRef]) -> Mapping[str, Observation]:
        self.let_pass(timedelta(seconds=self.seconds))
        return super().observe(watched)

    def tear_down(self, watched: ClusterRef) -> None:
        self.removals += 1
        self.let_pass(timedelta(seconds=self.seconds))
        super().tear_down(watched)


@pytest.fixture
def cloud() -> SlowCloud:
    return SlowCloud()


@pytest.fixture
def bot(store: RedisStore, playground: Playground, slack: PlaygroundClient, cloud: SlowCloud) -> Bot:
    bot = Bot(store, playground, slack, cloud)

    def let_pass(span: timedelta) -> None:
        bot.moment += span

    cloud.let_pass = let_pass
    return bot


def train(bot: Bot) -> None:
    bot.running(LINE)
    bot.cloud.print(CLUSTER, *(f"step:{n} - critic/rewards/mean:0.5 - timing_s/step:60.0" for n in range(1, 8)))
    bot.tick(60)


def wait(bot: Bot) -> None:
    bot.cloud.comes_up_at_once = False
    bot.say(LINE)
    bot.ticks(3)
    assert bot.run().status == "launching"


def save(bot: Bot) -> None:
    train(bot)
    bot.cloud.saved[CLUSTER] = 5
    bot.cloud.print(CLUSTER, "Saved checkpoint to /checkpoints/smoke-0001/global_step_5")
    bot.tick(60)


@pytest.mark.parametrize("seconds", [0.0, 60.0, 600.0], ids=lambda seconds: f"{seconds:.0f} s a look")
@pytest.mark.parametrize("begin", [train, wait, save], ids=["it trains", "it is launching", "it has saved"])
def test_a_stop_is_carried_out_and_the_run_closes_however_slowly_the_cloud_answers(
    bot: Bot, cloud: SlowCloud, begin: Callable[[Bot], None], seconds: float
) -> None:
    begin(bot)
    cloud.seconds = seconds
    bot.say(f"stop {RUN}", user=BEN)
    bot.ticks(14, 60)
    assert bot.run().status == "ended"
    assert bot.run().reason == "stopped"
    assert cloud.removals == 1
    assert "machines confirmed gone" in bot.card()


def test_one_that_looks_slow_does_not_hold_back_the_stop_of_another(bot: Bot, cloud: SlowCloud) -> None:
    bot.running(LINE)
    bot.say("launch smoke budget=50 lease=24", user=BEN)
    bot.ticks(3)
    cloud.seconds = 60.0
    bot.cloud.finish("verl-smoke-0002", JobState.SUCCEEDED)
    bot.say(f"stop {RUN}")
    bot.ticks(14, 60)
    assert [bot.run(name).status for name in (RUN, "smoke-0002")] == ["ended", "ended"]
