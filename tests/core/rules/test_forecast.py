"""When a run ends and what it will have cost: by hand, and as properties."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.finding import Finding, Severity
from bot.core.model.health_state import HealthState
from bot.core.model.money import Rate
from bot.core.model.progress import Progress, StepTime
from bot.core.model.run_state import Reason
from bot.core.rules.forecast import Horizon, build_forecast, estimate_end, suggest_budget, suggest_extension_hours
from bot.core.rules.health.stall import STALL_NAME
from tests.builders import NOON, at, running

ON_ITS_WAY = Progress(40, 100, stepped_at=at(2400).timestamp(), step_times=(StepTime(60.0),) * 10)


@pytest.mark.parametrize(
    ("progress", "seconds"),
    [
        pytest.param(ON_ITS_WAY, 2400 + 60 * 60, id="sixty steps of a minute"),
        pytest.param(replace(ON_ITS_WAY, step=100), 2400, id="its last step is done"),
        pytest.param(replace(ON_ITS_WAY, from_zero=True, step=99), 2400, id="its last step is done, counted from zero"),
        pytest.param(replace(ON_ITS_WAY, step_times=(), bar_seconds=30.0), 2400 + 30 * 60, id="by the progress bar"),
        pytest.param(replace(ON_ITS_WAY, step=99, stepped_at=at(1000).timestamp()), 2430, id="a step that is late"),
        pytest.param(replace(ON_ITS_WAY, total_steps=None), None, id="nobody said how many"),
        pytest.param(replace(ON_ITS_WAY, step_times=()), None, id="no pace"),
        pytest.param(Progress(), None, id="nothing yet"),
    ],
)
def test_a_run_ends_once_the_steps_left_are_done(progress: Progress, seconds: float | None) -> None:
    assert estimate_end(progress, at(2430)) == (None if seconds is None else at(seconds))


def test_the_forecast_in_dollars_is_what_is_spent_and_the_rate_until_the_end() -> None:
    found = build_forecast(running(progress=ON_ITS_WAY, rate=Rate(6.0, "x"), budget_dollars=100.0), at(2400))
    assert found is not None
    assert (found.ends_at, found.budget_exhausted_at_step) == (at(6000), None)
    assert found.dollars == pytest.approx(10.0)


def test_where_it_will_be_over_its_budget_it_says_from_which_step() -> None:
    found = build_forecast(running(progress=ON_ITS_WAY, rate=Rate(6.0, "x"), budget_dollars=7.0), at(2400))
    assert found is not None
    assert found.budget_exhausted_at_step == 70  # $3 more are half an hour


@pytest.mark.parametrize(
    ("progress", "budget_dollars", "advised"),
    [
        pytest.param(ON_ITS_WAY, 7.0, "12", id="a tenth above the forecast of 10"),
        pytest.param(ON_ITS_WAY, 2.0, "12", id="where twice the budget is not enough"),
        pytest.param(ON_ITS_WAY, 12.0, "24", id="twice the budget, where it is enough already"),
        pytest.param(Progress(), 7.0, "14", id="twice the budget, without a forecast"),
        pytest.param(Progress(), 1.5, "8", id="twice what is spent, without a forecast"),
        pytest.param(Progress(), 4.02, "8.04", id="with its cents"),
    ],
)
def test_a_budget_that_is_advised_is_enough(progress: Progress, budget_dollars: float, advised: str) -> None:
    run = running(progress=progress, rate=Rate(6.0, "x"), budget_dollars=budget_dollars)
    assert suggest_budget(run, at(2400)) == advised


@pytest.mark.parametrize(
    ("progress", "hours"),
    [
        pytest.param(ON_ITS_WAY, 2, id="the lease is long enough"),
        pytest.param(Progress(), 2, id="without a forecast"),
        # 2,400 steps of a minute from 0:40 are 40 h, 28.7 more than the lease has left; a tenth of 40 is 4.
        pytest.param(replace(ON_ITS_WAY, total_steps=2440), 33, id="a tenth longer than the forecast"),
        pytest.param(replace(ON_ITS_WAY, total_steps=10**9), 2, id="no date is forecast"),
    ],
)
def test_a_lease_that_is_extended_as_advised_lasts_until_the_last_step(progress: Progress, hours: int) -> None:
    run = running(progress=progress)
    assert run.limits.lease == timedelta(hours=12)
    assert suggest_extension_hours(run, at(2400)) == hours


@pytest.mark.parametrize(
    "rate", [pytest.param(None, id="unpriced"), pytest.param(Rate(0.0, "x"), id="a rate of nothing, which is none")]
)
def test_without_a_price_there_is_an_end_and_no_cost(rate: Rate | None) -> None:
    found = build_forecast(running(progress=ON_ITS_WAY, rate=rate), at(2400))
    assert found is not None
    assert found.dollars is None


@pytest.mark.parametrize(
    ("pace", "silence_seconds", "is_forecast"),
    [
        pytest.param(60.0, 1700, True, id="many steps late, and perhaps in a validation"),
        pytest.param(60.0, 1900, False, id="half an hour late"),
        pytest.param(600.0, 5900, True, id="long steps"),
        pytest.param(600.0, 6100, False, id="ten long steps late"),
    ],
)
def test_a_run_whose_steps_have_stopped_has_no_forecast(pace: float, silence_seconds: int, is_forecast: bool) -> None:
    progress = replace(ON_ITS_WAY, step_times=(StepTime(pace),) * 10)
    run = running(progress=progress, rate=Rate(6.0, "x"), budget_dollars=1000.0)
    assert (build_forecast(run, at(2400 + silence_seconds)) is not None) is is_forecast


def test_a_run_that_hangs_has_no_forecast() -> None:
    stall = Finding(STALL_NAME, Severity.STOP, 40, at(2400).timestamp(), "It hangs.", "", "Look at it.", "")
    health = HealthState(open_findings=(stall,))
    run = running(progress=ON_ITS_WAY, rate=Rate(6.0, "x"), budget_dollars=100.0)
    run = replace(run, training=replace(run.training, health=health))
    assert build_forecast(run, at(2430)) is None


def test_a_run_that_is_over_has_no_forecast() -> None:
    assert build_forecast(running(progress=ON_ITS_WAY).begin_teardown(Reason.STOPPED, None, NOON), at(2400)) is None


@given(st.integers(1, 99), st.floats(0.1, 1e4), st.integers(0, 1800), st.floats(0.01, 1e4))
def test_the_end_is_never_before_now_and_costs_at_least_what_is_spent(
    step: int, pace: float, later: int, budget: float
) -> None:
    progress = replace(ON_ITS_WAY, step=step, step_times=(StepTime(pace),))
    now = at(2400) + timedelta(seconds=later)
    run = running(progress=progress, budget_dollars=budget)
    found = build_forecast(run, now)
    assert found is not None
    assert isinstance(found.ends_at, datetime)
    assert found.ends_at >= now
    assert found.dollars is not None
    assert found.dollars >= (run.cost(now) or 0.0)
    if found.budget_exhausted_at_step is not None:
        assert step <= found.budget_exhausted_at_step <= 100 + later / pace


@pytest.mark.parametrize(
    ("total", "seconds"),
    [
        (999_999_999, 260.0),
        (999_999_999, 1e300),
        (100, 366 * 86_400.0),
        (10**9, 1.7e308),
        (2**62, 5e-324),
        (70, 366 * 86_400.0),
    ],
)
def test_what_takes_more_than_a_year_has_no_date(total: int, seconds: float) -> None:
    progress = replace(ON_ITS_WAY, total_steps=total, step_times=(StepTime(seconds),) * 3)
    found = estimate_end(progress, at(2430))
    assert found is Horizon.BEYOND_A_YEAR or (isinstance(found, datetime) and seconds < 1e-300)
    run = running(progress=progress, rate=Rate(6.0, "x"), budget_dollars=7.0)
    ahead = build_forecast(run, at(2400))
    assert ahead is not None
    assert ahead.dollars is None or seconds < 1e-300
    assert ahead.budget_exhausted_at_step is None or 40 <= ahead.budget_exhausted_at_step <= total


@pytest.mark.parametrize("seconds", [0.0, -1.0, -1e300])
def test_a_pace_that_is_none_tells_no_end(seconds: float) -> None:
    assert estimate_end(replace(ON_ITS_WAY, step_times=(), bar_seconds=seconds), at(2430)) is None


@pytest.mark.parametrize("rate", [1e-300, 5e-324, 1e300])
def test_a_rate_that_is_no_price_makes_no_step_without_end(rate: float) -> None:
    found = build_forecast(running(progress=ON_ITS_WAY, rate=Rate(rate, "x"), budget_dollars=7.0), at(2400))
    assert found is not None
    assert found.budget_exhausted_at_step is None or found.budget_exhausted_at_step <= 100


def test_a_year_less_a_second_has_a_date_and_a_year_and_a_second_has_none() -> None:
    year = 365 * 86_400.0
    slow = replace(ON_ITS_WAY, total_steps=41)
    assert isinstance(estimate_end(replace(slow, step_times=(StepTime(year - 1),)), at(2430)), datetime)
    assert estimate_end(replace(slow, step_times=(StepTime(year + 1),)), at(2430)) is Horizon.BEYOND_A_YEAR
