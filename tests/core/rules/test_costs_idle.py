"""What bills while no step is made."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.frameworks.verl.metric_keys import VERL_KEYS
from bot.core.model.metrics import StepMetrics
from bot.core.model.progress import Progress, StepTime, TrainingTotals
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.costs import IdleTime, compute_idle_dollars, compute_idle_time
from tests.builders import a_run, at, change_run, launching, running

NONE = timedelta()


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def trained(steps: int, last_at: float, seconds: float = 60.0) -> Progress:
    """So many steps of a minute each, the last read at that second after noon."""
    laps = (StepTime(seconds),) * steps
    return Progress(
        steps,
        100,
        stepped_at=at(last_at).timestamp(),
        step_times=laps,
        training_totals=TrainingTotals(steps, steps * seconds),
    )


AT_WORK = running(running_at=at(600), progress=trained(50, 3600))
OVER = replace(AT_WORK, status=RunStatus.ENDED, reason=Reason.SUCCEEDED, finished_at=at(3630), closed_at=at(3690))


@pytest.mark.parametrize(
    ("run", "now", "found"),
    [
        pytest.param(a_run(), 3600, IdleTime(NONE, NONE, NONE), id="nothing while it waits"),
        pytest.param(launching(), 3600, IdleTime(minutes(60), NONE, NONE), id="machines on their way"),
        pytest.param(running(running_at=at(600)), 1200, IdleTime(minutes(10), minutes(10), NONE), id="no step yet"),
        pytest.param(AT_WORK, 3600, IdleTime(minutes(10), NONE, NONE), id="steps without a gap"),
        pytest.param(AT_WORK, 3650, IdleTime(minutes(10), NONE, NONE), id="the next step is under way"),
        pytest.param(AT_WORK, 7200, IdleTime(minutes(10), minutes(58), NONE), id="a stall, but for what may be a step"),
        pytest.param(
            change_run(AT_WORK, progress=trained(40, 3600)),
            3600,
            IdleTime(minutes(10), minutes(10), NONE),
            id="a gap between two steps",
        ),
        pytest.param(OVER, 9999, IdleTime(minutes(10), NONE, minutes(1)), id="teardown, until it was seen to be gone"),
        pytest.param(
            replace(OVER, closed_at=None, status=RunStatus.STOPPING),
            3750,
            IdleTime(minutes(10), NONE, minutes(2)),
            id="teardown that goes on",
        ),
        pytest.param(
            change_run(AT_WORK, progress=trained(50, 3600, 0.0)),
            3600,
            IdleTime(minutes(10), None, NONE),
            id="steps that do not tell their time",
        ),
        pytest.param(
            change_run(OVER, progress=Progress()),
            9999,
            IdleTime(minutes(10), None, minutes(1)),
            id="it succeeded and told no step",
        ),
        pytest.param(
            change_run(OVER, reason=Reason.FAILED, progress=Progress()),
            9999,
            IdleTime(minutes(10), minutes(50.5), minutes(1)),
            id="it failed before its first step",
        ),
        pytest.param(
            change_run(OVER, running_at=None, progress=Progress(), reason=Reason.LAUNCH_FAILED),
            9999,
            IdleTime(minutes(60.5), NONE, minutes(1)),
            id="its job never ran",
        ),
        pytest.param(
            change_run(AT_WORK, progress=trained(900, 3600)),
            3600,
            IdleTime(minutes(10), NONE, NONE),
            id="steps that say more than the clock",
        ),
    ],
)
def test_idle_is(run: Run, now: float, found: IdleTime) -> None:
    assert compute_idle_time(run, at(now)) == found


@pytest.mark.parametrize(
    ("run", "dollars"),
    [
        pytest.param(AT_WORK, 4.0 / 6, id="ten minutes at four dollars an hour"),
        pytest.param(change_run(AT_WORK, rate=None), None, id="unpriced"),
    ],
)
def test_idle_time_costs_what_time_costs(run: Run, dollars: float | None) -> None:
    found = compute_idle_dollars(run, at(3600))
    assert found == (None if dollars is None else pytest.approx(dollars))


def a_step(number: int, **values: float) -> StepMetrics:
    return StepMetrics(number, {"critic/rewards/mean": 0.5, "timing_s/step": 60.0, **values}, at(number).timestamp())


VALIDATED = {"val-core/x/reward/mean@1": 0.5}


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        pytest.param([], TrainingTotals(), id="nothing"),
        pytest.param([a_step(1), a_step(2)], TrainingTotals(2, 120.0, 2), id="two steps"),
        pytest.param([a_step(1), a_step(1)], TrainingTotals(1, 60.0, 1), id="one step on two lines"),
        pytest.param(
            [StepMetrics(0, VALIDATED), a_step(0)],
            TrainingTotals(1, 60.0, 0, 0.5, 0.5, 0),
            id="validated before the first",
        ),
        pytest.param(
            [a_step(2), a_step(3), a_step(2)], TrainingTotals(3, 180.0, 2), id="it went back: the step was made again"
        ),
        pytest.param(
            [StepMetrics(1, {"critic/rewards/mean": 0.5})],
            TrainingTotals(1, 0.0, 1),
            id="a step that does not tell its time",
        ),
        pytest.param(
            [a_step(n, **{"val-core/x/reward/mean@1": value}) for n, value in ((1, 0.2), (2, 0.7), (3, 0.4))],
            TrainingTotals(3, 180.0, 3, 0.2, 0.7, 2),
            id="the first and the best validation",
        ),
    ],
)
def test_a_log_tells_what_was_done_with_the_time(rows: list[StepMetrics], found: TrainingTotals) -> None:
    assert Progress().record_events(rows, VERL_KEYS).training_totals == found


def test_a_long_curve_loses_its_first_point_and_what_was_trained_does_not() -> None:
    rows = [a_step(n, **{"val-core/x/reward/mean@1": n / 1000}) for n in range(1, 500)]
    found = Progress().record_events(rows, VERL_KEYS)
    assert found.validations.points[0][1] > 0.01
    assert (found.training_totals.first_validation, found.training_totals.best_validation) == (0.001, 0.499)


@pytest.mark.parametrize("seconds", [1e17, 1e300, 1.7e308])
def test_steps_that_took_longer_than_the_run_leave_no_idle_time(seconds: float) -> None:
    progress = replace(
        AT_WORK.training.progress, step_times=(StepTime(seconds),), training_totals=TrainingTotals(3, seconds)
    )
    assert compute_idle_time(change_run(AT_WORK, progress=progress), at(7200)).while_running == NONE
    assert compute_idle_dollars(change_run(AT_WORK, progress=progress), at(7200)) is not None
