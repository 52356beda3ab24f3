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
    dollars, steps, validation_gain = run.cost(now), run.progress.training_totals.steps, compute_gain(run.progress)
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
