"""A bot that starts with a clock behind the times that its store has: it goes on from there, and shows no time below
zero.
"""

import re
from datetime import timedelta

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.app.process_health import Clock
from bot.core.model.bot_clock import ClockReading
from bot.core.model.run_state import Reason
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.builders import NOON
from tests.story import RANDOM, Bot

NEGATIVE = re.compile(r"(?<![\w.:/@-])[-−]\d[\d.,]*\s?(?:s|min|h|d|days?)\b|\$-|-\$")
"""A duration or an amount below zero, as a person would read it."""

BACK = [timedelta(minutes=2), timedelta(hours=1), timedelta(days=30)]


def restart(bot: Bot, back: timedelta) -> Bot:
    """The bot after a restart on a machine whose clock is behind, and which has no file of the bot's."""
    bot.moment -= back
    return bot.later()


def read_everything(bot: Bot) -> str:
    questions = (
        "status smoke-0001",
        "list all",
        "cost",
        "cost smoke-0001",
        "cost team",
        "explain smoke-0001",
        "report",
    )
    return "\n".join([*map(bot.say, questions), bot.opens_page(), bot.reads(), bot.reads(channel=RANDOM)])


@pytest.mark.parametrize("back", BACK, ids=str)
@pytest.mark.parametrize("state", ["pending", "launching", "running", "stopping", "ended"])
def test_every_card_becomes_right_and_no_time_is_below_zero(
    store: RedisStore, playground: Playground, slack: PlaygroundClient, state: str, back: timedelta
) -> None:
    bot = Bot(store, playground, slack, ops_channel=RANDOM)
    bot.say("launch smoke")
    bot.ticks({"pending": 0, "launching": 1}.get(state, 3), 60)
    if state in ("stopping", "ended"):
        bot.tick(600)
        bot.say("stop smoke-0001")
        bot.ticks(1 if state == "stopping" else 20)
    later = restart(bot, back)
    later.ticks(5, 5)
    if not later.run().is_finished:
        assert "is running" in later.card()
        later.say("stop smoke-0001")
    later.ticks(30)
    assert later.run().status == "ended"
    assert "stopped" in later.card()
    assert NEGATIVE.findall(read_everything(later)) == []


@pytest.mark.long
@pytest.mark.parametrize("back", BACK, ids=str)
def test_a_lease_a_budget_and_a_cost_count_the_time_before_the_restart(
    store: RedisStore, playground: Playground, slack: PlaygroundClient, back: timedelta
) -> None:
    bot = Bot(store, playground, slack)
    bot.running("launch smoke nodes=2 lease=2 budget=100")
    bot.ticks(90, 60)
    later = restart(bot, back)
    later.ticks(20, 60)
    run = later.run()
    assert run.status == "running"
    assert run.compute_billed_duration(later.moment) >= timedelta(minutes=109)
    later.ticks(12, 60)
    assert later.run().reason is Reason.LEASE_EXPIRED
    later.ticks(20)
    assert "2 h" in later.card()


@pytest.mark.parametrize(
    ("recorded", "begins"),
    [
        pytest.param(timedelta(hours=1), timedelta(hours=1), id="a store that is ahead"),
        pytest.param(timedelta(seconds=20), timedelta(), id="a difference of two machines"),
        pytest.param(timedelta(days=-3), timedelta(), id="a store of three days ago"),
        pytest.param(timedelta(days=366 * 2000), timedelta(), id="a damaged number"),
    ],
)
def test_a_clock_goes_on_from_the_time_of_the_store(recorded: timedelta, begins: timedelta) -> None:
    clock = Clock(lambda: ClockReading(NOON.timestamp(), 50.0, "a"))
    clock.catch_up(NOON + recorded)
    assert clock.now() == NOON + begins
