"""The progress of a run at a summary, and the interval of the summaries."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class SummaryInterval:
    """An interval: a number of steps, or the first step after a period, whichever comes first; without both, never."""

    steps: int | None = None
    period: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ProgressSnapshot:
    """The progress of a run at one moment; None for a value that is not known, or not yet."""

    at: datetime
    step: int | None
    reward: float | None
    validation: float | None
    dollars: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The span that a summary covers. Number 0 is the start of the first one, and is not sent itself."""

    number: int
    before: ProgressSnapshot
    now: ProgressSnapshot

    @property
    def key(self) -> str:
        """Return its key among the run's messages."""
        return f"summary-{self.number}"
