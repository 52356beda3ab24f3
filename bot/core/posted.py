"""The messages of a run in Slack, and the request to follow its log there."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One message of a run in Slack: where it is and what it showed.

    Attributes:
        ts: Slack's id of the message, or None while it is unconfirmed: it was sent, but Slack did not answer, or the
            bot died before it recorded the answer.
        content_hash: hash of the content that it showed.
        urgent: the part of the content whose change is shown at once.
        sent_at: when it was last sent.
    """

    ts: str | None
    content_hash: str
    urgent: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class LogFollow:
    """A request to follow the log in the run's thread."""

    by: str
    until: datetime
    lines: int
    grep: str | None
    node: int | None
