"""Validation that falls while the reward rises."""

import pytest

from bot.core.frameworks.verl.detectors.validation import detect_validation_fall
from bot.core.model.finding import Severity
from bot.core.model.measurement import ValidationResult
from tests.core.frameworks.verl.detectors.windows import verdict, window

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
