"""Warnings before a run is ended by its budget or its lease. Pure; which ones were sent is not known here."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.forecast import Forecast, build_forecast
from bot.core.run import Run

BUDGET_WARNING_PERCENTS = (50, 80)
"""Percents of a budget at which a run is warned."""

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
    if run.is_finished or run.first_launch_requested_at is None:
        return []
    candidates = (check_budget_spent(run, now), check_budget_forecast(run, now), check_lease_end(run, now))
    return [warning for warning in candidates if warning]


def check_budget_spent(run: Run, now: datetime) -> BudgetSpent | None:
    """Return the warning for the highest percentage of the budget that is spent, or None."""
    cost = run.cost(now)
    reached_percents = [
        percent
        for percent in BUDGET_WARNING_PERCENTS
        if cost is not None and 100 * cost >= percent * run.budget_dollars
    ]
    return BudgetSpent(max(reached_percents)) if reached_percents else None


def check_budget_forecast(run: Run, now: datetime) -> BudgetForecastExceeded | None:
    """Return the warning that the forecast exceeds the budget, or None."""
    projection = build_forecast(run, now)
    if projection is None or projection.dollars is None or len(run.progress.step_times) < MIN_FORECAST_STEPS:
        return None
    return (
        BudgetForecastExceeded(projection)
        if projection.dollars > run.budget_dollars * (1 + MIN_FORECAST_EXCESS)
        else None
    )


def check_lease_end(run: Run, now: datetime) -> LeaseEnding | None:
    """Return the warning before the end of the lease, or None.

    A lease that is shorter than twice the time before its end does not get that early warning.
    """
    end = run.lease_ends_at
    due_spans = [span for span in run.lease_warnings if end and 2 * span <= run.lease and now >= end - span]
    return LeaseEnding(min(due_spans)) if due_spans else None
