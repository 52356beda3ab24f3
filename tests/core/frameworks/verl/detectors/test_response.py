"""Sick responses: ever longer, cut off, or without calls of the available tools."""

import pytest

from bot.core.frameworks.verl.detectors.response import detect_length_growth, detect_silent_tools, detect_truncation
from bot.core.model.finding import HealthRules, Severity, ValidationResult
from tests.core.frameworks.verl.detectors.windows import constant, series, verdict, window

LENGTH, CUT, LONGEST = "response_length/mean", "response_length/clip_ratio", "response_length/max"
CALLS, TURNS = "tool_call_counts/mean", "num_turns/mean"


def validated(*values: float) -> list[ValidationResult]:
    return [ValidationResult(step, 60.0 * step, value) for step, value in enumerate(values, 1)]


@pytest.mark.parametrize(
    ("length", "validations", "found"),
    [
        pytest.param(140.0, [], "healthy", id="hardly longer"),
        pytest.param(200.0, [], Severity.NOTE, id="longer, and there is no validation"),
        pytest.param(200.0, validated(0.5), "healthy", id="longer, and too few validations yet"),
        pytest.param(200.0, validated(*[0.5] * 6), Severity.WARNING, id="longer, and validation rests"),
        pytest.param(200.0, validated(*[0.5] * 3, *[0.9] * 3), "healthy", id="longer, and validation rises: reasoning"),
    ],
)
def test_responses_that_grow_without_a_gain_are_found(
    length: float, validations: list[ValidationResult], found: Severity | str
) -> None:
    start = {"length": 100.0, "validation": 0.5}
    assert verdict(detect_length_growth(window(constant(LENGTH, length, 20), start, validations))) == found


def test_growth_is_unknown_without_a_start() -> None:
    assert detect_length_growth(window(constant(LENGTH, 900.0, 20))) is None


@pytest.mark.parametrize(
    ("shares", "found"),
    [
        pytest.param([0.01] * 20, "healthy", id="hardly any"),
        pytest.param([0.01] * 20 + [0.06] * 20, Severity.NOTE, id="it rises"),
        pytest.param([0.01] * 20 + [0.1] * 20, Severity.WARNING, id="it rises far"),
        pytest.param([0.2] * 60, "healthy", id="from the start, and not high"),
        pytest.param([0.4] * 80, Severity.WARNING, id="high, and it does not fall"),
        pytest.param([0.9] * 40 + [0.4] * 40, "healthy", id="high, and it falls: the model unlearns it"),
        pytest.param([0.9] * 5, "unknown", id="too few steps"),
    ],
)
def test_responses_that_are_cut_off_are_found(shares: list[float], found: Severity | str) -> None:
    assert verdict(detect_truncation(window(series(CUT, shares)))) == found


def test_a_clip_ratio_that_says_nothing_is_not_judged() -> None:
    assert detect_truncation(window([{CUT: 0.0, LONGEST: 255.0}] * 20)) is None


@pytest.mark.parametrize(
    ("rows", "expects_tools", "found"),
    [
        pytest.param(constant(CALLS, 0.0, 20), False, Severity.WARNING, id="no call"),
        pytest.param(series(CALLS, [0.5] + [0.0] * 19), False, "healthy", id="one step with calls"),
        pytest.param(constant(CALLS, 0.0, 19), False, "unknown", id="too few steps"),
        pytest.param(constant(TURNS, 2.0, 20), False, "unknown", id="turns alone, and tools are not expected"),
        pytest.param(constant(TURNS, 2.0, 20), True, Severity.WARNING, id="turns alone, and tools are expected"),
        pytest.param(constant(TURNS, 2.5, 20), True, "healthy", id="more turns than a question and its answer"),
    ],
)
def test_tools_that_are_not_called_are_found(
    rows: list[dict[str, float]], expects_tools: bool, found: Severity | str
) -> None:
    assert verdict(detect_silent_tools(window(rows, rules=HealthRules(expects_tools=expects_tools)))) == found
