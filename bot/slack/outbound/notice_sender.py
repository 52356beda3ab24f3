"""Sends notices, each once."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from bot.app.ports import Now
from bot.app.store_ports import NoticeStore
from bot.core.model.characters import to_single_line
from bot.core.model.sent_message import Notice, SentMessage
from bot.i18n import render
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.outbox import RETRY_AFTER, Outbox
from bot.slack.views.message import thread_notice
from bot.slack.views.mrkdwn import Markup, emoji, join_parts, mrkdwn

NOTICE_PARTS = re.compile(
    r"^(:[a-z_]+:)? ?(?:\*([^*]+)\*(?=[ ,.:，。：（])([,.:，。：]?)( ?))?(.*)$"
)  # with Chinese punctuation
"""Parts of a notice: its emoji, its bold head, the punctuation after the head, a space, the rest."""

NOTICE = "notice"
"""Key of a notice's one message."""


@dataclass(frozen=True, slots=True)
class NoticeSender:
    """Compares the recorded notices with the sent ones.

    Attributes:
        is_leader: whether this process is the leader among those that share the store; only the leader sends.
    """

    store: NoticeStore
    outbox: Outbox
    now: Now
    is_leader: Callable[[], bool]

    def send_due(self) -> timedelta | None:
        """Advance every notice by one step. Return the delay until the next pass."""
        if not self.is_leader():
            return RETRY_AFTER
        waits = [
            self.outbox.attempt(f"notice {notice.id}", partial(self._advance, notice))
            for notice in self.store.list_notices()
        ]
        return min((wait for wait in waits if wait is not None), default=None)

    def _advance(self, notice: Notice) -> timedelta | None:
        """Advance one notice by one step. Return the delay until the next."""
        if notice.is_expired(self.now()):
            self.store.change_notice(notice.id, lambda _: None)
        if notice.is_settled:  # perhaps by another process
            self.outbox.forget(f"notice {notice.id}")
            return None
        return self.outbox.advance(self._build_conversation(notice))

    def _build_conversation(self, notice: Notice) -> Conversation:
        """Return the one message of a notice. Its channel may change, so the key alone identifies it."""
        return Conversation(
            name=f"notice {notice.id}",
            identity={"notice": notice.key},
            channel=notice.channel,
            desired=[thread_notice(NOTICE, to_notice_markup(render(notice.text)))],
            sent={NOTICE: notice.sent_message} if notice.sent_message else {},
            record=NoticeRecord(self.store, notice),
            fallback_user=notice.fallback_user,
            once_keys={NOTICE},
            recorded_at=notice.created_at,
        )


@dataclass(frozen=True, slots=True)
class NoticeRecord:
    """Stores in a notice's record whether it was sent."""

    store: NoticeStore
    notice: Notice

    def begin(self, sent: Mapping[str, SentMessage]) -> bool:
        """Record that the notice is about to be sent; return False if another process has begun to send it."""
        message = sent[NOTICE]
        changed = self.store.change_notice(
            self.notice.id,
            lambda notice: notice.begin_sending(message) if notice.must_send else notice,
        )
        return changed is not None and changed.sent_message == message

    def confirm(self, sent: Mapping[str, SentMessage], channel: str) -> None:
        """Record that the notice is in Slack."""
        message = sent[NOTICE]
        self.store.change_notice(self.notice.id, lambda notice: notice.confirm_sent(message))

    def withdraw(self, keys: Collection[str]) -> None:
        """Record that the notice is not in Slack."""
        self.store.change_notice(self.notice.id, Notice.withdraw)

    def await_repeat(self, key: str, since: datetime) -> None:
        """Record that the notice is to be sent again."""
        self.store.change_notice(self.notice.id, lambda notice: notice.await_repeat(since))

    def redirect(self, user: str, edited_keys: Collection[str]) -> None:
        """Record that the notice goes to a person instead."""
        self.store.change_notice(
            self.notice.id, lambda notice: replace(notice, channel=user, fallback_user="", sent_message=None)
        )


def to_notice_markup(text: str) -> Markup:
    """Return the text of a notice, in which an emoji and a bold head at its beginning are the only markup.

    >>> to_notice_markup(":rotating_light: *The record of `a` cannot be read* (<!channel> *b*).")
    ':rotating_light: *The record of `a` cannot be read* (&lt;!channel&gt; `*b*).`'
    """
    icon, head, end, blank, rest = (part or "" for part in NOTICE_PARTS.findall(to_single_line(text))[0])
    bold = mrkdwn("*{}*{}", head, end) if head else ""
    body = join_parts(" ", [bold, rest]) if blank else join_parts("", [bold, rest])
    return join_parts(" ", [emoji(icon) if icon else "", body])
