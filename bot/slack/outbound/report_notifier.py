"""Publisher of scheduled reports, each of which is one message."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bot.app.ports import Now
from bot.app.rate_limits import InteractivePriority
from bot.app.report_service import ReportService, load_zone
from bot.app.store_ports import ReportStore
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
from bot.core.model.sent_message import SentMessage
from bot.core.rules.report_content import DigestContent, list_costs
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.outbox import RETRY_AFTER, Outbox
from bot.slack.outbound.outbox_limits import IMMEDIATELY
from bot.slack.views.message import Message
from bot.slack.views.report_views import render_report
from bot.slack.views.run_table import NameFinder, find_no_names, name_plainly

ZONE_QUERY_INTERVAL = timedelta(minutes=10)
"""Time between two queries of a time zone that Slack has not given."""


class ReportPublisher:
    """Advances every scheduled report by at most one step per pass.

    Args:
        is_leader: returns whether this process is the leader among those that share the store.
        find_zone: returns a person's time zone, or None while Slack does not give it; may take seconds.
        find_names: returns people's names, by Slack's id.
    """

    def __init__(
        self,
        report_service: ReportService,
        store: ReportStore,
        outbox: Outbox,
        now: Now,
        is_leader: Callable[[], bool],
        interactive_priority: InteractivePriority,
        find_zone: Callable[[str], str | None] = lambda user: None,
        find_names: NameFinder = find_no_names,
    ) -> None:
        self._find_names = find_names
        self._report_service = report_service
        self._store = store
        self._outbox = outbox
        self._now = now
        self._is_leader = is_leader
        self._interactive_priority = interactive_priority
        self._find_zone = find_zone
        self._zone_queried_at: dict[str, datetime] = {}

    def publish_due_reports(self) -> timedelta | None:
        """Advance every due report by one step. Return the delay until the next pass; None if there are no reports."""
        if not self._is_leader():
            return RETRY_AFTER
        delays = []
        for report in self._store.list_reports():
            self._interactive_priority.yield_to_interactive()
            delays.append(self._outbox.attempt(report.id, partial(self._run_next_step, report)))
        return min((delay for delay in delays if delay is not None), default=None)

    def _run_next_step(self, report: Report) -> timedelta | None:
        """Run the next step of a report. Return the delay until the one after it."""
        now = self._now()
        report = self._learn_zone(report, now)
        match decide_report_step(report, now, load_zone(report.zone)):
            case NothingDue(until):
                return until - now
            case ReportUnconfirmed(delivery):
                content = self._report_service.build_digest(report, now)
                return self._outbox.advance(self._build_conversation(report, content, delivery.due_at, now))
            case ReportDue(due_at):
                return self._publish(report, due_at, now)

    def _learn_zone(self, report: Report, now: datetime) -> Report:
        """Query a time zone that Slack has not given yet, once per `ZONE_QUERY_INTERVAL`. Return the report with it."""
        queried_at = self._zone_queried_at.get(report.id)
        if not report.is_zone_assumed or (queried_at and now < queried_at + ZONE_QUERY_INTERVAL):
            return report
        self._zone_queried_at[report.id] = now
        zone = self._find_zone(report.by)
        if zone is None:
            return report
        return self._store.update_report(report.id, lambda current: current.learn_zone(zone, now)) or report

    def _publish(self, report: Report, due_at: datetime, now: datetime) -> timedelta | None:
        """Send a report that is due, or skip it if it has no news."""
        content = self._report_service.build_digest(report, now)
        if has_nothing_new(report, len(content.active), len(content.ended)):
            self._store.update_report(report.id, lambda report: report.skip(due_at))
            return IMMEDIATELY
        return self._outbox.advance(self._build_conversation(report, content, due_at, now))

    def _build_conversation(
        self, report: Report, content: DigestContent, due_at: datetime, now: datetime
    ) -> Conversation:
        """Return the one message of a report with this due time."""
        message = render_report(
            report,
            content,
            now,
            due_at,
            fell_in_quiet_hours(report, due_at, load_zone(report.zone)),
            name_plainly(self._find_names(content.people)),
        )
        delivery = ReportDelivery(due_at, now, list_costs(content.active, now))
        pending = report.pending_delivery
        return Conversation(
            name=report.id,
            identity={"report": report.id, "occasion": int(due_at.timestamp())},
            channel=report.target_channel,
            desired=[message],
            sent={message.key: SentMessage(None, "", "", pending.sent_at)} if pending else {},
            record=ReportMessageRecord(self._store, report, message, delivery),
            fallback_user=report.by,
            # What it reports next time begins where the message that people see ends.
            refreshes_unconfirmed=True,
        )


@dataclass(frozen=True, slots=True)
class ReportMessageRecord:
    """Stores in a report's record whether its message was sent.

    Attributes:
        message: the message as it should be.
        delivery: what is recorded of it.
    """

    store: ReportStore
    report: Report
    message: Message
    delivery: ReportDelivery

    def begin(self, sent: Mapping[str, SentMessage]) -> bool:
        """Record the message as pending; return False if a person has removed the report in the meantime, or another
        process has begun to send it.
        """
        changed = self.store.update_report(
            self.report.id, lambda report: report if self._has_begun(report) else report.begin_delivery(self.delivery)
        )
        return changed is not None and changed.pending_delivery == self.delivery

    def confirm(self, sent: Mapping[str, SentMessage], channel: str) -> None:
        """Record that the message is in Slack, as it should be or as it was sent before a crash.

        A direct message has a channel id of its own, which Slack returns with the first message.
        """
        is_current = sent[self.message.key].content_hash == self.message.digest
        delivery = self.delivery if is_current else self.report.pending_delivery or self.delivery

        def record_arrival(report: Report) -> Report:
            """Return the report with the delivery, and with the channel of the direct message."""
            arrived_report = report.record_delivery(delivery)
            return arrived_report.use_fallback_channel(channel) if report.fallback_channel else arrived_report

        self.store.update_report(self.report.id, record_arrival)

    def withdraw(self, keys: Collection[str]) -> None:
        """Record that the message is not in Slack."""
        self.store.update_report(self.report.id, lambda report: report.drop_delivery())

    def await_repeat(self, key: str, since: datetime) -> None:
        """Record that the message is not in Slack: a report that is sent again has newer content."""
        self.withdraw([key])

    def redirect(self, user: str, edited_keys: Collection[str]) -> None:
        """Record that the report goes to the person who requested it."""
        self.store.update_report(self.report.id, lambda report: report.use_fallback_channel(user))

    def _has_begun(self, report: Report) -> bool:
        """Return whether a message with this due time is being sent, or was sent, already."""
        return report.pending_delivery is not None or report.last_due_at >= self.delivery.due_at
