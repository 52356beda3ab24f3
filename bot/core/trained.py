"""Totals of a training, independent of its sparklines of few points: steps, seconds, validations."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Trained:
    """Sums over the whole log of a run.

    Attributes:
        steps: that the log reported, repeated ones included; seconds: how long they took, as far as the log reports it.
        last_step: the step that was reported last, which may be reported on several lines.
        first_validation, best_validation: of its validations; None before any.
    """

    steps: int = 0
    seconds: float = 0.0
    last: int | None = None
    first: float | None = None
    best: float | None = None

    def stepped(self, step: int, seconds: float) -> Self:
        """Return the totals after a step; further lines on the last step do not count.

        >>> Trained().stepped(1, 60.0).stepped(1, 60.0)
        Trained(steps=1, seconds=60.0, last=1, first=None, best=None)
        """
        # verl may report one step on several lines.
        if step == self.last:
            return self
        return replace(self, steps=self.steps + 1, seconds=self.seconds + seconds, last=step)

    def validated(self, value: float) -> Self:
        """Return the totals after a validation.

        >>> Trained().validated(0.5).validated(0.25)
        Trained(steps=0, seconds=0.0, last=None, first=0.5, best=0.5)
        """
        first, best = (value if known is None else known for known in (self.first, self.best))
        return replace(self, first=first, best=max(best, value))
