"""Publisher of scheduled reports: recorded before sending, looked up if the outcome is uncertain."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from slack_sdk import WebClient

from bot.app.ports import Now, Store
from bot.app.rate_limits import InteractivePriority
from bot.app.report_service import ReportService, load_zone
from bot.core.model.report import (
    NothingDue,
    Report,
    ReportDelivery,
    ReportDue,
    ReportUnconfirmed,
    decide_report_step,
    fell_in_quiet_hours,
    has_nothing_new,
)
from bot.core.model.token_bucket import TurnReservations
from bot.core.rules.report_content import DigestContent, list_costs
from bot.errors import Unavailable
from bot.i18n import use_language
from bot.phrase import ENGLISH
from bot.runtime.failure_isolation import report_once
from bot.slack.outbound.conversation import MESSAGE_EVENT
from bot.slack.outbound.message_calls import MAX_CLOCK_DIFFERENCE, NO_ENTRY_CODES, call_slack
from bot.slack.outbound.outbox import RETRY_AFTER, VERIFY_AFTER
from bot.slack.outbound.web_client import (
    ChannelRateLimiter,
    SlackRateLimited,
    SlackRejected,
    SlackUncertain,
    classify_slack_errors,
)
from bot.slack.views.message import Message, to_metadata_key
from bot.slack.views.report_views import render_report

log = logging.getLogger(__name__)

REJECTION_PAUSE = timedelta(minutes=5)
"""Pause after a rejection that only people can resolve."""

IMMEDIATELY = timedelta()


class ReportPublisher:
    """Advances every scheduled report by at most one step per pass.

    Args:
        is_leader: returns whether this process is the leader among those that share the store.
        channel_limiter: the rate limits of the channels, shared by everything that posts.
        language: the language of every report.
    """

    def __init__(
        self,
        report_service: ReportService,
        store: Store,
        client: WebClient,
        now: Now,
        is_leader: Callable[[], bool],
        channel_limiter: ChannelRateLimiter,
        interactive_priority: InteractivePriority,
        language: str = ENGLISH,
    ) -> None:
        self._report_service = report_service
        self._store = store
        self._client = client
        self._now = now
        self._is_leader = is_leader
        self._channel_limiter = channel_limiter
        self._interactive_priority = interactive_priority
        self._language = language
        self._reservations = TurnReservations()
        self._paused_until: dict[str, datetime] = {}

    def publish_due_reports(self) -> timedelta | None:
        """Advance every due report by one step. Return the delay until the next pass; None if there are no reports."""
        if not self._is_leader():
            return RETRY_AFTER
        delays = []
        for report in self._store.list_reports():
            self._interactive_priority.yield_to_interactive()
            delays.append(self._advance_report(report))
        return min(delays, default=None)

    def _advance_report(self, report: Report) -> timedelta:
        """Advance one report. Failures are retried and never block other reports."""
        now = self._now()
        paused_until = self._paused_until.pop(report.id, now)
        if paused_until > now:
            return self._pause_report(report, paused_until - now)
        try:
            return self._run_next_step(report, now)
        except SlackRateLimited as rate_limit:
            log.info("%s: Slack asks to wait %s", report.id, rate_limit.retry_after)
            return self._pause_report(report, rate_limit.retry_after)
        except (SlackUncertain, Unavailable) as error:
            log.warning("%s: %s", report.id, error)
        except Exception as error:
            report_once(f"{report.id}: its board cannot be told", error)
        return self._pause_report(report, RETRY_AFTER)

    def _pause_report(self, report: Report, wait: timedelta) -> timedelta:
        """Leave a report alone for the given time, even if the publisher is woken earlier."""
        self._paused_until[report.id] = self._now() + wait
        return wait

    def _run_next_step(self, report: Report, now: datetime) -> timedelta:
        """Run the next step of a report. Return the delay until the one after it."""
        match decide_report_step(report, now, load_zone(report.zone)):
            case NothingDue(until):
                return until - now
            case ReportUnconfirmed(delivery):
                return self._check_arrival(report, delivery)
            case ReportDue(due_at):
                return self._publish(report, due_at, now)

    def _publish(self, report: Report, due_at: datetime, now: datetime) -> timedelta:
        """Send a report that is due, or skip it if it has no news."""
        content = self._report_service.build_digest(report, now)
        if has_nothing_new(report, len(content.active), len(content.ended)):
            self._store.update_report(report.id, lambda report: report.skip(due_at))
            return IMMEDIATELY
        if wait := self._reservations.acquire(
            report.id, partial(self._channel_limiter.reserve_post, report.target_channel), now
        ):
            return wait
        message, delivery = self._render_message(report, content, due_at, now)
        if self._store.update_report(report.id, lambda report: report.begin_delivery(delivery)) is None:
            # A person has removed the report in the meantime.
            return IMMEDIATELY
        try:
            place = post_report(self._client, report, delivery, message)
        except SlackRejected as error:
            return self._on_rejection(report, error.code)
        except SlackRateLimited:
            # Slack has sent nothing, so the delivery is not uncertain and needs no lookup.
            self._store.update_report(report.id, lambda report: report.drop_delivery())
            raise
        return self._record_arrival(report, delivery, place)

    def _render_message(
        self, report: Report, content: DigestContent, due_at: datetime, now: datetime
    ) -> tuple[Message, ReportDelivery]:
        """Return the message of a report, and the delivery to record for it."""
        with use_language(self._language):
            message = render_report(
                report, content, now, due_at, fell_in_quiet_hours(report, due_at, load_zone(report.zone))
            )
        return message, ReportDelivery(due_at, now, list_costs(content.active, now))

    def _record_arrival(self, report: Report, delivery: ReportDelivery, place: str) -> timedelta:
        """Record that the report is in Slack.

        A direct message has a channel id of its own, which Slack returns with the first message.
        """

        def record_arrival(report: Report) -> Report:
            """Return the report with the delivery, and with the channel of the direct message."""
            arrived_report = report.record_delivery(delivery)
            return arrived_report.use_fallback_channel(place) if report.fallback_channel else arrived_report

        self._store.update_report(report.id, record_arrival)
        return IMMEDIATELY

    def _check_arrival(self, report: Report, delivery: ReportDelivery) -> timedelta:
        """Look for a report of unknown fate: update it if it has arrived, otherwise send it again."""
        now = self._now()
        # Slack may still be delivering the message, so an early lookup proves nothing.
        if now < delivery.sent_at + VERIFY_AFTER:
            return delivery.sent_at + VERIFY_AFTER - now
        try:
            ts = find_report_message(self._client, report, delivery)
        except SlackRejected as error:
            # Without the right to read the channel, a report that comes twice is better than one that is lost.
            log.warning("%s: cannot look for its board (%s); it may come twice", report.id, error.code)
            ts = None
        if ts is None:
            self._store.update_report(report.id, lambda report: report.drop_delivery())
            return IMMEDIATELY
        return self._record_arrival(report, self._refresh_message(report, delivery, ts, now), report.target_channel)

    def _refresh_message(self, report: Report, delivery: ReportDelivery, ts: str, now: datetime) -> ReportDelivery:
        """Return the delivery with the content of the edited report, or the original one if Slack rejects the edit."""
        message, new_delivery = self._render_message(
            report, self._report_service.build_digest(report, now), delivery.due_at, now
        )
        try:
            edit_report(self._client, report, new_delivery, message, ts)
        except SlackRejected as error:
            log.warning("%s: its board stays as it was sent: %s", report.id, error.code)
            return delivery
        return new_delivery

    def _on_rejection(self, report: Report, code: str) -> timedelta:
        """Send the report to the person who requested it if Slack rejects it in its channel; otherwise pause it."""
        log.warning("%s: Slack refuses its board: %s", report.id, code)
        if code in NO_ENTRY_CODES and not report.fallback_channel:
            self._store.update_report(report.id, lambda report: report.use_fallback_channel(report.by))
            return IMMEDIATELY
        self._store.update_report(report.id, lambda report: report.drop_delivery())
        return self._pause_report(report, REJECTION_PAUSE)


def post_report(client: WebClient, report: Report, delivery: ReportDelivery, message: Message) -> str:
    """Post a report. Return Slack's id of its channel.

    Raises:
        SlackRejected, SlackRateLimited: it was not sent.
        SlackUncertain: it may have been sent.
    """
    response = call_slack(
        client.chat_postMessage,
        channel=report.target_channel,
        text=message.text,
        blocks=list(message.blocks),
        metadata=build_report_metadata(report, delivery),
        unfurl_links=False,
    )
    return str(response["channel"])


def edit_report(client: WebClient, report: Report, delivery: ReportDelivery, message: Message, ts: str) -> None:
    """Replace the content of a report in Slack."""
    call_slack(
        client.chat_update,
        channel=report.target_channel,
        ts=ts,
        text=message.text,
        blocks=list(message.blocks),
        metadata=build_report_metadata(report, delivery),
    )


def find_report_message(client: WebClient, report: Report, delivery: ReportDelivery) -> str | None:
    """Return Slack's id of the report with this due time; None if it is not in the channel.

    Raises:
        SlackRejected: the bot may not read the channel, because it lacks a scope or is not a member.
        SlackRateLimited, SlackUncertain: the answer is unknown for now.
    """
    oldest = str(delivery.sent_at.timestamp() - MAX_CLOCK_DIFFERENCE.total_seconds())
    with classify_slack_errors():
        pages = client.conversations_history(
            channel=report.target_channel, oldest=oldest, limit=200, include_all_metadata=True
        )
        messages = (message for page in pages for message in page["messages"])
        return next((str(message["ts"]) for message in messages if is_report_message(message, report, delivery)), None)


def build_report_metadata(report: Report, delivery: ReportDelivery) -> dict[str, Any]:
    """Return the metadata that identifies a report in Slack."""
    due_seconds = int(delivery.due_at.timestamp())
    return {
        "event_type": MESSAGE_EVENT,
        "event_payload": {"report": to_metadata_key(report.id), "occasion": due_seconds},
    }


def is_report_message(message: dict[str, Any], report: Report, delivery: ReportDelivery) -> bool:
    """Return whether a message is the report with this due time."""
    message_metadata, expected_metadata = message.get("metadata") or {}, build_report_metadata(report, delivery)
    payload = message_metadata.get("event_payload") or {}
    return message_metadata.get("event_type") == MESSAGE_EVENT and all(
        payload.get(key) == value for key, value in expected_metadata["event_payload"].items()
    )
