"""The status of a run, and the reason why it finished."""

from enum import StrEnum


class RunStatus(StrEnum):
    """The status of a run. It has not ended until its cluster is gone."""

    AWAITING_APPROVAL = "awaiting_approval"  # recorded; an approver must agree before a cluster is requested
    PENDING = "pending"  # recorded; nothing has been requested yet
    LAUNCHING = "launching"  # a cluster may have been requested
    RUNNING = "running"  # the job has been observed running on its cluster
    STOPPING = "stopping"  # finished, and still billing
    ENDED = "ended"  # the cluster is gone


class Reason(StrEnum):
    """The reason why a run finished; it is stored once, and every other property of its end is derived from it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SETUP_FAILED = "setup_failed"
    DRIVER_DIED = "driver_died"
    LAUNCH_FAILED = "launch_failed"
    CANCELLED_EXTERNALLY = "cancelled_outside"
    STOPPED = "stopped"
    BUDGET_EXCEEDED = "over_budget"
    MONTHLY_BUDGET_EXCEEDED = "month_spent"
    LEASE_EXPIRED = "lease_over"
    AUTODOWNED = "autodowned"
    DOWNED_EXTERNALLY = "downed_outside"
    CLUSTER_LOST = "cluster_lost"
    REFUSED = "refused"  # by an approver
    NOT_APPROVED = "not_approved"  # no approver decided in time
    CAP_EXCEEDED = "over_cap"  # a cap left no room for it when it was to be launched

    @property
    def is_failure(self) -> bool:
        """Return whether people want to see the end of the log."""
        return self not in (
            Reason.SUCCEEDED,
            Reason.STOPPED,
            Reason.BUDGET_EXCEEDED,
            Reason.MONTHLY_BUDGET_EXCEEDED,
            Reason.REFUSED,
            Reason.NOT_APPROVED,
            Reason.CAP_EXCEEDED,
        )

    @property
    def is_explained_by_log(self) -> bool:
        """Return whether the program ended by itself, so that its log explains why."""
        return self in (Reason.FAILED, Reason.SETUP_FAILED, Reason.DRIVER_DIED)
