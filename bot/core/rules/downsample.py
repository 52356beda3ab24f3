"""Points of a line: fewer points with the same shape, a smoothed line, and values between points."""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby, pairwise

from bot.core.model.progress import MAX_POINTS, compute_mean, draw_bars

Point = tuple[float, float]
"""x and y, both finite."""

SMOOTHED_FROM_POINTS, SMOOTHED_SHARE = 60, 20
"""Number of points from which a line looks noisy and is smoothed; the share of them, one twentieth, that each mean
covers."""


def downsample(points: Sequence[Point], most: int, required_x: Collection[float] = ()) -> tuple[Point, ...]:
    """Return few points with the shape of many: the first, the last, the lowest and the highest are among them.

    Between those, of each stretch the point is chosen that spans the largest triangle with its neighbours (Sveinn
    Steinarsson's largest-triangle-three-buckets).

    Args:
        most: the number of points, four or more, plus the size of `required_x`, which are x of points to keep.

    >>> downsample([(x, 9.0 if x == 50 else 0.0) for x in range(100)], 4)
    ((0, 0.0), (49, 0.0), (50, 9.0), (99, 0.0))
    """
    if len(points) <= most:
        return tuple(points)
    chosen = select_largest_triangles(points, most)
    indices = range(len(points))
    required = {0, len(points) - 1, min(indices, key=lambda i: points[i][1]), max(indices, key=lambda i: points[i][1])}
    required |= {i for i in indices if points[i][0] in required_x} if required_x else set()
    for missing in sorted(required - chosen):
        if len(chosen) >= most:
            # A required point replaces the nearest chosen point that is not required.
            chosen.remove(min(chosen - required, key=lambda i: abs(i - missing)))
        chosen.add(missing)
    return tuple(points[i] for i in sorted(chosen))


def select_largest_triangles(points: Sequence[Point], most: int) -> set[int]:
    """Return the indices of the points that a line of at most this many points goes through."""
    last = len(points) - 1
    stretches = [*split_into_stretches(points, most - 2), range(last, last + 1)]
    chosen = [0]
    for stretch, ahead in pairwise(stretches):
        middle = (compute_mean([points[i][0] for i in ahead]), compute_mean([points[i][1] for i in ahead]))
        before = points[chosen[-1]]
        chosen.append(max(stretch, key=lambda i: triangle_area(before, points[i], middle)))
    return {*chosen, last}


def split_into_stretches(points: Sequence[Point], most: int) -> Iterator[range]:
    """Yield the points between the first and the last, in stretches of one width, without empty ones.

    Stretches are equal in x, not in the number of points: a run has many more recent points than old ones.
    """
    first, width = points[0][0], (points[-1][0] - points[0][0]) / most or 1.0  # a run without cost has no width
    inner = range(1, len(points) - 1)
    for _, group in groupby(inner, key=lambda i: min(int((points[i][0] - first) / width), most - 1)):
        indices = list(group)
        yield range(indices[0], indices[-1] + 1)


def triangle_area(a: Point, b: Point, c: Point) -> float:
    """Return twice the area of a triangle."""
    return abs((a[0] - c[0]) * (b[1] - a[1]) - (a[0] - b[0]) * (c[1] - a[1]))


def smooth(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return a smoothed line through many points: the mean of each point with its neighbours; few points are
    unchanged.

    The window is equally wide on both sides, so that the line does not lag; at the ends it is cut off.
    """
    if len(points) < SMOOTHED_FROM_POINTS:
        return tuple(points)
    sums = [0.0]
    for _, y in points:
        sums.append(sums[-1] + y)
    reach = len(points) // SMOOTHED_SHARE // 2
    smoothed_points = []
    for index, (x, _) in enumerate(points):
        start, end = max(index - reach, 0), min(index + reach + 1, len(points))
        smoothed_points.append((x, (sums[end] - sums[start]) / (end - start)))
    return tuple(smoothed_points)


def render_sparkline(points: Sequence[Point]) -> str:
    """Return a line in characters, for users who see no chart.

    >>> render_sparkline([(1, 0.0), (2, 0.5), (3, 1.0)])
    '▁▅█'
    """
    return draw_bars([value for _, value in downsample(points, MAX_POINTS)])


def find_last_value(points: Sequence[Point], x: float) -> float | None:
    """Return the last value at or before x; None before the first.

    >>> find_last_value([(1, 0.25), (5, 0.5)], 4), find_last_value([(1, 0.25)], 0)
    (0.25, None)
    """
    index = bisect_right(points, x, key=lambda point: point[0])
    return points[index - 1][1] if index else None


def interpolate(points: Sequence[Point], x: float) -> float:
    """Return the value at x of the straight lines through the points; before the first and after the last point, its
    value.

    >>> interpolate([(0, 1.0), (10, 2.0)], 4), interpolate([(0, 1.0), (10, 2.0)], 99)
    (1.4, 2.0)
    """
    index = bisect_right(points, x, key=lambda point: point[0])
    if index in (0, len(points)):
        return points[min(index, len(points) - 1)][1]
    (left, low), (right, high) = points[index - 1], points[index]
    return low + (high - low) * (x - left) / (right - left)
