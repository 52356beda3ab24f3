"""What the bot has requested of the cloud for a run: its launch, its teardown, the end of its log. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from bot.phrase import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequests:
    """The bot's requests for the cluster of a run.

    Attributes:
        requested_at: when the cluster was last requested; first_requested_at: when first; attempts: how often.
        request_id: SkyPilot's id of the request.
        last_error: why the last request got no answer: a sentence.
        is_recovered: whether the record of the launch was lost, and made again from the run's cluster.
    """

    requested_at: datetime | None = None
    first_requested_at: datetime | None = None
    attempts: int = 0
    request_id: str | None = None
    last_error: Text | None = None
    is_recovered: bool = False

    @classmethod
    def recover(cls, began_at: datetime) -> Self:
        """Return the requests of a launch whose record was lost: it is never made again."""
        return cls(requested_at=began_at, first_requested_at=began_at, attempts=1, is_recovered=True)

    def begin(self, now: datetime) -> Self:
        """Return the requests with one more, about to be sent: from here on a cluster may exist."""
        first_requested_at = self.first_requested_at or now
        return replace(self, requested_at=now, first_requested_at=first_requested_at, attempts=self.attempts + 1)

    def accept(self, request_id: str) -> Self:
        """Return the requests after SkyPilot accepted the last one, under this id."""
        return replace(self, request_id=request_id, last_error=None)

    def record_error(self, error: Text) -> Self:
        """Return the requests after one without an answer: it is unknown whether SkyPilot accepted it."""
        return replace(self, last_error=error)

    def clear_error(self) -> Self:
        """Return the requests after an observation or the end of the run, which answer what was unknown."""
        return replace(self, last_error=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TeardownRequests:
    """The bot's requests to remove the cluster of a run, and to save the end of its log before that.

    Attributes:
        requested_at: when the teardown was last requested.
        last_error: why the last request failed: a sentence.
        overdue_since: when the teardown was found overdue; manual_command: what a person may type then.
        log_saved_at: when the last lines were saved; log_tries: how many attempts failed; log_tried_at: when the last
            one did.
    """

    requested_at: datetime | None = None
    last_error: Text | None = None
    overdue_since: datetime | None = None
    manual_command: str = ""
    log_saved_at: datetime | None = None
    log_tries: int = 0
    log_tried_at: datetime | None = None

    def record_request(self, now: datetime, error: Text | None) -> Self:
        """Return the requests with one more, and with the reason if it failed."""
        return replace(self, requested_at=now, last_error=error)

    def record_observation(self, remembers: bool) -> Self:
        """Return the requests after an observation.

        Args:
            remembers: whether the cloud knew the cluster before. If it did not, the teardown begins again, because the
                model may be downloaded after all.
        """
        return self if remembers else replace(self, requested_at=None)

    def mark_overdue(self, manual_command: str, now: datetime) -> Self:
        """Return the requests with the teardown overdue: the cluster is not removed."""
        return replace(self, overdue_since=now, manual_command=manual_command)

    def record_saved_log(self, now: datetime) -> Self:
        """Return the requests with the last lines of the log saved."""
        return replace(self, log_saved_at=now)

    def record_log_failure(self, now: datetime) -> Self:
        """Return the requests after the last lines of the log could not be read."""
        return replace(self, log_tries=self.log_tries + 1, log_tried_at=now)
