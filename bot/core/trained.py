"""Totals of a training, independent of its sparklines of few points: steps, seconds, validations."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class TrainingTotals:
    """Sums over the whole log of a run.

    Attributes:
        steps: that the log reported, repeated ones included; seconds: how long they took, as far as the log reports it.
        last_step: the step that was reported last, which may be reported on several lines.
        first_validation, best_validation: of its validations; None before any.
    """

    steps: int = 0
    seconds: float = 0.0
    last_step: int | None = None
    first_validation: float | None = None
    best_validation: float | None = None

    def record_step(self, step: int, seconds: float) -> Self:
        """Return the totals after a step; further lines on the last step do not count.

        >>> TrainingTotals().record_step(1, 60.0).record_step(1, 60.0)
        TrainingTotals(steps=1, seconds=60.0, last_step=1, first_validation=None, best_validation=None)
        """
        # verl may report one step on several lines.
        if step == self.last_step:
            return self
        return replace(self, steps=self.steps + 1, seconds=self.seconds + seconds, last_step=step)

    def record_validation(self, value: float) -> Self:
        """Return the totals after a validation.

        >>> TrainingTotals().record_validation(0.5).record_validation(0.25)
        TrainingTotals(steps=0, seconds=0.0, last_step=None, first_validation=0.5, best_validation=0.5)
        """
        first, best = (
            value if previous is None else previous for previous in (self.first_validation, self.best_validation)
        )
        return replace(self, first_validation=first, best_validation=max(best, value))
