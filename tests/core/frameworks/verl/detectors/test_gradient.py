"""Sick gradients: not a number, spikes, always clipped, and vanished."""

from math import inf, nan

import pytest

from bot.core.frameworks.verl.detectors.gradient import (
    detect_clipped_gradient,
    detect_gradient_spikes,
    detect_not_a_number,
    detect_vanished_gradient,
)
from bot.core.model.finding import HealthRules, Severity
from tests.core.frameworks.verl.detectors.windows import constant, series, verdict, window

NORM = "actor/grad_norm"


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        pytest.param(constant("perf/throughput", nan, 3), "unknown", id="no vital metric"),
        pytest.param(constant(NORM, 1.0, 3), "healthy", id="finite"),
        pytest.param(series(NORM, [1, 1, nan]), Severity.WARNING, id="one update"),
        pytest.param(series(NORM, [1, nan, inf]), Severity.WARNING, id="two updates"),
        pytest.param(series(NORM, [nan, inf, nan]), Severity.STOP, id="three updates in a row"),
        pytest.param(series(NORM, [nan, nan, 1, nan]), Severity.WARNING, id="three updates, not in a row"),
        pytest.param(series(NORM, [nan, nan, nan, 1]), "healthy", id="over again"),
        pytest.param(constant("val-core/x/acc/mean@1", nan, 3), "unknown", id="padding of a validation"),
    ],
)
def test_numbers_that_are_not_finite_are_found_and_three_in_a_row_are_the_end(
    rows: list[dict[str, float]], found: Severity | str
) -> None:
    assert verdict(detect_not_a_number(window(rows))) == found


def test_a_streak_of_nan_is_dated_to_its_first_row() -> None:
    measured = detect_not_a_number(window(series(NORM, [1, nan, nan])))
    assert measured is not None
    assert measured.since is not None
    assert measured.since.step == 2


@pytest.mark.parametrize(
    ("norms", "found"),
    [
        pytest.param([1.0] * 9, "unknown", id="too few steps"),
        pytest.param([1.0] * 20 + [50.0] * 2, "healthy", id="two spikes"),
        pytest.param([1.0] * 20 + [50.0] * 3, Severity.WARNING, id="three spikes"),
        pytest.param([1.0] * 20 + [9.0] * 3, "healthy", id="high, within ten times the median"),
        pytest.param([0.1, 1.0, 10.0, 100.0] * 8, "healthy", id="a gradient that always scatters"),
        pytest.param([50.0] * 3 + [1.0] * 200, "healthy", id="long ago"),
    ],
)
def test_a_gradient_that_leaps_three_times_is_found(norms: list[float], found: Severity | str) -> None:
    assert verdict(detect_gradient_spikes(window(series(NORM, norms)))) == found


@pytest.mark.parametrize(
    ("norms", "start", "found"),
    [
        pytest.param([1.0] * 20, {}, "unknown", id="no start"),
        pytest.param([1.0] * 19, {"gradient": 1.0}, "unknown", id="too few steps"),
        pytest.param([0.021] * 20, {"gradient": 1.0}, "healthy", id="little is left"),
        pytest.param([0.02] * 20, {"gradient": 1.0}, Severity.WARNING, id="hardly any is left"),
        pytest.param([0.0, 1.0] * 10, {"gradient": 1.0}, Severity.WARNING, id="half of the steps are 0"),
        pytest.param([0.0, 1.0, 1.0] * 10, {"gradient": 1.0}, "healthy", id="a third of the steps is 0"),
        pytest.param([0.0] * 20, {"gradient": 1.0}, Severity.WARNING, id="all are 0"),
    ],
)
def test_a_gradient_that_vanishes_is_found(norms: list[float], start: dict[str, float], found: Severity | str) -> None:
    assert verdict(detect_vanished_gradient(window(series(NORM, norms), start))) == found


@pytest.mark.parametrize(
    ("norms", "clip", "found"),
    [
        pytest.param([60.0] * 20, 1.0, Severity.WARNING, id="sixty times the clip"),
        pytest.param([12.0] * 20, 1.0, Severity.NOTE, id="twelve times"),
        pytest.param([4.2] * 50, 1.0, "healthy", id="four times, as in public logs"),
        pytest.param([60.0] * 19 + [0.0], 1.0, Severity.WARNING, id="one batch without a gradient"),
        pytest.param([60.0] * 18 + [0.5] * 2, 1.0, "healthy", id="not always"),
        pytest.param([12.0] * 50, 10.0, "healthy", id="a clip of ten"),
        pytest.param([60.0] * 19, 1.0, "unknown", id="too few steps"),
        pytest.param([60.0] * 50, 0.0, "unknown", id="nothing is clipped"),
        pytest.param([nan] * 60, 1.0, "unknown", id="not a number"),
    ],
)
def test_a_gradient_is_far_above_the_clip_only_if_it_always_is(
    norms: list[float], clip: float, found: Severity | str
) -> None:
    rules = HealthRules(gradient_clip=clip)
    assert verdict(detect_clipped_gradient(window(series(NORM, norms), rules=rules))) == found
