"""Asynchronous training on answers of outdated weights, and answers that are dropped."""

import pytest

from bot.core.frameworks.verl.detectors.staleness import detect_stale_samples
from bot.core.model.finding import HealthRules, Severity
from tests.core.frameworks.verl.detectors.windows import constant, series, verdict, window

AGE, EVICTED = "training/off_policy/trajectory_staleness/mean", "training/off_policy/evicted_samples"
WAITING, REQUIRED = "fully_async/count/staleness_samples", "fully_async/static/required_samples"
DROPPED, GENERATED = "fully_async/count/dropped_stale_samples", "fully_async/count/total_generated_samples"


@pytest.mark.parametrize(
    ("versions", "found"),
    [
        pytest.param(1.0, "healthy", id="one step off"),
        pytest.param(2.5, Severity.NOTE, id="some versions"),
        pytest.param(6.0, Severity.WARNING, id="many versions"),
    ],
)
def test_answers_of_outdated_weights_are_found(versions: float, found: Severity | str) -> None:
    assert verdict(detect_stale_samples(window(constant(AGE, versions, 20)))) == found


@pytest.mark.parametrize(
    ("waiting", "found"),
    [pytest.param(250.0, "healthy", id="half a batch"), pytest.param(600.0, Severity.WARNING, id="more than one")],
)
def test_stale_samples_that_wait_are_found(waiting: float, found: Severity | str) -> None:
    assert verdict(detect_stale_samples(window([{WAITING: waiting, REQUIRED: 512.0}] * 20))) == found


@pytest.mark.parametrize(
    ("per_step", "found"),
    [
        pytest.param(0.0, "healthy", id="none"),
        pytest.param(5.0, "healthy", id="one in a hundred"),
        pytest.param(40.0, Severity.NOTE, id="one in twelve"),
        pytest.param(128.0, Severity.WARNING, id="one in four"),
    ],
)
def test_samples_that_the_fully_asynchronous_trainer_drops_are_found(per_step: float, found: Severity | str) -> None:
    rows = [{DROPPED: per_step * step, GENERATED: 512.0 * step} for step in range(20)]
    assert verdict(detect_stale_samples(window(rows))) == found


@pytest.mark.parametrize(
    ("groups", "batch", "found"),
    [
        pytest.param(0.04, None, "healthy", id="hardly ever"),
        pytest.param(2.0, None, Severity.NOTE, id="some, and the batch is unknown"),
        pytest.param(24.0, None, Severity.WARNING, id="many, and the batch is unknown"),
        pytest.param(24.0, 1024, "healthy", id="few of a large batch"),
        pytest.param(24.0, 64, Severity.WARNING, id="many of a small batch"),
    ],
)
def test_groups_that_verl_evicts_are_found(groups: float, batch: int | None, found: Severity | str) -> None:
    rows = series(EVICTED, [groups] * 20)
    assert verdict(detect_stale_samples(window(rows, rules=HealthRules(batch_prompts=batch)))) == found


def test_a_training_that_is_not_asynchronous_is_not_judged() -> None:
    assert detect_stale_samples(window(constant("critic/rewards/mean", 0.5, 20))) is None
