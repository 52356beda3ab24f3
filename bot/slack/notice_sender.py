"""Sends notices, each once: record it, send it, and look for it in Slack where its fate is unknown."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from slack_sdk import WebClient

from bot.core.characters import one_line
from bot.core.clock import has_passed
from bot.core.notice import Notice
from bot.core.pace import Turns
from bot.core.posted import Posted
from bot.errors import Unavailable
from bot.ports import Now, Store
from bot.slack.blocks import section
from bot.slack.channels import Channels
from bot.slack.client import Doubtful, Limited, Refused, sorted_failures
from bot.slack.message import mark_of
from bot.slack.messages import CLOCKS_APART, call
from bot.slack.notifier import DOUBT, NO_ENTRY, RETRY
from bot.slack.text import Markup, emoji, joined, mrkdwn

log = logging.getLogger(__name__)

HEAD = re.compile(
    r"^(:[a-z_]+:)? ?(?:\*([^*]+)\*(?=[ ,.:，。：（])([,.:，。：]?)( ?))?(.*)$"
)  # with Chinese punctuation
"""Parts of a notice: its emoji, its bold head, the punctuation after the head, a space, the rest."""

EVENT = "verlbot_notice"
"""Type of the metadata by which the bot recognizes a notice."""


@dataclass(frozen=True, slots=True)
class NoticeSender:
    """Compares the recorded notices with the sent ones.

    Attributes:
        is_leader: whether this process is the leader among those that share the store; only the leader sends.
        rate_limiter: the limit of posts per channel, shared by all senders.
    """

    store: Store
    client: WebClient
    now: Now
    leads: Callable[[], bool]
    channels: Channels = field(default_factory=Channels)
    turns: Turns = field(default_factory=Turns)

    def send_due(self) -> timedelta | None:
        """Advance every notice by one step. Return the delay until the next pass."""
        if not self.leads():
            return RETRY
        waits = [self._try_step(notice) for notice in self.store.notices()]
        return min((wait for wait in waits if wait is not None), default=None)

    def _try_step(self, notice: Notice) -> timedelta | None:
        """Advance one notice by one step. A failure is retried, and delays no other notice."""
        try:
            return self._step(notice)
        except Limited as limited:
            return limited.wait
        except (Doubtful, Unavailable) as error:
            log.warning("notice %s: %s", notice.key, error)
            return RETRY
        except Refused as error:
            return self._move(notice, error.code)

    def _step(self, notice: Notice) -> timedelta | None:
        """Advance one notice by one step. Return the delay until the next."""
        sent = notice.sent
        if sent is None:
            return self._post(notice)
        if sent.ts is None:
            return self._look_for(notice, sent)
        if notice.is_forgotten(self.now()):
            self.store.change_notice(notice.id, lambda _: None)
        return None

    def _post(self, notice: Notice) -> timedelta | None:
        if wait := self.turns.wait(notice.id, lambda now: self.channels.reserve(notice.channel, now), self.now()):
            return wait
        self.store.change_notice(notice.id, lambda one: one.begin_sending(self.now()))
        text = markup_of(notice.text)
        try:
            response = call(
                self.client.chat_postMessage,
                channel=notice.channel,
                unfurl_links=False,
                text=text,
                blocks=[section(text)],
                metadata=metadata_of(notice),
            )
        except (Refused, Limited):
            self.store.change_notice(notice.id, Notice.withdraw)
            raise
        self.store.change_notice(notice.id, lambda one: one.confirm(str(response["ts"]), self.now()))
        return None

    def _look_for(self, notice: Notice, sent: Posted) -> timedelta | None:
        """Look whether a notice of unknown fate has arrived; where the bot may not look, it counts as sent."""
        if not has_passed(DOUBT, sent.at, self.now()):
            return sent.at + DOUBT - self.now()
        try:
            ts = self._find(notice, sent)
        except Refused:
            # Any id that is not None marks the notice as sent.
            ts = "unknown"
        if ts:
            self.store.change_notice(notice.id, lambda one: one.confirm(ts, self.now()))
            return None
        self.store.change_notice(notice.id, Notice.withdraw)
        return timedelta()

    def _find(self, notice: Notice, sent: Posted) -> str | None:
        """Return Slack's id of the notice; None where the channel does not have it."""
        oldest = str((sent.at - CLOCKS_APART).timestamp())
        with sorted_failures():
            pages = self.client.conversations_history(
                channel=notice.channel, oldest=oldest, limit=200, include_all_metadata=True
            )
            messages = [message for page in pages for message in page["messages"]]
        wanted = metadata_of(notice)
        return next((str(one["ts"]) for one in messages if (one.get("metadata") or {}) == wanted), None)

    def _move(self, notice: Notice, code: str) -> timedelta | None:
        """Send it to the person instead, where the bot may not post in the channel; else try again much later."""
        log.error("Slack refuses the notice %s: %s", notice.key, code)
        if code in NO_ENTRY and notice.fallback:
            self.store.change_notice(notice.id, lambda one: replace(one, channel=one.fallback, fallback=""))
            return timedelta()
        return RETRY * 60


def metadata_of(notice: Notice) -> dict[str, Any]:
    """Return what identifies the message. The channel may have changed, so only the key counts."""
    return {"event_type": EVENT, "event_payload": {"key": mark_of(notice.key)}}


def markup_of(text: str) -> Markup:
    """Return the text of a notice, in which an emoji and a bold head at its beginning are the only markup.

    >>> markup_of(":rotating_light: *The record of `a` cannot be read* (<!channel> *b*).")
    ':rotating_light: *The record of `a` cannot be read* (&lt;!channel&gt; `*b*).`'
    """
    icon, head, end, blank, rest = (part or "" for part in HEAD.findall(one_line(text))[0])
    bold = mrkdwn("*{}*{}", head, end) if head else ""
    told = joined(" ", [bold, rest]) if blank else joined("", [bold, rest])
    return joined(" ", [emoji(icon) if icon else "", told])
