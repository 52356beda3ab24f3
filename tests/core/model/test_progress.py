"""How far a run is: what counts of what was read, and what stays."""

import pytest

from bot.core.frameworks.verl.metric_keys import VERL_KEYS
from bot.core.model.metrics import CheckpointSaved, LogEvent, ProgressBar, StepMetrics, TotalSteps, TrainingResumed
from bot.core.model.progress import MAX_METRICS, PACED_STEPS, Progress


def a_step(step: int, reward: float = 0.5, seconds: float = 60.0, at: float = 1.0) -> StepMetrics:
    return StepMetrics(step, {"critic/rewards/mean": reward, "timing_s/step": seconds}, at)


def validated(step: int, seconds: float) -> StepMetrics:
    return StepMetrics(step, {"critic/rewards/mean": 0.5, "timing_s/step": seconds, "val-core/a": 0.5}, 1.0)


def test_a_validation_stays_until_the_next_and_knows_its_step() -> None:
    found = Progress().record_events(
        [StepMetrics(10, {"val-core/gsm8k/reward/mean@1": 0.53, "a": 1.0}), a_step(11)], VERL_KEYS
    )
    assert (found.step, found.validation, found.validated_step) == (11, 0.53, 10)
    assert found.validations.points == ((10, 0.53),)


def test_of_several_validations_the_newest_kind_counts() -> None:
    found = Progress().record_events(
        [StepMetrics(1, {"val/test_score/x": 0.1, "val-core/b": 0.3, "val-core/a": 0.2})], VERL_KEYS
    )
    assert found.validation == 0.2


def test_what_is_not_a_number_is_not_shown_as_one() -> None:
    nan = float("nan")
    found = Progress().record_events(
        [StepMetrics(1, {"critic/rewards/mean": nan, "actor/kl_loss": nan, "actor/lr": 1.0})], VERL_KEYS, ("actor",)
    )
    assert (found.step, found.reward, dict(found.metrics)) == (1, None, {"actor/lr": 1.0})


def test_only_wanted_metrics_are_kept() -> None:
    found = Progress().record_events(
        [StepMetrics(1, {"critic/rewards/mean": 0.5, "perf/mfu": 0.4, "timing_s/step": 2.0})], VERL_KEYS, ("perf",)
    )
    assert set(found.metrics) == {"critic/rewards/mean", "perf/mfu"}


@pytest.mark.parametrize(
    ("facts", "left"),
    [
        pytest.param([a_step(1)], None, id="nobody said how many"),
        pytest.param([TotalSteps(10)], None, id="no step yet"),
        pytest.param([TotalSteps(10), a_step(1)], 9, id="counted from one"),
        pytest.param([TotalSteps(10), a_step(0)], 9, id="counted from zero, as old versions do"),
        pytest.param([TotalSteps(10), a_step(0), a_step(9)], 0, id="counted from zero, the last"),
        pytest.param(
            [TotalSteps(10), StepMetrics(0, {"val-core/a": 0.1}), a_step(1)], 9, id="a validation before the first step"
        ),
        pytest.param([ProgressBar(4, 10, 2.0), a_step(4)], 6, id="the bar says how many"),
        pytest.param([TotalSteps(10), TrainingResumed(6)], 4, id="resumed"),
        pytest.param([TotalSteps(10), a_step(7), a_step(5)], 5, id="gone back"),
        pytest.param([TotalSteps(5), a_step(7)], 0, id="further than was said"),
    ],
)
def test_the_steps_left_are_those_that_were_said_less_those_that_were_done(
    facts: list[LogEvent], left: int | None
) -> None:
    assert Progress().record_events(facts, VERL_KEYS).steps_left == left


@pytest.mark.parametrize(
    ("facts", "seconds"),
    [
        pytest.param([], None, id="nothing is known"),
        pytest.param([ProgressBar(1, 9, 30.0)], 30.0, id="by the bar"),
        pytest.param([ProgressBar(1, 9, 30.0), a_step(1, seconds=60)], 60.0, id="by its steps"),
        pytest.param([a_step(1, seconds=60), a_step(2, seconds=80)], 70.0, id="the mean"),
        pytest.param([a_step(1, seconds=60), a_step(1, seconds=60)], 60.0, id="a step that is read twice"),
        pytest.param(
            [StepMetrics(0, {"timing/gen": 20.0, "timing/ref": 5.0})], 25.0, id="its parts, as old versions tell"
        ),
        pytest.param([a_step(n, seconds=9) for n in range(9)] + [a_step(n) for n in range(9, 80)], 60.0, id="the last"),
        pytest.param(
            [a_step(n, seconds=60) if n % 5 else validated(n, seconds=110) for n in range(1, 14)],
            70.0,
            id="with a validation every five steps, each its share",
        ),
        pytest.param(
            [
                a_step(1, seconds=60),
                StepMetrics(1, {"val-core/a": 0.5}),
                a_step(2, seconds=80),
                StepMetrics(2, {"val-core/a": 0.5}),
            ],
            80.0,
            id="validations on lines of their own",
        ),
    ],
)
def test_the_pace_is_that_of_the_last_steps(facts: list[LogEvent], seconds: float | None) -> None:
    found = Progress().record_events(facts, VERL_KEYS)
    assert found.seconds_per_step == seconds
    assert len(found.step_times) <= PACED_STEPS


def test_the_newest_checkpoint_counts() -> None:
    found = Progress().record_events(
        [CheckpointSaved("/c/global_step_20", 20), CheckpointSaved("/c/global_step_40", 40)], VERL_KEYS
    )
    assert (found.checkpoint, found.checkpoint_step) == ("/c/global_step_40", 40)


def test_a_training_that_goes_back_draws_its_curve_anew_from_there() -> None:
    found = Progress().record_events(
        [a_step(n, reward=0.1 * n) for n in (1, 2, 3)] + [a_step(2, reward=0.9)], VERL_KEYS
    )
    assert found.rewards.points == ((1, 0.1), (2, 0.9))


def test_reading_the_same_steps_again_after_a_crash_changes_nothing() -> None:
    facts: list[LogEvent] = [TotalSteps(9), *(a_step(n, reward=0.1 * n) for n in range(1, 8))]
    once = Progress().record_events(facts, VERL_KEYS)
    again = once.record_events(facts, VERL_KEYS)
    assert (again.step, again.metrics, again.rewards) == (once.step, once.metrics, once.rewards)


def test_of_many_metrics_few_are_kept_and_those_that_are_shown_among_them() -> None:
    values = {f"val-core/{n:04}": 0.5 for n in range(2000)} | {f"actor/{n:04}": 0.1 for n in range(2000)}
    found = Progress().record_events([StepMetrics(1, values | {"critic/rewards/mean": 0.25})], VERL_KEYS, ("actor",))
    assert (found.reward, found.validation) == (0.25, 0.5)
    assert len(found.metrics) == 2 * MAX_METRICS
    assert "val-core/0000" in found.metrics
