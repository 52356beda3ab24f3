"""Axes of charts: round positions at even distances, labels that differ, bounds that do not jump."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.rules.chart_axis import (
    DOLLAR_AXIS,
    STEP_AXIS,
    TIME_AXIS,
    choose_bounds,
    choose_positions,
    format_positions,
)
from tests.core.rules.test_chart_table import line_of, table_of


@pytest.mark.parametrize(
    ("axis", "points", "labels"),
    [
        pytest.param(
            STEP_AXIS, ((10, 0.1), (42, 0.2), (98, 0.3), (147, 0.4), (260, 0.5)), [*map(str, range(20, 261, 20))],
            id="steps that were kept unevenly",
        ),
        pytest.param(
            DOLLAR_AXIS, ((0.001892, 0.1), (0.009572, 0.2), (0.01725, 0.3), (0.0251, 0.4), (0.04, 0.5)),
            [f"${cents / 1000:.3f}" for cents in range(2, 41, 2)],
            id="parts of a cent",
        ),
        pytest.param(
            DOLLAR_AXIS, tuple((dollars, 0.1) for dollars in range(0, 100, 10)),
            [f"${dollars}" for dollars in range(0, 91, 5)],
            id="dollars",
        ),
        pytest.param(
            TIME_AXIS, tuple((6.7 * at, 0.1) for at in range(13)), [f"{at} s" for at in range(0, 81, 5)], id="seconds"
        ),
        pytest.param(
            TIME_AXIS, tuple((600.0 * at, 0.1) for at in range(13)), [f"{at} min" for at in range(0, 121, 10)],
            id="minutes",
        ),
        pytest.param(
            TIME_AXIS, tuple((3600.0 * at, 0.1) for at in range(30)), [f"{at} h" for at in range(0, 29, 2)], id="hours"
        ),
    ],
)  # fmt: skip
def test_the_axis_has_round_labels_at_even_distances(
    axis: str, points: tuple[tuple[float, float], ...], labels: list[str]
) -> None:
    table = table_of(line_of(*points), axis=axis)
    assert table is not None
    assert list(table.labels) == labels


@pytest.mark.parametrize(
    ("low", "high", "most", "axis", "positions"),
    [
        pytest.param(1, 9, 20, STEP_AXIS, tuple(range(1, 10)), id="steps are whole numbers"),
        pytest.param(0, 3, 20, STEP_AXIS, (0, 1, 2, 3), id="few steps have no halves"),
        pytest.param(-10, 10, 5, STEP_AXIS, (-10, -5, 0, 5, 10), id="below zero"),
        pytest.param(0, 3 * 86_400, 4, TIME_AXIS, (0, 86_400, 172_800, 259_200), id="days"),
        pytest.param(5, 5, 10, STEP_AXIS, (), id="one point"),
        pytest.param(9, 1, 10, STEP_AXIS, (), id="an empty range"),
        pytest.param(0, inf, 10, STEP_AXIS, (), id="no end"),
        pytest.param(nan, 1, 10, STEP_AXIS, (), id="no number"),
        pytest.param(0, 9, 1, STEP_AXIS, (), id="room for one position"),
        pytest.param(1e300, 1.0000000000001e300, 10, DOLLAR_AXIS, (), id="too close to tell apart"),
    ],
)
def test_positions_are_round_and_an_impossible_range_has_none(
    low: float, high: float, most: int, axis: str, positions: tuple[float, ...]
) -> None:
    assert choose_positions(low, high, most, axis) == positions


@given(
    st.floats(-1e12, 1e12),
    st.floats(1e-3, 1e12),
    st.integers(2, 30),
    st.sampled_from([STEP_AXIS, TIME_AXIS, DOLLAR_AXIS]),
)
def test_positions_lie_in_their_range_in_order_and_no_more_than_allowed(
    low: float, span: float, most: int, axis: str
) -> None:
    positions = choose_positions(low, low + span, most, axis)
    assert len(positions) <= most
    assert list(positions) == sorted(set(positions))
    slack = 1e-9 * max(abs(low), abs(low + span))
    assert all(low - slack <= position <= low + span + slack for position in positions)


@pytest.mark.parametrize(
    ("positions", "axis", "labels"),
    [
        pytest.param([], STEP_AXIS, [], id="none"),
        pytest.param([0.0, 0.5], STEP_AXIS, ["0.0", "0.5"], id="as many decimals as the finest needs"),
        pytest.param([0.0, 20_000.0], STEP_AXIS, ["0", "20000"], id="steps have no commas"),
        pytest.param([0.0, 20_000.0], DOLLAR_AXIS, ["$0", "$20,000"], id="dollars have"),
        pytest.param([0.5, 12_345.5], DOLLAR_AXIS, ["$0.50", "$12,345.50"], id="cents"),
        pytest.param([0.0, 1e20], STEP_AXIS, ["0", "1e+20"], id="beyond what is written out"),
        pytest.param([0.0], TIME_AXIS, ["0 s"], id="zero has the smallest unit"),
        pytest.param([0.0, 5400.0], TIME_AXIS, ["0 min", "90 min"], id="a unit that divides all"),
        pytest.param([86_400.0, 172_800.0], TIME_AXIS, ["1 d", "2 d"], id="days"),
    ],
)
def test_labels_have_one_unit_and_equal_decimals(positions: list[float], axis: str, labels: list[str]) -> None:
    assert format_positions(positions, axis) == labels


@pytest.mark.parametrize(
    ("values", "is_share", "bounds"),
    [
        pytest.param([0.2, 0.9], True, (0.0, 1.0), id="shares"),
        pytest.param([0.2, 1.1], True, (0.0, 1.2), id="what is called a share and is none"),
        pytest.param([-0.2, 0.4], False, (-0.2, 0.4), id="around zero"),
        pytest.param([-8.0, -1.0], False, (-8.0, 0.0), id="below zero"),
        pytest.param([5.0, 5.0], False, (4.5, 5.5), id="one value"),
        pytest.param([0.0, 0.0], False, (-0.1, 0.1), id="zero alone"),
    ],
)
def test_bounds_are_round_and_never_one_line(values: list[float], is_share: bool, bounds: tuple[float, float]) -> None:
    assert choose_bounds(values, is_share) == pytest.approx(bounds)


@given(st.lists(st.floats(-1e15, 1e15), min_size=1, max_size=50), st.booleans())
def test_every_value_lies_within_the_bounds(values: list[float], is_share: bool) -> None:
    low, high = choose_bounds(values, is_share)
    tolerance = 1e-9 * (high - low)
    assert low < high
    assert low - tolerance <= min(values) <= max(values) <= high + tolerance
