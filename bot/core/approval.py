"""The answer of a second person to a launch, and the facts that the answer rests on."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Self


class ApprovalCause(StrEnum):
    """Why a launch needs an approval."""

    DOLLARS = "dollars"  # it may cost more than one launch may cost
    DAY = "day"  # it may cost more with what the same person has launched within a day
    GPU_HOURS = "gpu_hours"
    UNPRICED = "unpriced"  # no price is known, so no budget ends it


TOLERANCE_DOLLARS = 0.01
"""Dollars by which two computations of the same cost may differ."""


@dataclass(frozen=True, slots=True)
class LaunchFacts:
    """What a launch may cost.

    Attributes:
        dollars: the larger of its budget and of its hourly rate × its lease.
        gpu_hours: GPU-hours of all its nodes over its whole lease.
        unpriced: whether its price was looked up and none is known.
        day_dollars: dollars of everything that the same person has launched within a day, this launch included.
    """

    dollars: float
    gpu_hours: float
    unpriced: bool
    day_dollars: float

    def is_within(self, approved: "LaunchFacts") -> bool:
        """Return whether an approval of the `approved` facts covers these."""
        return (
            self.dollars <= approved.dollars + TOLERANCE_DOLLARS
            and self.gpu_hours <= approved.gpu_hours
            and (approved.unpriced or not self.unpriced)
        )


@dataclass(frozen=True, slots=True)
class Approval:
    """The approvers of a launch, and the answer of one of them.

    Attributes:
        approvers: Slack's ids of the approvers who may answer.
        until: when the launch is given up.
        task_hash: hash of the exact task that is to be approved; the approval launches no other.
        by, at: who answered, and when; None until an approver does.
        granted: whether the run may be launched.
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

    @property
    def digest(self) -> str:
        """Return a hash that differs for an approval of another task, or of one that may cost something else."""
        facts = self.facts
        facts_text = f"{facts.dollars:.2f} {facts.gpu_hours:.2f} {facts.unpriced}" if facts else ""
        return sha256(f"{self.task_hash} {facts_text}".encode(errors="replace")).hexdigest()[:12]

    def record_answer(self, by: str, granted: bool, now: datetime) -> Self:
        """Record an approver's answer; only the first counts."""
        return self if self.by else replace(self, by=by, at=now, granted=granted)
