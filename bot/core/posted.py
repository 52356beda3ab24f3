"""What was said of a run in Slack, and for whom its log is followed there."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Posted:
    """One message of a run in Slack: where it stands and what it showed.

    Attributes:
        ts: Slack's id of the message, or None while its fate is unknown: it was sent, and no answer
            came, or the bot died before it could be written down.
        digest: of the content that it showed.
        urgent: the part of the content whose change is shown at once.
        at: when it was last sent.
    """

    ts: str | None
    digest: str
    urgent: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Follow:
    """A wish to see the log grow in the run's thread."""

    by: str
    until: datetime
    lines: int
    grep: str | None
    node: int | None
