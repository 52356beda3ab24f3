"""Points of a line: fewer with the same shape, the line that the eye follows through many, what stands between two."""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby, pairwise

from bot.core.curve import MOST_POINTS, bars, mean

Point = tuple[float, float]
"""x and y, both finite."""

SMOOTHED_FROM, SMOOTHED_SHARE = 60, 20
"""A line of so many points is noise to the eye; a mean over one twentieth of them is what it follows."""


def thinned(points: Sequence[Point], most: int, also: Collection[float] = ()) -> tuple[Point, ...]:
    """Few points with the shape of many: the first, the last, the lowest and the highest are among them.

    Between those, of each stretch the point that spans the largest triangle with its neighbours (Sveinn
    Steinarsson's largest-triangle-three-buckets).

    Args:
        most: four or more, and so many more as there are in `also`, which are x that are kept.

    >>> thinned([(x, 9.0 if x == 50 else 0.0) for x in range(100)], 4)
    ((0, 0.0), (49, 0.0), (50, 9.0), (99, 0.0))
    """
    if len(points) <= most:
        return tuple(points)
    chosen = triangles(points, most)
    at = range(len(points))
    kept = {0, len(points) - 1, min(at, key=lambda i: points[i][1]), max(at, key=lambda i: points[i][1])}
    kept |= {i for i in at if points[i][0] in also} if also else set()
    for needed in sorted(kept - chosen):
        if len(chosen) >= most:
            chosen.remove(min(chosen - kept, key=lambda i: abs(i - needed)))
        chosen.add(needed)
    return tuple(points[i] for i in sorted(chosen))


def triangles(points: Sequence[Point], most: int) -> set[int]:
    """Where the points stand that a line of so many at the most goes through."""
    last = len(points) - 1
    stretches = [*stretched(points, most - 2), range(last, last + 1)]
    chosen = [0]
    for stretch, ahead in pairwise(stretches):
        middle = (mean([points[i][0] for i in ahead]), mean([points[i][1] for i in ahead]))
        before = points[chosen[-1]]
        chosen.append(max(stretch, key=lambda i: area(before, points[i], middle)))
    return {*chosen, last}


def stretched(points: Sequence[Point], most: int) -> Iterator[range]:
    """What lies between the first and the last point, in stretches of one width, without those that are empty.

    By x and not by their number: a run has many more points of late than of old.
    """
    first, width = points[0][0], (points[-1][0] - points[0][0]) / most or 1.0  # what costs nothing has no width
    inner = range(1, len(points) - 1)
    for _, found in groupby(inner, key=lambda i: min(int((points[i][0] - first) / width), most - 1)):
        indices = list(found)
        yield range(indices[0], indices[-1] + 1)


def area(a: Point, b: Point, c: Point) -> float:
    """Twice that of a triangle."""
    return abs((a[0] - c[0]) * (b[1] - a[1]) - (a[0] - b[0]) * (c[1] - a[1]))


def smoothed(points: Sequence[Point]) -> tuple[Point, ...]:
    """The line that the eye follows through many points: the mean of each with its neighbours; few stay as they are.

    The window is as wide on both sides, so that the line is not late; at the ends it is what there is of it.
    """
    if len(points) < SMOOTHED_FROM:
        return tuple(points)
    sums = [0.0]
    for _, y in points:
        sums.append(sums[-1] + y)
    reach = len(points) // SMOOTHED_SHARE // 2
    found = []
    for at, (x, _) in enumerate(points):
        start, end = max(at - reach, 0), min(at + reach + 1, len(points))
        found.append((x, (sums[end] - sums[start]) / (end - start)))
    return tuple(found)


def sparkline(points: Sequence[Point]) -> str:
    """A line in characters, for those who see no chart.

    >>> sparkline([(1, 0.0), (2, 0.5), (3, 1.0)])
    '▁▅█'
    """
    return bars([value for _, value in thinned(points, MOST_POINTS)])


def held(points: Sequence[Point], x: float) -> float | None:
    """The last value at or before x; None before the first.

    >>> held([(1, 0.25), (5, 0.5)], 4), held([(1, 0.25)], 0)
    (0.25, None)
    """
    at = bisect_right(points, x, key=lambda point: point[0])
    return points[at - 1][1] if at else None


def between(points: Sequence[Point], x: float) -> float:
    """The value of the straight lines through the points; before the first and after the last, theirs.

    >>> between([(0, 1.0), (10, 2.0)], 4), between([(0, 1.0), (10, 2.0)], 99)
    (1.4, 2.0)
    """
    at = bisect_right(points, x, key=lambda point: point[0])
    if at in (0, len(points)):
        return points[min(at, len(points) - 1)][1]
    (left, low), (right, high) = points[at - 1], points[at]
    return low + (high - low) * (x - left) / (right - left)
