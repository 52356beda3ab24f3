"""Estimates when a run will end at its current pace, and its cost by then. None where the log gives too little to
estimate.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from bot.core.progress import Progress
from bot.core.run import Run
from bot.core.status import Status

FARTHEST = timedelta(days=365)
"""Maximum remaining time that is forecast. A log that gives more is not precise enough for any date."""


class Horizon(Enum):
    """An end that is known, but not as a date."""

    BEYOND_A_YEAR = "more than a year is left"


@dataclass(frozen=True, slots=True)
class Forecast:
    """The end of a run, as estimated now.

    Attributes:
        ends_at: when the last step will be done.
        dollars: cost until then; None where the run is unpriced, or more than a year is left.
        budget_exhausted_at_step: the step at which the budget will be exhausted; None where the budget is enough, or
            where that cannot be estimated.
    """

    ends_at: datetime | Horizon
    dollars: float | None
    over_at_step: int | None = None


def ends_at(progress: Progress, now: datetime) -> datetime | Horizon | None:
    """Return when the last step will be done: the remaining steps at the pace of the last ones.

    A step that takes longer than that pace moves the end back. Both numbers come from the log, and may be anything.

    >>> from bot.core.progress import Lap
    >>> noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    >>> ends_at(Progress(10, 70, stepped_at=noon.timestamp(), laps=(Lap(60.0),)), noon).strftime("%H:%M")
    '13:00'
    """
    left, pace = progress.steps_left, progress.seconds_per_step
    if left is None or pace is None or pace <= 0 or not progress.stepped_at:
        return None
    since = datetime.fromtimestamp(progress.stepped_at, UTC)
    if not left:
        return since
    # Compared before any date is computed, because a large product overflows timedelta.
    if pace > FARTHEST.total_seconds() / left:
        return Horizon.BEYOND_A_YEAR
    return max(since + timedelta(seconds=pace), now) + timedelta(seconds=pace * (left - 1))


def forecast(run: Run, now: datetime) -> Forecast | None:
    """Return the forecast of a run that trains; None before its first steps, and once it has finished."""
    end = ends_at(run.progress, now) if run.status is Status.RUNNING and not run.over else None
    if end is None:
        return None
    spent, rate = run.cost(now), run.hourly
    if spent is None or rate is None:
        return Forecast(end, None)
    left = FARTHEST if isinstance(end, Horizon) else max(end - now, timedelta())
    dollars = spent + rate.dollars_per_hour * left.total_seconds() / 3600
    over = step_of(run, now) if dollars > run.budget_dollars else None
    return Forecast(end, None if isinstance(end, Horizon) else dollars, over)


def step_of(run: Run, now: datetime) -> int | None:
    """Return the step at which the budget will be exhausted, at most the last one."""
    spent, rate, pace = run.cost(now), run.hourly, run.progress.seconds_per_step
    left = run.progress.steps_left
    if spent is None or rate is None or not rate.dollars_per_hour or not pace or run.progress.step is None:
        return None
    seconds = max(run.budget_dollars - spent, 0.0) / rate.dollars_per_hour * 3600
    return run.progress.step + int(min(seconds / pace, left or 0))
