"""Warnings before a run is ended by its budget or its lease. Pure; which ones were sent is not known here."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.forecast import Forecast, forecast
from bot.core.run import Run

SHARES = (50, 80)
"""Percents of a budget at which a run is warned."""

SURE_LAPS = 5
"""Minimum steps whose pace is known before a forecast becomes a warning: the first steps warm up."""

SURE_SHARE = 0.02
"""Minimum excess of a forecast over the budget, as a share of the budget: paces vary by as much."""


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """A warning that this percentage of the budget, or more, is spent."""

    percent: int


@dataclass(frozen=True, slots=True)
class BudgetAhead:
    """A warning that the run will cost more than its budget."""

    forecast: Forecast


@dataclass(frozen=True, slots=True)
class LeaseEnds:
    """A warning that the lease ends within this time."""

    within: timedelta


Warning = BudgetSpent | BudgetAhead | LeaseEnds  # noqa: A001  # the field's word


def warnings(run: Run, now: datetime) -> list[Warning]:
    """Return the warnings of a run that can still be ended; of each kind the most urgent."""
    if run.over or run.first_asked_at is None:
        return []
    found = (budget_spent(run, now), budget_ahead(run, now), lease_ends(run, now))
    return [one for one in found if one]


def budget_spent(run: Run, now: datetime) -> BudgetSpent | None:
    """Return the warning for the highest percentage of the budget that is spent, or None."""
    spent = run.cost(now)
    reached = [share for share in SHARES if spent is not None and 100 * spent >= share * run.budget_dollars]
    return BudgetSpent(max(reached)) if reached else None


def budget_ahead(run: Run, now: datetime) -> BudgetAhead | None:
    """Return the warning that the forecast exceeds the budget, or None."""
    ahead = forecast(run, now)
    if ahead is None or ahead.dollars is None or len(run.progress.laps) < SURE_LAPS:
        return None
    return BudgetAhead(ahead) if ahead.dollars > run.budget_dollars * (1 + SURE_SHARE) else None


def lease_ends(run: Run, now: datetime) -> LeaseEnds | None:
    """Return the warning before the end of the lease, or None.

    A lease that is shorter than twice the time before its end does not get that early warning.
    """
    end = run.lease_ends_at
    reached = [span for span in run.lease_warnings if end and 2 * span <= run.lease and now >= end - span]
    return LeaseEnds(min(reached)) if reached else None
