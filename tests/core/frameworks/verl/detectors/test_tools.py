"""Tools that are never called, or no longer."""

import pytest

from bot.core.frameworks.verl.detectors.tools import detect_silent_tools
from bot.core.model.finding import HealthRules, Severity
from tests.core.frameworks.verl.detectors.windows import constant, series, verdict, window

CALLS, SEARCHES, TURNS = "tool_call_counts/mean", "env/number_of_valid_search", "num_turns/mean"


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


@pytest.mark.parametrize(
    ("key", "before", "after", "found"),
    [
        pytest.param(TURNS, 3.5, 2.0, Severity.WARNING, id="turns fall to a question and its answer"),
        pytest.param(TURNS, 3.5, 2.1, Severity.WARNING, id="nearly"),
        pytest.param(TURNS, 3.5, 2.6, "healthy", id="fewer turns, and tools all the same"),
        pytest.param(TURNS, 2.1, 2.0, "unknown", id="there were hardly ever any"),
        pytest.param(CALLS, 1.4, 0.0, Severity.WARNING, id="calls fall to none"),
        pytest.param(SEARCHES, 1.4, 0.05, Severity.WARNING, id="searches fall to hardly any"),
        pytest.param(CALLS, 1.4, 0.7, "healthy", id="half as many calls"),
    ],
)
def test_tools_that_were_used_and_are_no_more_are_told_by_the_numbers_alone(
    key: str, before: float, after: float, found: Severity | str
) -> None:
    rows = series(key, [before] * 10 + [after] * 5)
    assert verdict(detect_silent_tools(window(rows))) == found


def test_the_advice_tells_tools_that_are_dropped_from_those_that_never_worked() -> None:
    dropped = detect_silent_tools(window(series(TURNS, [4.0] * 10 + [2.0] * 5)))
    never = detect_silent_tools(window(constant(CALLS, 0.0, 20)))
    assert dropped is not None
    assert never is not None
    assert "Reward a useful call" in str(dropped.advice)
    assert "tool_config_path" in str(never.advice)
