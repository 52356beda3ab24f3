"""What is said before a budget or a lease ends a run: when, once, and not too early."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.money import Rate
from bot.core.model.progress import Progress, StepTime
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunLimit
from bot.core.rules.forecast import BudgetForecastExceeded, BudgetSpent, LeaseEnding, find_warnings
from tests.builders import NOON, a_run, at, running

ON_ITS_WAY = Progress(40, 100, stepped_at=at(2400).timestamp(), step_times=(StepTime(60.0),) * 10)
DEAR = Rate(10.0, "demo price")


def kinds(run: Run, seconds: float) -> list[object]:
    return [found for found in find_warnings(run, at(seconds)) if not isinstance(found, BudgetForecastExceeded)]


@pytest.mark.parametrize(
    ("spent", "percents"),
    [(0.0, []), (49.9, []), (50.0, [50]), (79.0, [50]), (80.0, [80]), (99.0, [80]), (150.0, [100])],
)
def test_of_a_budget_the_highest_share_that_is_spent_is_told(spent: float, percents: list[int]) -> None:
    run = running(rate=DEAR, budget_dollars=100.0, lease=timedelta(days=9))
    assert kinds(run, spent * 360) == [BudgetSpent(percent) for percent in percents]


@pytest.mark.parametrize(
    ("lease_hours", "before_minutes", "within"),
    [
        pytest.param(12, 61, None, id="not yet"),
        pytest.param(12, 60, 60, id="an hour before"),
        pytest.param(12, 16, 60, id="still the first"),
        pytest.param(12, 15, 15, id="a quarter of an hour before"),
        pytest.param(12, -1, 15, id="it is over"),
        pytest.param(1, 45, None, id="a short lease, not an hour before"),
        pytest.param(1, 14, 15, id="a short lease"),
        pytest.param(0.25, 5, None, id="a lease of minutes"),
    ],
)
def test_the_end_of_a_lease_is_told_an_hour_and_a_quarter_before(
    lease_hours: float, before_minutes: float, within: int | None
) -> None:
    run = running(rate=None, lease=timedelta(hours=lease_hours))
    found = kinds(run, lease_hours * 3600 - before_minutes * 60)
    assert found == ([LeaseEnding(timedelta(minutes=within))] if within else [])


@pytest.mark.parametrize(
    ("run", "warned"),
    [
        pytest.param(running(rate=DEAR, progress=ON_ITS_WAY, budget_dollars=15.0), True, id="it will be over"),
        pytest.param(running(rate=DEAR, progress=ON_ITS_WAY, budget_dollars=16.6), False, id="by less than it varies"),
        pytest.param(running(rate=DEAR, progress=ON_ITS_WAY, budget_dollars=20.0), False, id="it will not"),
        pytest.param(running(rate=None, progress=ON_ITS_WAY, budget_dollars=15.0), False, id="unpriced"),
        pytest.param(
            running(rate=DEAR, progress=replace(ON_ITS_WAY, step_times=(StepTime(60.0),) * 4), budget_dollars=15.0),
            False,
            id="its pace is not known well",
        ),
        pytest.param(
            running(rate=DEAR, progress=ON_ITS_WAY, budget_dollars=15.0).begin_teardown(Reason.STOPPED, None, NOON),
            False,
            id="it is over",
        ),
    ],
)
def test_a_forecast_over_the_budget_is_told(run: Run, warned: bool) -> None:
    assert any(isinstance(found, BudgetForecastExceeded) for found in find_warnings(run, at(2400))) is warned


@pytest.mark.parametrize("run", [a_run(), running().begin_teardown(Reason.FAILED, None, at(60))])
def test_nothing_is_told_of_a_run_that_has_no_cluster_yet_or_is_over(run: Run) -> None:
    assert find_warnings(run, at(10**6)) == []


@given(st.floats(0, 200), st.floats(0, 200))
def test_a_share_that_was_told_is_never_taken_back(earlier: float, later: float) -> None:
    run = running(rate=DEAR, budget_dollars=100.0, lease=timedelta(days=90))
    early, late = sorted((earlier, later))
    told = [found.percent for found in find_warnings(run, at(early * 360)) if isinstance(found, BudgetSpent)]
    then = [found.percent for found in find_warnings(run, at(late * 360)) if isinstance(found, BudgetSpent)]
    assert max(told, default=0) <= max(then, default=0)


def test_an_amended_lease_ends_later_and_the_same_delivery_counts_once() -> None:
    run = running(lease=timedelta(hours=4))
    once = run.change_limit(RunLimit.LEASE, 6, "U0ANA", at(60), "trigger")
    assert once.lease_ends_at == at(6 * 3600)
    assert once.change_limit(RunLimit.LEASE, 8, "U0ANA", at(61), "trigger") == once
    assert once.change_limit(RunLimit.LEASE, 8, "U0ANA", at(61), "another").lease_ends_at == at(8 * 3600)


def test_an_amended_budget_is_the_one_that_counts_and_both_are_kept() -> None:
    run = running(budget_dollars=100.0).change_limit(RunLimit.BUDGET, 300.0, "U0ANA", at(60))
    assert run.limits.budget_dollars == 300.0
    assert [(one.before, one.after, one.by) for one in run.limits.changes] == [(100.0, 300.0, "U0ANA")]


def test_what_is_over_cannot_be_given_more() -> None:
    run = running().begin_teardown(Reason.BUDGET_EXCEEDED, None, at(60))
    assert run.change_limit(RunLimit.BUDGET, 300.0, "U0ANA", at(61)) == run
