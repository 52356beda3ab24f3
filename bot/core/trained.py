"""What a training has done with its time, whatever its curves of few points have lost: steps, seconds, validation."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Trained:
    """Sums over all that a run's log has told.

    Attributes:
        steps: that it has told, done again or not; seconds: how long they took, as far as it says so.
        last: the step that it has told last, which may be told on several lines.
        first, best: of its validations; None before any.
    """

    steps: int = 0
    seconds: float = 0.0
    last: int | None = None
    first: float | None = None
    best: float | None = None

    def stepped(self, step: int, seconds: float) -> Self:
        """
        >>> Trained().stepped(1, 60.0).stepped(1, 60.0)
        Trained(steps=1, seconds=60.0, last=1, first=None, best=None)
        """
        if step == self.last:
            return self
        return replace(self, steps=self.steps + 1, seconds=self.seconds + seconds, last=step)

    def validated(self, value: float) -> Self:
        """
        >>> Trained().validated(0.5).validated(0.25)
        Trained(steps=0, seconds=0.0, last=None, first=0.5, best=0.5)
        """
        first, best = (value if known is None else known for known in (self.first, self.best))
        return replace(self, first=first, best=max(best, value))
