"""What is to be said before a run is ended by its budget or its lease. Pure; what has been said is no matter here."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.forecast import Forecast, forecast
from bot.core.run import Run

SHARES = (50, 80)
"""Percents of a budget at which its run is told of."""

SURE_LAPS = 5
"""Steps whose pace must be known before a forecast is a warning: the first ones warm up."""

SURE_SHARE = 0.02
"""How far over the budget, as a share of it, a forecast must be: paces vary by as much."""


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """So many percent of the budget, or more, are spent."""

    percent: int


@dataclass(frozen=True, slots=True)
class BudgetAhead:
    """The run will cost more than its budget."""

    forecast: Forecast


@dataclass(frozen=True, slots=True)
class LeaseEnds:
    """The lease ends in so much time, or less."""

    within: timedelta


Warning = BudgetSpent | BudgetAhead | LeaseEnds  # noqa: A001  # the field's word


def warnings(run: Run, now: datetime) -> list[Warning]:
    """What is to be told of a run that can still be ended; of each kind the most urgent."""
    if run.over or run.first_asked_at is None:
        return []
    found = (budget_spent(run, now), budget_ahead(run, now), lease_ends(run, now))
    return [one for one in found if one]


def budget_spent(run: Run, now: datetime) -> BudgetSpent | None:
    spent = run.cost(now)
    reached = [share for share in SHARES if spent is not None and 100 * spent >= share * run.budget_dollars]
    return BudgetSpent(max(reached)) if reached else None


def budget_ahead(run: Run, now: datetime) -> BudgetAhead | None:
    ahead = forecast(run, now)
    if ahead is None or ahead.dollars is None or len(run.progress.laps) < SURE_LAPS:
        return None
    return BudgetAhead(ahead) if ahead.dollars > run.budget_dollars * (1 + SURE_SHARE) else None


def lease_ends(run: Run, now: datetime) -> LeaseEnds | None:
    """A lease that is shorter than twice the time before its end is not worth a warning so early."""
    end = run.lease_ends_at
    reached = [span for span in run.lease_warnings if end and 2 * span <= run.lease and now >= end - span]
    return LeaseEnds(min(reached)) if reached else None
