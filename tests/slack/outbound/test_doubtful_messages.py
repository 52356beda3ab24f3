"""Slack may be late, and a leader may be paused: what is said comes once, and what came twice is removed."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from redis import Redis
from slack_sdk import WebClient

from bot.adapters.redis.redis_store import RedisStore
from bot.app.operator_notices import Announcer
from bot.core.model.cluster import JobState
from bot.core.model.sent_message import UNSEEN
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.message_calls import BlockRenderer, send_message
from bot.slack.outbound.outbox_lag import MeasuredOutbox
from bot.slack.outbound.web_client import SlackUncertain
from bot.slack.views.message import Message
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.story import TRAINING, Bot

SENDER = "bot.slack.outbound.outbox.send_message"
Sending = Callable[[], tuple[str, str]]


@pytest.fixture
def bot(store: RedisStore, playground: Playground, slack: PlaygroundClient) -> Bot:
    return Bot(store, playground, slack, late_seconds=30)


class LateSlack:
    """A Slack that takes messages with this key, and shows them when it is told to."""

    def __init__(self, key: str, times: int = 1) -> None:
        self.key, self.left = key, times
        self.waiting: list[Sending] = []

    def send(
        self, client: WebClient, conversation: Conversation, messages: Sequence[Message], show: BlockRenderer
    ) -> tuple[str, str]:
        if self.left and any(message.key == self.key for message in messages):
            self.left -= 1
            self.waiting.append(lambda: send_message(client, conversation, messages, show))
            raise SlackUncertain("timed out")
        return send_message(client, conversation, messages, show)

    def arrive(self) -> None:
        for sending in self.waiting:
            sending()
        self.waiting.clear()


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> LateSlack:
    slack = LateSlack("ended")
    monkeypatch.setattr(SENDER, slack.send)
    return slack


def ends(bot: Bot) -> int:
    """How many messages tell the end."""
    everything = [message for found in bot.playground._slack.workspace.messages.values() for message in found]
    payloads = [(message.metadata or {}).get("event_payload") or {} for message in everything]
    return sum("ended" in str(payload.get("keys")).split(",") for payload in payloads)


def ended(bot: Bot) -> str:
    """Let a run end, and its end be sent into a Slack that is late."""
    run_id = bot.running()
    bot.cloud.finish(f"verl-{run_id}", JobState.SUCCEEDED)
    for _ in range(60):
        if "ended" in bot.run(run_id).messages.sent:
            return run_id
        bot.tick()
    raise AssertionError("it does not end")


@pytest.mark.long
@pytest.mark.parametrize("seconds", [5, 8, 12, 18, 25])
@pytest.mark.parametrize("is_killed", [False, True], ids=["it times out", "the bot is killed"])
def test_an_end_that_slack_shows_late_is_told_once(bot: Bot, late: LateSlack, seconds: int, is_killed: bool) -> None:
    run_id = ended(bot)
    bot = bot.later() if is_killed else bot
    bot.ticks(seconds)
    late.arrive()
    bot.ticks(40)
    assert ends(bot) == 1
    assert bot.run(run_id).messages.sent["ended"].ts is not None


def test_meanwhile_the_other_messages_of_the_run_go_on(bot: Bot, late: LateSlack) -> None:
    run_id = ended(bot)
    bot.ticks(8, seconds=2)
    assert ends(bot) == 0
    assert "finished" in bot.card(run_id)


def test_an_end_that_never_arrives_is_told_again_after_the_time_that_slack_may_take(bot: Bot, late: LateSlack) -> None:
    ended(bot)
    bot.ticks(25)
    assert ends(bot) == 0
    bot.ticks(20)
    assert ends(bot) == 1


@pytest.mark.long
@pytest.mark.parametrize("seconds", [20, 100, 400], ids=["soon", "after a minute", "after minutes"])
def test_what_comes_beyond_that_time_is_removed_beside_its_repetition(bot: Bot, late: LateSlack, seconds: int) -> None:
    run_id = ended(bot)
    bot.ticks(45)
    bot.ticks(10, seconds=seconds / 10)
    late.arrive()
    assert ends(bot) == 2
    kept = bot.run(run_id).messages.sent["ended"].ts
    bot.ticks(70, seconds=10)
    assert ends(bot) == 1
    assert bot.run(run_id).messages.sent["ended"].ts == kept


def test_a_bot_that_is_killed_before_it_sends_an_end_again_leaves_the_next_one_to_remove_the_copy(
    bot: Bot, late: LateSlack
) -> None:
    run_id = ended(bot)
    limited = {"method": "chat.postMessage", "trouble": "limited", "times": None, "retry_after_seconds": 5}
    bot.slack.faults(limited)
    bot.ticks(45)
    assert bot.run(run_id).messages.sent["ended"].must_repeat
    bot = bot.later()
    bot.slack.faults()
    bot.ticks(20)
    late.arrive()
    assert ends(bot) == 2
    kept = bot.run(run_id).messages.sent["ended"].ts
    bot.ticks(70, seconds=10)
    assert ends(bot) == 1
    assert bot.run(run_id).messages.sent["ended"].ts == kept


def test_a_leader_that_was_paused_while_it_sent_changes_no_record_and_its_copy_is_removed(
    bot: Bot, redis: Redis, playground: Playground, slack: PlaygroundClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = bot.running()
    bot.cloud.finish(f"verl-{run_id}", JobState.SUCCEEDED)
    other = Bot(RedisStore(redis), playground, slack, bot.cloud, bot.moment, owner="the other", late_seconds=30)

    def paused(
        client: WebClient, conversation: Conversation, messages: Sequence[Message], show: BlockRenderer
    ) -> tuple[str, str]:
        """The bot stands still between its record of the message and the call; the other one takes over."""
        if any(message.key == "ended" for message in messages):
            monkeypatch.setattr(SENDER, send_message)
            redis.delete("verl:leader")
            other.moment = bot.moment
            other.ticks(45)
        return send_message(client, conversation, messages, show)

    monkeypatch.setattr(SENDER, paused)
    bot.ticks(60)
    assert ends(bot) == 2
    kept = other.run(run_id).messages.sent["ended"].ts
    other.ticks(70, seconds=10)
    assert ends(bot) == 1
    assert other.run(run_id).messages.sent["ended"].ts == kept
    assert other.run(run_id).status == "ended"


def test_what_comes_minutes_after_its_repetition_is_removed_where_slack_may_take_ten(
    store: RedisStore, playground: Playground, slack: PlaygroundClient, late: LateSlack
) -> None:
    bot = Bot(store, playground, slack, late_seconds=600)
    run_id = ended(bot)
    bot.ticks(70, seconds=10)  # it is sent again
    assert ends(bot) == 1
    kept = bot.run(run_id).messages.sent["ended"].ts
    bot.ticks(20, seconds=10)
    late.arrive()
    assert ends(bot) == 2
    bot.ticks(60, seconds=10)
    assert ends(bot) == 1
    assert bot.run(run_id).messages.sent["ended"].ts == kept


def test_a_notice_that_the_bot_could_not_see_is_not_removed_once_it_can(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slack takes its first two copies without an answer, and refuses the look for the second."""
    slack = LateSlack("notice", times=2)
    monkeypatch.setattr(SENDER, slack.send)
    Announcer(bot.store, bot.now).announce("policy-1", "The policy cannot be read.", TRAINING)
    bot.ticks(2)
    for _ in range(60):
        if len(slack.waiting) == 2:
            break
        bot.tick()
    (notice,) = bot.store.list_notices()
    assert notice.sent_message is not None
    assert notice.sent_message.looks_left == 3
    bot.slack.faults({"method": "conversations.history", "trouble": "refused", "error": "missing_scope", "times": None})
    bot.ticks(10)
    (notice,) = bot.store.list_notices()
    assert notice.sent_message is not None
    assert notice.sent_message.ts == UNSEEN
    bot.slack.faults()
    slack.arrive()
    before = bot.reads().count("The policy cannot be read.")
    assert before == 2
    bot.ticks(70, seconds=10)
    assert bot.reads().count("The policy cannot be read.") == before


def lag(bot: Bot) -> float:
    assert isinstance(bot.outbox, MeasuredOutbox)
    return bot.outbox._lag.measure_seconds()


def test_a_look_for_a_copy_that_is_due_later_is_no_lag(bot: Bot, late: LateSlack) -> None:
    run_id = ended(bot)
    bot.ticks(2)
    assert lag(bot) > 0
    bot.ticks(45)
    assert bot.run(run_id).messages.sent["ended"].looks_left > 0
    assert lag(bot) == 0


def test_a_deleted_run_does_not_count_as_late(bot: Bot, late: LateSlack) -> None:
    run_id = ended(bot)
    bot.ticks(2)
    run = bot.run(run_id)
    assert lag(bot) > 0
    bot.store.delete_run(run_id)
    bot.notifier.show([run])
    bot.ticks(20)
    assert lag(bot) == 0


def test_a_process_that_has_lost_the_lead_is_not_late(bot: Bot, redis: Redis, late: LateSlack) -> None:
    ended(bot)
    bot.ticks(2)
    assert lag(bot) > 0
    redis.delete("verl:leader")
    assert RedisStore(redis).acquire_leadership("another", timedelta(minutes=1))
    bot.tick()
    assert lag(bot) == 0
