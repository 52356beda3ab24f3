"""The content of a report: active runs, runs that ended since the last report, best results, dollars, ending leases."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from bot.core.report import Report
from bot.core.run import Run
from bot.core.spend import Charge, Month, Spent, Tally, charge, counts
from bot.core.status import Status

AHEAD = timedelta(hours=24)
"""A lease that ends within this time is shown in a report."""


@dataclass(frozen=True, slots=True)
class Dollars:
    """Dollars since the last report, and this month."""

    since: float = 0.0
    month: float = 0.0

    def __add__(self, more: "Dollars") -> "Dollars":
        return Dollars(self.since + more.since, self.month + more.month)


@dataclass(frozen=True, slots=True)
class Best:
    """The best validation of a run."""

    run: Run
    step: int
    value: float


@dataclass(frozen=True, slots=True)
class Board:
    """What a report shows.

    Attributes:
        since: when the last report was sent, or this one was set up.
        active: active runs, newest first; ended: runs that ended since then, in the order of their ends.
        by_person, by_recipe, by_infra: dollars of what has a price, the largest since the last report first.
        month_costs: this month's costs of all runs that the report covers.
        best: for each recipe, the run with the best validation that its record holds.
        ending_soon: active runs whose lease ends within a day, the next one first.
        failed_ids: ids of runs whose costs or results cannot be computed.
    """

    since: datetime
    active: Sequence[Run]
    ended: Sequence[Run]
    by_person: Mapping[str, Dollars]
    by_recipe: Mapping[str, Dollars]
    by_infra: Mapping[str, Dollars]
    spent: Spent
    best: Mapping[str, Best]
    ending: Sequence[Run]
    failed: Sequence[str] = ()

    @property
    def dollars(self) -> Dollars:
        """Return the dollars of all runs together."""
        return sum(self.by_recipe.values(), Dollars())

    @property
    def runs(self) -> Sequence[Run]:
        """Return all runs that the report shows, the active ones first."""
        return [*self.active, *self.ended]

    @property
    def unpriced(self) -> Sequence[Run]:
        """Return the runs whose price is unknown; a run that waits for its machines costs nothing yet."""
        return [run for run in self.runs if run.hourly is None and run.first_asked_at]


def gather(report: Report, open_runs: Iterable[Run], ended_runs: Iterable[Run], month: Month, now: datetime) -> Board:
    """Return what a report shows now.

    A run that the last report showed as active and that has ended counts as ended since, even if the clocks disagree.
    """
    told: dict[str, Run] = {}
    charges: dict[str, Charge] = {}
    for run in chain(open_runs, ended_runs):
        if report.covers(run) and is_told(report, run):
            told[run.id] = run
        if report.covers(run) and counts(run, month, now):
            charges[run.id] = charge(run, now)
    active = sorted((run for run in told.values() if run.status is not Status.ENDED), key=lambda run: run.created_at)
    ended = sorted((run for run in told.values() if run.status is Status.ENDED), key=lambda run: run.ended_at or now)
    runs, spent = [*active, *ended], Spent.of(month, charges.values())
    return Board(
        since=report.told_at,
        active=active[::-1],
        ended=ended,
        by_person=tally(runs, report, now, spent.by_person, lambda run: run.requester),
        by_recipe=tally(runs, report, now, spent.by_recipe, lambda run: run.recipe),
        by_infra=tally(runs, report, now, spent.by_infra, lambda run: run.infra),
        spent=spent,
        best=best_of(runs),
        ending=sorted((run for run in active if ends_soon(run, now)), key=lambda run: run.lease_ends_at or now),
    )


def reckon(run: Run, now: datetime) -> object:
    """Return everything that a report computes of one run, so that a caller can test each run by itself."""
    return charge(run, now), ends_soon(run, now), best_of([run]), cost_before(run, now, now)


def is_told(report: Report, run: Run) -> bool:
    """Return whether the report shows the run: it is active, or has ended since the last report."""
    if run.status is not Status.ENDED:
        return True
    return run.ended_at is not None and (run.ended_at > report.told_at or run.id in report.spent)


def spent_by(runs: Iterable[Run], now: datetime) -> Mapping[str, float | None]:
    """Return the dollars that each active run has cost, from which the next report counts."""
    return {run.id: run.cost(now) for run in runs if run.status is not Status.ENDED}


def tally(
    runs: Iterable[Run], report: Report, now: datetime, month: Mapping[str, Tally], key: Callable[[Run], str]
) -> Mapping[str, Dollars]:
    """Return dollars by person, recipe or infra, the largest since the last report first."""
    found: dict[str, Dollars] = defaultdict(Dollars)
    for run in runs:
        total = run.cost(now)
        if total is not None and run.first_asked_at:
            before = report.spent.get(run.id)
            before = cost_before(run, report.told_at, now) if before is None else before
            found[key(run)] += Dollars(since=max(total - before, 0.0))
    for name, one in month.items():
        if one.runs > one.unpriced:
            found[name] += Dollars(month=one.dollars)
    return dict(sorted(found.items(), key=lambda one: (-one[1].since, -one[1].month, one[0])))


def cost_before(run: Run, moment: datetime, now: datetime) -> float:
    """Return a run's dollars at a moment, computed back by its rate: for a run that the last report did not show."""
    if run.hourly is None or run.first_asked_at is None:
        return 0.0
    since = max((run.ended_at or now) - max(run.first_asked_at, moment), timedelta())
    return max((run.cost(now) or 0.0) - run.hourly.dollars_per_hour * since.total_seconds() / 3600, 0.0)


def best_of(runs: Iterable[Run]) -> Mapping[str, Best]:
    """Return the best validation by recipe; validations of two recipes do not compare."""
    found: dict[str, Best] = {}
    for run in runs:
        for step, value in run.progress.validations.points:
            if run.recipe not in found or value > found[run.recipe].value:
                found[run.recipe] = Best(run, step, value)
    return found


def ends_soon(run: Run, now: datetime) -> bool:
    """Return whether an active run's lease ends within `LEASE_NOTICE_WINDOW`."""
    return not run.over and run.lease_ends_at is not None and run.lease_ends_at <= now + AHEAD
