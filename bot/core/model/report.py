"""A report: a channel's request for regular messages on its runs, and the due time that was delivered last.

Level, not edge: the newest due time that has come and was not delivered is delivered now. Earlier ones are skipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import Self

from bot.core.model.ledger import build_budget_key
from bot.core.model.policy import Scope
from bot.core.model.run import Run
from bot.core.model.schedule import (
    Interval,
    QuietHours,
    Schedule,
    find_last_due,
    find_next_due,
    find_quiet_end,
    parse_schedule,
)

LATE_AFTER = timedelta(minutes=5)
"""Time after its due time from which a report says that it is late."""


@dataclass(frozen=True, slots=True)
class ReportDelivery:
    """A report message that is being delivered: recorded before it is sent.

    Attributes:
        due_at: the due time that it is for.
        sent_at: when it was sent; it shows what was known then.
        run_costs: what each active run had cost by then.
    """

    due_at: datetime
    sent_at: datetime
    run_costs: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The record of a report. Users write the request, the report publisher writes what was delivered.

    Attributes:
        id: such as `report-1`; never reused.
        channel: where it is delivered; by: who requested it.
        when: its schedule as it is typed, such as `daily 09:00`; zone: the time zone of the schedule.
        everywhere: whether it covers all runs, not only those of its channel.
        last_due_at: the due time that was delivered last; before the first, when the report was requested or changed.
        covered_until: the end of the time that the last message covered; run_costs: what each run that was active then
            had cost.
        delivery_count: how many messages were delivered.
        pending_delivery: a message that is not confirmed.
        fallback_channel: where it is delivered instead, because the bot may not write in `channel`.
        is_zone_assumed: whether the zone is the workspace's, because Slack did not give that of the person.
    """

    id: str
    channel: str
    by: str
    when: str
    zone: str
    quiet: QuietHours | None = None
    everywhere: bool = False
    last_due_at: datetime
    covered_until: datetime
    run_costs: Mapping[str, float | None] = field(default_factory=dict)
    delivery_count: int = 0
    pending_delivery: ReportDelivery | None = None
    fallback_channel: str | None = None
    is_zone_assumed: bool = False

    @property
    def schedule(self) -> Schedule:
        return parse_schedule(tuple(self.when.split()))

    @property
    def target_channel(self) -> str:
        return self.fallback_channel or self.channel

    @property
    def is_personal(self) -> bool:
        """Return whether it was requested in a direct message, and reports to one person on that person's runs."""
        return self.channel.startswith("D") and not self.everywhere

    @property
    def budget_key(self) -> str:
        """Return the monthly budget that the covered runs draw on, as the ledger names it."""
        scope = Scope.WORKSPACE if self.everywhere else Scope.PERSON if self.is_personal else Scope.TEAM
        return build_budget_key(scope, self.by, self.channel)

    def covers(self, run: Run) -> bool:
        """Return whether the report covers the run."""
        return self.everywhere or run.channel == self.channel or (self.is_personal and run.requester == self.by)

    def find_next_delivery(self, now: datetime, tz: tzinfo) -> datetime:
        """Return when the next message comes: after the quiet hours, if it is due within them."""
        due_at = find_next_due(self.schedule, now, tz)
        return find_quiet_end(self.quiet, due_at, tz) or due_at

    # the request, by users

    def change(self, now: datetime, when: str, zone: str, quiet: QuietHours | None, everywhere: bool) -> Self:
        """Return the report with another schedule, which counts from now on: no due time before now is missed."""
        return replace(
            self,
            when=when,
            zone=zone,
            quiet=quiet,
            everywhere=everywhere,
            last_due_at=max(self.last_due_at, now),
            is_zone_assumed=self.is_zone_assumed and zone == self.zone,
        )

    def learn_zone(self, zone: str, now: datetime) -> Self:
        """Return the report in the person's own time zone, which Slack has given at last."""
        changed = self.change(now, self.when, zone, self.quiet, self.everywhere)
        return replace(changed, is_zone_assumed=False)

    # deliveries, by the report publisher

    def begin_delivery(self, delivery: ReportDelivery) -> Self:
        return replace(self, pending_delivery=delivery)

    def record_delivery(self, delivery: ReportDelivery) -> Self:
        """Return the report after Slack confirmed the message."""
        last_due_at = max(self.last_due_at, delivery.due_at)
        return replace(
            self,
            last_due_at=last_due_at,
            covered_until=delivery.sent_at,
            run_costs=delivery.run_costs,
            delivery_count=self.delivery_count + 1,
            pending_delivery=None,
        )

    def drop_delivery(self) -> Self:
        """Return the report after a delivery that is known not to be in Slack."""
        return replace(self, pending_delivery=None)

    def skip(self, due_at: datetime) -> Self:
        """Return the report after a due time with no news."""
        return replace(self, last_due_at=max(self.last_due_at, due_at))

    def use_fallback_channel(self, channel: str) -> Self:
        return replace(self, fallback_channel=channel, pending_delivery=None)


@dataclass(frozen=True, slots=True)
class ReportDue:
    """A message is due; its time was `due_at`."""

    due_at: datetime


@dataclass(frozen=True, slots=True)
class ReportUnconfirmed:
    """A message may have arrived: it was sent, but Slack did not confirm it."""

    delivery: ReportDelivery


@dataclass(frozen=True, slots=True)
class NothingDue:
    """No message is due before this time."""

    until: datetime


ReportStep = ReportDue | ReportUnconfirmed | NothingDue


def decide_report_step(report: Report, now: datetime, tz: tzinfo) -> ReportStep:
    """Return the next step for a report."""
    # An unconfirmed message comes first, because a message must not arrive twice.
    if report.pending_delivery:
        return ReportUnconfirmed(report.pending_delivery)
    if end := find_quiet_end(report.quiet, now, tz):
        return NothingDue(end)
    due_at = find_due_time(report, now, tz)
    return ReportDue(due_at) if due_at else NothingDue(find_next_due(report.schedule, now, tz))


def find_due_time(report: Report, now: datetime, tz: tzinfo) -> datetime | None:
    """Return the newest due time that has come, unless it was delivered; None in quiet hours."""
    if find_quiet_end(report.quiet, now, tz):
        return None
    newest = find_last_due(report.schedule, now, tz)
    return newest if newest > report.last_due_at else None


def is_late(due_at: datetime, now: datetime) -> bool:
    return now - due_at > LATE_AFTER


def fell_in_quiet_hours(report: Report, due_at: datetime, tz: tzinfo) -> bool:
    """Return whether the due time was in the quiet hours, so that the message waited for their end."""
    return find_quiet_end(report.quiet, due_at, tz) is not None


def has_nothing_new(report: Report, active: int, ended: int) -> bool:
    """Return whether there is no news since the message before: that no run is active is reported once.

    A daily report is sent all the same, because that no machine bills is news enough for a day.
    """
    # The message before already reported that no run is active.
    reported_idle_before = bool(report.delivery_count) and not report.run_costs
    return isinstance(report.schedule, Interval) and reported_idle_before and not active and not ended
