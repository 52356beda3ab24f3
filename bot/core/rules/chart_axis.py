"""Axes of charts: round positions at even distances, their labels, and bounds that do not jump. Pure."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import chain
from math import ceil, floor, isfinite, log10

from bot.core.commands.command import COMPARE_AXES
from bot.phrase import N_

STEP_AXIS, TIME_AXIS, DOLLAR_AXIS = COMPARE_AXES

AXIS_LABELS = {STEP_AXIS: N_("step"), TIME_AXIS: N_("time since the first step"), DOLLAR_AXIS: N_("cost")}

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
"""Seconds of each unit."""

TIME_INTERVALS = (
    *(1.0, 2.0, 5.0, 10.0, 20.0, 30.0),
    *(MINUTE * count for count in (1, 2, 5, 10, 20, 30)),
    *(HOUR * count for count in (1, 2, 3, 6, 12)),
    DAY,
)
"""Distances in seconds that a clock has. Below and above them, intervals are decimal, as on the other axes."""

SHARE_BOUNDS = (0.0, 1.0)
"""Bounds of the y axis for values that are shares, such as the reward of a task that is solved or not."""

MIN_RELATIVE_SPAN = 1e-9
"""Minimum width of an axis as a share of its largest number: of a narrower one, some of a hundred positions are equal
once they are rounded to twelve digits."""


def choose_positions(low: float, high: float, max_count: int, axis: str = STEP_AXIS) -> tuple[float, ...]:
    """Return round positions from `low` to `high`, all at one distance; none where the range is empty.

    >>> choose_positions(1, 47, 6), choose_positions(0.0018, 0.0173, 4, DOLLAR_AXIS)
    ((10.0, 20.0, 30.0, 40.0), (0.005, 0.01, 0.015))
    >>> choose_positions(0, 95, 4, TIME_AXIS)
    (0.0, 30.0, 60.0, 90.0)
    """
    interval = choose_interval(low, high, max_count, axis)
    if interval is None:
        return ()
    return tuple(float(f"{index * interval:.12g}") for index in range(ceil(low / interval), floor(high / interval) + 1))


def choose_interval(low: float, high: float, max_count: int, axis: str = STEP_AXIS) -> float | None:
    """Return the smallest round distance of which at most `max_count` multiples lie in the range; None for none."""
    span = high - low
    if not isfinite(span) or span <= max(abs(low), abs(high)) * MIN_RELATIVE_SPAN or max_count < 2:
        return None
    smallest = span / max_count
    intervals = (interval for interval in list_intervals(smallest, axis) if isfinite(interval))
    return next(
        (one for one in intervals if one >= smallest and floor(high / one) - ceil(low / one) < max_count),
        None,
    )


def list_intervals(smallest: float, axis: str) -> Iterator[float]:
    """Yield round distances of an axis in rising order, from one that is at most `smallest`."""
    if axis == TIME_AXIS and TIME_INTERVALS[0] <= smallest <= TIME_INTERVALS[-1]:
        start = max(bisect_left(TIME_INTERVALS, smallest) - 1, 0)
        return chain(TIME_INTERVALS[start:], (DAY * factor for factor in (2.0, 5.0, 10.0)))
    if axis == TIME_AXIS and smallest > DAY:
        return (DAY * factor for factor in list_decimal_intervals(smallest / DAY))
    decimals = list_decimal_intervals(smallest)
    return (interval for interval in decimals if interval >= 1) if axis == STEP_AXIS else decimals


def list_decimal_intervals(smallest: float) -> Iterator[float]:
    """Yield 1, 2 and 5 times powers of ten in rising order, from one that is at most `smallest`, and past 1."""
    power = floor(log10(smallest))
    for exponent in range(power, max(power, 0) + 3):
        for factor in (1, 2, 5):
            yield float(f"{factor}e{exponent}")


def format_positions(positions: Sequence[float], axis: str = STEP_AXIS) -> list[str]:
    """Return the labels of positions: steps as they are, times and dollars with their unit.

    >>> format_positions([10.0, 20.0]), format_positions([0.005, 0.01], DOLLAR_AXIS)
    (['10', '20'], ['$0.005', '$0.010'])
    >>> format_positions([0.0, 30.0], TIME_AXIS), format_positions([60.0, 180.0], TIME_AXIS)
    (['0 s', '30 s'], ['1 min', '3 min'])
    """
    match axis:
        case "time":
            unit, seconds = choose_time_unit(positions)
            return [f"{number} {unit}" for number in format_decimals([one / seconds for one in positions])]
        case "dollars":
            return [f"${number}" for number in format_decimals(positions, min_digits=2)]
        case _:
            return format_decimals(positions)


def choose_time_unit(positions: Sequence[float]) -> tuple[str, float]:
    """Return the largest unit of which every position is a multiple, and its seconds."""
    units = (("d", DAY), ("h", HOUR), ("min", MINUTE))
    return next(
        ((unit, seconds) for unit, seconds in units if any(positions) and not any(one % seconds for one in positions)),
        ("s", 1.0),
    )


def format_decimals(numbers: Sequence[float], min_digits: int = 0) -> list[str]:
    """Return numbers with the same number of decimals: as many as the finest needs.

    >>> format_decimals([1.0, 2.0]), format_decimals([0.5, 1.0], 2), format_decimals([1.0, 2.0], 2)
    (['1', '2'], ['0.50', '1.00'], ['1', '2'])
    """
    written = [f"{number:.12g}" for number in numbers]
    if any("e" in one for one in written):
        return [f"{number:.6g}" for number in numbers]
    digits = max((len(one.partition(".")[2]) for one in written), default=0)
    digits = max(digits, min_digits) if digits else 0
    return [
        f"{number:,.{digits}f}" if abs(number) >= 10_000 and min_digits else f"{number:.{digits}f}"
        for number in numbers
    ]


def choose_bounds(values: Sequence[float], is_share: bool) -> tuple[float, float]:
    """Return bounds of the y axis that change seldom while values come in.

    Shares have 0 and 1 as long as every value lies between these. Other values have round bounds around them, one of
    which is zero unless the values lie close together.

    >>> choose_bounds([0.04, 0.05], True), choose_bounds([0.04, 0.05], False), choose_bounds([101.0, 103.5], False)
    ((0.0, 1.0), (0.0, 0.05), (101.0, 103.5))
    """
    low, high = min(values), max(values)
    if is_share and SHARE_BOUNDS[0] <= low and high <= SHARE_BOUNDS[1]:
        return SHARE_BOUNDS
    if low >= 0 and low <= high * 0.9:
        low = 0.0
    if high <= 0 and high >= low * 0.9:
        high = 0.0
    interval = choose_interval(low, high, 6, DOLLAR_AXIS)
    if interval is None:
        return (low - (abs(low) or 1.0) * 0.1, high + (abs(high) or 1.0) * 0.1)
    return (
        float(f"{floor(low / interval + 1e-9) * interval:.12g}"),
        float(f"{ceil(high / interval - 1e-9) * interval:.12g}"),
    )
