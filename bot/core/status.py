"""Where a run stands, and why it is over."""

from enum import StrEnum


class Status(StrEnum):
    """Where a run stands. It has not ended until its cluster is gone."""

    AWAITING_APPROVAL = "awaiting_approval"  # recorded; an approver must agree before anybody is asked for anything
    PENDING = "pending"  # recorded; nobody has been asked for anything
    LAUNCHING = "launching"  # a cluster may have been asked for
    RUNNING = "running"  # the job has been seen on its cluster
    STOPPING = "stopping"  # over, and still billing
    ENDED = "ended"  # the cluster is gone


class Reason(StrEnum):
    """Why a run is over; stored once, everything else about the ending follows from it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SETUP_FAILED = "setup_failed"
    DRIVER_DIED = "driver_died"
    LAUNCH_FAILED = "launch_failed"
    CANCELLED_OUTSIDE = "cancelled_outside"
    STOPPED = "stopped"
    OVER_BUDGET = "over_budget"
    MONTH_SPENT = "month_spent"
    LEASE_OVER = "lease_over"
    AUTODOWNED = "autodowned"
    DOWNED_OUTSIDE = "downed_outside"
    CLUSTER_LOST = "cluster_lost"
    REFUSED = "refused"  # by an approver
    NOT_APPROVED = "not_approved"  # no approver said anything in time
    OVER_CAP = "over_cap"  # there was no room for it when it was to be launched

    @property
    def is_failure(self) -> bool:
        """Whether the log's end is what people want to see."""
        return self not in (
            Reason.SUCCEEDED,
            Reason.STOPPED,
            Reason.OVER_BUDGET,
            Reason.MONTH_SPENT,
            Reason.REFUSED,
            Reason.NOT_APPROVED,
            Reason.OVER_CAP,
        )

    @property
    def is_told_by_log(self) -> bool:
        """Whether the program ended by itself, so that its log says why."""
        return self in (Reason.FAILED, Reason.SETUP_FAILED, Reason.DRIVER_DIED)
