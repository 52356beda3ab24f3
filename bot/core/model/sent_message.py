"""What was sent to Slack: a message with its timestamp, and a notice, which is one thing said once in one channel."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from bot.phrase import Text

CARD_KEY = "card"
"""Key of the message that shows a run."""


DUPLICATE_LOOKS = timedelta(minutes=1), timedelta(minutes=3), timedelta(minutes=10)
"""Times after a message was sent again at which the bot looks whether it came twice."""

UNSEEN = "unseen"
"""Placeholder for Slack's id of a message that the bot cannot see: a file has none, or the bot may not read there."""


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One message in Slack: where it is and what it showed.

    Attributes:
        ts: Slack's id of the message, or None while it is unconfirmed: it was sent, but Slack did not answer, or the
            bot died before it recorded the answer.
        content_hash: hash of the content that it showed.
        urgent: the part of the content whose change is shown at once.
        sent_at: when it was last sent.
        permalink: the web address of the message; empty while it is unknown.
        channel: where it is, outside of the thread that it belongs to, because Slack has closed that; empty in it.
        replacements: how many messages before it Slack did not let the bot edit any more.
        repeated_since: when it was first sent, if no look has found it; repeated_at: when it was sent again, or None
            until then; looks_left: how often to look whether the first has come after all.
    """

    ts: str | None
    content_hash: str
    urgent: str
    sent_at: datetime
    permalink: str = ""
    channel: str = ""
    replacements: int = 0
    repeated_since: datetime | None = None
    looks_left: int = 0
    repeated_at: datetime | None = None

    @property
    def must_repeat(self) -> bool:
        """Return whether no look has found it, and it was not sent again yet."""
        return self.ts is None and self.repeated_since is not None and self.repeated_at is None

    def await_repeat(self, since: datetime) -> Self:
        """Return the message as one to send again, first sent at that time: it may come after all."""
        return replace(self, ts=None, repeated_since=since, repeated_at=None)

    def find_duplicate_look(self) -> datetime | None:
        """Return when to look next whether the message came twice; None for never.

        Of a message without an id of Slack's, no look could tell which copy to keep.
        """
        if self.repeated_since is None or self.looks_left <= 0 or self.ts == UNSEEN:
            return None
        return (self.repeated_at or self.repeated_since) + DUPLICATE_LOOKS[-min(self.looks_left, len(DUPLICATE_LOOKS))]

    def record_duplicate_look(self) -> Self:
        """Return the message after a look whether it came twice."""
        return replace(self, looks_left=max(self.looks_left - 1, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMessages:
    """The messages of a run in Slack.

    Attributes:
        sent: its messages by key.
        thread_channel: the channel of its card; differs from the run's channel if the bot may not post there.
    """

    sent: Mapping[str, SentMessage] = field(default_factory=dict)
    thread_channel: str | None = None

    def record_sent(self, key: str, message: SentMessage) -> Self:
        """Return the messages with one that was sent."""
        return replace(self, sent={**self.sent, key: message})

    def record_lost(self, key: str) -> Self:
        """Return the messages without one that is known not to be in Slack: it was refused or deleted."""
        return replace(self, sent={other_key: message for other_key, message in self.sent.items() if other_key != key})

    def await_repeat(self, key: str, since: datetime) -> Self:
        """Return the messages with one to send again, because no look has found it."""
        return self.record_sent(key, self.sent[key].await_repeat(since)) if key in self.sent else self

    def move_thread(self, channel: str) -> Self:
        """Return the messages with the thread in another channel."""
        return replace(self, thread_channel=channel)


@dataclass(frozen=True, slots=True)
class LogFollow:
    """A request to follow the log in the run's thread."""

    by: str
    until: datetime
    lines: int
    grep: str | None
    node: int | None


NOTICE_RETENTION = timedelta(days=30)
"""How long a posted notice is remembered, so that it is not posted again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message that is sent once.

    Attributes:
        key: its subject, such as `unreadable-ppo-7f3a`; a channel gets one notice per key.
        channel: Slack's id of the channel.
        text: rendered in the workspace's language, and escaped, when it is sent.
        created_at: when the reason for it was found.
        fallback_user: Slack's id of a person who gets it where the bot may not post in the channel.
        sent_message: the message; None before it is sent, and without a `ts` while it is unknown whether it arrived.
    """

    key: str
    channel: str
    text: Text
    created_at: datetime
    fallback_user: str = ""
    sent_message: SentMessage | None = None

    @property
    def id(self) -> str:
        """Return the notice's id in the store."""
        return build_notice_id(self.channel, self.key)

    @property
    def is_settled(self) -> bool:
        """Return whether nothing is left to do about its message."""
        return self.is_sent and self.sent_message is not None and self.sent_message.find_duplicate_look() is None

    @property
    def is_sent(self) -> bool:
        """Return whether Slack has confirmed the message."""
        return self.sent_message is not None and self.sent_message.ts is not None

    @property
    def must_send(self) -> bool:
        """Return whether it was never sent, or must be sent again."""
        return self.sent_message is None or self.sent_message.must_repeat

    def begin_sending(self, message: SentMessage) -> Self:
        """Return the notice as about to be sent.

        A crash from here on leaves an unconfirmed message, not a second one.
        """
        return replace(self, sent_message=message)

    def confirm_sent(self, message: SentMessage) -> Self:
        """Return the notice as posted in Slack."""
        return replace(self, sent_message=message)

    def withdraw(self) -> Self:
        """Return the notice as not sent: Slack refused it."""
        return replace(self, sent_message=None)

    def await_repeat(self, since: datetime) -> Self:
        """Return the notice as one to send again, because no look has found it."""
        return replace(self, sent_message=self.sent_message and self.sent_message.await_repeat(since))

    def is_expired(self, now: datetime) -> bool:
        """Return whether it was posted so long ago that it can be deleted from the store."""
        return self.is_sent and now >= self.created_at + NOTICE_RETENTION


def build_notice_id(channel: str, key: str) -> str:
    """Return the id of the notice with this key in this channel."""
    return f"{channel} {key}"
