"""Sends notices, each once: record it, send it, and look for it in Slack where its fate is unknown."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from slack_sdk import WebClient

from bot.app.ports import Now, Store
from bot.core.model.bot_clock import has_passed
from bot.core.model.characters import to_single_line
from bot.core.model.sent_message import Notice, SentMessage
from bot.core.model.token_bucket import TurnReservations
from bot.errors import Unavailable
from bot.i18n import render, use_language
from bot.phrase import ENGLISH
from bot.slack.outbound.message_calls import MAX_CLOCK_DIFFERENCE, NO_ENTRY_CODES, call_slack
from bot.slack.outbound.outbox import RETRY_AFTER, VERIFY_AFTER
from bot.slack.outbound.web_client import (
    ChannelRateLimiter,
    SlackRateLimited,
    SlackRejected,
    SlackUncertain,
    classify_slack_errors,
)
from bot.slack.views.blocks import section
from bot.slack.views.message import to_metadata_key
from bot.slack.views.mrkdwn import Markup, emoji, join_parts, mrkdwn

log = logging.getLogger(__name__)

NOTICE_PARTS = re.compile(
    r"^(:[a-z_]+:)? ?(?:\*([^*]+)\*(?=[ ,.:，。：（])([,.:，。：]?)( ?))?(.*)$"
)  # with Chinese punctuation
"""Parts of a notice: its emoji, its bold head, the punctuation after the head, a space, the rest."""

NOTICE_EVENT = "verlbot_notice"
"""Type of the metadata by which the bot recognizes a notice."""


@dataclass(frozen=True, slots=True)
class NoticeSender:
    """Compares the recorded notices with the sent ones.

    Attributes:
        is_leader: whether this process is the leader among those that share the store; only the leader sends.
        language: of all notices.
        rate_limiter: the limit of posts per channel, shared by all senders.
    """

    store: Store
    client: WebClient
    now: Now
    is_leader: Callable[[], bool]
    rate_limiter: ChannelRateLimiter = field(default_factory=ChannelRateLimiter)
    reservations: TurnReservations = field(default_factory=TurnReservations)
    language: str = ENGLISH

    def send_due(self) -> timedelta | None:
        """Advance every notice by one step. Return the delay until the next pass."""
        if not self.is_leader():
            return RETRY_AFTER
        waits = [self._try_advance(notice) for notice in self.store.list_notices()]
        return min((wait for wait in waits if wait is not None), default=None)

    def _try_advance(self, notice: Notice) -> timedelta | None:
        """Advance one notice by one step. A failure is retried, and delays no other notice."""
        try:
            return self._advance(notice)
        except SlackRateLimited as limited:
            return limited.retry_after
        except (SlackUncertain, Unavailable) as error:
            log.warning("notice %s: %s", notice.key, error)
            return RETRY_AFTER
        except SlackRejected as error:
            return self._redirect(notice, error.code)

    def _advance(self, notice: Notice) -> timedelta | None:
        """Advance one notice by one step. Return the delay until the next."""
        sent = notice.sent_message
        if sent is None:
            return self._post(notice)
        if sent.ts is None:
            return self._verify_sent(notice, sent)
        if notice.is_expired(self.now()):
            self.store.change_notice(notice.id, lambda _: None)
        return None

    def _post(self, notice: Notice) -> timedelta | None:
        if wait := self.reservations.acquire(
            notice.id, lambda now: self.rate_limiter.reserve_post(notice.channel, now), self.now()
        ):
            return wait
        self.store.change_notice(notice.id, lambda current: current.begin_sending(self.now()))
        with use_language(self.language):
            text = to_notice_markup(render(notice.text))
        try:
            response = call_slack(
                self.client.chat_postMessage,
                channel=notice.channel,
                unfurl_links=False,
                text=text,
                blocks=[section(text)],
                metadata=build_notice_metadata(notice),
            )
        except (SlackRejected, SlackRateLimited):
            self.store.change_notice(notice.id, Notice.withdraw)
            raise
        self.store.change_notice(notice.id, lambda current: current.confirm_sent(str(response["ts"]), self.now()))
        return None

    def _verify_sent(self, notice: Notice, sent: SentMessage) -> timedelta | None:
        """Look whether a notice of unknown fate has arrived; where the bot may not look, it counts as sent."""
        if not has_passed(VERIFY_AFTER, sent.sent_at, self.now()):
            return sent.sent_at + VERIFY_AFTER - self.now()
        try:
            ts = self._find(notice, sent)
        except SlackRejected:
            # Any id that is not None marks the notice as sent.
            ts = "unknown"
        if ts:
            self.store.change_notice(notice.id, lambda current: current.confirm_sent(ts, self.now()))
            return None
        self.store.change_notice(notice.id, Notice.withdraw)
        return timedelta()

    def _find(self, notice: Notice, sent: SentMessage) -> str | None:
        """Return Slack's id of the notice; None where the channel does not have it."""
        oldest = str((sent.sent_at - MAX_CLOCK_DIFFERENCE).timestamp())
        with classify_slack_errors():
            pages = self.client.conversations_history(
                channel=notice.channel, oldest=oldest, limit=200, include_all_metadata=True
            )
            messages = [message for page in pages for message in page["messages"]]
        expected = build_notice_metadata(notice)
        return next(
            (str(candidate["ts"]) for candidate in messages if (candidate.get("metadata") or {}) == expected), None
        )

    def _redirect(self, notice: Notice, code: str) -> timedelta | None:
        """Send it to the person instead, where the bot may not post in the channel; else try again much later."""
        log.error("Slack refuses the notice %s: %s", notice.key, code)
        if code in NO_ENTRY_CODES and notice.fallback_user:
            self.store.change_notice(
                notice.id, lambda current: replace(current, channel=current.fallback_user, fallback_user="")
            )
            return timedelta()
        return RETRY_AFTER * 60


def build_notice_metadata(notice: Notice) -> dict[str, Any]:
    """Return what identifies the message. The channel may have changed, so only the key counts."""
    return {"event_type": NOTICE_EVENT, "event_payload": {"key": to_metadata_key(notice.key)}}


def to_notice_markup(text: str) -> Markup:
    """Return the text of a notice, in which an emoji and a bold head at its beginning are the only markup.

    >>> to_notice_markup(":rotating_light: *The record of `a` cannot be read* (<!channel> *b*).")
    ':rotating_light: *The record of `a` cannot be read* (&lt;!channel&gt; `*b*).`'
    """
    icon, head, end, blank, rest = (part or "" for part in NOTICE_PARTS.findall(to_single_line(text))[0])
    bold = mrkdwn("*{}*{}", head, end) if head else ""
    body = join_parts(" ", [bold, rest]) if blank else join_parts("", [bold, rest])
    return join_parts(" ", [emoji(icon) if icon else "", body])
