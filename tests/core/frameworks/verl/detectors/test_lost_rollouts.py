"""Rollouts that verl leaves out, and the padding in place of them."""

import pytest

from bot.core.frameworks.verl.detectors.lost_rollouts import detect_lost_rollouts
from bot.core.model.finding import Severity
from tests.core.frameworks.verl.detectors.windows import verdict, window

FAILED, PADDED, LENGTH = "log/failed_rollouts", "log/padded_share", "response_length/mean"
QUIET = {LENGTH: 200.0}


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        pytest.param([{FAILED: 1.0}, *[QUIET] * 9], "healthy", id="one, long ago"),
        pytest.param([*[QUIET] * 9, {FAILED: 5.0, PADDED: 0.2}], "healthy", id="many, in one step"),
        pytest.param([*[QUIET] * 2, *[{FAILED: 1.0}] * 3], "healthy", id="in three of five steps"),
        pytest.param([*[QUIET] * 9, *[{FAILED: 1.0}] * 4], Severity.NOTE, id="one in each step"),
        pytest.param([{FAILED: 3.0, PADDED: 0.06}] * 5, Severity.NOTE, id="some, and padding in place of them"),
        pytest.param([{FAILED: 9.0, PADDED: 0.19}] * 5, Severity.WARNING, id="many"),
        pytest.param([{PADDED: 0.03}] * 5, "healthy", id="hardly any padding"),
        pytest.param([{PADDED: 0.5}] * 5, Severity.WARNING, id="half of each batch is padding"),
    ],
)
def test_lost_rollouts_are_found(rows: list[dict[str, float]], found: Severity | str) -> None:
    assert verdict(detect_lost_rollouts(window(rows))) == found


def test_a_log_without_such_lines_says_nothing_of_them() -> None:
    assert detect_lost_rollouts(window([QUIET] * 20)) is None


def test_fewer_steps_than_are_averaged_say_nothing() -> None:
    assert detect_lost_rollouts(window([{FAILED: 9.0, PADDED: 0.5}] * 4)) is None


def test_what_fails_is_told_from_a_batch_that_does_not_divide() -> None:
    failing = detect_lost_rollouts(window([{FAILED: 4.0, PADDED: 0.125}] * 5))
    uneven = detect_lost_rollouts(window([{PADDED: 0.5}] * 5))
    assert failing is not None
    assert uneven is not None
    assert str(failing.evidence).startswith("20 rollouts of the last 5 steps raised an error; 12% of the samples")
    assert "_run_prompt" in str(failing.advice)
    assert "data.train_batch_size" in str(uneven.advice)
