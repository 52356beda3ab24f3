"""What people have requested of a run since its launch: listeners write it, and the tick reads it. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from bot.core.model.run_state import Mute, SummaryInterval
from bot.core.model.sent_message import LogFollow


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequests:
    """The requests of people.

    Attributes:
        stop_requested_by, stop_requested_at: the request to stop the run.
        follow: a request to follow the log.
        summary_interval: a request for how often its thread gets a summary.
        mutes: findings that are muted.
    """

    stop_requested_by: str | None = None
    stop_requested_at: datetime | None = None
    follow: LogFollow | None = None
    summary_interval: SummaryInterval | None = None
    mutes: tuple[Mute, ...] = ()

    def stop(self, by: str, now: datetime) -> Self:
        """Return the requests with one to stop the run; the first counts."""
        return self if self.stop_requested_by else replace(self, stop_requested_by=by, stop_requested_at=now)

    def follow_log(self, follow: LogFollow) -> Self:
        """Return the requests with one to follow the log, in place of an earlier one."""
        return replace(self, follow=follow)

    def set_summary_interval(self, interval: SummaryInterval) -> Self:
        """Return the requests with another interval of the summaries."""
        return replace(self, summary_interval=interval)

    def mute_finding(self, mute: Mute) -> Self:
        """Return the requests with a muted finding; the first request counts."""
        return self if self.is_muted(mute.finding) else replace(self, mutes=(*self.mutes, mute))

    def is_muted(self, finding: str) -> bool:
        """Return whether a person has muted the finding of this name."""
        return any(mute.finding == finding for mute in self.mutes)
