"""Sick responses: ever longer, ever shorter, empty, or cut off."""

import pytest

from bot.core.frameworks.verl.detectors.response import (
    detect_aborted_responses,
    detect_length_collapse,
    detect_length_growth,
    detect_truncation,
)
from bot.core.model.finding import Severity
from bot.core.model.measurement import ValidationResult
from tests.core.frameworks.verl.detectors.windows import constant, series, verdict, window

LENGTH, CUT, LONGEST = "response_length/mean", "response_length/clip_ratio", "response_length/max"
EMPTY, REWARD, BEST, WORST = "response/aborted_ratio", "critic/rewards/mean", "critic/score/max", "critic/score/min"


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
        pytest.param([0.8] * 5, "healthy", id="many of the first ones, which a model unlearns"),
        pytest.param([0.95] * 5, Severity.NOTE, id="nearly all of the first ones"),
        pytest.param([1.0] * 5, Severity.WARNING, id="all of the first ones"),
    ],
)
def test_responses_that_are_cut_off_are_found(shares: list[float], found: Severity | str) -> None:
    assert verdict(detect_truncation(window(series(CUT, shares)))) == found


@pytest.mark.parametrize(
    ("length", "shares", "found"),
    [
        pytest.param(150.0, [0.005] * 30 + [0.03] * 20, Severity.NOTE, id="it rises as responses grow"),
        pytest.param(100.0, [0.005] * 30 + [0.03] * 20, "healthy", id="it rises, and responses stay as they are"),
        pytest.param(150.0, [0.03] * 80, "healthy", id="it rests"),
        pytest.param(150.0, [0.005] * 30 + [0.015] * 20, "healthy", id="it rises, and is low"),
        pytest.param(150.0, [0.02] * 40 + [0.026] * 20, "healthy", id="it rises slowly"),
        pytest.param(150.0, [0.005] * 20 + [0.03] * 20, "healthy", id="too few steps to compare with"),
    ],
)
def test_cuts_that_rise_with_the_length_are_noted_before_they_are_many(
    length: float, shares: list[float], found: Severity | str
) -> None:
    rows = [{CUT: share, LENGTH: length} for share in shares]
    assert verdict(detect_truncation(window(rows, {"length": 100.0}))) == found


def test_a_clip_ratio_that_says_nothing_is_not_judged() -> None:
    assert detect_truncation(window([{CUT: 0.0, LONGEST: 255.0}] * 20)) is None


def test_the_first_responses_are_found_if_nearly_all_are_cut_and_none_scores() -> None:
    rows = [{CUT: 0.95, BEST: 0.0, WORST: 0.0}] * 5
    assert verdict(detect_truncation(window(rows))) == Severity.WARNING
    assert verdict(detect_truncation(window([{**row, BEST: 1.0} for row in rows]))) == Severity.NOTE


def test_cuts_explain_what_follows_only_where_nearly_all_are_cut() -> None:
    some, all_cut = detect_truncation(window(constant(CUT, 0.4, 80))), detect_truncation(window(constant(CUT, 1.0, 80)))
    assert some is not None
    assert all_cut is not None
    assert some.explains == ()
    assert {"gradient-vanished", "hopeless-groups", "no-variance"} <= set(all_cut.explains)


@pytest.mark.parametrize(
    ("length", "reward", "found"),
    [
        pytest.param(90.0, 0.2, "healthy", id="half as long"),
        pytest.param(40.0, 0.2, Severity.WARNING, id="a fifth, and no better"),
        pytest.param(40.0, 0.6, "healthy", id="a fifth, and better: concise"),
        pytest.param(15.0, 0.6, Severity.NOTE, id="hardly anything is left, and it pays"),
        pytest.param(0.0, 0.2, Severity.WARNING, id="nothing is left"),
    ],
)
def test_responses_that_shrink_to_nothing_are_found(length: float, reward: float, found: Severity | str) -> None:
    rows = [{LENGTH: length, REWARD: reward}] * 20
    assert verdict(detect_length_collapse(window(rows, {"length": 200.0, "reward": 0.2}))) == found


def test_shrinking_is_unknown_without_a_start() -> None:
    assert detect_length_collapse(window(constant(LENGTH, 1.0, 20))) is None


@pytest.mark.parametrize(
    ("share", "found"),
    [
        pytest.param(0.01, "healthy", id="hardly any"),
        pytest.param(0.06, Severity.NOTE, id="some"),
        pytest.param(0.2, Severity.WARNING, id="many"),
        pytest.param(1.0, Severity.WARNING, id="all"),
    ],
)
def test_responses_without_a_token_are_found(share: float, found: Severity | str) -> None:
    assert verdict(detect_aborted_responses(window(constant(EMPTY, share, 5)))) == found
