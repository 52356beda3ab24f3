"""What Slack lacks of a run: the difference between what should stand there and what does. Pure."""

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
    """Messages that are not there; several notices go as one."""

    messages: tuple[Message, ...]

    @property
    def is_card(self) -> bool:
        return self.messages[0].key == CARD

    @property
    def keys(self) -> str:
        """For the metadata by which the message is found again."""
        return ",".join(mark_of(message.key) for message in self.messages)


@dataclass(frozen=True, slots=True)
class Check:
    """A message that may be there: it was sent, and nobody knows whether it arrived."""

    key: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Edit:
    """A message that is there and shows something else; `urgent` where what changed is to be seen at once."""

    message: Message
    ts: str
    urgent: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """A message that shows something slightly older, and was edited a moment ago."""

    until: datetime


Due = Post | Check | Edit | Wait


def next_step(run: Run, wanted: Sequence[Message], now: datetime, period: timedelta) -> Due | None:
    """The next thing to do so that Slack shows what is wanted, or None where it does.

    The card comes first, because the thread hangs on it; then doubts, because a message must not
    come twice; then what is missing; then edits, the urgent ones before those that may wait.

    Args:
        period: between two edits of one message that are not urgent.
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
    """The first of the missing messages, and with it those missing notices that the same people see.

    As many as one message has room for; the others are still missing after it.
    """
    lacking = [message for message in wanted if message.key not in run.posted]
    if not lacking:
        return None
    first = lacking[0]
    alike = [one for one in lacking if (one.edited, one.broadcast) == (first.edited, first.broadcast)]
    if first.edited or first.attachment:
        return Post((first,))
    return Post(tuple(those_with_room([one for one in alike if not one.attachment])))


def those_with_room(notices: Sequence[Message]) -> list[Message]:
    """The first, and of the others those that Slack takes together with it."""
    blocks, taken = 0, 0
    found: list[Message] = []
    for one in notices:
        blocks, taken = blocks + len(one.blocks), taken + size(one.blocks)
        if found and (blocks > MESSAGE_BLOCKS or taken > ALL_TEXT):
            break
        found.append(one)
    return found


def stale(run: Run, wanted: Sequence[Message], now: datetime, period: timedelta) -> Edit | Wait | None:
    """An edited message that shows something else than it should."""
    older = [(one, run.posted[one.key]) for one in wanted if one.edited and run.posted[one.key].digest != one.digest]
    if not older:
        return None
    at, message, posted = min(((due_at(*pair, period, now), *pair) for pair in older), key=lambda due: due[0])
    return Edit(message, posted.ts or "", message.urgent != posted.urgent) if at <= now else Wait(at)


def due_at(message: Message, posted: Posted, period: timedelta, now: datetime) -> datetime:
    """Return when an edit is due: at once where the last one was made by a clock that was ahead."""
    is_urgent = posted.urgent != message.urgent
    return min(posted.at, now) if is_urgent or posted.at > now else posted.at + period * message.pace
