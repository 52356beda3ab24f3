"""Validation that falls while the reward rises, and which validations are remembered."""

import pytest

from bot.core.model.finding import Severity, ValidationResult
from bot.core.model.metrics import StepMetrics
from bot.core.rules.health.detectors.validation import MAX_VALIDATIONS, add_validations, detect_validation_fall
from tests.core.rules.health.detectors.windows import verdict, window

REWARD, VALIDATION = "critic/rewards/mean", "val-core/x/acc/mean@1"


def validated(values: list[float], rewards: list[float]) -> list[ValidationResult]:
    return [
        ValidationResult(10 * at, 600.0 * at, value, reward)
        for at, (value, reward) in enumerate(zip(values, rewards, strict=True), 1)
    ]


RISING = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]


@pytest.mark.parametrize(
    ("values", "rewards", "found"),
    [
        pytest.param([0.8, 0.8, 0.8, 0.5, 0.4, 0.3, 0.3], RISING, Severity.WARNING, id="it falls while reward rises"),
        pytest.param([0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.8], RISING, "healthy", id="both rise"),
        pytest.param([0.8, 0.8, 0.8, 0.5, 0.4, 0.3, 0.3], [0.9] * 7, "healthy", id="both fall"),
        pytest.param([0.8, 0.8, 0.8, 0.78, 0.78, 0.77, 0.77], RISING, "healthy", id="it falls a little"),
        pytest.param([0.8, 0.8, 0.8, 0.3], RISING[:4], "unknown", id="too few validations"),
    ],
)
def test_validation_that_falls_while_the_reward_rises_is_found(
    values: list[float], rewards: list[float], found: Severity | str
) -> None:
    rows = [{REWARD: 0.8, VALIDATION: values[-1]}] * 20
    assert verdict(detect_validation_fall(window(rows, validations=validated(values, rewards)))) == found


def test_a_row_without_a_validation_is_not_judged() -> None:
    results = validated([0.8, 0.8, 0.8, 0.5, 0.4, 0.3, 0.3], RISING)
    assert detect_validation_fall(window([{REWARD: 0.8}] * 20, validations=results)) is None


def rows_with_validations(*steps: int) -> list[StepMetrics]:
    return [StepMetrics(step, {VALIDATION: step / 100}, 60.0 * step) for step in steps]


def test_new_validations_are_added_once() -> None:
    rows = rows_with_validations(1, 2, 3)
    found = add_validations((), rows, since=0.0)
    assert [result.step for result in found] == [1, 2, 3]
    assert add_validations(found, rows, since=rows[-1].at) == found


def test_a_training_that_goes_back_drops_its_later_validations() -> None:
    known = add_validations((), rows_with_validations(10, 20, 30), since=0.0)
    again = [StepMetrics(15, {VALIDATION: 0.9}, 9000.0)]
    assert [result.step for result in add_validations(known, again, since=1800.0)] == [10, 15]


def test_only_the_last_validations_are_kept() -> None:
    rows = rows_with_validations(*range(1, MAX_VALIDATIONS + 4))
    assert [result.step for result in add_validations((), rows, since=0.0)] == list(range(4, MAX_VALIDATIONS + 4))
