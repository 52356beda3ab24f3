"""The word of a second person on a launch, and the facts that it rests on."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Self


class ApprovalCause(StrEnum):
    """Why a launch needs an approval."""

    DOLLARS = "dollars"  # it may cost more than one launch may
    DAY = "day"  # with what the same person has launched within a day it may
    GPU_HOURS = "gpu_hours"
    UNPRICED = "unpriced"  # no price is known, so no budget ends it


CENT = 0.01
"""Dollars by which two reckonings of the same thing may differ."""


@dataclass(frozen=True, slots=True)
class LaunchFacts:
    """What a launch may come to.

    Attributes:
        dollars: the larger of its budget and of its rate × its lease.
        gpu_hours: of all its nodes, over its whole lease.
        unpriced: whether its price was asked for and none is known.
        day_dollars: of everything that the same person has launched within a day, this included.
    """

    dollars: float
    gpu_hours: float
    unpriced: bool
    day_dollars: float

    def is_within(self, approved: "LaunchFacts") -> bool:
        """Return whether an approval of those facts covers these."""
        return (
            self.dollars <= approved.dollars + CENT
            and self.gpu_hours <= approved.gpu_hours
            and (approved.unpriced or not self.unpriced)
        )


@dataclass(frozen=True, slots=True)
class Approval:
    """Who was asked, and what one of them said.

    Attributes:
        asked: Slack's ids of the approvers who may answer.
        until: when the launch is given up.
        task_hash: of the exact task that is asked for; no other is launched by it.
        by, at: who answered, and when; None until somebody does.
        granted: whether it may be launched.
        causes: why it needs an approval; facts: what it may come to, which is what is approved.
    """

    asked: tuple[str, ...]
    until: datetime
    task_hash: str
    causes: tuple[ApprovalCause, ...] = ()
    facts: LaunchFacts | None = None
    by: str | None = None
    at: datetime | None = None
    granted: bool = False

    @property
    def digest(self) -> str:
        """Return what tells this from an approval of another task, or of one that may come to something else."""
        facts = self.facts
        shown = f"{facts.dollars:.2f} {facts.gpu_hours:.2f} {facts.unpriced}" if facts else ""
        return sha256(f"{self.task_hash} {shown}".encode(errors="replace")).hexdigest()[:12]

    def answered(self, by: str, granted: bool, now: datetime) -> Self:
        """The first word counts."""
        return self if self.by else replace(self, by=by, at=now, granted=granted)
