"""Messages and places that Slack has refused or not answered, and when each is tried again: the waits grow."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from bot.slack.outbound.message_steps import MessageHold
from bot.slack.views.message import Message

REFUSAL_PAUSE = timedelta(seconds=30)
"""Pause after the first refusal that the bot cannot answer. It doubles with each refusal that follows."""

CLOSED_CHANNEL_PAUSE = timedelta(minutes=5)
"""The same after a refusal of the whole channel, where no person gets the messages instead."""

MAX_REFUSAL_PAUSE = timedelta(hours=1)
"""Maximum pause between two tries of a message that Slack refuses."""

CLOSED_PLACE_PERIOD = timedelta(hours=1)
"""How long a thread or channel that Slack has closed is not tried again."""

CLOSED_EDITS_PERIOD = timedelta(minutes=2)
"""How long a message is not edited in a channel that the bot had to leave: one try for all of its messages there."""

OUTAGE_PAUSE = timedelta(seconds=5)
"""Pause after the first call that Slack does not answer. It doubles with each that follows."""

MAX_OUTAGE_PAUSE = timedelta(minutes=5)
"""Maximum pause while Slack does not answer: its outages take minutes or hours, and a card may be this late after."""

MAX_DOUBLINGS = 10
"""Maximum doublings of a pause: more would exceed every maximum."""

MAX_CLOSED_PLACES = 10_000
"""Maximum closed places that are remembered; the oldest is forgotten first."""


class RefusalHolds:
    """The refused messages of each conversation, in memory: after a restart each is tried once more."""

    def __init__(self) -> None:
        self._holds: dict[str, dict[str, MessageHold]] = {}
        self._outages: dict[str, int] = {}

    def list_holds(self, name: str) -> Mapping[str, MessageHold]:
        """Return the refused messages of a conversation, by key."""
        return self._holds.get(name, {})

    def extend_hold(
        self, name: str, messages: Collection[Message], now: datetime, first: timedelta = REFUSAL_PAUSE
    ) -> None:
        """Record that messages were refused: they wait twice as long as the last time."""
        holds = self._holds.setdefault(name, {})
        for message in messages:
            count = holds[message.key].count + 1 if message.key in holds else 0
            holds[message.key] = MessageHold(now + double(first, count), message.urgent, count)

    def hold_until(self, name: str, messages: Collection[Message], until: datetime) -> None:
        """Record that messages wait until a time that Slack has named."""
        holds = self._holds.setdefault(name, {})
        for message in messages:
            holds[message.key] = MessageHold(until, message.urgent, 0)

    def extend_outage(self, name: str, min_wait: timedelta) -> timedelta:
        """Record that Slack has not answered a call of a conversation. Return the pause after it: twice the last one,
        or longer if Slack asks for that.
        """
        count = self._outages.get(name, 0)
        self._outages[name] = min(count + 1, MAX_DOUBLINGS)
        return max(min(double(OUTAGE_PAUSE, count), MAX_OUTAGE_PAUSE), min_wait)

    def release(self, name: str, messages: Collection[Message]) -> None:
        """Release messages that Slack has accepted: the next call without an answer is the first again."""
        self._outages.pop(name, None)
        holds = self._holds.get(name, {})
        for message in messages:
            holds.pop(message.key, None)
        if not holds:
            self._holds.pop(name, None)

    def forget_conversation(self, name: str) -> None:
        """Forget a conversation whose messages are all sent."""
        self._holds.pop(name, None)
        self._outages.pop(name, None)


class ClosedPlaces:
    """The threads and channels that take no message of the bot's, or no edit, for a while."""

    def __init__(self, period: timedelta = CLOSED_PLACE_PERIOD) -> None:
        self._period = period
        self._until: dict[tuple[str, str | None], datetime] = {}

    def close(self, channel: str, thread_ts: str | None, now: datetime) -> None:
        """Record that Slack has refused a message there."""
        self._until[channel, thread_ts] = now + self._period
        while len(self._until) > MAX_CLOSED_PLACES:
            del self._until[next(iter(self._until))]

    def is_open(self, channel: str, thread_ts: str | None, now: datetime) -> bool:
        """Return whether a message may be tried there."""
        return self.get_end(channel, thread_ts, now) <= now

    def get_end(self, channel: str, thread_ts: str | None, now: datetime) -> datetime:
        """Return until when nothing is tried there; now where it is open."""
        return self._until.get((channel, thread_ts), now)


def double(pause: timedelta, count: int) -> timedelta:
    """Return a pause after it was doubled so many times, up to the maximum.

    >>> [double(REFUSAL_PAUSE, count).total_seconds() for count in (0, 1, 2, 99)]
    [30.0, 60.0, 120.0, 3600.0]
    """
    return min(pause * (1 << min(count, MAX_DOUBLINGS)), MAX_REFUSAL_PAUSE)
