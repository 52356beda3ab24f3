"""A notice is said once in a channel: it is sent, unconfirmed, withdrawn, or old enough to be forgotten."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.model.sent_message import NOTICE_RETENTION, UNSEEN, Notice, RunMessages, SentMessage
from tests.builders import NOON, at

NOTICE = Notice(key="unreadable-ppo-7f3a", channel="C0TRAIN", text="It cannot be read.", created_at=NOON)


def sending(second: float) -> SentMessage:
    return SentMessage(None, "", "", at(second))


SENT = NOTICE.begin_sending(sending(1)).confirm_sent(SentMessage("1.2", "", "", at(2)))


@pytest.mark.parametrize(
    ("notice", "is_sent", "ts"),
    [
        pytest.param(NOTICE, False, None, id="not sent yet"),
        pytest.param(NOTICE.begin_sending(sending(1)), False, None, id="sent, and Slack has not answered"),
        pytest.param(SENT, True, "1.2", id="confirmed"),
        pytest.param(NOTICE.begin_sending(sending(1)).withdraw(), False, None, id="refused"),
    ],
)
def test_a_notice_is_sent_once_slack_confirms_it(notice: Notice, is_sent: bool, ts: str | None) -> None:
    assert notice.is_sent is is_sent
    assert (notice.sent_message.ts if notice.sent_message else None) == ts


def test_a_crash_while_sending_leaves_an_unconfirmed_message() -> None:
    message = NOTICE.begin_sending(sending(1)).sent_message
    assert message is not None
    assert (message.ts, message.sent_at) == (None, at(1))
    assert NOTICE.begin_sending(sending(1)).withdraw() == NOTICE


@pytest.mark.parametrize(
    ("notice", "age", "is_expired"),
    [
        pytest.param(SENT, NOTICE_RETENTION, True, id="sent long ago"),
        pytest.param(SENT, NOTICE_RETENTION - timedelta(seconds=1), False, id="sent lately"),
        pytest.param(NOTICE, NOTICE_RETENTION, False, id="never sent"),
    ],
)
def test_only_a_notice_that_was_sent_is_forgotten(notice: Notice, age: timedelta, is_expired: bool) -> None:
    assert notice.is_expired(NOON + age) is is_expired


def test_a_channel_has_one_notice_for_each_key() -> None:
    assert NOTICE.id == SENT.id
    assert NOTICE.id != Notice(key=NOTICE.key, channel="C0OTHER", text="", created_at=NOON).id


@pytest.mark.parametrize(
    ("message", "must_repeat"),
    [
        pytest.param(sending(1), False, id="of unknown fate"),
        pytest.param(sending(1).await_repeat(at(1)), True, id="no look has found it"),
        pytest.param(replace(sending(2), repeated_since=at(1), repeated_at=at(2)), False, id="sent again"),
        pytest.param(SentMessage("1.2", "", "", at(2), repeated_since=at(1)), False, id="found after all"),
    ],
)
def test_a_message_that_no_look_has_found_must_be_sent_again_once(message: SentMessage, must_repeat: bool) -> None:
    assert message.must_repeat is must_repeat
    assert Notice(key="a", channel="b", text="", created_at=NOON, sent_message=message).must_send is must_repeat
    messages = RunMessages(sent={"card": message})
    assert messages.await_repeat("card", at(1)).sent["card"].must_repeat
    assert messages.await_repeat("other", at(1)) == messages


@pytest.mark.parametrize(
    ("ts", "looks_left", "minutes"),
    [
        pytest.param("1.2", 3, 11, id="first a minute after it was sent again, however late that was"),
        pytest.param("1.2", 2, 13, id="then after three"),
        pytest.param("1.2", 1, 20, id="then after ten"),
        pytest.param("1.2", 0, None, id="then never"),
        pytest.param(UNSEEN, 3, None, id="never where no look can tell which copy is recorded"),
    ],
)
def test_copies_are_looked_for_from_when_a_message_was_sent_again(
    ts: str, looks_left: int, minutes: float | None
) -> None:
    repeated_at = NOON + timedelta(minutes=10)
    message = SentMessage(ts, "", "", repeated_at, repeated_since=NOON, repeated_at=repeated_at, looks_left=looks_left)
    assert message.find_duplicate_look() == (None if minutes is None else NOON + timedelta(minutes=minutes))
