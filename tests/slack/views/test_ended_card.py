"""The results of a finished run, compared with the run before it."""

from dataclasses import replace

import pytest

from bot.core.frameworks import FRAMEWORK
from bot.core.model.metrics import StepMetrics
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.slack.views.ended_card import describe_comparison, describe_last_and_best_validation
from tests.builders import at, running

VALIDATION = "val-core/gsm8k/reward/mean@1"


def with_validations(run: Run, *values: float) -> Run:
    """The run with one validation every 20 steps."""
    rows = [StepMetrics(20 * number, {VALIDATION: value}) for number, value in enumerate(values, 1)]
    progress = Progress().record_events(rows, FRAMEWORK.keys)
    return replace(run, training=replace(run.training, progress=progress))


NOW = with_validations(running(), 0.5, 0.6, 0.55)
BEFORE = with_validations(running(id="ppo-1a2b", name="small batch"), 0.58, 0.4)


def test_a_comparison_names_the_other_run_and_the_best_of_both_with_their_steps() -> None:
    shown = describe_comparison(NOW, BEFORE, at(60))
    assert "best validation 0.58 (step 20) → 0.60 (step 40): +0.02" in shown
    assert shown.startswith("`ppo-1a2b`")
    assert "small batch" in shown


@pytest.mark.parametrize(
    ("run", "shown"),
    [
        pytest.param(NOW, "0.55 (step 60), best 0.60 (step 40)", id="a better one before"),
        pytest.param(with_validations(running(), 0.5, 0.6), "0.60 (step 40)", id="the last is the best"),
    ],
)
def test_the_best_validation_has_its_step(run: Run, shown: str) -> None:
    assert describe_last_and_best_validation(run) == shown
