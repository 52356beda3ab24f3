"""A finding: one thing that looks sick in a training, with evidence and advice."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How grave a finding is, which decides who hears of it."""

    NOTE = "note"  # shown in the thread
    WARNING = "warning"  # shown in the thread and the channel
    STOP = "stop"  # shown in the channel: the training is dead; advice to people, the bot stops nothing

    @property
    def rank(self) -> int:
        """Return the position in the order of severity.

        >>> Severity.STOP.rank > Severity.WARNING.rank > Severity.NOTE.rank
        True
        """
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One open finding. It reports what was measured, never a prediction.

    Attributes:
        name: a slug such as `entropy-collapse`.
        since_step: the first step that showed it.
        since_at: Unix seconds when that step was read, 0.0 if unknown.
        what: a sentence; evidence: a sentence with the numbers; advice: a sentence with verl's own option names.
        reference: the address of the source of the advice.
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
        """Return a key that stays the same as long as it is the same finding, even if its numbers change."""
        return f"{self.name}:{self.since_step}:{self.severity}:{self.since_at:.0f}"
