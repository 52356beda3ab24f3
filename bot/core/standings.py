"""Where a run stood when a summary told of it, and how often that is to be."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Every so many steps, or with the first step after so long, whichever comes first; neither is never."""

    steps: int | None = None
    period: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A run at one moment; None for what is not known, or not yet."""

    at: datetime
    step: int | None
    reward: float | None
    validation: float | None
    dollars: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What is told: from where to where. Number 0 is where the first one begins, and is not told itself."""

    number: int
    before: Standing
    now: Standing

    @property
    def key(self) -> str:
        """Its name among the run's messages."""
        return f"summary-{self.number}"
