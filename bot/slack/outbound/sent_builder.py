"""Builds the records of messages that are sent: what they show, what they replace or repeat, and where they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.app.ports import Now
from bot.core.model.sent_message import DUPLICATE_LOOKS, UNSEEN, SentMessage
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.web_client import build_permalink
from bot.slack.views.message import Message


class SentMessageBuilder:
    """Builds records of messages.

    Args:
        find_workspace_url: returns the web address of the workspace, for links to messages; empty while it is unknown.

    Attributes:
        replacements: how many messages each message replaces that Slack did not let the bot edit, by the names of the
            conversation and the message.
        repeats: since when each message may be in Slack whose record the store may have lost, likewise.
    """

    def __init__(self, now: Now, find_workspace_url: Callable[[], str]) -> None:
        self._now = now
        self._find_workspace_url = find_workspace_url
        self.replacements: dict[tuple[str, str], int] = {}
        self.repeats: dict[tuple[str, str], datetime] = {}

    def build(self, placed: Conversation, messages: Sequence[Message], ts: str | None) -> dict[str, SentMessage]:
        """Return the records of messages that are sent now; `ts` is None while their fate is unknown."""
        now, channel = self._now(), placed.channel if placed.is_outside_thread else ""
        return {
            message.key: SentMessage(
                ts,
                message.digest,
                message.urgent,
                now,
                channel=channel,
                replacements=self._count_replacements(placed, message.key),
                **self._find_repeat(placed, message.key),
            )
            for message in messages
        }

    def link(self, sent: Mapping[str, SentMessage], placed: Conversation) -> dict[str, SentMessage]:
        """Return the records of messages that Slack has confirmed at this place, with their web addresses."""
        workspace_url = self._find_workspace_url()
        return {
            key: replace(
                message, permalink=build_permalink(workspace_url, placed.channel, message.ts, placed.thread_ts)
            )
            if message.ts and message.ts != UNSEEN
            else message
            for key, message in sent.items()
        }

    def forget(self, name: str, messages: Sequence[Message]) -> None:
        """Forget what messages have replaced or repeated: Slack has accepted them."""
        for message in messages:
            self.replacements.pop((name, message.key), None)
            self.repeats.pop((name, message.key), None)

    def _count_replacements(self, conversation: Conversation, key: str) -> int:
        """Return how many messages a message replaces that Slack did not let the bot edit."""
        sent = conversation.sent.get(key)
        return self.replacements.get((conversation.name, key), sent.replacements if sent else 0)

    def _find_repeat(self, conversation: Conversation, key: str) -> dict[str, Any]:
        """Return since when a message may be in Slack twice, and how many looks for that are left."""
        sent, since = conversation.sent.get(key), self.repeats.get((conversation.name, key))
        if sent and sent.must_repeat:
            since = since or sent.repeated_since
        if since:
            return {"repeated_since": since, "repeated_at": self._now(), "looks_left": len(DUPLICATE_LOOKS)}
        if sent is None:
            return {}
        return {
            "repeated_since": sent.repeated_since,
            "repeated_at": sent.repeated_at,
            "looks_left": sent.looks_left,
        }
