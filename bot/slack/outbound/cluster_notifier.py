"""Keeps one message per cluster without a run up to date, and records what people decide about it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.app.ports import EventRecorder, Now, Store, discard_event
from bot.core.model.audit import build_request_event
from bot.core.model.bot_clock import has_passed
from bot.core.model.orphan import ListedCluster, Orphan
from bot.core.model.sent_message import SentMessage
from bot.core.model.token_bucket import TokenBucket, TurnReservations
from bot.errors import Unavailable
from bot.i18n import use_language
from bot.phrase import ENGLISH
from bot.runtime.request_origin import get_origin
from bot.slack.outbound.message_calls import MISSING_MESSAGE_CODES, call_slack
from bot.slack.outbound.outbox import RETRY_AFTER, VERIFY_AFTER
from bot.slack.outbound.web_client import SlackRateLimited, SlackRejected, SlackUncertain, classify_slack_errors
from bot.slack.payloads import parse_number, parse_time, read_value
from bot.slack.views.blocks import section
from bot.slack.views.cluster_views import ADOPT, LEAVE, REMOVE, build_orphan_message, describe_removal_warning
from bot.slack.views.message import Message, build_answer, to_metadata_key

log = logging.getLogger(__name__)

ORPHAN_EVENT = "verlbot_orphan"
"""Type of the metadata by which the bot recognizes an orphan's message."""

WARNING_EVENT = "verlbot_orphan_ends"
"""Type of the metadata of a warning."""


ADOPT_CLUSTER = "adopt cluster"
"""Name of the act in the audit."""


@dataclass(frozen=True, slots=True)
class OrphanNotifier:
    """Keeps one Slack message per orphan up to date. Level, not edge: it compares each record with its message in
    Slack.

    Attributes:
        is_leader: whether this process is the leader among those that share the store; only the leader sends.
        wake: starts the next sweep now.
        may_manage: returns Slack's id of the person who pressed a button, given Slack's delivery, the cluster, and
            whether it is to be adopted; raises UserError where that person may not.
        edit_period: time between two edits that change the dollars alone.
        post_bucket: limit of posts in the whole workspace; a first sweep may find many clusters. reservations: its
            turns.
        record_event: writes to the audit.
    """

    store: Store
    client: WebClient
    now: Now
    is_leader: Callable[[], bool]
    wake: Callable[[], None]
    may_manage: Callable[[dict[str, Any], ListedCluster | None, bool], str]
    language: str = ENGLISH
    edit_period: timedelta = timedelta(minutes=5)
    post_bucket: TokenBucket = field(default_factory=lambda: TokenBucket(per_second=1, capacity=3))
    reservations: TurnReservations = field(default_factory=TurnReservations)
    record_event: EventRecorder = discard_event

    def listen(self, app: App) -> None:
        """Register the listeners of the buttons."""
        app.action(REMOVE)(self.on_remove)
        app.action(LEAVE)(self.on_leave)
        app.action(ADOPT)(self.on_adopt)

    def on_remove(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Record the request to remove the cluster. The message itself shows the request."""
        self._record_request("remove cluster", read_value(action), body, Orphan.request_removal)
        ack()

    def on_leave(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Record the request to leave the cluster alone."""
        self._record_request("leave cluster", read_value(action), body, Orphan.leave_alone)
        ack()

    def on_adopt(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Record that a person adopts the cluster. The message itself shows the person and the end."""
        orphan_id, _, end = read_value(action).rpartition(" ")
        shown_end = parse_time(end) if parse_number(end) else None
        self._record_request(
            ADOPT_CLUSTER,
            orphan_id,
            body,
            lambda orphan, by: orphan.adopt(by, shown_end, truncate_to_second(self.now())),
        )
        ack()

    def sync(self) -> timedelta | None:
        """Advance every message by one step. Return the delay until the next pass."""
        if not self.is_leader():
            return RETRY_AFTER
        waits = [self._try_advance(orphan) for orphan in self.store.get_orphans().values() if orphan.reported_at]
        return min((wait for wait in waits if wait is not None), default=None)

    def _record_request(
        self, action: str, orphan_id: str, body: dict[str, Any], change: Callable[[Orphan, str], Orphan]
    ) -> None:
        """Record what a person wants done with a cluster. A cluster that is gone by then has no record, and nothing is
        done.

        Raises:
            UserError: the person may not.
        """
        current = self.store.get_orphans().get(orphan_id)
        by = self.may_manage(body, current.cluster if current else None, action == ADOPT_CLUSTER)
        changed = self.store.change_orphan(orphan_id, lambda orphan: orphan and change(orphan, by))
        if changed and changed != current:
            until = changed.adopted_until.isoformat() if changed.adopted_until else None
            after = {"kept_until": until} if action == ADOPT_CLUSTER else {}
            self.record_event(build_request_event(action, changed.cluster.name, self.now(), get_origin(), after=after))
        self.wake()

    def _try_advance(self, orphan: Orphan) -> timedelta | None:
        """Advance one message by one step. A failure is retried, and delays no other message."""
        try:
            return self._advance(orphan)
        except SlackRateLimited as limited:
            return limited.retry_after
        except (SlackUncertain, Unavailable) as error:
            log.warning("cluster %s: %s", orphan.cluster.name, error)
            return RETRY_AFTER
        except SlackRejected as error:
            log.error("cluster %s is up, and Slack refuses the notice: %s", orphan.cluster.name, error.code)
            return RETRY_AFTER * 60

    def _advance(self, orphan: Orphan) -> timedelta | None:
        """Advance one message by one step. Return the delay until the next; None where it is up to date."""
        with use_language(self.language):
            message = build_orphan_message(orphan, self.now())
        sent = orphan.sent_message
        if sent is None and orphan.channel and not orphan.gone_at:
            return self._post(orphan, message)
        if sent and sent.ts is None:
            return self._verify_sent(orphan, sent)
        if sent and sent.ts:
            delays = [self._warn(orphan, sent.ts), self._edit(orphan, sent, sent.ts, message)]
            if any(wait is not None for wait in delays):
                return min(wait for wait in delays if wait is not None)
        self._forget_if_gone(orphan)
        return None

    def _forget_if_gone(self, orphan: Orphan) -> None:
        """Remove the record of a cluster that is gone, and whose message says so."""
        if orphan.gone_at:
            self.store.change_orphan(orphan.id, lambda current: current if current and not current.gone_at else None)

    def _post(self, orphan: Orphan, message: Message) -> timedelta | None:
        """Record that the message is sent, send it, record its id: a crash in between leaves a doubt, not a second
        message.
        """
        if wait := self.reservations.acquire(orphan.id, self.post_bucket.reserve, self.now()):
            return wait
        self._record_sent(orphan, SentMessage(None, message.digest, get_urgent_state(orphan), self.now()))
        try:
            response = call_slack(
                self.client.chat_postMessage,
                channel=orphan.channel,
                unfurl_links=False,
                **build_content(orphan, message),
            )
        except (SlackRejected, SlackRateLimited):
            self._record_sent(orphan, None)
            raise
        sent = SentMessage(str(response["ts"]), message.digest, get_urgent_state(orphan), self.now())
        channel = str(response["channel"])
        self.store.change_orphan(
            orphan.id, lambda current: current and current.with_sent_message(sent).with_channel(channel)
        )
        return timedelta()

    def _warn(self, orphan: Orphan, thread_ts: str) -> timedelta | None:
        """Send the warning of the end in the thread and in the channel, because an edit notifies no person. Return
        None where no warning is due.

        It is sent once, as the message itself: see `_post`. It comes before an edit, which may be for money alone.
        """
        if not orphan.needs_warning(self.now()):
            return None
        if orphan.current_warning:
            return self._verify_warning(orphan, orphan.current_warning, thread_ts)
        if wait := self.reservations.acquire(f"{orphan.id} warning", self.post_bucket.reserve, self.now()):
            return wait
        # The end has changed meanwhile: a person may have postponed it.
        if not self._record_warning(orphan, None):
            return timedelta()
        try:
            response = call_slack(
                self.client.chat_postMessage,
                channel=orphan.channel,
                thread_ts=thread_ts,
                reply_broadcast=True,
                metadata=build_warning_metadata(orphan),
                **self._build_warning(orphan),
            )
        except (SlackRejected, SlackRateLimited):
            self.store.change_orphan(orphan.id, lambda current: current and current.clear_warning())
            raise
        self._record_warning(orphan, str(response["ts"]))
        return timedelta()

    def _build_warning(self, orphan: Orphan) -> dict[str, Any]:
        with use_language(self.language):
            return build_answer(describe_removal_warning(orphan), [section(describe_removal_warning(orphan))])

    def _record_warning(self, orphan: Orphan, ts: str | None) -> bool:
        """Record the warning, with the end that it is about. Return whether that still is the cluster's end: a person
        may have postponed it.
        """
        changed = self.store.change_orphan(
            orphan.id,
            lambda current: (
                current and (current.record_warning(ts, self.now()) if current.has_same_deadline(orphan) else current)
            ),
        )
        return changed is not None and changed.has_same_deadline(orphan)

    def _verify_warning(self, orphan: Orphan, sent: SentMessage, thread_ts: str) -> timedelta:
        """Look whether a warning of unknown fate has arrived; if not, it is sent again.

        Where the bot may not look, it counts as sent: the message above says the same, and a channel must not be
        notified every few seconds for an hour.
        """
        if not has_passed(VERIFY_AFTER, sent.sent_at, self.now()):
            return sent.sent_at + VERIFY_AFTER - self.now()
        try:
            ts = self._find_by_metadata(
                self.client.conversations_replies, build_warning_metadata(orphan), orphan, ts=thread_ts
            )
        except SlackRejected:
            # Any id that is not None marks the warning as sent.
            ts = thread_ts
        if ts:
            self._record_warning(orphan, ts)
        else:
            self.store.change_orphan(orphan.id, lambda current: current and current.clear_warning())
        return timedelta()

    def _edit(self, orphan: Orphan, sent: SentMessage, ts: str, message: Message) -> timedelta | None:
        """Edit the message: at once where more than the dollars has changed. Return None where nothing has."""
        if sent.content_hash == message.digest:
            return None
        urgent = get_urgent_state(orphan)
        due = sent.sent_at + self.edit_period
        if urgent == sent.urgent and not has_passed(self.edit_period, sent.sent_at, self.now()):
            return due - self.now()
        try:
            call_slack(self.client.chat_update, channel=orphan.channel, ts=ts, **build_content(orphan, message))
        except SlackRejected as error:
            # A message that no longer exists, or can no longer be edited, is sent again.
            if error.code not in MISSING_MESSAGE_CODES:
                raise
            self._record_sent(orphan, None)
            return timedelta()
        self._record_sent(orphan, SentMessage(ts, message.digest, urgent, self.now()))
        return timedelta()

    def _verify_sent(self, orphan: Orphan, sent: SentMessage) -> timedelta | None:
        """Look whether a message of unknown fate has arrived; where the bot cannot see that, it is sent again."""
        if not has_passed(VERIFY_AFTER, sent.sent_at, self.now()):
            return sent.sent_at + VERIFY_AFTER - self.now()
        try:
            ts = self._find_message(orphan, sent)
        except SlackRejected:
            ts = None
        self._record_sent(orphan, SentMessage(ts, sent.content_hash, sent.urgent, sent.sent_at) if ts else None)
        return timedelta()

    def _find_message(self, orphan: Orphan, sent: SentMessage) -> str | None:
        """Return Slack's id of the message; None where the channel does not have it."""
        oldest = str((sent.sent_at - timedelta(hours=6)).timestamp())
        return self._find_by_metadata(
            self.client.conversations_history, build_orphan_metadata(orphan), orphan, oldest=oldest
        )

    def _find_by_metadata(
        self, fetch_pages: Callable[..., Any], expected: dict[str, Any], orphan: Orphan, **where: str
    ) -> str | None:
        """Return Slack's id of the message with this metadata among those of the channel, or of a thread in it."""
        with classify_slack_errors():
            pages = fetch_pages(channel=orphan.channel, limit=200, include_all_metadata=True, **where)
            messages = [message for page in pages for message in page["messages"]]
        return next(
            (str(candidate["ts"]) for candidate in messages if (candidate.get("metadata") or {}) == expected), None
        )

    def _record_sent(self, orphan: Orphan, sent: SentMessage | None) -> None:
        self.store.change_orphan(orphan.id, lambda current: current and current.with_sent_message(sent))


def get_urgent_state(orphan: Orphan) -> str:
    """Return the part of a record whose change is shown at once."""
    requests = (
        orphan.removal_requested_by,
        orphan.left_alone_by,
        orphan.adopted_until,
        orphan.teardown_requested_at is None,
    )
    return "|".join(map(str, (*requests, orphan.last_error, orphan.gone_at, orphan.ownership)))


def truncate_to_second(now: datetime) -> datetime:
    """Return a time without its fraction of a second, as a button can carry it."""
    return now.replace(microsecond=0)


def build_orphan_metadata(orphan: Orphan) -> dict[str, Any]:
    """Return the metadata of an orphan's message."""
    return {"event_type": ORPHAN_EVENT, "event_payload": {"cluster": to_metadata_key(orphan.id)}}


def build_warning_metadata(orphan: Orphan) -> dict[str, Any]:
    """Return the metadata of a warning, which name the end that it is about."""
    payload = {"cluster": to_metadata_key(orphan.id), "removed_at": str(orphan.adopted_until)}
    return {"event_type": WARNING_EVENT, "event_payload": payload}


def build_content(orphan: Orphan, message: Message) -> dict[str, Any]:
    """Return the text, blocks and metadata of a message, as Slack's methods take them."""
    return {"text": message.text, "blocks": list(message.blocks), "metadata": build_orphan_metadata(orphan)}
