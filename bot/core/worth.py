"""The cost efficiency of a run: dollars per step and per point of validation, compared with earlier runs of the same
recipe.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from bot.core.progress import Progress
from bot.core.run import Run
from bot.core.status import Reason

POINT = 0.01
"""A point of validation: a hundredth of a validation that is a share of right answers."""


@dataclass(frozen=True, slots=True)
class Gain:
    """The gain from a run's first validation to its best."""

    first: float
    best: float

    @property
    def points(self) -> float:
        """Return the gain in points of validation."""
        return (self.best - self.first) / POINT


def gain(progress: Progress) -> Gain | None:
    """Return the gain in validation; None before two validations can be distinguished. Older records only have the
    points of their sparkline.
    """
    if progress.trained.first is not None and progress.trained.best is not None:
        return Gain(progress.trained.first, progress.trained.best)
    # Older records only have the points of their sparkline.
    values = [value for _, value in progress.validations.points]
    return Gain(values[0], max(values)) if values else None


@dataclass(frozen=True, slots=True)
class Worth:
    """Dollars per unit; None if there was no such unit, or if the price is unknown.

    Attributes:
        gain: in validation, however small.
    """

    per_step: float | None
    per_point: float | None
    gain: Gain | None


def worth(run: Run, now: datetime) -> Worth:
    """Return the cost efficiency of a run."""
    spent, steps, found = run.cost(now), run.progress.trained.steps, gain(run.progress)
    per_step = spent / steps if spent is not None and steps else None
    per_point = spent / found.points if spent is not None and found and found.points > 0 else None
    return Worth(per_step, per_point, found)


@dataclass(frozen=True, slots=True)
class Past:
    """The cost of a point in the recipe's earlier runs: the median, and the number of runs."""

    per_point: float
    runs: int


def past(runs: Iterable[Run], of: Run, now: datetime) -> Past | None:
    """Return the baseline from runs that succeeded and have a price and a gain; None if there are none."""
    found = [
        value
        for run in runs
        if run.recipe == of.recipe and run.id != of.id and run.reason is Reason.SUCCEEDED
        if (value := worth(run, now).per_point) is not None
    ]
    return Past(median(found), len(found)) if found else None
