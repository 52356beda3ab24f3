"""What a person changed of a run that was launched already: its budget, its lease, what it is told of."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Limit(StrEnum):
    """What ends a run by itself."""

    BUDGET = "budget"  # in dollars
    LEASE = "lease"  # in hours


@dataclass(frozen=True, slots=True)
class Amendment:
    """One change.

    Attributes:
        by: Slack's id of the person.
        before, after: dollars of a budget, hours of a lease.
        wish: Slack's id of the delivery, the same when Slack delivers twice; empty where there is none.
    """

    limit: Limit
    by: str
    at: datetime
    before: float
    after: float
    wish: str = ""


@dataclass(frozen=True, slots=True)
class Mute:
    """A finding of which nobody is to be told any more, by its name."""

    finding: str
    by: str
    at: datetime
