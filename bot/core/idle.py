"""Time that bills without training: provisioning, setup, start, stalls, teardown. Computed from the run's record
alone.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.core.money import compute_cost
from bot.core.run import Run
from bot.core.status import Reason

MAX_STEP_RATIO = 2
"""The time since the last step counts as a step in progress, for up to this many times the pace."""


@dataclass(frozen=True, slots=True)
class IdleTime:
    """Time that bills without a step.

    Attributes:
        before_start: until the run's job was seen to run: provisioning and setup.
        while_running: within the job: its start, stalls, and the time after its last step; None where its log does not
            report how long its steps took.
        after_end: from its end until its cluster was confirmed to be gone.
    """

    before_start: timedelta
    while_running: timedelta | None
    after_end: timedelta

    @property
    def total(self) -> timedelta:
        """Return the sum of the parts that are known."""
        return self.before_start + (self.while_running or timedelta()) + self.after_end


def compute_idle_time(run: Run, now: datetime) -> IdleTime:
    """Return the parts of the run's billed time in which no step was made."""
    requested_at, end = run.first_launch_requested_at, run.closed_at or now
    if requested_at is None:
        return IdleTime(timedelta(), timedelta(), timedelta())
    finished_at = min(max(run.finished_at or end, requested_at), max(end, requested_at))
    started_at = min(max(run.running_at or finished_at, requested_at), finished_at)
    return IdleTime(
        started_at - requested_at,
        compute_idle_while_running(run, started_at, finished_at),
        max(end - finished_at, timedelta()),
    )


def compute_idle_while_running(run: Run, started_at: datetime, finished_at: datetime) -> timedelta | None:
    """Return the time in which the job ran and no step was made; None where the log does not report the steps' time."""
    steps, seconds = run.progress.training_totals.steps, run.progress.training_totals.seconds
    # Steps were made, but the log does not report how long they took.
    if (steps and not seconds) or (not steps and (run.progress.step is not None or run.reason is Reason.SUCCEEDED)):
        return None
    running_time = finished_at - started_at
    training_time = timedelta(seconds=min(seconds, running_time.total_seconds()))  # the log's seconds are untrusted
    return max(running_time - training_time - estimate_unfinished_step(run, finished_at), timedelta())


def estimate_unfinished_step(run: Run, finished_at: datetime) -> timedelta:
    """Return how much of the time since the last step may belong to the next one."""
    pace, last_step_at = run.progress.seconds_per_step, run.progress.stepped_at
    if pace is None or not last_step_at:
        return timedelta()
    elapsed = max(finished_at - datetime.fromtimestamp(last_step_at, UTC), timedelta())
    return min(elapsed, timedelta(seconds=max(min(MAX_STEP_RATIO * pace, elapsed.total_seconds()), 0.0)))


def compute_idle_dollars(run: Run, now: datetime) -> float | None:
    """Return the cost of the idle time, as far as that is known; None where the run is unpriced."""
    spent_dollars, idle_cost = run.cost(now), compute_cost(run.hourly_rate, compute_idle_time(run, now).total)
    return None if spent_dollars is None or idle_cost is None else min(spent_dollars, idle_cost)
