"""A run with an unreadable record: the next step for its cluster, from its stub and observations alone. Pure.

Its lease still ends it, a person can stop it by name, and its reservation is freed once its cluster was observed to be
gone.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from bot.core.model.bot_clock import has_passed
from bot.core.model.cluster import Observation, RequestState
from bot.core.model.run_stub import RunStub
from bot.core.rules.actions import ReconcileTimings
from bot.phrase import Text


class UnreadableRunStep(StrEnum):
    """The next step for a run with an unreadable record."""

    WAIT = "wait"
    TEAR_DOWN = "remove"  # request its teardown
    REPORT_OVERDUE = "alarm"  # report that its cluster is not removed
    ARCHIVE = "settle"  # its cluster is gone: free its reservation


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRun:
    """The state of a run with an unreadable record.

    Attributes:
        discovered_at: when its record was first found to be unreadable.
        stop_requested_by: Slack's id of the person who wants it stopped, or None.
        teardown_requested_at: when its teardown was last requested; first_teardown_requested_at: when first.
        last_error: why the last teardown failed, a sentence.
        absent_since: since when every observation has shown no cluster.
        overdue_reported: whether people were notified that its cluster is not removed.
        confirmed_gone_by: Slack's id of the person who confirmed that its machines are gone; it counts while the cloud
            does not remember them.
    """

    run_id: str
    discovered_at: datetime
    stop_requested_by: str | None = None
    teardown_requested_at: datetime | None = None
    first_teardown_requested_at: datetime | None = None
    last_error: Text | None = None
    absent_since: datetime | None = None
    overdue_reported: bool = False
    confirmed_gone_by: str | None = None

    def request_stop(self, by: str, confirms_gone: bool = False) -> Self:
        """Return the run with a person's request to stop it; the first one counts.

        Args:
            confirms_gone: whether that person confirms that its machines are gone.
        """
        confirmed = replace(self, confirmed_gone_by=self.confirmed_gone_by or by) if confirms_gone else self
        return confirmed if self.stop_requested_by else replace(confirmed, stop_requested_by=by)

    def record_observation(self, observation: Observation | None, now: datetime) -> Self:
        """Return the run after an observation; None means no observation, and changes nothing."""
        if observation is None:
            return self
        if not observation.is_empty:  # an observed cluster overrides a person's confirmation
            return replace(self, absent_since=None, confirmed_gone_by=None)
        return replace(self, absent_since=min(self.absent_since or now, now))

    def record_teardown_request(self, now: datetime, error: Text | None) -> Self:
        """Return the run with a teardown requested."""
        first_requested_at = self.first_teardown_requested_at or now
        return replace(
            self,
            teardown_requested_at=now,
            first_teardown_requested_at=first_requested_at,
            last_error=error,
            absent_since=None,
        )

    def record_overdue_report(self) -> Self:
        """Return the run with its overdue teardown reported."""
        return replace(self, overdue_reported=True)

    def should_end(self, stub: RunStub, now: datetime) -> bool:
        """Return whether its cluster is to be removed: by a person's request, or because its lease has expired."""
        lease_has_ended = stub.lease_end_time is not None and now >= stub.lease_end_time
        return self.stop_requested_by is not None or lease_has_ended


def decide_unreadable_step(
    run: UnreadableRun, stub: RunStub, observation: Observation | None, now: datetime, timings: ReconcileTimings
) -> UnreadableRunStep:
    """Return the next step. `observation` is None if no observation succeeded, which delays no teardown."""
    if observation is not None and stub.is_forgotten_by(observation):
        if run.confirmed_gone_by:
            return UnreadableRunStep.ARCHIVE
        # A cloud that forgot the cluster proves nothing, as if there were no observation.
        observation = None
    if observation is not None and observation.is_empty:
        return decide_absent_step(run, stub, observation, now, timings)
    if not run.should_end(stub, now):
        return UnreadableRunStep.WAIT
    if (
        run.first_teardown_requested_at
        and not run.overdue_reported
        and now >= run.first_teardown_requested_at + timings.teardown_overdue
    ):
        return UnreadableRunStep.REPORT_OVERDUE
    is_due = run.teardown_requested_at is None or has_passed(timings.teardown_retry, run.teardown_requested_at, now)
    return UnreadableRunStep.TEAR_DOWN if is_due else UnreadableRunStep.WAIT


def decide_absent_step(
    run: UnreadableRun, stub: RunStub, observation: Observation, now: datetime, timings: ReconcileTimings
) -> UnreadableRunStep:
    """Return the next step without a cluster and a launch under way: archive once a second observation, long enough
    after the first, shows the same.
    """
    is_confirmed = observation.ending is not None or observation.request in (
        RequestState.FAILED,
        RequestState.CANCELLED,
    )
    wait = timings.teardown_confirm if is_confirmed else timings.launch_confirm
    if run.absent_since is None or now < run.absent_since + wait:
        return UnreadableRunStep.WAIT
    # A launch whose reply was lost may still arrive: one teardown request cancels it.
    may_arrive = (
        stub.launch_requested_at is not None and observation.ending is None and run.teardown_requested_at is None
    )
    return UnreadableRunStep.TEAR_DOWN if may_arrive else UnreadableRunStep.ARCHIVE
