"""The forecast of a run's cost at its end, and the warning that it will exceed its budget. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from math import ceil

from bot.core.model.money import round_up_dollars
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules.health.stall import STALL_NAME

MAX_FORECAST = timedelta(days=365)
"""Maximum remaining time that is forecast. A log that gives more is not precise enough for any date."""

MAX_SILENCE, MAX_SILENT_STEPS = timedelta(minutes=30), 10
"""Time and steps at the run's pace without a step, both at once, after which no end is forecast: a validation or a
checkpoint is done by then.
"""


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
    budget_exhausted_at_step: int | None = None


def estimate_end(progress: Progress, now: datetime) -> datetime | Horizon | None:
    """Return when the last step will be done: the remaining steps at the pace of the last ones.

    A step that takes longer than that pace moves the end back. Both numbers come from the log, and may be anything.

    >>> from bot.core.model.progress import StepTime
    >>> noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    >>> progress = Progress(10, 70, stepped_at=noon.timestamp(), step_times=(StepTime(60.0),))
    >>> estimate_end(progress, noon).strftime("%H:%M")
    '13:00'
    """
    steps_left, pace = progress.steps_left, progress.seconds_per_step
    if steps_left is None or pace is None or pace <= 0 or not progress.stepped_at:
        return None
    since = datetime.fromtimestamp(progress.stepped_at, UTC)
    if not steps_left:
        return since
    # Compared before any date is computed, because a large product overflows timedelta.
    if pace > MAX_FORECAST.total_seconds() / steps_left:
        return Horizon.BEYOND_A_YEAR
    return max(since + timedelta(seconds=pace), now) + timedelta(seconds=pace * (steps_left - 1))


def estimate_run_end(run: Run, now: datetime) -> datetime | Horizon | None:
    """Return when the last step of a run will be done; None where it does not train, or its steps have stopped."""
    trains = run.status is RunStatus.RUNNING and not run.is_finished
    return estimate_end(run.training.progress, now) if trains and not has_stopped_stepping(run, now) else None


def has_stopped_stepping(run: Run, now: datetime) -> bool:
    """Return whether the pace of a run says nothing of its future: it hangs, or no step was seen for too long."""
    progress = run.training.progress
    if run.training.health.find_open(STALL_NAME) is not None:
        return True
    if not progress.stepped_at:
        return False
    silence_seconds = now.timestamp() - progress.stepped_at
    return silence_seconds > max(MAX_SILENCE.total_seconds(), MAX_SILENT_STEPS * (progress.seconds_per_step or 0.0))


def build_forecast(run: Run, now: datetime) -> Forecast | None:
    """Return the forecast of a run that trains; None before its first steps, while they have stopped, and once it has
    finished.
    """
    end = estimate_run_end(run, now)
    if end is None:
        return None
    spent_dollars, rate = run.cost(now), run.spending.hourly_rate
    if spent_dollars is None or rate is None:
        return Forecast(end, None)
    time_left = MAX_FORECAST if isinstance(end, Horizon) else max(end - now, timedelta())
    dollars = spent_dollars + rate.dollars_per_hour * time_left.total_seconds() / 3600
    exhausted_at_step = estimate_budget_step(run, now) if dollars > run.limits.budget_dollars else None
    return Forecast(end, None if isinstance(end, Horizon) else dollars, exhausted_at_step)


FORECAST_MARGIN = 0.1
"""Share of the forecast that an advised budget is above it, as later steps may take longer."""

RAISE_FACTOR = 2
"""An advised budget without a forecast above the present one, as a multiple of it or of the cost."""

MIN_EXTENSION_HOURS = 2
"""The least hours by which a lease is advised to be extended."""


def suggest_budget(run: Run, now: datetime) -> str:
    """Return the dollars of a budget that is enough as far as is known, to be typed."""
    forecast = build_forecast(run, now)
    if forecast and forecast.dollars is not None and forecast.dollars > run.limits.budget_dollars:
        return round_up_dollars(forecast.dollars * (1 + FORECAST_MARGIN))
    return f"{RAISE_FACTOR * max(run.cost(now) or 0.0, run.limits.budget_dollars):.2f}".removesuffix(".00")


def suggest_extension_hours(run: Run, now: datetime) -> int:
    """Return the hours by which a lease lasts until after the last step, as far as that is known."""
    end, lease_end = estimate_run_end(run, now), run.lease_ends_at
    if not isinstance(end, datetime) or lease_end is None:
        return MIN_EXTENSION_HOURS
    missing = end - lease_end + FORECAST_MARGIN * (end - now)
    return max(MIN_EXTENSION_HOURS, ceil(missing / timedelta(hours=1)))


def estimate_budget_step(run: Run, now: datetime) -> int | None:
    """Return the step at which the budget will be exhausted, at most the last one."""
    spent_dollars, rate, pace = run.cost(now), run.spending.hourly_rate, run.training.progress.seconds_per_step
    steps_left = run.training.progress.steps_left
    if (
        spent_dollars is None
        or rate is None
        or not rate.dollars_per_hour
        or not pace
        or run.training.progress.step is None
    ):
        return None
    seconds = max(run.limits.budget_dollars - spent_dollars, 0.0) / rate.dollars_per_hour * 3600
    return run.training.progress.step + int(min(seconds / pace, steps_left or 0))


BUDGET_WARNING_PERCENTS = (50, 80, 100)
"""Percents of a budget at which a run is warned; at the last one it is stopped."""

MIN_FORECAST_STEPS = 5
"""Minimum steps whose pace is known before a forecast becomes a warning: the first steps warm up."""

MIN_FORECAST_EXCESS = 0.02
"""Minimum excess of a forecast over the budget, as a share of the budget: paces vary by as much."""


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """A warning that this percentage of the budget, or more, is spent."""

    percent: int


@dataclass(frozen=True, slots=True)
class BudgetForecastExceeded:
    """A warning that the run will cost more than its budget."""

    forecast: Forecast


@dataclass(frozen=True, slots=True)
class LeaseEnding:
    """A warning that the lease ends within this time."""

    within: timedelta


RunWarning = BudgetSpent | BudgetForecastExceeded | LeaseEnding  # the field's word


def find_warnings(run: Run, now: datetime) -> list[RunWarning]:
    """Return the warnings of a run that can still be ended; of each kind the most urgent."""
    if run.is_finished or run.launch.first_requested_at is None:
        return []
    candidates = (check_budget_spent(run, now), check_budget_forecast(run, now), check_lease_end(run, now))
    return [warning for warning in candidates if warning]


def name_budget_mute(budget_dollars: float) -> str:
    """Return the name under which a run's record keeps that a person lets it stop at this budget.

    >>> name_budget_mute(12.5)
    'budget 12.5'
    """
    return f"{BUDGET_MUTE_PREFIX}{budget_dollars!r}"


BUDGET_MUTE_PREFIX = "budget "
"""The space keeps it apart from the names of findings."""


def check_budget_spent(run: Run, now: datetime) -> BudgetSpent | None:
    """Return the warning for the highest percentage of the budget that is spent, or None."""
    cost = run.cost(now)
    reached_percents = [
        percent
        for percent in BUDGET_WARNING_PERCENTS
        if cost is not None and 100 * cost >= percent * run.limits.budget_dollars
    ]
    return BudgetSpent(max(reached_percents)) if reached_percents else None


def check_budget_forecast(run: Run, now: datetime) -> BudgetForecastExceeded | None:
    """Return the warning that the forecast exceeds the budget, or None."""
    projection = build_forecast(run, now)
    if projection is None or projection.dollars is None or len(run.training.progress.step_times) < MIN_FORECAST_STEPS:
        return None
    return (
        BudgetForecastExceeded(projection)
        if projection.dollars > run.limits.budget_dollars * (1 + MIN_FORECAST_EXCESS)
        else None
    )


def check_lease_end(run: Run, now: datetime) -> LeaseEnding | None:
    """Return the warning before the end of the lease, or None.

    A lease that is shorter than twice the time before its end does not get that early warning.
    """
    end = run.lease_ends_at
    due_spans = [span for span in run.plan.lease_warnings if end and 2 * span <= run.limits.lease and now >= end - span]
    return LeaseEnding(min(due_spans)) if due_spans else None
