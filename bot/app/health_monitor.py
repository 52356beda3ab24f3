"""The health of runs: their new rows are judged one after the other, and silences are checked for stalls."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.core.frameworks import FRAMEWORK
from bot.core.model.finding import HealthRules, Severity
from bot.core.model.health_state import HealthState
from bot.core.model.history import merge_rows
from bot.core.model.metrics import StepMetrics
from bot.core.model.recipe import Task
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.model.training_framework import Framework, MetricKeys
from bot.core.rules.health.custom_rules import adapt_rules
from bot.core.rules.health.judge import judge
from bot.core.rules.health.stall import LivenessSignals, compute_dead_seconds, detect_stall
from bot.phrase import Text

STALL_KEY = "stall"

WINDOW_ROWS = 256
"""Number of rows that a judgement looks at."""

CHUNK_ROWS = 16
"""Number of rows that are judged between two looks at the clock: each takes some milliseconds."""


@dataclass(frozen=True, slots=True)
class HealthUpdate:
    """A run's health after its newest row.

    Attributes:
        unreliable_metrics: why displayed metrics mean nothing, by key.
    """

    health: HealthState
    unreliable_metrics: Mapping[str, Text]


def completes_step(earlier: StepMetrics, row: StepMetrics, keys: MetricKeys) -> bool:
    """Return whether a row brings the first metrics of its step that the bot knows.

    The fully asynchronous trainer logs its rollouts on a line of their own before those of the training, and some
    trainers log a validation first.
    """
    is_first = keys.known.isdisjoint(earlier.values) and not keys.known.isdisjoint(row.values)
    return earlier.step == row.step and is_first


@dataclass(frozen=True, slots=True)
class HealthMonitor:
    """Judges runs by rules.

    Attributes:
        framework: whose trainings they are.
    """

    rules: HealthRules = field(default_factory=HealthRules)
    framework: Framework = FRAMEWORK

    def judge_steps(
        self,
        health: HealthState,
        earlier: Sequence[StepMetrics],
        new: Sequence[StepMetrics],
        task: Task,
        has_time: Callable[[], bool] = lambda: True,
    ) -> HealthUpdate:
        """Return the health after new rows.

        Args:
            earlier: the run's last rows before these, oldest first.
            has_time: called every few rows; where no time is left, the rest is not judged.
        """
        rules, window = adapt_rules(task, self.rules, self.framework), tuple(earlier)
        for count, row in enumerate(new, 1):
            if count % CHUNK_ROWS == 0 and not has_time():
                break
            if window and completes_step(window[-1], row, self.framework.keys):
                health = health.reopen_step()
            window = merge_rows([*window[-WINDOW_ROWS:], row])
            # A step may be logged on several lines, and after a validation: its own line is judged.
            if not self.framework.keys.is_training_step(window[-1]):
                continue
            health = judge(window, health, rules, self.framework)
            # A step of training disproves a stall.
            if self.framework.keys.is_training_step(row) and (stall := health.find_open(STALL_KEY)):
                health = health.without_finding(stall, row)
        return HealthUpdate(health, self.framework.find_unreliable_metrics(window))

    def is_quiet(self, run: Run, now: datetime) -> bool:
        """Return whether to check for a stall: no step for a while, and no lasting report of it."""
        if (
            run.status is not RunStatus.RUNNING
            or run.running_at is None
            or run.observed.recoveries.ongoing
            or run.observed.memory.is_lost
        ):
            return False
        finding = run.training.health.find_open(STALL_KEY)
        since = run.training.progress.stepped_at or run.running_at.timestamp()
        waited = now.timestamp() - max(since, run.observed.recoveries.stable_since)
        if finding is None:
            return waited > self.rules.stall_min_seconds
        return finding.severity is not Severity.STOP and waited > compute_dead_seconds(None, self.rules)

    def check_for_stall(
        self, run: Run, rows: Sequence[StepMetrics], signals: LivenessSignals, now: datetime
    ) -> HealthState:
        """Return the health after a check for a stall; the same where there is none, or it is reported already."""
        finding = detect_stall(rows, now.timestamp(), signals, self.rules, self.framework)
        reported = run.training.health.find_open(STALL_KEY)
        if finding is None or (reported and reported.severity is finding.severity):
            return run.training.health
        return run.training.health.with_finding(
            replace(finding, since_step=reported.since_step) if reported else finding
        )
