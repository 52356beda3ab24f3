"""The curve of a number: bounded, true at its ends, and the same however often a log is read."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.progress import MAX_POINTS, Sparkline, compute_mean

STEPS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=500)


def curve_of(values: list[float]) -> Sparkline:
    found = Sparkline()
    for step, value in enumerate(values, 1):
        found = found.with_point(step, value)
    return found


@pytest.mark.parametrize("steps", [1, 2, MAX_POINTS, MAX_POINTS + 1, 100, 5_000])
def test_of_any_number_of_steps_it_has_at_most_as_many_points_as_slack_draws_and_more_than_a_third(steps: int) -> None:
    found = len(curve_of([0.5] * steps).points)
    assert min(steps, MAX_POINTS // 3) <= found <= 20


@given(STEPS)
def test_it_has_few_points_and_ends_where_the_run_is(values: list[float]) -> None:
    found = curve_of(values)
    assert len(found.points) <= MAX_POINTS
    assert found.points[-1] == (len(values), values[-1])
    steps = [step for step, _ in found.points]
    assert steps == sorted(set(steps))


@given(STEPS)
def test_every_point_is_one_that_was_seen_and_none_is_left_out_while_there_is_room(values: list[float]) -> None:
    found = curve_of(values)
    assert all(values[step - 1] == value for step, value in found.points)
    if len(values) <= MAX_POINTS - 1:
        assert len(found.points) == len(values)


@given(STEPS)
def test_points_stand_evenly(values: list[float]) -> None:
    steps = [step for step, _ in curve_of(values).points]
    gaps = {later - earlier for earlier, later in pairwise(steps[1:-1])}
    assert len(gaps) <= 1


def test_what_is_added_twice_is_drawn_once() -> None:
    once = curve_of([0.1, 0.2, 0.3])
    assert once.with_point(1, 0.1).with_point(2, 0.2).with_point(3, 0.3) == once


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=25))
def test_any_finite_numbers_have_a_trend_and_bars(values: list[float]) -> None:
    curve = Sparkline(tuple(enumerate(values)))
    assert curve.trend in (-1, 0, 1)
    assert len(curve.bars) == len(values)
    assert not values or math.isfinite(compute_mean(values))
