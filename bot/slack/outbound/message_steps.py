"""Which message of a conversation is missing, uncertain or outdated in Slack, and what comes first. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.model.sent_message import SentMessage
from bot.slack.views.blocks import MAX_BLOCKS_CHARACTERS, MAX_MESSAGE_BLOCKS, count_block_characters
from bot.slack.views.message import Message


@dataclass(frozen=True, slots=True)
class MessagePost:
    """Messages that are not in Slack; several notices are sent as one message."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class MessageCheck:
    """A message that may be in Slack: it was sent, and no answer came."""

    key: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class MessageEdit:
    """A message in Slack that shows outdated content; `is_urgent` if the change must be visible at once."""

    message: Message
    ts: str
    is_urgent: bool


@dataclass(frozen=True, slots=True)
class MessageWait:
    """A message that shows slightly outdated content, and was edited a moment ago."""

    until: datetime


@dataclass(frozen=True, slots=True)
class DuplicateLook:
    """A message that was sent again, because no look had found it, and may have come twice."""

    key: str


MessageStep = MessagePost | MessageCheck | MessageEdit | MessageWait | DuplicateLook


@dataclass(frozen=True, slots=True)
class MessageHold:
    """A message that Slack has refused.

    Attributes:
        until: when it is tried again.
        urgent: the state that it showed; another one may be tried sooner.
        count: refusals in a row before this one.
    """

    until: datetime
    urgent: str
    count: int


NO_HOLDS: Mapping[str, MessageHold] = {}

REPLACEMENT_PAUSE, MAX_REPLACEMENT_DOUBLINGS = timedelta(seconds=30), 7
"""Minimum time between a message that replaces one which Slack does not let the bot edit, and the next such message. It
doubles with each of them, so many times at most: up to about an hour."""


def find_next_step(
    sent_messages: Mapping[str, SentMessage],
    desired_messages: Sequence[Message],
    now: datetime,
    period: timedelta,
    holds: Mapping[str, MessageHold] = NO_HOLDS,
) -> MessageStep | None:
    """Return the next step towards the desired messages, or None if Slack shows them.

    The first of them comes first, because the thread belongs to it; then uncertain messages, because a message must not
    be sent twice; then missing messages; then edits, the urgent ones before the regular ones. A file comes when nothing
    else is due: Slack limits files by themselves, and one that has to wait holds back no message.

    Args:
        period: time between two regular edits of one message.
        holds: messages that Slack has refused, by key; they keep no other message waiting, but the thread's first.
    """
    if not desired_messages:
        return None
    sent_messages = {key: message for key, message in sent_messages.items() if not message.must_repeat}
    root = desired_messages[0]
    if root.key not in sent_messages:
        return MessageWait(holds[root.key].until) if is_on_hold(root, holds, now) else MessagePost((root,))
    for message in desired_messages:
        sent_message = sent_messages.get(message.key)
        if sent_message and sent_message.ts is None and not is_on_hold(message, holds, now):
            return MessageCheck(message.key, sent_message.sent_at)
    if sent_messages[root.key].ts is None:  # it is on hold, and the thread belongs to it
        return MessageWait(holds[root.key].until)
    free_messages = [message for message in desired_messages if not is_on_hold(message, holds, now)]
    if missing := find_missing_messages(sent_messages, free_messages):
        return missing
    edit = find_stale_message(sent_messages, desired_messages, now, period, holds)
    if isinstance(edit, MessageEdit):
        return edit
    look = find_duplicate_look(sent_messages, desired_messages, now)
    if isinstance(look, DuplicateLook):
        return look
    hold_ends = [
        holds[message.key].until
        for message in desired_messages
        if (message.key not in sent_messages or sent_messages[message.key].ts is None)
        and is_on_hold(message, holds, now)
    ]
    waits = [*hold_ends, *([look.until] if look else [])]
    return find_missing_file(sent_messages, free_messages) or find_earliest_wait(edit, waits)


def is_all_shown(sent_messages: Mapping[str, SentMessage], desired_messages: Sequence[Message]) -> bool:
    """Return whether Slack shows all of the desired messages as they should be."""
    return all(
        (sent := sent_messages.get(message.key)) is not None
        and sent.ts is not None
        and (not message.is_edited or sent.content_hash == message.digest)
        for message in desired_messages
    )


def find_duplicate_look(
    sent_messages: Mapping[str, SentMessage], desired_messages: Sequence[Message], now: datetime
) -> DuplicateLook | MessageWait | None:
    """Return the look for a second copy of a message that was sent again, or the wait until it is due."""
    due = [
        (look_at, message.key)
        for message in desired_messages
        if (sent := sent_messages.get(message.key)) and sent.ts and (look_at := sent.find_duplicate_look())
    ]
    if not due:
        return None
    look_at, key = min(due)
    return DuplicateLook(key) if look_at <= now else MessageWait(look_at)


def is_on_hold(message: Message, holds: Mapping[str, MessageHold], now: datetime) -> bool:
    """Return whether Slack has refused a message lately."""
    return message.key in holds and holds[message.key].until > now


def find_earliest_wait(edit: MessageWait | None, hold_ends: Sequence[datetime]) -> MessageWait | None:
    """Return the wait until an edit is due, or a refused message may be tried again."""
    times = [*([edit.until] if edit else []), *hold_ends]
    return MessageWait(min(times)) if times else None


def find_missing_messages(
    sent_messages: Mapping[str, SentMessage], desired_messages: Sequence[Message]
) -> MessagePost | None:
    """Return the first missing message, together with the missing notices that the same people see.

    Return as many as one message has room for; the others are still missing after it.
    """
    missing_messages = [
        message for message in desired_messages if message.key not in sent_messages and not message.attachment
    ]
    if not missing_messages:
        return None
    first = missing_messages[0]
    similar_messages = [
        candidate
        for candidate in missing_messages
        if (candidate.is_edited, candidate.broadcast, candidate.color)
        == (first.is_edited, first.broadcast, first.color)
    ]
    # A message that is edited later, or has a bar of its own, cannot share its Slack message with notices.
    if first.is_edited or first.color:
        return MessagePost((first,))
    return MessagePost(tuple(select_fitting_notices(similar_messages)))


def find_missing_file(
    sent_messages: Mapping[str, SentMessage], desired_messages: Sequence[Message]
) -> MessagePost | None:
    """Return the first missing message that is a file."""
    files = (message for message in desired_messages if message.attachment and message.key not in sent_messages)
    return next((MessagePost((file,)) for file in files), None)


def select_fitting_notices(notices: Sequence[Message]) -> list[Message]:
    """Return the first notice, and as many of the others as Slack accepts together with it."""
    block_count, text_size = 0, 0
    fitting_notices: list[Message] = []
    for notice in notices:
        block_count, text_size = block_count + len(notice.blocks), text_size + count_block_characters(notice.blocks)
        if fitting_notices and (block_count > MAX_MESSAGE_BLOCKS or text_size > MAX_BLOCKS_CHARACTERS):
            break
        fitting_notices.append(notice)
    return fitting_notices


def find_stale_message(
    sent_messages: Mapping[str, SentMessage],
    desired_messages: Sequence[Message],
    now: datetime,
    period: timedelta,
    holds: Mapping[str, MessageHold] = NO_HOLDS,
) -> MessageEdit | MessageWait | None:
    """Return the edit of a message with outdated content, or the wait until it may be edited."""
    outdated_messages = [
        (candidate, sent_messages[candidate.key])
        for candidate in desired_messages
        if candidate.is_edited
        and sent_messages[candidate.key].ts is not None
        and sent_messages[candidate.key].content_hash != candidate.digest
    ]
    if not outdated_messages:
        return None
    edit_at, message, sent_message = min(
        (
            (delay_refused_edit(*pair, compute_edit_time(*pair, period, now), holds, now), *pair)
            for pair in outdated_messages
        ),
        key=lambda due: due[0],
    )
    return (
        MessageEdit(message, sent_message.ts or "", message.urgent != sent_message.urgent)
        if edit_at <= now
        else MessageWait(edit_at)
    )


def compute_edit_time(message: Message, sent_message: SentMessage, period: timedelta, now: datetime) -> datetime:
    """Return when an edit is due: at once if the last one has a time in the future, because the
    clock was ahead then."""
    is_urgent = sent_message.urgent != message.urgent
    return (
        min(sent_message.sent_at, now)
        if is_urgent or sent_message.sent_at > now
        else sent_message.sent_at + period * message.period_factor
    )


def delay_refused_edit(
    message: Message, sent_message: SentMessage, edit_at: datetime, holds: Mapping[str, MessageHold], now: datetime
) -> datetime:
    """Return when an edit may be tried that is due at the given time: later if Slack has refused to edit the message.

    A change of state is tried sooner than the rest, because a new message may show it.
    """
    hold = holds.get(message.key)
    if hold is None:
        return edit_at
    if hold.urgent == message.urgent:
        return max(edit_at, hold.until)
    doublings = min(max(sent_message.replacements - 1, 0), MAX_REPLACEMENT_DOUBLINGS)
    paused_until = sent_message.sent_at + REPLACEMENT_PAUSE * (1 << doublings)
    # A message that was sent in the future comes from a clock that was ahead.
    return edit_at if sent_message.sent_at > now else max(edit_at, paused_until)
