"""A sparkline: a number over the steps of a run, with few enough points to draw; older points are further apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from statistics import mean as exact_mean
from typing import Self

MOST_POINTS = 20
"""Maximum points of a series in Slack, which a phone still shows well (docs.slack.dev, data visualization block)."""

STEADY = 0.05
"""Share of a sparkline's span below which a change does not count."""

BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of step and value, oldest first.

    Attributes:
        steps_per_point: steps that share a point, whose value is that of the last of them; a power of two.
    """

    points: tuple[tuple[int, float], ...] = ()
    every: int = 1

    def added(self, step: int, value: float) -> Self:
        """Return the sparkline with one more step. A training that returns to an earlier step drops the later points.

        >>> Curve().added(1, 0.5).added(2, 0.25).added(3, 0.75).added(2, 1.0)
        Curve(points=((1, 0.5), (2, 1.0)), every=1)
        """
        earlier = tuple(point for point in self.points if point[0] < step)
        return self._thinned((*earlier, (step, value)), self.every)

    def _thinned(self, points: tuple[tuple[int, float], ...], every: int) -> Self:
        """Return the sparkline with one point for that many steps, or for twice as many while it
        has too many points."""
        last = {step // every: (step, value) for step, value in points}
        kept = tuple(last.values())
        if len(kept) > MOST_POINTS:
            return self._thinned(kept, every * 2)
        return type(self)(kept, every)

    @property
    def trend(self) -> int:
        """Return 1 or -1 if the newest quarter is above or below the one before by a twentieth of the span, else 0.

        >>> rising = Curve(tuple((step, float(step)) for step in range(8)))
        >>> rising.trend, Curve(rising.points[:3]).trend
        (1, 0)
        """
        heights = scale([value for _, value in self.points])
        size = len(heights) // 4
        if not size:
            return 0
        change = mean(heights[-size:]) - mean(heights[-2 * size : -size])
        return 0 if abs(change) < STEADY else 1 if change > 0 else -1

    @property
    def bars(self) -> str:
        """Return the sparkline as a line of text.

        >>> Curve(((1, 0.0), (2, 0.5), (3, 1.0))).bars, Curve(((1, 2.0), (2, 2.0))).bars
        ('▁▅█', '▁▁')
        """
        return bars([value for _, value in self.points])


def bars(values: Sequence[float]) -> str:
    """Return numbers as a line of text that uses the full height between the lowest and the highest."""
    return "".join(BARS[round(height * (len(BARS) - 1))] for height in scale(values))


def scale(values: Sequence[float]) -> list[float]:
    """Return the position of each finite number between the lowest, 0, and the highest, 1; 0 if all are alike.

    >>> scale([1.0, 2.0, 3.0]), scale([-1.7e308, 0.0, 1.7e308]), scale([2.0, 2.0])
    ([0.0, 0.5, 1.0], [0.0, 0.5, 1.0], [0.0, 0.0])
    """
    halves = [value / 2 for value in values]  # the distance of two doubles may overflow a double
    low, span = min(halves, default=0.0), max(halves, default=0.0) - min(halves, default=0.0)
    return [(half - low) / span if span else 0.0 for half in halves]


def mean(values: Sequence[float]) -> float:
    """Return the mean of finite numbers, one at least, whose sum may be more than a double holds.

    >>> mean([1.0, 2.0]), mean([1.7e308, 1.7e308])
    (1.5, 1.7e+308)
    """
    try:
        return fmean(values)
    except OverflowError:
        return exact_mean(values)
