"""The action that a report-only rule would have taken."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PolicyHit:
    """A report-only rule that would have acted, once for a run.

    Attributes:
        rule: its name, such as `budget` or `person.runs`; ends: whether it would have ended the run, rather than
            delayed it.
        at: when it would have acted.
        cost: dollars of the run until then; None if unknown.
    """

    rule: str
    at: datetime
    cost: float | None
    ends: bool = False
