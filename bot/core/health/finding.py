"""A finding: one thing that looks sick in a training, with evidence and advice."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Who hears of it."""

    NOTE = "note"  # the thread
    WARNING = "warning"  # the thread and the channel
    STOP = "stop"  # the channel: the training is dead; advice to a person, nothing is stopped by it

    @property
    def rank(self) -> int:
        """
        >>> Severity.STOP.rank > Severity.WARNING.rank > Severity.NOTE.rank
        True
        """
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """What stands now; it tells what was measured, never what will be.

    Attributes:
        name: a slug such as `entropy-collapse`.
        since_step: the first step that showed it; since_at: Unix seconds when that was read, 0.0 where nobody knows.
        what: a sentence; evidence: a sentence with the numbers; advice: a sentence with verl's own option names.
        reference: the address of what the advice rests on.
    """

    name: str
    severity: Severity
    since_step: int
    since_at: float
    what: str
    evidence: str
    advice: str
    reference: str

    @property
    def key(self) -> str:
        """The same as long as it is the same finding, however its numbers move."""
        return f"{self.name}:{self.since_step}:{self.severity}:{self.since_at:.0f}"
