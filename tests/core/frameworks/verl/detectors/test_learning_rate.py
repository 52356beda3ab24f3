"""A learning rate of 0: every step costs money and changes nothing."""

import pytest

from bot.core.frameworks.verl.detectors.learning_rate import detect_zero_learning_rate
from bot.core.model.finding import Severity
from tests.core.frameworks.verl.detectors.windows import verdict, window

RATE = "actor/lr"


@pytest.mark.parametrize(
    ("row", "found"),
    [
        pytest.param({RATE: 0.0, "actor/grad_norm": 0.21734581}, Severity.WARNING, id="zero"),
        pytest.param({"train/lr": 0.0, "train/loss": 0.91734581}, Severity.WARNING, id="zero of the SFT trainer"),
        pytest.param({RATE: 1e-9, "actor/grad_norm": 0.21734581}, "healthy", id="very small"),
        pytest.param({"actor/grad_norm": 0.21734581}, "unknown", id="not logged, as while only the critic is trained"),
        pytest.param({RATE: 0.0, "actor/grad_norm": 0.217}, "unknown", id="rounded to three digits, as verl 0.1 does"),
    ],
)
def test_a_learning_rate_of_zero_is_found(row: dict[str, float], found: Severity | str) -> None:
    assert verdict(detect_zero_learning_rate(window([row] * 10))) == found


def test_a_warm_up_from_zero_is_no_sickness() -> None:
    rows = [{RATE: 0.0, "actor/grad_norm": 0.21734581}] * 9
    assert verdict(detect_zero_learning_rate(window(rows))) == "healthy"
    assert verdict(detect_zero_learning_rate(window([{RATE: 1e-6, "actor/grad_norm": 0.21734581}, *rows]))) == "healthy"
