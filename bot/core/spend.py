"""The costs of runs: of a month by person, recipe and infra, and the dollars that were billed while no step was made.

A run counts in full in the month in which it ended; a run that still bills counts in the current month.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

from bot.core.idle import idle_dollars
from bot.core.run import Run
from bot.core.status import Reason, Status


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month in a time zone: from `begin` on, and before `end`. Its name is such as `2026-01`."""

    name: str
    begin: datetime
    end: datetime


def calendar_month(now: datetime, tz: tzinfo) -> Month:
    """Return the current month in a time zone.

    >>> from zoneinfo import ZoneInfo
    >>> found = calendar_month(datetime(2026, 1, 31, 17, tzinfo=UTC), ZoneInfo("Asia/Shanghai"))
    >>> found.name, f"{found.begin:%d %H:%M}"
    ('2026-02', '31 16:00')
    """
    begin = now.astimezone(tz).replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    end = (begin + timedelta(days=32)).replace(day=1)
    return Month(f"{begin:%Y-%m}", begin.astimezone(UTC), end.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Charge:
    """The cost of one run: small enough that those of ten thousand runs can be kept.

    Attributes:
        dollars: None if unknown; idle: those of them that were billed while no step was made.
        dollars_per_hour: what it continues to cost; 0 if no cluster bills, and if unknown.
    """

    run: str
    person: str
    recipe: str
    infra: str
    status: Status
    reason: Reason | None
    dollars: float | None
    idle: float
    hourly: float

    @property
    def stands(self) -> bool:
        return self.status is not Status.ENDED


def charge(run: Run, now: datetime) -> Charge:
    """Return the charge of a run."""
    dollars, idle = run.cost(now), idle_dollars(run, now) or 0.0
    return Charge(
        run.id, run.requester, run.recipe, run.infra, run.status, run.reason, dollars, idle, going_on(run)
    )  # fmt: skip


def going_on(run: Run) -> float:
    """Return the dollars an hour from here on; zero while a managed run waits for new machines, whose last bill is
    closed.
    """
    if run.status is Status.ENDED or run.hourly is None or (run.bill and run.bill.closed):
        return 0.0
    return run.hourly.dollars_per_hour


@dataclass(frozen=True, slots=True)
class Tally:
    """The cost of several runs together.

    Attributes:
        runs: how many, unpriced ones included: these are in no sum of dollars, and were not free.
        billing: how many of them still bill.
    """

    dollars: float = 0.0
    idle: float = 0.0
    hourly: float = 0.0
    runs: int = 0
    standing: int = 0
    unpriced: int = 0

    def __add__(self, more: Self) -> "Tally":
        """Return the sum of both."""
        return Tally(
            self.dollars + more.dollars,
            self.idle + more.idle,
            self.hourly + more.hourly,
            self.runs + more.runs,
            self.standing + more.standing,
            self.unpriced + more.unpriced,
        )

    @classmethod
    def of(cls, one: Charge) -> Self:
        return cls(one.dollars or 0.0, one.idle, one.hourly, 1, one.stands, one.dollars is None)


@dataclass(frozen=True, slots=True)
class Spent:
    """The cost of a month: first the runs that still bill, by dollars an hour; then the others by cost.

    Attributes:
        failed: ids of runs whose cost cannot be computed, and which are in no sum.
    """

    month: Month
    charges: Sequence[Charge] = ()
    failed: Sequence[str] = ()

    @classmethod
    def of(cls, month: Month, charges: Iterable[Charge]) -> Self:
        order = sorted(charges, key=lambda one: (not one.stands, -one.hourly, -(one.dollars or 0.0), one.run))
        return cls(month, tuple(order))

    @property
    def whole(self) -> Tally:
        return sum(map(Tally.of, self.charges), Tally())

    @property
    def by_person(self) -> Mapping[str, Tally]:
        return self._by(lambda one: one.person)

    @property
    def by_recipe(self) -> Mapping[str, Tally]:
        return self._by(lambda one: one.recipe)

    @property
    def by_infra(self) -> Mapping[str, Tally]:
        return self._by(lambda one: one.infra)

    def _by(self, key: Callable[[Charge], str]) -> Mapping[str, Tally]:
        """Return the totals of each group, the costliest first."""
        found: dict[str, Tally] = defaultdict(Tally)
        for one in self.charges:
            found[key(one)] += Tally.of(one)
        return dict(sorted(found.items(), key=lambda part: (-part[1].dollars, -part[1].runs, part[0])))


def spent(runs: Iterable[Run], month: Month, now: datetime) -> Spent:
    """Return the cost of a month. If a run occurs twice, the later record counts: it has ended meanwhile."""
    found = {run.id: charge(run, now) for run in runs if counts(run, month, now)}
    return Spent.of(month, found.values())


def counts(run: Run, month: Month, now: datetime) -> bool:
    """Return whether the run counts in the month; a run that never requested machines has no cost."""
    return run.first_asked_at is not None and month.begin <= (run.ended_at or now) < month.end
