"""The outbox keeps one contract for all that it sends for: runs, clusters, notices and reports."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.cluster import ClusterState
from bot.core.model.orphan import ListedCluster, Orphan, Ownership
from bot.core.model.report import Report
from bot.core.model.sent_message import Notice
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.message_calls import BlockRenderer, send_message
from bot.slack.outbound.web_client import SlackUncertain
from bot.slack.views.message import Message
from slack_playground.workspace import Message as SlackMessage
from tests.builders import NOON, running
from tests.story import ANA, SECRET, TRAINING, Bot

SENDER = "bot.slack.outbound.outbox.send_message"
CLOSED = "C0GONE"
"""A channel that the bot does not reach."""

NINE = timedelta(hours=21)
"""Time after the story's begin until nine o'clock, when the reports are due."""


def add_run(store: RedisStore, channel: str, name: str) -> None:
    store.add(running(id=name, channel=channel, lease=timedelta(days=9), budget_dollars=1000.0), {})


def add_cluster(store: RedisStore, channel: str, name: str) -> None:
    orphan = Orphan(
        cluster=ListedCluster(id=name, name=name, status=ClusterState.UP),
        ownership=Ownership.UNCLAIMED,
        first_seen_at=NOON,
        last_seen_at=NOON,
        reported_at=NOON,
        channel=channel,
        owner=ANA,
    )
    store.change_orphan(name, lambda _: orphan)


def add_notice(store: RedisStore, channel: str, name: str) -> None:
    store.add_notice(Notice(key=name, channel=channel, text="It is so.", created_at=NOON, fallback_user=ANA))


def add_report(store: RedisStore, channel: str, name: str) -> None:
    def build(report_id: str) -> Report:
        return Report(
            id=report_id,
            channel=channel,
            by=ANA,
            when="daily 09:00",
            zone="UTC",
            last_due_at=NOON,
            covered_until=NOON,
        )

    store.add_report(build)


@dataclass(frozen=True)
class User:
    """What the outbox sends for.

    Attributes:
        identity: what the metadata call it.
        add: records one in a channel, for which there is a message to send.
        is_kept: whether its message is edited, and comes back if a person deletes it.
        is_repeated: whether it is sent again where the bot may not look for it.
    """

    identity: str
    add: Callable[[RedisStore, str, str], None]
    is_kept: bool
    is_repeated: bool


USERS = [
    pytest.param(User("run", add_run, is_kept=True, is_repeated=True), id="run"),
    pytest.param(User("cluster", add_cluster, is_kept=True, is_repeated=True), id="cluster"),
    pytest.param(User("notice", add_notice, is_kept=False, is_repeated=False), id="notice"),
    pytest.param(User("report", add_report, is_kept=False, is_repeated=True), id="report"),
]
for_each_user = pytest.mark.parametrize("user", USERS)


@pytest.fixture
def bot(bot: Bot) -> Bot:
    """A bot at nine o'clock."""
    bot.moment += NINE
    return bot


def speak(bot: Bot, seconds: int = 0, step: int = 1) -> None:
    """Let time pass step by step, with all that is to be sent."""
    for _ in range(0, seconds + 1, step):
        for _ in range(30):
            waits = [
                bot.notifier.sync(),
                bot.cluster_notifier.sync(),
                bot.notices.send_due(),
                bot.boards.publish_due_reports(),
            ]
            if all(wait is None or wait > timedelta() for wait in waits):
                break
        bot.moment += timedelta(seconds=step)
    bot.moment -= timedelta(seconds=step)


def roots(bot: Bot, user: User) -> list[SlackMessage]:
    """The messages that begin a thread about such a thing, wherever they are."""
    everything = [message for found in bot.playground._slack.workspace.messages.values() for message in found]
    payloads = [(message, (message.metadata or {}).get("event_payload") or {}) for message in everything]
    return [message for message, payload in payloads if user.identity in payload and message.thread_ts is None]


def posts(bot: Bot) -> int:
    return sum(entry["name"] == "chat.postMessage" for entry in bot.slack.record("call"))


def later(bot: Bot, seconds: float = 5) -> Bot:
    """The bot after a crash, and some time."""
    bot.moment += timedelta(seconds=seconds)
    return bot.later()


@for_each_user
def test_what_is_to_be_sent_is_sent_once(bot: Bot, user: User) -> None:
    user.add(bot.store, TRAINING, "one")
    speak(bot, seconds=90, step=5)
    assert len(roots(bot, user)) == 1


@for_each_user
@pytest.mark.parametrize("is_sent", [False, True], ids=["before it is sent", "after it is sent"])
def test_a_crash_around_the_sending_neither_loses_nor_repeats(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, user: User, is_sent: bool
) -> None:
    def dies(
        client: WebClient, conversation: Conversation, messages: Sequence[Message], show: BlockRenderer
    ) -> tuple[str, str]:
        if is_sent:
            send_message(client, conversation, messages, show)
        raise KeyboardInterrupt

    user.add(bot.store, TRAINING, "one")
    with monkeypatch.context() as patch:
        patch.setattr(SENDER, dies)
        with pytest.raises(KeyboardInterrupt):
            speak(bot)
    assert len(roots(bot, user)) == is_sent
    bot = later(bot)
    speak(bot, seconds=60, step=5)
    assert len(roots(bot, user)) == 1


@pytest.mark.parametrize("user", [user for user in USERS if user.id != "report"])
def test_what_comes_late_is_removed_by_the_next_bot_where_this_one_died_before_it_sent_it_again(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, user: User
) -> None:
    waiting: list[Callable[[], object]] = []

    def takes_it_and_is_silent(
        client: WebClient, conversation: Conversation, messages: Sequence[Message], show: BlockRenderer
    ) -> tuple[str, str]:
        waiting.append(lambda: send_message(client, conversation, messages, show))
        raise SlackUncertain("timed out")

    user.add(bot.store, TRAINING, "one")
    with monkeypatch.context() as patch:
        patch.setattr(SENDER, takes_it_and_is_silent)
        speak(bot)
    bot.slack.faults({"method": "chat.postMessage", "trouble": "limited", "times": None, "retry_after_seconds": 5})
    speak(bot, seconds=60, step=5)
    bot.slack.faults()
    bot = later(bot)
    speak(bot, seconds=30, step=5)
    waiting[0]()
    assert len(roots(bot, user)) == 2
    speak(bot, seconds=700, step=10)
    assert len(roots(bot, user)) == 1


@for_each_user
@pytest.mark.parametrize("trouble", ["limited", "broken", "lost", "broken_after"])
def test_whatever_slack_does_it_is_sent_once(bot: Bot, user: User, trouble: str) -> None:
    bot.slack.faults({"method": "chat.postMessage", "trouble": trouble, "times": 2})
    user.add(bot.store, TRAINING, "one")
    speak(bot, seconds=60, step=5)
    assert len(roots(bot, user)) == 1


def test_while_slack_does_not_answer_the_waits_grow_and_its_return_ends_them(bot: Bot) -> None:
    bot.slack.faults({"method": "chat.postMessage", "trouble": "broken", "times": None})
    add_run(bot.store, TRAINING, "one")
    begin = len(bot.slack.record("call"))
    speak(bot, seconds=1_200, step=5)
    calls = [call for call in bot.slack.record("call")[begin:] if call["name"] == "chat.postMessage"]
    assert 5 <= len(calls) <= 12  # every 5 s would be 240
    bot.slack.faults()
    speak(bot, seconds=310, step=5)
    assert len(roots(bot, User("run", add_run, is_kept=True, is_repeated=True))) == 1


@for_each_user
def test_a_message_in_doubt_by_a_clock_that_was_ahead_is_looked_for_at_once(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, user: User
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    user.add(bot.store, TRAINING, "one")
    bot.moment += timedelta(hours=2)
    with monkeypatch.context() as patch:
        patch.setattr(SENDER, dies)
        with pytest.raises(KeyboardInterrupt):
            speak(bot)
    bot = later(bot, -3600)
    speak(bot, seconds=60, step=5)
    assert len(roots(bot, user)) == 1


@for_each_user
def test_slack_is_asked_again_no_sooner_than_it_said(bot: Bot, user: User) -> None:
    bot.slack.faults({"method": "chat.postMessage", "trouble": "limited", "times": 1, "retry_after_seconds": 30})
    user.add(bot.store, TRAINING, "one")
    speak(bot, seconds=29)
    assert posts(bot) == 1
    speak(bot, seconds=2)
    assert len(roots(bot, user)) == 1


@for_each_user
def test_a_limit_of_one_channel_delays_no_other(bot: Bot, user: User) -> None:
    bot.slack.faults({"method": "chat.postMessage", "trouble": "limited", "times": 1, "retry_after_seconds": 30})
    add_notice(bot.store, TRAINING, "busy")
    bot.notices.send_due()
    assert posts(bot) == 1
    user.add(bot.store, SECRET, "one")
    speak(bot)
    assert len(roots(bot, user)) == 1


@for_each_user
def test_a_look_is_repeated_no_sooner_than_slack_said(bot: Bot, user: User) -> None:
    bot.slack.faults(
        {"method": "chat.postMessage", "trouble": "lost", "times": 1},
        {"method": "conversations.history", "trouble": "limited", "times": 1, "retry_after_seconds": 30},
    )
    user.add(bot.store, TRAINING, "one")
    speak(bot, seconds=30)
    assert sum(entry["name"] == "conversations.history" for entry in bot.slack.record("call")) == 1
    speak(bot, seconds=10)
    assert len(roots(bot, user)) == 1


def test_a_look_at_a_later_page_is_repeated_no_sooner_than_slack_said(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK's own iteration over pages loses what a limit says that comes without JSON."""
    asked: list[str | None] = []

    def limited_at_the_second_page(*_: object, cursor: str | None = None, **__: object) -> dict[str, object]:
        asked.append(cursor)
        if cursor:
            raise SlackApiError("limited", {"status": 429, "headers": {"Retry-After": "30"}, "body": "<html>"})  # type: ignore[no-untyped-call]  # the SDK's
        return {"messages": [], "response_metadata": {"next_cursor": "next"}}

    bot.slack.faults({"method": "chat.postMessage", "trouble": "lost", "times": 1})
    add_notice(bot.store, TRAINING, "one")
    monkeypatch.setattr(bot.client, "conversations_history", limited_at_the_second_page)
    speak(bot, seconds=30)
    assert asked == [None, "next"]


@for_each_user
def test_where_the_bot_may_not_post_a_person_gets_it(bot: Bot, user: User) -> None:
    user.add(bot.store, CLOSED, "one")
    speak(bot, seconds=5)
    (message,) = roots(bot, user)
    assert message.channel.startswith("D")


@for_each_user
def test_where_neither_channel_nor_person_takes_it_slack_is_left_alone_for_minutes(bot: Bot, user: User) -> None:
    bot.slack.faults({"method": "chat.postMessage", "trouble": "refused", "error": "channel_not_found", "times": None})
    user.add(bot.store, CLOSED, "one")
    speak(bot, seconds=60, step=5)
    assert posts(bot) == 2
    bot.slack.faults()
    bot.moment += timedelta(minutes=5)
    speak(bot)
    assert len(roots(bot, user)) == 1


@for_each_user
def test_without_its_rights_the_bot_is_silent_for_a_while_about_all(
    bot: Bot, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    bot.slack.faults({"method": "chat.postMessage", "trouble": "refused", "error": "missing_scope", "times": 1})
    user.add(bot.store, TRAINING, "one")
    speak(bot)
    add_notice(bot.store, TRAINING, "another")
    speak(bot, seconds=25)
    assert posts(bot) == 1
    assert "`verlbot manifest` prints the permissions it needs" in caplog.text
    speak(bot, seconds=15)
    assert len(roots(bot, user)) == (2 if user.identity == "notice" else 1)


@for_each_user
def test_what_slack_refuses_in_any_shape_is_not_tried_again_at_once(bot: Bot, user: User) -> None:
    bot.slack.faults({"method": "chat.postMessage", "trouble": "refused", "error": "msg_too_long", "times": None})
    user.add(bot.store, TRAINING, "one")
    speak(bot, seconds=25)
    with_color = int(user.identity == "run")
    assert posts(bot) == 2 + with_color  # with its color if it has one, with its blocks, and without
    bot.slack.faults()
    speak(bot, seconds=10)
    assert len(roots(bot, user)) == 1


@for_each_user
def test_a_message_that_a_person_has_deleted_comes_back_if_it_is_kept_up_to_date(bot: Bot, user: User) -> None:
    user.add(bot.store, TRAINING, "one")
    speak(bot, seconds=3)
    workspace = bot.playground._slack.workspace
    for message in roots(bot, user):
        workspace.remove(message)
    bot.store.change_orphan("one", lambda orphan: orphan and orphan.leave_alone(ANA))
    if user.identity == "run":
        bot.notifier.show([bot.store.update("one", lambda run: run.request_stop(ANA, bot.moment))])
    speak(bot, seconds=60, step=5)
    assert len(roots(bot, user)) == user.is_kept


@for_each_user
@pytest.mark.parametrize("may_look", [False, True])
def test_in_doubt_where_the_bot_may_not_look_it_comes_twice_or_counts_as_sent(
    bot: Bot, user: User, may_look: bool
) -> None:
    bot.slack.faults({"method": "chat.postMessage", "trouble": "lost", "times": 1})
    workspace = bot.playground._slack.workspace
    if not may_look:
        workspace.channels[TRAINING].members.remove(workspace.bot)
    user.add(bot.store, TRAINING, "one")
    speak(bot, seconds=30, step=2)
    assert len(roots(bot, user)) == (2 if user.is_repeated and not may_look else 1)


@for_each_user
def test_the_limit_of_a_channel_counts_for_all(bot: Bot, user: User) -> None:
    """Three posts at once, then one a second, whoever sends them."""
    for number in range(3):
        add_notice(bot.store, TRAINING, f"n{number}")
    bot.notices.send_due()
    user.add(bot.store, TRAINING, "one")
    speak(bot)
    assert posts(bot) == 3
    speak(bot, seconds=1)
    assert posts(bot) <= 4
    speak(bot, seconds=3)
    assert len(roots(bot, user)) == (4 if user.identity == "notice" else 1)


@for_each_user
def test_a_failure_of_one_delays_no_other(bot: Bot, monkeypatch: pytest.MonkeyPatch, user: User) -> None:
    failed: list[str] = []

    def fails_once(
        client: WebClient, conversation: Conversation, messages: Sequence[Message], show: BlockRenderer
    ) -> tuple[str, str]:
        if not failed:
            failed.append(conversation.name)
            raise ZeroDivisionError
        return send_message(client, conversation, messages, show)

    for name in ("one", "two"):
        user.add(bot.store, TRAINING if name == "one" else CLOSED, name)
    with monkeypatch.context() as patch:
        patch.setattr(SENDER, fails_once)
        speak(bot)
        assert len(roots(bot, user)) == 1
        speak(bot, seconds=60, step=5)
    assert len(roots(bot, user)) == 2


@for_each_user
def test_of_two_processes_that_both_send_the_later_one_stops(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, user: User
) -> None:
    """A process that was held up before it records what it sends, while another has become the leader."""
    user.add(bot.store, TRAINING, "one")
    other, advance = bot.later(), bot.outbox.advance

    def advance_late(conversation: Conversation) -> timedelta | None:
        if not roots(bot, user):
            speak(other, seconds=2)
        return advance(conversation)

    monkeypatch.setattr(bot.outbox, "advance", advance_late)
    speak(bot, seconds=30)
    assert len(roots(bot, user)) == 1


def test_metadata_of_another_record_or_another_app_are_not_its_own() -> None:
    own: Mapping[str, object] = {"event_type": "verlbot_message", "event_payload": {"run": "a", "keys": "card,b"}}
    conversation = Conversation(name="run a", identity={"run": "a"}, channel="C1", desired=[], sent={}, record=None)  # type: ignore[arg-type]  # it stores nothing
    assert conversation.owns(own, "card")
    assert conversation.owns(own, "b")
    assert not conversation.owns(own, "car")
    assert not conversation.owns(None, "card")
    assert not conversation.owns({**own, "event_type": "other"}, "card")
    assert not conversation.owns({**own, "event_payload": {"run": "b", "keys": "card"}}, "card")
