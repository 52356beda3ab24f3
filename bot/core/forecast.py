"""When a run will end, and what it will have cost by then, if it goes on as it does. None where nobody can know."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from bot.core.progress import Progress
from bot.core.run import Run
from bot.core.status import Status

FARTHEST = timedelta(days=365)
"""What is left of a training is forecast this far: more is what its log says, and no date can be trusted to it."""


class Horizon(Enum):
    """An end that is known, but not as a date."""

    BEYOND_A_YEAR = "more than a year is left"


@dataclass(frozen=True, slots=True)
class Forecast:
    """The end as it looks now.

    Attributes:
        ends_at: of the last step.
        dollars: cost until then; None where the run is unpriced, or more than a year is left.
        over_at_step: the step at which the budget will be spent; None where it will not be, or nobody knows.
    """

    ends_at: datetime | Horizon
    dollars: float | None
    over_at_step: int | None = None


def ends_at(progress: Progress, now: datetime) -> datetime | Horizon | None:
    """When the last step will be done: the steps left at the pace of the last ones.

    A step that takes longer than its pace pushes the end ahead of it. Both numbers are the log's, and may be anything.

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
    if pace > FARTHEST.total_seconds() / left:
        return Horizon.BEYOND_A_YEAR
    return max(since + timedelta(seconds=pace), now) + timedelta(seconds=pace * (left - 1))


def forecast(run: Run, now: datetime) -> Forecast | None:
    """The end of a run that trains; None before its first steps, and once it is over."""
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
    """The step at which the budget will be spent, the last one at the latest."""
    spent, rate, pace = run.cost(now), run.hourly, run.progress.seconds_per_step
    left = run.progress.steps_left
    if spent is None or rate is None or not rate.dollars_per_hour or not pace or run.progress.step is None:
        return None
    seconds = max(run.budget_dollars - spent, 0.0) / rate.dollars_per_hour * 3600
    return run.progress.step + int(min(seconds / pace, left or 0))
