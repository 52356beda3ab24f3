"""What observations have shown that is still ambiguous, and when they got no answer."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Ambiguity(StrEnum):
    """An ambiguity that an observation may show and only a later one can explain."""

    ABSENT = "absent"  # no cluster and no launch in progress: gone, or not created yet, or the record was dropped
    JOBLESS = "jobless"  # the cluster exists, its launch has ended or is forgotten, and it has no job
    FORGOTTEN = "forgotten"  # no trace of what was observed before: the cloud lost its memory, or another answers
    UNHEALTHY = "unhealthy"  # a node is gone, or cannot be reached now


@dataclass(frozen=True, slots=True)
class PendingConfirmation:
    """An ambiguity that every observation from `since` to `last` has shown; `detail` is what the last one showed."""

    ambiguity: Ambiguity
    since: datetime
    last: datetime
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which the cloud did not answer; without `until`, it still does not."""

    since: datetime
    until: datetime | None = None
