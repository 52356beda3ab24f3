"""A conversation: the messages that one record of the store should have in Slack, and those that it was sent."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, Self

from bot.core.model.sent_message import SentMessage
from bot.slack.views.message import FileUpload, Message, to_metadata_key

MESSAGE_EVENT = "verlbot_message"
"""Type of the metadata by which the bot recognizes a message of its own."""


class SentMessageRecord(Protocol):
    """Stores what a conversation was sent. Each method changes the record at once, or not at all."""

    def begin(self, sent: Mapping[str, SentMessage]) -> bool:
        """Record messages that are about to be sent. Return False if they must not be: another process has begun, or
        the record has changed or is gone.
        """

    def confirm(self, sent: Mapping[str, SentMessage], channel: str) -> None:
        """Record messages that are in Slack, in this channel."""

    def withdraw(self, keys: Collection[str]) -> None:
        """Record that messages are not in Slack: refused or deleted."""

    def await_repeat(self, key: str, since: datetime) -> None:
        """Record that a message is to be sent again, because no look has found it since that time."""

    def redirect(self, user: str, edited_keys: Collection[str]) -> None:
        """Record that the conversation begins again in a direct message to this person.

        Args:
            edited_keys: of the messages that should be edited as the record changes, and stay where they are.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One record's messages: the first begins a thread, and the others are replies in it.

    Attributes:
        name: for the log, and for turns under the limits, such as `run ppo-7f3a`.
        identity: what Slack's metadata say of the record, such as `{"run": "ppo-7f3a"}`.
        channel: Slack's id of the channel that has, or will have, the messages.
        desired: the messages that should be in Slack.
        sent: those that were sent, by key.
        record: stores what is sent.
        fallback_user: the person who gets the messages where the bot may not post in the channel; empty for none.
        edit_period: time between two edits of a message that are not urgent.
        once_keys: keys of messages that count as sent where the bot may not look for them, because they notify people.
        refreshes_unconfirmed: whether a message of unknown fate is brought up to date before it counts as sent.
        build_upload: returns the file that a message with an attachment is.
        is_outside_thread: whether its messages go to the channel, because Slack has closed the thread.
        recorded_at: when its record was made; None for now. A store may have lost what was sent of an older one.
        is_recovered: whether the store had lost the record.
    """

    name: str
    identity: Mapping[str, str | int]
    channel: str
    desired: Sequence[Message]
    sent: Mapping[str, SentMessage]
    record: SentMessageRecord
    fallback_user: str = ""
    edit_period: timedelta = timedelta()
    once_keys: Collection[str] = ()
    refreshes_unconfirmed: bool = False
    build_upload: Callable[[Message], FileUpload] | None = None
    is_outside_thread: bool = False
    recorded_at: datetime | None = None
    is_recovered: bool = False

    @property
    def root_key(self) -> str:
        """Return the key of the message that begins the thread."""
        return self.desired[0].key

    @property
    def thread_ts(self) -> str | None:
        """Return Slack's id of the message that begins the thread; None while it is not known to be in Slack."""
        root = self.sent.get(self.root_key)
        return root.ts if root and not self.is_outside_thread else None

    def move_to(self, channel: str) -> Self:
        """Return the conversation with its messages outside of its thread; itself where the channel is empty."""
        return replace(self, channel=channel, is_outside_thread=True) if channel else self

    def list_places(self, is_reply: bool) -> list[Self]:
        """Return the places for a message, the best first: the thread, its channel, a direct message."""
        if not is_reply:
            return [self]
        has_person = self.fallback_user not in ("", self.channel) and not self.channel.startswith("D")
        return [self, self.move_to(self.channel), *([self.move_to(self.fallback_user)] if has_person else [])]

    def build_metadata(self, messages: Sequence[Message]) -> dict[str, Any]:
        """Return the metadata by which these messages, sent as one, are found again."""
        return {
            "event_type": MESSAGE_EVENT,
            "event_payload": {**self._payload, "keys": to_metadata_keys(messages)},
        }

    def owns(self, metadata: Mapping[str, Any] | None, key: str) -> bool:
        """Return whether the metadata are those of this conversation's message with this key."""
        payload = (metadata or {}).get("event_payload") or {}
        return (
            (metadata or {}).get("event_type") == MESSAGE_EVENT
            and all(payload.get(name) == value for name, value in self._payload.items())
            and to_metadata_key(key) in str(payload.get("keys") or "").split(",")
        )

    @property
    def _payload(self) -> dict[str, str | int]:
        return {
            name: to_metadata_key(value) if isinstance(value, str) else value for name, value in self.identity.items()
        }


def to_metadata_keys(messages: Sequence[Message]) -> str:
    """Return the keys of messages that are sent as one, as its metadata contain them."""
    return ",".join(to_metadata_key(message.key) for message in messages)
