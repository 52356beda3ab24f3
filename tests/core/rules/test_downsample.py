"""Few points with the shape of many."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.rules.downsample import (
    SMOOTHED_FROM_POINTS,
    Point,
    downsample,
    find_last_value,
    interpolate,
    render_sparkline,
    smooth,
)

VALUES = st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=400)
MOST = st.integers(4, 40)


def line(values: list[float]) -> list[Point]:
    return [(float(x), y) for x, y in enumerate(values)]


@given(VALUES, MOST)
def test_what_is_kept_is_what_was_measured_in_its_order_and_as_much_as_there_is_room_for(
    values: list[float], most: int
) -> None:
    points = line(values)
    kept = downsample(points, most)
    assert len(kept) == min(len(points), most)
    assert set(kept) <= set(points)
    assert all(before[0] < after[0] for before, after in pairwise(kept))


@given(VALUES, MOST)
def test_the_first_the_last_and_the_extremes_are_kept(values: list[float], most: int) -> None:
    points = line(values)
    kept = downsample(points, most)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert {min(values), max(values)} <= {y for _, y in kept}


UNEVEN = st.lists(
    st.tuples(st.floats(0, 1e6, allow_subnormal=False), st.floats(-1e6, 1e6)),
    min_size=2,
    max_size=300,
    unique_by=lambda one: one[0],
)


@given(UNEVEN, MOST)
def test_however_the_points_stand_a_few_have_their_ends_and_extremes(points: list[Point], most: int) -> None:
    points.sort()
    kept, values = downsample(points, most), [y for _, y in points]
    assert len(kept) <= most
    assert list(kept) == sorted(set(kept) & set(points))
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert {min(values), max(values)} <= {y for _, y in kept}


def test_many_points_of_late_get_no_more_room_than_few_of_old() -> None:
    old = [(float(x), x % 7.0) for x in range(0, 100_000, 500)]
    late = [(float(x), x % 7.0) for x in range(100_000, 100_500)]
    kept = [x for x, _ in downsample([*old, *late], 20)]
    assert len([x for x in kept if x >= 95_000]) <= 4
    assert len([x for x in kept if x < 50_000]) >= 8


@given(VALUES, st.sets(st.integers(0, 399), max_size=8))
def test_points_that_matter_for_another_reason_are_kept_too(values: list[float], also: set[int]) -> None:
    points = line(values)
    kept = {x for x, _ in downsample(points, 12, also)}
    assert {x for x, _ in points if x in also} <= kept
    assert len(kept) == min(len(points), 12)


@given(VALUES)
def test_a_smoothed_line_has_every_x_and_stays_within_what_was_measured(values: list[float]) -> None:
    found = smooth(line(values))
    assert [x for x, _ in found] == [x for x, _ in line(values)]
    room = 1e-9 * max(map(abs, values)) * len(values)
    assert all(min(values) - room <= y <= max(values) + room for _, y in found)


def test_a_smoothed_line_is_not_late() -> None:
    straight = line([float(x) for x in range(SMOOTHED_FROM_POINTS * 4)])
    inner = list(zip(smooth(straight), straight, strict=True))[20:-20]
    assert all(mean[1] == pytest.approx(point[1]) for mean, point in inner)


@given(VALUES, st.floats(-10, 500))
def test_between_two_points_lies_what_lies_between_their_values(values: list[float], x: float) -> None:
    points = line(values)
    left = find_last_value(points, x)
    right = next((y for at, y in points if at >= x), points[-1][1])
    low, high = sorted([points[0][1] if left is None else left, right])
    room = 1e-9 * max(map(abs, values))
    assert low - room <= interpolate(points, x) <= high + room


@given(VALUES)
def test_a_line_in_characters_is_never_longer_than_a_phone_is_wide(values: list[float]) -> None:
    assert 1 <= len(render_sparkline(line(values))) <= 20
