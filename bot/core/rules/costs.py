"""What runs have cost, how much of it was idle, and what an improvement of the reward cost. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from statistics import median
from typing import Self

from bot.core.model.money import compute_cost
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus

MAX_STEP_RATIO = 2
"""The time since the last step counts as a step in progress, for up to this many times the pace."""


@dataclass(frozen=True, slots=True)
class IdleTime:
    """Time that bills without a step.

    Attributes:
        before_start: until the run's job was seen to run: provisioning and setup.
        while_running: within the job: its start, stalls, and the time after its last step; None where its log does not
            report how long its steps took.
        after_end: from its end until its cluster was confirmed to be gone.
    """

    before_start: timedelta
    while_running: timedelta | None
    after_end: timedelta

    @property
    def total(self) -> timedelta:
        """Return the sum of the parts that are known."""
        return self.before_start + (self.while_running or timedelta()) + self.after_end


def compute_idle_time(run: Run, now: datetime) -> IdleTime:
    """Return the parts of the run's billed time in which no step was made."""
    requested_at, end = run.launch.first_requested_at, run.closed_at or now
    if requested_at is None:
        return IdleTime(timedelta(), timedelta(), timedelta())
    finished_at = min(max(run.finished_at or end, requested_at), max(end, requested_at))
    started_at = min(max(run.running_at or finished_at, requested_at), finished_at)
    return IdleTime(
        started_at - requested_at,
        compute_idle_while_running(run, started_at, finished_at),
        max(end - finished_at, timedelta()),
    )


def compute_idle_while_running(run: Run, started_at: datetime, finished_at: datetime) -> timedelta | None:
    """Return the time in which the job ran and no step was made; None where the log does not report the steps' time."""
    steps, seconds = run.training.progress.training_totals.steps, run.training.progress.training_totals.seconds
    # Steps were made, but the log does not report how long they took.
    if (steps and not seconds) or (
        not steps and (run.training.progress.step is not None or run.reason is Reason.SUCCEEDED)
    ):
        return None
    running_time = finished_at - started_at
    training_time = timedelta(seconds=min(seconds, running_time.total_seconds()))  # the log's seconds are untrusted
    return max(running_time - training_time - estimate_unfinished_step(run, finished_at), timedelta())


def estimate_unfinished_step(run: Run, finished_at: datetime) -> timedelta:
    """Return how much of the time since the last step may belong to the next one."""
    pace, last_step_at = run.training.progress.seconds_per_step, run.training.progress.stepped_at
    if pace is None or not last_step_at:
        return timedelta()
    elapsed = max(finished_at - datetime.fromtimestamp(last_step_at, UTC), timedelta())
    return min(elapsed, timedelta(seconds=max(min(MAX_STEP_RATIO * pace, elapsed.total_seconds()), 0.0)))


def compute_idle_dollars(run: Run, now: datetime) -> float | None:
    """Return the cost of the idle time, as far as that is known; None where the run is unpriced."""
    spent_dollars, idle_cost = run.cost(now), compute_cost(run.spending.hourly_rate, compute_idle_time(run, now).total)
    return None if spent_dollars is None or idle_cost is None else min(spent_dollars, idle_cost)


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
        run.id, run.requester, run.recipe, run.infra, run.status, run.reason,
        dollars, idle, compute_dollars_per_hour(run),
    )  # fmt: skip


def compute_dollars_per_hour(run: Run) -> float:
    """Return the dollars an hour from here on; zero while a managed run waits for new machines, whose last bill is
    closed.
    """
    if (
        run.status is RunStatus.ENDED
        or run.spending.hourly_rate is None
        or (run.spending.bill and run.spending.bill.is_closed)
    ):
        return 0.0
    return run.spending.hourly_rate.dollars_per_hour


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


HALF_A_CENT = 0.005
"""Dollars below which a sum is shown as nothing."""


@dataclass(frozen=True, slots=True)
class MonthlyCosts:
    """The cost of a month: first the runs that still bill, by dollars an hour; then the others by cost.

    Attributes:
        failed: ids of runs whose cost cannot be computed, and which are in no sum.
        other_dollars: dollars of the month without a record of a run: of clusters that were launched outside, and of
            runs whose records are deleted.
    """

    month: Month
    charges: Sequence[RunCharge] = ()
    failed: Sequence[str] = ()
    other_dollars: float = 0.0

    @classmethod
    def from_charges(cls, month: Month, charges: Iterable[RunCharge]) -> Self:
        ordered = sorted(
            charges,
            key=lambda charge: (not charge.is_billing, -charge.dollars_per_hour, -(charge.dollars or 0.0), charge.run),
        )
        return cls(month, tuple(ordered))

    @property
    def total(self) -> CostTotals:
        """Return the sum of all runs and of the other dollars."""
        return sum(map(CostTotals.from_charge, self.charges), CostTotals(dollars=self.other_dollars))

    def add_other_spending(self, settled: float, external: float) -> Self:
        """Return the costs with the dollars that belong to no run.

        Args:
            settled: dollars of everything that has ended this month; external: those so far of clusters that were
                launched outside and are not gone.
        """
        ended = sum(charge.dollars or 0.0 for charge in self.charges if not charge.is_billing)
        other = max(settled - ended, 0.0) + external
        return replace(self, other_dollars=other if other >= HALF_A_CENT else 0.0)

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
    return run.launch.first_requested_at is not None and month.begin <= (run.closed_at or now) < month.end


VALIDATION_POINT = 0.01
"""A point of validation: a hundredth of a validation that is a share of right answers."""


@dataclass(frozen=True, slots=True)
class ValidationGain:
    """The gain from a run's first validation to its best."""

    first: float
    best: float

    @property
    def points(self) -> float:
        """Return the gain in points of validation."""
        return (self.best - self.first) / VALIDATION_POINT


def compute_gain(progress: Progress) -> ValidationGain | None:
    """Return the gain in validation; None before two validations can be distinguished. Older records only have the
    points of their sparkline.
    """
    if progress.training_totals.first_validation is not None and progress.training_totals.best_validation is not None:
        return ValidationGain(progress.training_totals.first_validation, progress.training_totals.best_validation)
    # Older records only have the points of their sparkline.
    values = [value for _, value in progress.validations.points]
    return ValidationGain(values[0], max(values)) if values else None


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Dollars per unit; None if there was no such unit, or if the price is unknown.

    Attributes:
        gain: in validation, however small.
    """

    per_step: float | None
    per_point: float | None
    gain: ValidationGain | None


def compute_efficiency(run: Run, now: datetime) -> Efficiency:
    """Return the cost efficiency of a run."""
    dollars, steps, validation_gain = (
        run.cost(now),
        run.training.progress.training_totals.steps,
        compute_gain(run.training.progress),
    )
    per_step = dollars / steps if dollars is not None and steps else None
    per_point = (
        dollars / validation_gain.points
        if dollars is not None and validation_gain and validation_gain.points > 0
        else None
    )
    return Efficiency(per_step, per_point, validation_gain)


@dataclass(frozen=True, slots=True)
class RecipeBaseline:
    """The cost of a point in the recipe's earlier runs: the median, and the number of runs."""

    per_point: float
    runs: int


def compute_baseline(runs: Iterable[Run], reference: Run, now: datetime) -> RecipeBaseline | None:
    """Return the baseline from runs that succeeded and have a price and a gain; None if there are none."""
    costs_per_point = [
        value
        for run in runs
        if run.recipe == reference.recipe and run.id != reference.id and run.reason is Reason.SUCCEEDED
        if (value := compute_efficiency(run, now).per_point) is not None
    ]
    return RecipeBaseline(median(costs_per_point), len(costs_per_point)) if costs_per_point else None
