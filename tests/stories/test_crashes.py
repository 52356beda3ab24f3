"""A bot that dies at any point between two steps, and the one that takes over: one launch, one card, one end.

Every point of a run's life is tried, in this process and with a cloud in memory; test_kill.py does
the same with kill -9 and real processes at the points that matter most.
"""

from collections.abc import Callable
from typing import Self

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.cluster import JobState
from bot.core.model.finding import FindingAction
from bot.core.model.policy import Policy
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.builders import NOTHING
from tests.crashes import CLOUD, SLACK, STORE, Killed, Points
from tests.examples import thorough
from tests.slack.outbound.test_run_notifier import notices
from tests.story import OPEN, Bot

pytestmark = pytest.mark.slow

RUN = "smoke-0001"
CLUSTER = "verl-smoke-0001"


def die() -> None:
    raise Killed


class KeptStore(RedisStore):
    """A store that keeps the fenced one, to which the leader writes."""

    leaders: RedisStore

    def fence(self) -> Self:
        fenced = super().fence()
        self.leaders = fenced
        return fenced


def watched(bot: Bot, fatal: int | None) -> Points:
    points = Points(die, fatal)
    assert isinstance(bot.store, KeptStore)
    points.watch(bot.store, STORE, "store")
    points.watch(bot.store.leaders, STORE, "leader's store")
    points.watch(bot.cloud, CLOUD, "cloud")
    points.watch(bot.client, SLACK, "slack")
    return points


def succeeds(bot: Bot) -> None:
    """Launched, trained, ended by itself."""
    bot.say("launch smoke nodes=2", trigger="T1")
    goes_on(bot)


def goes_on(bot: Bot) -> None:
    bot.ticks(3)
    bot.cloud.print(CLUSTER, "(job, pid=1) step:1 - critic/rewards/mean:0.5")
    bot.ticks(2, seconds=31)
    if CLUSTER in bot.cloud.seen and bot.cloud.seen[CLUSTER].job:
        bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(8)
    bot.ticks(3, seconds=40)


def is_stopped(bot: Bot) -> None:
    """Launched, and stopped while it trains."""
    bot.say("launch smoke nodes=2", trigger="T1")
    bot.ticks(3)
    bot.click("stop", RUN)
    bot.ticks(8)


def stops(bot: Bot) -> None:
    bot.ticks(3)
    bot.click("stop", RUN)
    bot.ticks(8)
    bot.ticks(3, seconds=40)


LAST_LOOK_SECONDS = 600
"""After so long the bot looks for the last time whether a message that it sent again came twice, and archives the
run."""

LIVES = {"succeeds": (succeeds, goes_on, "succeeded"), "is stopped": (is_stopped, stops, "stopped")}


SHARES = 8
"""In so many the points of a life are tried, so that several workers try them; `make test` tries each eighth point."""


@pytest.mark.parametrize("share", thorough(range(SHARES), usual=1))
@pytest.mark.parametrize("life", LIVES)
def test_whenever_the_bot_dies_the_next_one_ends_the_run_once(
    life: str, share: int, store: RedisStore, playground: Playground, slack: PlaygroundClient
) -> None:
    live, go_on, reason = LIVES[life]
    count = points_of(live, fresh(store, playground, slack))
    assert count > 40
    for fatal in range(1 + share, count + 1, SHARES):
        bot = fresh(store, playground, slack)
        points = watched(bot, fatal)
        with pytest.raises(Killed):
            live(bot)
        where = f"died {points.names[-1]} (point {fatal} of {count})"
        later = reborn(bot)
        if not later.store.list_open_runs() and not later.store.list_recent_runs(1):
            later.say("launch smoke nodes=2", trigger="T1")  # nothing was recorded: the person types it again
        go_on(later)
        assert (later.run().status, later.run().reason) == ("ended", reason), where
        assert len(later.cloud.launches) == 1 or (later.cloud.launches == [] and reason == "stopped"), where
        assert set(notices(later).values()) == {1}, where
        assert {f"{RUN} card", f"{RUN} ended"} <= set(notices(later)), where
        assert later.cloud.seen.get(CLUSTER, NOTHING).is_empty, where
        later.ticks(3, seconds=LAST_LOOK_SECONDS / 2)
        assert later.store.list_open_runs() == [], where


LATER = "smoke-0002"
SICK = Policy(grants=OPEN.grants, finding_actions={"not-a-number": FindingAction.RESUME})


def trains_until_sick(bot: Bot) -> None:
    """Launch a run on a volume, and let it train, save a checkpoint, and lose its gradient."""
    bot.policy = SICK
    bot.say("launch smoke nodes=2 volume=models budget=100 lease=12", trigger="T1")
    bot.ticks(3)
    folder = f"/checkpoints/{RUN}/global_step_20"
    step = "(job, pid=1) step:{} - critic/rewards/mean:0.5 - actor/grad_norm:{}"
    bot.cloud.print(CLUSTER, step.format(19, 1.0), f"local_global_step_folder: {folder}", step.format(20, 1.0))
    bot.cloud.print(CLUSTER, *(step.format(number, "nan") for number in range(21, 24)))


def is_resumed(bot: Bot) -> None:
    """Let time pass until the policy has stopped the run and resumed it."""
    bot.policy = SICK
    bot.ticks(16, seconds=5)
    bot.ticks(3, seconds=40)


@pytest.mark.long
@pytest.mark.parametrize("share", thorough(range(SHARES), usual=1))
def test_whenever_the_bot_dies_the_policy_resumes_a_sick_run_once(
    share: int, store: RedisStore, playground: Playground, slack: PlaygroundClient
) -> None:
    bot = fresh(store, playground, slack)
    trains_until_sick(bot)
    points = watched(bot, None)
    is_resumed(bot)
    assert len(points.names) > 40
    for fatal in range(1 + share, len(points.names) + 1, SHARES):
        bot = fresh(store, playground, slack)
        trains_until_sick(bot)
        where = watched(bot, fatal).names
        with pytest.raises(Killed):
            is_resumed(bot)
        later = reborn(bot)
        is_resumed(later)
        assert (later.run().status, later.run().reason) == ("ended", "sick"), where[-1]
        assert later.cloud.launches == [CLUSTER, f"verl-{LATER}"], where[-1]
        resume, origin = later.run().lineage.resume, later.run(LATER).lineage.origin
        assert resume, where[-1]
        assert origin, where[-1]
        assert (resume.run_id, origin.stopped_run, origin.resumed_run) == (LATER, RUN, LATER), where[-1]
        later.ticks(3, seconds=LAST_LOOK_SECONDS / 2)
        assert [run.id for run in later.store.list_open_runs()] == [LATER], where[-1]
        assert set(notices(later).values()) == {1}, where[-1]


def points_of(live: Callable[[Bot], None], bot: Bot) -> int:
    """How many points a life has that nothing interrupts."""
    points = watched(bot, None)
    live(bot)
    return len(points.names)


def fresh(store: RedisStore, playground: Playground, slack: PlaygroundClient) -> Bot:
    """A bot in a new world: an empty store, an empty channel, a new cloud."""
    store._redis.flushall()
    workspace = playground._slack.workspace
    workspace.messages.clear()
    return Bot(KeptStore(store._redis), playground, slack)


def reborn(bot: Bot) -> Bot:
    """The bot after a restart, with nothing of the dead one's memory and all of the outside."""
    for name in CLOUD:
        vars(bot.cloud).pop(name, None)
    return Bot(KeptStore(bot.store._redis), bot.playground, bot.slack, bot.cloud, bot.moment)
