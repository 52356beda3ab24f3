"""What a rule would have done that a team only rehearses."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Shadow:
    """One rule, once for a run.

    Attributes:
        rule: its name, such as `budget` or `person.runs`; ends: whether it would have ended the run, not held it up.
        at: when it would have acted.
        cost: dollars of the run until then; None where nobody knows.
    """

    rule: str
    at: datetime
    cost: float | None
    ends: bool = False
