"""What bills while no step is made: machines on their way, setup, start, stalls, teardown. By the record alone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.core.money import cost
from bot.core.run import Run
from bot.core.status import Reason

LONGEST_STEP = 2
"""A step that is under way is taken for one until it has lasted so many times its pace."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Time that bills without a step.

    Attributes:
        before: until its job was seen to run: machines on their way, and setup.
        within: while it ran: its start, stalls, and what came after its last step; None where its log does not
            tell how long its steps took.
        after: from its end until its cluster was seen to be gone.
    """

    before: timedelta
    within: timedelta | None
    after: timedelta

    @property
    def known(self) -> timedelta:
        return self.before + (self.within or timedelta()) + self.after


def idle(run: Run, now: datetime) -> Idle:
    """The parts of what `run.billed` spans in which no step was made."""
    asked, end = run.first_asked_at, run.ended_at or now
    if asked is None:
        return Idle(timedelta(), timedelta(), timedelta())
    over = min(max(run.over_at or end, asked), max(end, asked))
    ran = min(max(run.running_at or over, asked), over)
    return Idle(ran - asked, within(run, ran, over), max(end - over, timedelta()))


def within(run: Run, ran: datetime, over: datetime) -> timedelta | None:
    """What its steps leave of the time in which its job ran."""
    steps, seconds = run.progress.trained.steps, run.progress.trained.seconds
    if (steps and not seconds) or (not steps and (run.progress.step is not None or run.reason is Reason.SUCCEEDED)):
        return None
    whole = over - ran
    trained = timedelta(seconds=min(seconds, whole.total_seconds()))  # its log may say anything
    return max(whole - trained - under_way(run, over), timedelta())


def under_way(run: Run, over: datetime) -> timedelta:
    """What of the time since its last step may be the next one."""
    pace, at = run.progress.seconds_per_step, run.progress.stepped_at
    if pace is None or not at:
        return timedelta()
    since = max(over - datetime.fromtimestamp(at, UTC), timedelta())
    return min(since, timedelta(seconds=max(min(LONGEST_STEP * pace, since.total_seconds()), 0.0)))


def idle_dollars(run: Run, now: datetime) -> float | None:
    """What that time has cost, as far as it is known; None where the run is unpriced."""
    spent, found = run.cost(now), cost(run.hourly, idle(run, now).known)
    return None if spent is None or found is None else min(spent, found)
