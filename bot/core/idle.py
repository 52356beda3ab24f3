"""Time that bills without training: provisioning, setup, start, stalls, teardown. Computed from the run's record
alone.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.core.money import cost
from bot.core.run import Run
from bot.core.status import Reason

LONGEST_STEP = 2
"""The time since the last step counts as a step in progress, for up to this many times the pace."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Time that bills without a step.

    Attributes:
        before_start: until the run's job was seen to run: provisioning and setup.
        while_running: within the job: its start, stalls, and the time after its last step; None where its log does not
            report how long its steps took.
        after_end: from its end until its cluster was confirmed to be gone.
    """

    before: timedelta
    within: timedelta | None
    after: timedelta

    @property
    def known(self) -> timedelta:
        """Return the sum of the parts that are known."""
        return self.before + (self.within or timedelta()) + self.after


def idle(run: Run, now: datetime) -> Idle:
    """Return the parts of the run's billed time in which no step was made."""
    asked, end = run.first_asked_at, run.ended_at or now
    if asked is None:
        return Idle(timedelta(), timedelta(), timedelta())
    over = min(max(run.over_at or end, asked), max(end, asked))
    ran = min(max(run.running_at or over, asked), over)
    return Idle(ran - asked, within(run, ran, over), max(end - over, timedelta()))


def within(run: Run, ran: datetime, over: datetime) -> timedelta | None:
    """Return the time in which the job ran and no step was made; None where the log does not report the steps' time."""
    steps, seconds = run.progress.trained.steps, run.progress.trained.seconds
    # Steps were made, but the log does not report how long they took.
    if (steps and not seconds) or (not steps and (run.progress.step is not None or run.reason is Reason.SUCCEEDED)):
        return None
    whole = over - ran
    trained = timedelta(seconds=min(seconds, whole.total_seconds()))  # the log's seconds are untrusted
    return max(whole - trained - under_way(run, over), timedelta())


def under_way(run: Run, over: datetime) -> timedelta:
    """Return how much of the time since the last step may belong to the next one."""
    pace, at = run.progress.seconds_per_step, run.progress.stepped_at
    if pace is None or not at:
        return timedelta()
    since = max(over - datetime.fromtimestamp(at, UTC), timedelta())
    return min(since, timedelta(seconds=max(min(LONGEST_STEP * pace, since.total_seconds()), 0.0)))


def idle_dollars(run: Run, now: datetime) -> float | None:
    """Return the cost of the idle time, as far as that is known; None where the run is unpriced."""
    spent, found = run.cost(now), cost(run.hourly, idle(run, now).known)
    return None if spent is None or found is None else min(spent, found)
