"""What a board tells: what runs, what ended since the last one, the best, the dollars, what needs somebody."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.report import Report
from bot.core.run import Run
from bot.core.status import Status

AHEAD = timedelta(hours=24)
"""A lease that ends by then is told of."""


@dataclass(frozen=True, slots=True)
class Dollars:
    """Since the last board, and in all."""

    since: float = 0.0
    total: float = 0.0

    def __add__(self, more: "Dollars") -> "Dollars":
        return Dollars(self.since + more.since, self.total + more.total)


@dataclass(frozen=True, slots=True)
class Best:
    """The best validation of a run."""

    run: Run
    step: int
    value: float


@dataclass(frozen=True, slots=True)
class Board:
    """What there is to tell.

    Attributes:
        since: when the last board was told, or this report was asked for.
        active: newest first; ended: since then, in the order of their ends.
        by_person, by_recipe: dollars of those of these runs that have a price.
        best: of each recipe, the run with the best validation that its record holds.
        ending: active runs whose lease ends within a day, the next one first.
    """

    since: datetime
    active: Sequence[Run]
    ended: Sequence[Run]
    by_person: Mapping[str, Dollars]
    by_recipe: Mapping[str, Dollars]
    best: Mapping[str, Best]
    ending: Sequence[Run]

    @property
    def dollars(self) -> Dollars:
        return sum(self.by_recipe.values(), Dollars())

    @property
    def runs(self) -> Sequence[Run]:
        return [*self.active, *self.ended]

    @property
    def unpriced(self) -> Sequence[Run]:
        """Runs of which nobody knows what they cost; one that waits for its machines costs nothing yet."""
        return [run for run in self.runs if run.hourly is None and run.first_asked_at]


def gather(report: Report, open_runs: Iterable[Run], ended_runs: Iterable[Run], now: datetime) -> Board:
    """The board of a report as it is now.

    A run that the last board showed as active and that has ended counts as ended since, whatever the clocks say.
    """
    found = {run.id: run for run in (*open_runs, *ended_runs) if report.covers(run)}.values()
    active = sorted((run for run in found if run.status is not Status.ENDED), key=lambda run: run.created_at)
    over = [run for run in found if run.ended_at and (run.ended_at > report.told_at or run.id in report.spent)]
    ended = sorted(over, key=lambda run: run.ended_at or now)
    runs = [*active, *ended]
    return Board(
        since=report.told_at,
        active=active[::-1],
        ended=ended,
        by_person=tally(runs, report, now, lambda run: run.requester),
        by_recipe=tally(runs, report, now, lambda run: run.recipe),
        best=best_of(runs),
        ending=sorted((run for run in active if ends_soon(run, now)), key=lambda run: run.lease_ends_at or now),
    )


def spent_by(runs: Iterable[Run], now: datetime) -> Mapping[str, float | None]:
    """What each active run has cost: what the next board reckons from."""
    return {run.id: run.cost(now) for run in runs if run.status is not Status.ENDED}


def tally(runs: Iterable[Run], report: Report, now: datetime, key: Callable[[Run], str]) -> Mapping[str, Dollars]:
    """Dollars by person or recipe, those first that have spent the most since the last board."""
    found: dict[str, Dollars] = defaultdict(Dollars)
    for run in runs:
        total = run.cost(now)
        if total is not None and run.first_asked_at:
            before = report.spent.get(run.id)
            before = cost_before(run, report.told_at, now) if before is None else before
            found[key(run)] += Dollars(max(total - before, 0.0), total)
    return dict(sorted(found.items(), key=lambda one: (-one[1].since, -one[1].total, one[0])))


def cost_before(run: Run, moment: datetime, now: datetime) -> float:
    """Dollars until then, reckoned back by the rate: for a run that the last board did not know of."""
    if run.hourly is None or run.first_asked_at is None:
        return 0.0
    since = max((run.ended_at or now) - max(run.first_asked_at, moment), timedelta())
    return max((run.cost(now) or 0.0) - run.hourly.dollars_per_hour * since.total_seconds() / 3600, 0.0)


def best_of(runs: Iterable[Run]) -> Mapping[str, Best]:
    """Validations of two recipes do not compare."""
    found: dict[str, Best] = {}
    for run in runs:
        for step, value in run.progress.validations.points:
            if run.recipe not in found or value > found[run.recipe].value:
                found[run.recipe] = Best(run, step, value)
    return found


def ends_soon(run: Run, now: datetime) -> bool:
    return not run.over and run.lease_ends_at is not None and run.lease_ends_at <= now + AHEAD
