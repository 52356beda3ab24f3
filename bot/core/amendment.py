"""What a person changed of a run after its launch: its budget, its lease, the findings it reports."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RunLimit(StrEnum):
    """A limit that ends a run by itself."""

    BUDGET = "budget"  # dollars
    LEASE = "lease"  # hours


@dataclass(frozen=True, slots=True)
class LimitChange:
    """One change of a limit.

    Attributes:
        by: Slack's id of the person.
        before, after: dollars of a budget, hours of a lease.
        delivery_id: Slack's id of the delivery, the same if Slack delivers twice; empty if there is none.
    """

    limit: RunLimit
    by: str
    at: datetime
    before: float
    after: float
    delivery_id: str = ""


@dataclass(frozen=True, slots=True)
class Mute:
    """A finding that is no longer reported, by its name."""

    finding: str
    by: str
    at: datetime
