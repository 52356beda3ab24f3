"""What runs have cost: of a month by person, recipe and infra, and what of it no step was made for.

A run counts whole in the month in which it ended; one that stands counts in the month that it is now.
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
    """A month by somebody's clock: from `begin` on, and before `end`. Its name is such as `2026-01`."""

    name: str
    begin: datetime
    end: datetime


def calendar_month(now: datetime, tz: tzinfo) -> Month:
    """The month that it is there.

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
    """What one run has cost: little enough that those of ten thousand runs are nothing to keep.

    Attributes:
        dollars: None where nobody knows; idle: those of them that were billed while no step was made.
        hourly: what it goes on costing an hour; 0 where nothing of it stands, and where nobody knows.
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
    dollars, idle = run.cost(now), idle_dollars(run, now) or 0.0
    return Charge(
        run.id, run.requester, run.recipe, run.infra, run.status, run.reason, dollars, idle, going_on(run)
    )  # fmt: skip


def going_on(run: Run) -> float:
    """Dollars an hour from here on; none while a managed run waits for machines anew, whose last bill is closed."""
    if run.status is Status.ENDED or run.hourly is None or (run.bill and run.bill.closed):
        return 0.0
    return run.hourly.dollars_per_hour


@dataclass(frozen=True, slots=True)
class Tally:
    """What several runs have cost together.

    Attributes:
        runs: how many, with those that are unpriced: these are in no dollars, and were not free.
        standing: how many of them still bill.
    """

    dollars: float = 0.0
    idle: float = 0.0
    hourly: float = 0.0
    runs: int = 0
    standing: int = 0
    unpriced: int = 0

    def __add__(self, more: Self) -> "Tally":
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
    """What a month has cost: those first that still bill, the dearest an hour before; then those that cost most.

    Attributes:
        failed: ids of runs that cannot be reckoned with, and are in no sum.
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
        """Its parts, the dearest first."""
        found: dict[str, Tally] = defaultdict(Tally)
        for one in self.charges:
            found[key(one)] += Tally.of(one)
        return dict(sorted(found.items(), key=lambda part: (-part[1].dollars, -part[1].runs, part[0])))


def spent(runs: Iterable[Run], month: Month, now: datetime) -> Spent:
    """What a month has cost. Of a run that is there twice, the later record counts: it has ended meanwhile."""
    found = {run.id: charge(run, now) for run in runs if counts(run, month, now)}
    return Spent.of(month, found.values())


def counts(run: Run, month: Month, now: datetime) -> bool:
    """Whether the month pays for it; what never asked for machines has cost nobody anything."""
    return run.first_asked_at is not None and month.begin <= (run.ended_at or now) < month.end
