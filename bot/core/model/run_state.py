"""The parts of a run's record.

Status and reason, changes of its limits, its approval, and the snapshots of its reports.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Self

from bot.core.model.lineage import PolicyResume


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
    SICK = "sick"  # a finding ended it, because its recipe or the policy says so
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
            Reason.SICK,
            Reason.REFUSED,
            Reason.NOT_APPROVED,
            Reason.CAP_EXCEEDED,
        )

    @property
    def is_error(self) -> bool:
        """Return whether an error ended the run: only then its log says why it ended."""
        return self.is_explained_by_log or self is Reason.LAUNCH_FAILED

    @property
    def is_explained_by_log(self) -> bool:
        """Return whether the program ended by itself, so that its log explains why."""
        return self in (Reason.FAILED, Reason.SETUP_FAILED, Reason.DRIVER_DIED)


class RunLimit(StrEnum):
    """A limit that ends a run by itself."""

    BUDGET = "budget"  # dollars
    LEASE = "lease"  # hours


@dataclass(frozen=True, slots=True)
class Mute:
    """A finding that is no longer reported, by its name."""

    finding: str
    by: str
    at: datetime


class ApprovalCause(StrEnum):
    """Why a launch needs an approval."""

    DOLLARS = "dollars"  # it may cost more than one launch may cost
    DAY = "day"  # it may cost more with what the same person has launched within a day
    GPU_HOURS = "gpu_hours"
    UNPRICED = "unpriced"  # no price is known, so no budget ends it


TOLERANCE_DOLLARS = 0.01
"""Dollars by which two computations of the same cost may differ."""


@dataclass(frozen=True, slots=True)
class RequesterMonth:
    """The monthly budget of the person who asks for a launch, in dollars to the cent, as a card shows it: as of its
    last material change.

    Attributes:
        spent_dollars: what the person has spent in this calendar month; reserved_dollars: what open runs may still
            spend, the launch itself left out; limit_dollars: the most of a month.
        at: when that was so; None in records of earlier versions.
    """

    spent_dollars: float
    reserved_dollars: float
    limit_dollars: float
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LaunchFacts:
    """What a launch may cost.

    Attributes:
        dollars: the larger of its budget and of its hourly rate × its lease.
        gpu_hours: GPU-hours of all its nodes over its whole lease.
        unpriced: whether its price was looked up and none is known.
        day_dollars: the most that everything can cost that the same person has launched within a day, this launch
            included: an ended run counts with its cost.
        month: the person's monthly budget, as the last check showed it; None where none is set.
        max_dollars: the most that it can cost by these limits, which is what an approver is shown; None in records of
            earlier versions.
    """

    dollars: float
    gpu_hours: float
    unpriced: bool
    day_dollars: float
    month: RequesterMonth | None = None
    max_dollars: float | None = None

    @property
    def approved_dollars(self) -> float:
        """Return the dollars that an approval of these facts covers: those that the approver is shown."""
        return self.dollars if self.max_dollars is None else self.max_dollars

    def is_within(self, approved: "LaunchFacts") -> bool:
        """Return whether an approval of the `approved` facts covers these."""
        return (
            not self.exceeds_dollars(approved)
            and self.gpu_hours <= approved.gpu_hours
            and (approved.unpriced or not self.unpriced)
        )

    def exceeds_dollars(self, approved: "LaunchFacts") -> bool:
        """Return whether these facts come to more dollars than an approval of the `approved` facts covers."""
        dollars = self.dollars if approved.max_dollars is None else self.approved_dollars
        return dollars > approved.approved_dollars + TOLERANCE_DOLLARS


@dataclass(frozen=True, slots=True)
class LimitChange:
    """One change of a limit.

    Attributes:
        by: Slack's id of the person.
        before, after: dollars of a budget, hours of a lease.
        delivery_id: Slack's id of the delivery, the same if Slack delivers twice; empty if there is none.
        approved: what the run may come to since, where the change needed an approver and another approver than the
            run's owner made it; None for any other change.
    """

    limit: RunLimit
    by: str
    at: datetime
    before: float
    after: float
    delivery_id: str = ""
    approved: LaunchFacts | None = None


MAX_NOTE_CHARACTERS = 200
"""Maximum characters of the reason of an approver's decision."""


@dataclass(frozen=True, slots=True)
class Approval:
    """The approvers of a launch, and the answer of one of them.

    Attributes:
        approvers: Slack's ids of the approvers who may answer.
        until: when the launch is given up.
        task_hash: hash of the exact task that is to be approved; the approval launches no other.
        by, at: who answered, and when; None until an approver does.
        granted: whether the run may be launched; note: the reason that the approver gave; may be empty.
        causes: why the launch needs an approval; facts: what it may cost, which is what is approved.
    """

    approvers: tuple[str, ...]
    until: datetime
    task_hash: str
    causes: tuple[ApprovalCause, ...] = ()
    facts: LaunchFacts | None = None
    by: str | None = None
    at: datetime | None = None
    granted: bool = False
    note: str = ""

    @property
    def digest(self) -> str:
        """Return a hash that differs for an approval of another task, or of one that may cost something else."""
        facts = self.facts
        facts_text = f"{facts.dollars:.2f} {facts.gpu_hours:.2f} {facts.unpriced}" if facts else ""
        if facts and facts.max_dollars is not None:
            facts_text += f" {facts.max_dollars:.2f}"
        return sha256(f"{self.task_hash} {facts_text}".encode(errors="replace")).hexdigest()[:12]

    def record_answer(self, by: str, granted: bool, now: datetime, note: str = "") -> Self:
        """Record an approver's answer; only the first counts."""
        return self if self.by else replace(self, by=by, at=now, granted=granted, note=note[:MAX_NOTE_CHARACTERS])


@dataclass(frozen=True, slots=True)
class PolicyHit:
    """A report-only rule that would have acted, once for a run.

    Attributes:
        rule: its name, such as `budget` or `person.runs`; ends: whether it would have ended the run, rather than
            delayed it.
        at: when it would have acted.
        cost: dollars of the run until then; None if unknown.
        resume: how the run could have been resumed after its stop; None for a rule that is no finding's.
    """

    rule: str
    at: datetime
    cost: float | None
    ends: bool = False
    resume: PolicyResume | None = None


@dataclass(frozen=True, slots=True)
class SummaryInterval:
    """An interval: a number of steps, or the first step after a period, whichever comes first; without both, never."""

    steps: int | None = None
    period: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ProgressSnapshot:
    """The progress of a run at one moment; None for a value that is not known, or not yet."""

    at: datetime
    step: int | None
    reward: float | None
    validation: float | None
    dollars: float | None
    loss: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The span that a summary covers. Number 0 is the start of the first one, and is not sent itself."""

    number: int
    before: ProgressSnapshot
    now: ProgressSnapshot

    @property
    def key(self) -> str:
        """Return its key among the run's messages."""
        return f"summary-{self.number}"
