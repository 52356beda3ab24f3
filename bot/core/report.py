"""A report: a channel's wish to be told on a schedule how its runs do, and which occasion it was told of last.

Level, not edge: the newest occasion that has come and was not told is told now. Those before it are not made up for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import Self

from bot.core.run import Run
from bot.core.schedule import Every, Quiet, Schedule, last_due, next_due, quiet_until, read

LATE = timedelta(minutes=5)
"""After its time a board says that it comes late."""


@dataclass(frozen=True, slots=True)
class Telling:
    """A board that is being told: recorded before it is sent.

    Attributes:
        occasion: which one it is.
        at: when it was sent; what it tells is what was known then.
        spent: what each active run had cost by then.
    """

    occasion: datetime
    at: datetime
    spent: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The record of a report. People write the wish, the boards what was told.

    Attributes:
        id: such as `report-1`; never reused.
        channel: where it is told; by: who asked for it.
        when: its schedule as it is typed, such as `daily 09:00`; zone: whose clock that is.
        everywhere: whether it tells of all runs, not only of those of its channel.
        told: the occasion that was told last; before the first, when it was asked for or changed.
        told_at: until when it has told what happened; spent: what each run that was active then had cost.
        boards: how many were told.
        telling: a board of unknown fate.
        stands_in: where it is told instead, because the bot may not write in `channel`.
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
        """Whether it was asked for in a direct message, and tells one person of that person's runs."""
        return self.channel.startswith("D") and not self.everywhere

    def covers(self, run: Run) -> bool:
        """Whether it tells of the run."""
        return self.everywhere or run.channel == self.channel or (self.is_own and run.requester == self.by)

    def next_due(self, now: datetime, tz: tzinfo) -> datetime:
        """When its next board comes: not in its quiet hours."""
        due = next_due(self.schedule, now, tz)
        return quiet_until(self.quiet, due, tz) or due

    # the wish, by people

    def changed(self, now: datetime, when: str, zone: str, quiet: Quiet | None, everywhere: bool) -> Self:
        """Another schedule counts from now on: nothing of it was missed before."""
        return replace(self, when=when, zone=zone, quiet=quiet, everywhere=everywhere, told=max(self.told, now))

    # what was told, by the boards

    def sending(self, telling: Telling) -> Self:
        return replace(self, telling=telling)

    def arrived(self, telling: Telling) -> Self:
        """The board stands in Slack."""
        told = max(self.told, telling.occasion)
        return replace(
            self, told=told, told_at=telling.at, spent=telling.spent, boards=self.boards + 1, telling=None
        )  # fmt: skip

    def unsent(self) -> Self:
        """The board is known not to stand in Slack."""
        return replace(self, telling=None)

    def passed_over(self, occasion: datetime) -> Self:
        """There was nothing to tell."""
        return replace(self, told=max(self.told, occasion))

    def tells_in(self, channel: str) -> Self:
        return replace(self, stands_in=channel, telling=None)


@dataclass(frozen=True, slots=True)
class Tell:
    """A board is due; its time was `occasion`."""

    occasion: datetime


@dataclass(frozen=True, slots=True)
class Check:
    """A board may be there: it was sent, and nobody knows whether it arrived."""

    telling: Telling


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing before then."""

    until: datetime


Due = Tell | Check | Wait


def next_step(report: Report, now: datetime, tz: tzinfo) -> Due:
    """What is to be done for a report now. A doubt comes first, because a board must not come twice."""
    if report.telling:
        return Check(report.telling)
    if end := quiet_until(report.quiet, now, tz):
        return Wait(end)
    occasion = due(report, now, tz)
    return Tell(occasion) if occasion else Wait(next_due(report.schedule, now, tz))


def due(report: Report, now: datetime, tz: tzinfo) -> datetime | None:
    """The newest occasion that has come, unless it was told; None in quiet hours."""
    if quiet_until(report.quiet, now, tz):
        return None
    newest = last_due(report.schedule, now, tz)
    return newest if newest > report.told else None


def is_late(occasion: datetime, now: datetime) -> bool:
    return now - occasion > LATE


def was_quiet(report: Report, occasion: datetime, tz: tzinfo) -> bool:
    """Whether its time was in the quiet hours, so that it waited for their end."""
    return quiet_until(report.quiet, occasion, tz) is not None


def is_silent(report: Report, active: int, ended: int) -> bool:
    """Whether it has nothing to tell that the board before did not: it is told once that nothing runs any more.

    A board of the day comes all the same, because that nothing bills is news enough for a day.
    """
    said_before = bool(report.boards) and not report.spent
    return isinstance(report.schedule, Every) and said_before and not active and not ended
