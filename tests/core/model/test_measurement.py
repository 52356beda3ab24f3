"""The rows that a detector judges, and how numbers are written."""

import pytest

from bot.core.model.finding import HealthRules
from bot.core.model.measurement import Detector, RowWindow, format_number, format_percent, measure_scatter
from bot.core.model.metrics import StepMetrics

ROWS = [StepMetrics(step, {"a": float(step)} if step % 2 else {"b": 1.0}) for step in range(10)]


def test_a_window_has_the_values_of_a_metric_and_their_medians() -> None:
    window = RowWindow(ROWS)
    assert window.get_values(("a",), last=4) == [7.0, 9.0]
    assert window.compute_median(("a",), last=4) == 8.0
    assert window.compute_median(("a",), last=12) is None
    assert window.compute_chunk_medians(("a",), 2) == [4.0, 8.0]


def test_scatter_ignores_a_drift_and_an_outlier() -> None:
    assert measure_scatter([float(step) for step in range(20)]) == 0.0
    assert measure_scatter([1.0, 1.2, 0.9, 1.1, 99.0, 1.0, 1.1, 0.9]) < 1.0


@pytest.mark.parametrize(("value", "text"), [(0.000123, "0.000123"), (123.4, "123"), (2e9, "2e+09")])
def test_a_number_has_three_digits(value: float, text: str) -> None:
    assert format_number(value) == text


def test_a_small_share_is_not_written_as_0() -> None:
    assert (format_percent(0.0004), format_percent(0.0), format_percent(0.5)) == ("0.04%", "0%", "50%")


def test_a_detector_waits_for_its_own_number_of_steps_or_for_the_usual_one() -> None:
    rules = HealthRules(persist_steps=7)
    assert Detector("a", "", lambda _: None).get_persist_steps(rules) == 7
    assert Detector("a", "", lambda _: None, 2).get_persist_steps(rules) == 2
