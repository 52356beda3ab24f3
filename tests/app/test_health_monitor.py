"""New rows are judged as they come, whichever lines of a step come first and however often a job begins again."""

from collections.abc import Sequence
from math import nan

import pytest

from bot.app.health_monitor import WINDOW_ROWS, HealthMonitor
from bot.core.model.health_state import HealthState
from bot.core.model.history import merge_rows
from bot.core.model.metrics import StepMetrics
from tests.core.rules.health.runs import several_arms

ROLLOUTS = {"fully_async/rollouter/idle_ratio": 0.1, "fully_async/rollouter/step_generated_samples": 512.0}
VALIDATION = {"val-core/x/acc/mean@1": 0.3}


def watch(lines: Sequence[StepMetrics], at_once: int = 1) -> HealthState:
    """Return the health after these lines, so many of which each look brings."""
    health, window = HealthState(), tuple[StepMetrics, ...]()
    for first in range(0, len(lines), at_once):
        new = lines[first : first + at_once]
        health = HealthMonitor().judge_steps(health, window, new, {}).health
        window = merge_rows([*window[-WINDOW_ROWS:], *new])
    return health


@pytest.mark.parametrize("at_once", [1, 2, 3])
@pytest.mark.parametrize("first", [ROLLOUTS, VALIDATION], ids=["rollouts first", "a validation first"])
def test_the_training_line_of_a_step_is_judged_after_a_line_of_other_metrics(
    first: dict[str, float], at_once: int
) -> None:
    training = {"actor/grad_norm": nan, "critic/rewards/mean": 0.5}
    lines = [StepMetrics(step, values, 60.0 * step) for step in range(1, 5) for values in (first, training)]
    health = watch(lines, at_once)
    assert [one.name for one in health.open_findings] == ["not-a-number"]
    assert health.row_count == 4


def test_further_metrics_of_a_judged_step_count_as_no_other_row() -> None:
    training = {"actor/grad_norm": 1.0, "critic/rewards/mean": 0.5}
    lines = [StepMetrics(step, values, 60.0 * step) for step in range(1, 5) for values in (training, VALIDATION)]
    assert watch(lines).row_count == 4


def test_trainings_without_variance_are_counted_over_several_arms_of_a_job() -> None:
    assert [one.name for one in watch(several_arms(0)).open_findings] == ["no-variance"]
