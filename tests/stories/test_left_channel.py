"""A bot that is taken out of a channel, and let in again: what the channel shows of a run becomes right."""

from datetime import timedelta

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.slack.outbound.left_messages import KEEP_TRYING
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.story import ANA, TRAINING, Bot, read


@pytest.fixture
def bot(store: RedisStore, playground: Playground, slack: PlaygroundClient) -> Bot:
    return Bot(store, playground, slack)


def let_in(bot: Bot, is_member: bool) -> None:
    """Take the bot's right to write in the channel, or give it back."""
    bot.slack.post("channel", channel=TRAINING, bot_is_member=is_member)
    fault: dict[str, object] = {"trouble": "refused", "error": "not_in_channel", "times": None, "channel": TRAINING}
    methods = ("chat.postMessage", "chat.update")
    bot.slack.faults(*([] if is_member else [{"method": method} | fault for method in methods]))


def cards(bot: Bot) -> list[str]:
    """The run's cards in the channel."""
    messages = bot.slack.get("messages", user=ANA, channel=TRAINING)["messages"]
    return [read(one) for one in messages if not one.get("thread_ts") and "smoke-0001" in read(one)]


def wait(bot: Bot, minutes: float) -> None:
    for _ in range(int(minutes * 3)):
        bot.tick(20)


@pytest.mark.long
@pytest.mark.parametrize("away", [2, 90], ids=["for two minutes", "for an hour and a half"])
@pytest.mark.parametrize("is_restarted", [False, True], ids=["", "and restarted meanwhile"])
def test_a_card_left_behind_shows_the_end(bot: Bot, away: float, is_restarted: bool) -> None:
    bot.running()
    let_in(bot, False)
    bot.say("stop smoke-0001")
    wait(bot, away)
    assert bot.run().status == "ended"
    assert "running" in cards(bot)[0]
    bot = bot.later() if is_restarted else bot
    let_in(bot, True)
    wait(bot, 3)
    (card,) = cards(bot)
    assert "stopped" in card
    assert not bot.store.list_open_runs()


def test_a_card_left_behind_follows_a_run_that_still_runs(bot: Bot) -> None:
    bot.running()
    let_in(bot, False)
    bot.say("budget smoke-0001 40")
    wait(bot, 5)
    let_in(bot, True)
    wait(bot, 5)
    assert "$40" in cards(bot)[0]
    bot.say("stop smoke-0001")
    wait(bot, 3)
    (card,) = cards(bot)
    assert "stopped" in card


def test_a_channel_that_stays_closed_gets_one_edit_every_two_minutes_for_all_runs(bot: Bot) -> None:
    for _ in range(3):
        bot.say("launch smoke")
    bot.ticks(3)
    let_in(bot, False)
    bot.ticks(5)
    bot.moment += timedelta(minutes=5)
    before = len(bot.slack.record("call"))
    wait(bot, 20)
    refused = [
        one for one in bot.slack.record("call")[before:] if one["name"] == "chat.update" and one["outcome"] != "ok"
    ]
    assert 5 <= len(refused) <= 14


def test_the_bot_gives_up_on_a_channel_after_a_week(bot: Bot) -> None:
    bot.running()
    let_in(bot, False)
    bot.say("stop smoke-0001")
    wait(bot, 2)
    assert bot.store.list_open_runs()
    bot.moment += KEEP_TRYING
    wait(bot, 3)
    assert not bot.store.list_open_runs()


def test_a_card_that_a_person_deleted_meanwhile_stays_deleted(bot: Bot) -> None:
    bot.running()
    let_in(bot, False)
    bot.say("stop smoke-0001")
    wait(bot, 2)
    messages = bot.playground._slack.workspace.messages[TRAINING]
    messages[:] = [one for one in messages if "smoke-0001" not in one.text]
    let_in(bot, True)
    wait(bot, 3)
    assert cards(bot) == []
    assert not bot.store.list_open_runs()
