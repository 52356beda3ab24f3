"""The costs of runs: of a month by person, recipe and infra, and the dollars that were billed while no step was made.

A run counts in full in the month in which it ended; a run that still bills counts in the current month.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

from bot.core.idle import compute_idle_dollars
from bot.core.run import Run
from bot.core.status import Reason, RunStatus


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
class RunCharge:
    """The cost of one run: small enough that those of ten thousand runs can be kept.

    Attributes:
        dollars: None if unknown; idle: those of them that were billed while no step was made.
        dollars_per_hour: what it continues to cost; 0 if no cluster bills, and if unknown.
    """

    run: str
    person: str
    recipe: str
    infra: str
    status: RunStatus
    reason: Reason | None
    dollars: float | None
    idle: float
    dollars_per_hour: float

    @property
    def is_billing(self) -> bool:
        return self.status is not RunStatus.ENDED


def compute_charge(run: Run, now: datetime) -> RunCharge:
    """Return the charge of a run."""
    dollars, idle = run.cost(now), compute_idle_dollars(run, now) or 0.0
    return RunCharge(
        run.id, run.requester, run.recipe, run.infra, run.status, run.reason, dollars, idle, compute_dollars_per_hour(run)
    )  # fmt: skip


def compute_dollars_per_hour(run: Run) -> float:
    """Return the dollars an hour from here on; zero while a managed run waits for new machines, whose last bill is
    closed.
    """
    if run.status is RunStatus.ENDED or run.hourly_rate is None or (run.bill and run.bill.is_closed):
        return 0.0
    return run.hourly_rate.dollars_per_hour


@dataclass(frozen=True, slots=True)
class CostTotals:
    """The cost of several runs together.

    Attributes:
        runs: how many, unpriced ones included: these are in no sum of dollars, and were not free.
        billing: how many of them still bill.
    """

    dollars: float = 0.0
    idle: float = 0.0
    dollars_per_hour: float = 0.0
    runs: int = 0
    billing: int = 0
    unpriced: int = 0

    def __add__(self, other: Self) -> "CostTotals":
        """Return the sum of both."""
        return CostTotals(
            self.dollars + other.dollars,
            self.idle + other.idle,
            self.dollars_per_hour + other.dollars_per_hour,
            self.runs + other.runs,
            self.billing + other.billing,
            self.unpriced + other.unpriced,
        )

    @classmethod
    def from_charge(cls, charge: RunCharge) -> Self:
        return cls(
            charge.dollars or 0.0, charge.idle, charge.dollars_per_hour, 1, charge.is_billing, charge.dollars is None
        )


@dataclass(frozen=True, slots=True)
class MonthlyCosts:
    """The cost of a month: first the runs that still bill, by dollars an hour; then the others by cost.

    Attributes:
        failed: ids of runs whose cost cannot be computed, and which are in no sum.
    """

    month: Month
    charges: Sequence[RunCharge] = ()
    failed: Sequence[str] = ()

    @classmethod
    def from_charges(cls, month: Month, charges: Iterable[RunCharge]) -> Self:
        ordered = sorted(
            charges,
            key=lambda charge: (not charge.is_billing, -charge.dollars_per_hour, -(charge.dollars or 0.0), charge.run),
        )
        return cls(month, tuple(ordered))

    @property
    def total(self) -> CostTotals:
        return sum(map(CostTotals.from_charge, self.charges), CostTotals())

    @property
    def by_person(self) -> Mapping[str, CostTotals]:
        return self._group_by(lambda charge: charge.person)

    @property
    def by_recipe(self) -> Mapping[str, CostTotals]:
        return self._group_by(lambda charge: charge.recipe)

    @property
    def by_infra(self) -> Mapping[str, CostTotals]:
        return self._group_by(lambda charge: charge.infra)

    def _group_by(self, key: Callable[[RunCharge], str]) -> Mapping[str, CostTotals]:
        """Return the totals of each group, the costliest first."""
        totals: dict[str, CostTotals] = defaultdict(CostTotals)
        for charge in self.charges:
            totals[key(charge)] += CostTotals.from_charge(charge)
        return dict(sorted(totals.items(), key=lambda item: (-item[1].dollars, -item[1].runs, item[0])))


def compute_monthly_costs(runs: Iterable[Run], month: Month, now: datetime) -> MonthlyCosts:
    """Return the cost of a month. If a run occurs twice, the later record counts: it has ended meanwhile."""
    charges = {run.id: compute_charge(run, now) for run in runs if belongs_to_month(run, month, now)}
    return MonthlyCosts.from_charges(month, charges.values())


def belongs_to_month(run: Run, month: Month, now: datetime) -> bool:
    """Return whether the run counts in the month; a run that never requested machines has no cost."""
    return run.first_launch_requested_at is not None and month.begin <= (run.closed_at or now) < month.end
