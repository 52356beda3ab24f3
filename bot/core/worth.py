"""What a run's dollars have bought: a step, a point of validation; against earlier runs of the same recipe."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from bot.core.progress import Progress
from bot.core.run import Run
from bot.core.status import Reason

POINT = 0.01
"""A point of validation: of one that is a share of right answers, a hundredth."""


@dataclass(frozen=True, slots=True)
class Gain:
    """From a run's first validation to its best."""

    first: float
    best: float

    @property
    def points(self) -> float:
        return (self.best - self.first) / POINT


def gain(progress: Progress) -> Gain | None:
    """None before two validations can be told apart. Older records have but the points of their curve."""
    if progress.trained.first is not None and progress.trained.best is not None:
        return Gain(progress.trained.first, progress.trained.best)
    values = [value for _, value in progress.validations.points]
    return Gain(values[0], max(values)) if values else None


@dataclass(frozen=True, slots=True)
class Worth:
    """Dollars for each; None where there was none of it, or nobody knows the price.

    Attributes:
        gain: of its validation, however small.
    """

    per_step: float | None
    per_point: float | None
    gain: Gain | None


def worth(run: Run, now: datetime) -> Worth:
    spent, steps, found = run.cost(now), run.progress.trained.steps, gain(run.progress)
    per_step = spent / steps if spent is not None and steps else None
    per_point = spent / found.points if spent is not None and found and found.points > 0 else None
    return Worth(per_step, per_point, found)


@dataclass(frozen=True, slots=True)
class Past:
    """What a point has cost the recipe's earlier runs: the median, and of how many."""

    per_point: float
    runs: int


def past(runs: Iterable[Run], of: Run, now: datetime) -> Past | None:
    """Those that succeeded and have a price and a gain; None where there is none."""
    found = [
        value
        for run in runs
        if run.recipe == of.recipe and run.id != of.id and run.reason is Reason.SUCCEEDED
        if (value := worth(run, now).per_point) is not None
    ]
    return Past(median(found), len(found)) if found else None
