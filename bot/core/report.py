"""A report: a channel's request for regular messages on its runs, and the due time that was delivered last.

Level, not edge: the newest due time that has come and was not delivered is delivered now. Earlier ones are skipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import Self

from bot.core.run import Run
from bot.core.schedule import Every, Quiet, Schedule, last_due, next_due, quiet_until, read

LATE = timedelta(minutes=5)
"""Time after its due time from which a report says that it is late."""


@dataclass(frozen=True, slots=True)
class Telling:
    """A report message that is being delivered: recorded before it is sent.

    Attributes:
        due_at: the due time that it is for.
        sent_at: when it was sent; it shows what was known then.
        run_costs: what each active run had cost by then.
    """

    occasion: datetime
    at: datetime
    spent: Mapping[str, float | None]


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
    """

    id: str
    channel: str
    by: str
    when: str
    zone: str
    quiet: Quiet | None = None
    everywhere: bool = False
    told: datetime
    told_at: datetime
    spent: Mapping[str, float | None] = field(default_factory=dict)
    boards: int = 0
    telling: Telling | None = None
    stands_in: str | None = None

    @property
    def schedule(self) -> Schedule:
        return read(tuple(self.when.split()))

    @property
    def place(self) -> str:
        return self.stands_in or self.channel

    @property
    def is_own(self) -> bool:
        """Return whether it was requested in a direct message, and reports to one person on that person's runs."""
        return self.channel.startswith("D") and not self.everywhere

    def covers(self, run: Run) -> bool:
        """Return whether the report covers the run."""
        return self.everywhere or run.channel == self.channel or (self.is_own and run.requester == self.by)

    def next_due(self, now: datetime, tz: tzinfo) -> datetime:
        """Return when the next message comes: after the quiet hours, if it is due within them."""
        due = next_due(self.schedule, now, tz)
        return quiet_until(self.quiet, due, tz) or due

    # the request, by users

    def changed(self, now: datetime, when: str, zone: str, quiet: Quiet | None, everywhere: bool) -> Self:
        """Return the report with another schedule, which counts from now on: no due time before now is missed."""
        return replace(self, when=when, zone=zone, quiet=quiet, everywhere=everywhere, told=max(self.told, now))

    # deliveries, by the report publisher

    def sending(self, telling: Telling) -> Self:
        return replace(self, telling=telling)

    def arrived(self, telling: Telling) -> Self:
        """Return the report after Slack confirmed the message."""
        told = max(self.told, telling.occasion)
        return replace(
            self, told=told, told_at=telling.at, spent=telling.spent, boards=self.boards + 1, telling=None
        )  # fmt: skip

    def unsent(self) -> Self:
        """Return the report after a delivery that is known not to be in Slack."""
        return replace(self, telling=None)

    def passed_over(self, occasion: datetime) -> Self:
        """Return the report after a due time with no news."""
        return replace(self, told=max(self.told, occasion))

    def tells_in(self, channel: str) -> Self:
        return replace(self, stands_in=channel, telling=None)


@dataclass(frozen=True, slots=True)
class Tell:
    """A message is due; its time was `due_at`."""

    occasion: datetime


@dataclass(frozen=True, slots=True)
class Check:
    """A message may have arrived: it was sent, but Slack did not confirm it."""

    telling: Telling


@dataclass(frozen=True, slots=True)
class Wait:
    """No message is due before this time."""

    until: datetime


Due = Tell | Check | Wait


def next_step(report: Report, now: datetime, tz: tzinfo) -> Due:
    """Return the next step for a report."""
    # An unconfirmed message comes first, because a message must not arrive twice.
    if report.telling:
        return Check(report.telling)
    if end := quiet_until(report.quiet, now, tz):
        return Wait(end)
    occasion = due(report, now, tz)
    return Tell(occasion) if occasion else Wait(next_due(report.schedule, now, tz))


def due(report: Report, now: datetime, tz: tzinfo) -> datetime | None:
    """Return the newest due time that has come, unless it was delivered; None in quiet hours."""
    if quiet_until(report.quiet, now, tz):
        return None
    newest = last_due(report.schedule, now, tz)
    return newest if newest > report.told else None


def is_late(occasion: datetime, now: datetime) -> bool:
    return now - occasion > LATE


def was_quiet(report: Report, occasion: datetime, tz: tzinfo) -> bool:
    """Return whether the due time was in the quiet hours, so that the message waited for their end."""
    return quiet_until(report.quiet, occasion, tz) is not None


def is_silent(report: Report, active: int, ended: int) -> bool:
    """Return whether there is no news since the message before: that no run is active is reported once.

    A daily report is sent all the same, because that no machine bills is news enough for a day.
    """
    # The message before already reported that no run is active.
    said_before = bool(report.boards) and not report.spent
    return isinstance(report.schedule, Every) and said_before and not active and not ended
