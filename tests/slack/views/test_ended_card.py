"""The results of a finished run, compared with the run before it."""

from dataclasses import replace

import pytest

from bot.core.frameworks import FRAMEWORK
from bot.core.model.metrics import StepMetrics, TotalSteps, TrainingResumed
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.slack.views.ended_card import describe_comparison, describe_last_and_best_validation, end_message
from bot.slack.views.run_card import card
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


@pytest.mark.parametrize(
    ("rows", "is_idle"),
    [
        pytest.param([], True, id="no step"),
        pytest.param([StepMetrics(61, {"critic/score/mean": 0.5})], False, id="one step"),
    ],
)
def test_a_run_that_succeeds_without_a_step_after_its_checkpoint_trained_nothing(
    rows: list[StepMetrics], is_idle: bool
) -> None:
    resumed = Progress().record_events([TotalSteps(120), TrainingResumed(60), *rows], FRAMEWORK.keys)
    run = running(status=RunStatus.ENDED, reason=Reason.SUCCEEDED, closed_at=at(60), progress=resumed)
    notice = end_message(run, at(60), "")
    assert notice is not None
    for text in (str(card(run, at(60)).blocks), str(notice.blocks)):
        assert ("trained nothing" in text) is is_idle
        assert ("/verl retry ppo-7f3a trainer.total_epochs=" in text) is is_idle
