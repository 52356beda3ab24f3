"""What is known of a run's health between its steps: streaks, open findings, resolved ones. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from bot.core.model.finding import Finding
from bot.core.model.measurement import ValidationResult
from bot.core.model.metrics import StepMetrics

MAX_RESOLVED_FINDINGS = 16
"""Maximum resolved findings that are remembered."""


@dataclass(frozen=True, slots=True)
class Streak:
    """How long one detector has reported the same.

    Attributes:
        unhealthy_rows, healthy_rows: rows in a row.
        since_step, since_at: step and time of the first unhealthy one.
        resolved_at_row: how many rows the run had when the finding was resolved; None if it never was.
    """

    unhealthy_rows: int = 0
    healthy_rows: int = 0
    since_step: int = 0
    since_at: float = 0.0
    resolved_at_row: int | None = None


@dataclass(frozen=True, slots=True)
class ResolvedFinding:
    """A finding that was resolved at that step."""

    finding: Finding
    step: int
    at: float


@dataclass(frozen=True, slots=True)
class HealthState:
    """What is known of a run's health between its rows.

    Attributes:
        step, at: step and time of the newest judged row.
        row_count: how many rows have been judged.
        start: how the run began, by the names of `START_KEYS`.
        validations: the last ones, oldest first.
        streaks: by the names of detectors.
        open_findings: the findings that are open now, oldest first.
        resolved_findings: the last few resolved ones, the newest last.
    """

    step: int | None = None
    at: float = 0.0
    row_count: int = 0
    start: Mapping[str, float] = field(default_factory=dict)
    validations: tuple[ValidationResult, ...] = ()
    streaks: Mapping[str, Streak] = field(default_factory=dict)
    open_findings: tuple[Finding, ...] = ()
    resolved_findings: tuple[ResolvedFinding, ...] = ()

    def has_judged(self, row: StepMetrics) -> bool:
        """Return whether a row was judged before.

        A run that resumed from a checkpoint reports earlier steps again, at a later time.
        """
        return self.step is not None and row.step <= self.step and (row.step == self.step or row.at <= self.at)

    def reopen_step(self) -> Self:
        """Return the state before its newest step, so that the rest of that step's metrics is judged too."""
        return self if self.step is None else replace(self, step=self.step - 1, row_count=max(self.row_count - 1, 0))

    def find_open(self, name: str) -> Finding | None:
        """Return the open finding of this name, or None."""
        return next((finding for finding in self.open_findings if finding.name == name), None)

    def with_finding(self, finding: Finding) -> Self:
        """Return the state with a finding open, in place of a milder one of the same name."""
        findings = tuple(finding if other.name == finding.name else other for other in self.open_findings)
        return replace(self, open_findings=findings if self.find_open(finding.name) else (*findings, finding))

    def without_finding(self, finding: Finding, row: StepMetrics) -> Self:
        """Return the state with an open finding resolved at this row."""
        resolved = (*self.resolved_findings, ResolvedFinding(finding, row.step, row.at))[-MAX_RESOLVED_FINDINGS:]
        return replace(
            self,
            open_findings=tuple(other for other in self.open_findings if other != finding),
            resolved_findings=resolved,
        )
