"""The difference between the messages that a run should have in Slack and those that it has. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.posted import Posted
from bot.core.run import Run
from bot.slack.blocks import MESSAGE_BLOCKS
from bot.slack.message import CARD, Message, mark_of
from bot.slack.room import ALL_TEXT, size


@dataclass(frozen=True, slots=True)
class Post:
    """Messages that are not in Slack; several notices are sent as one message."""

    messages: tuple[Message, ...]

    @property
    def is_card(self) -> bool:
        """Return whether this is the run's card."""
        return self.messages[0].key == CARD

    @property
    def keys(self) -> str:
        """Return the keys for the metadata that identifies the message in Slack."""
        return ",".join(mark_of(message.key) for message in self.messages)


@dataclass(frozen=True, slots=True)
class Check:
    """A message that may be in Slack: it was sent, and no answer came."""

    key: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Edit:
    """A message in Slack that shows outdated content; `is_urgent` if the change must be visible at once."""

    message: Message
    ts: str
    urgent: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """A message that shows slightly outdated content, and was edited a moment ago."""

    until: datetime


Due = Post | Check | Edit | Wait


def next_step(run: Run, wanted: Sequence[Message], now: datetime, period: timedelta) -> Due | None:
    """Return the next step towards the desired messages, or None if Slack shows them.

    The card comes first, because the thread belongs to it; then uncertain messages, because a message must not be sent
    twice; then missing messages; then edits, the urgent ones before the regular ones.

    Args:
        period: time between two regular edits of one message.
    """
    card = wanted[0]
    if card.key not in run.posted:
        return Post((card,))
    for message in wanted:
        posted = run.posted.get(message.key)
        if posted and posted.ts is None:
            return Check(message.key, posted.at)
    return missing(run, wanted) or stale(run, wanted, now, period)


def missing(run: Run, wanted: Sequence[Message]) -> Post | None:
    """Return the first missing message, together with the missing notices that the same people see.

    Return as many as one message has room for; the others are still missing after it.
    """
    lacking = [message for message in wanted if message.key not in run.posted]
    if not lacking:
        return None
    first = lacking[0]
    alike = [one for one in lacking if (one.edited, one.broadcast) == (first.edited, first.broadcast)]
    # A message that is edited later, or is a file, cannot share its Slack message with notices.
    if first.edited or first.attachment:
        return Post((first,))
    return Post(tuple(those_with_room([one for one in alike if not one.attachment])))


def those_with_room(notices: Sequence[Message]) -> list[Message]:
    """Return the first notice, and as many of the others as Slack accepts together with it."""
    blocks, taken = 0, 0
    found: list[Message] = []
    for one in notices:
        blocks, taken = blocks + len(one.blocks), taken + size(one.blocks)
        if found and (blocks > MESSAGE_BLOCKS or taken > ALL_TEXT):
            break
        found.append(one)
    return found


def stale(run: Run, wanted: Sequence[Message], now: datetime, period: timedelta) -> Edit | Wait | None:
    """Return the edit of a message with outdated content, or the wait until it may be edited."""
    older = [(one, run.posted[one.key]) for one in wanted if one.edited and run.posted[one.key].digest != one.digest]
    if not older:
        return None
    at, message, posted = min(((due_at(*pair, period, now), *pair) for pair in older), key=lambda due: due[0])
    return Edit(message, posted.ts or "", message.urgent != posted.urgent) if at <= now else Wait(at)


def due_at(message: Message, posted: Posted, period: timedelta, now: datetime) -> datetime:
    """Return when an edit is due: at once if the last one has a time in the future, because the
    clock was ahead then."""
    is_urgent = posted.urgent != message.urgent
    return min(posted.at, now) if is_urgent or posted.at > now else posted.at + period * message.pace
