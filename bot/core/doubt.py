"""What looks have shown that is not understood yet, or have not shown at all."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Puzzle(StrEnum):
    """What a look may show that only a later look can explain."""

    ABSENT = "absent"  # no cluster and no launch under way: gone, or not there yet, or a record dropped
    JOBLESS = "jobless"  # a cluster stands, its launch is over or forgotten, and it has no job
    FORGOTTEN = "forgotten"  # no trace of what was shown before: the cloud has lost its memory, or another answers
    UNHEALTHY = "unhealthy"  # a node is gone, or cannot be reached just now


@dataclass(frozen=True, slots=True)
class Doubt:
    """Every look from `since` to `last` has shown the same puzzle; `detail` is what the last one said of it."""

    puzzle: Puzzle
    since: datetime
    last: datetime
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """The outside did not answer from then until then, or still does not."""

    since: datetime
    until: datetime | None = None
