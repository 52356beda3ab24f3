"""A number over the steps of a run, with few enough points to be drawn: older ones stand further apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from statistics import mean as exact_mean
from typing import Self

MOST_POINTS = 20
"""What Slack takes of a series, and a phone shows well (docs.slack.dev, data visualization block)."""

STEADY = 0.05
"""Share of a curve's span below which a change is none."""

BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of step and value, oldest first.

    Attributes:
        every: the steps that share a point, whose value is that of the last of them; a power of two.
    """

    points: tuple[tuple[int, float], ...] = ()
    every: int = 1

    def added(self, step: int, value: float) -> Self:
        """The curve with one step more; a training that goes back to a step has not been further.

        >>> Curve().added(1, 0.5).added(2, 0.25).added(3, 0.75).added(2, 1.0)
        Curve(points=((1, 0.5), (2, 1.0)), every=1)
        """
        earlier = tuple(point for point in self.points if point[0] < step)
        return self._thinned((*earlier, (step, value)), self.every)

    def _thinned(self, points: tuple[tuple[int, float], ...], every: int) -> Self:
        """One point for so many steps, and for twice as many where that is still too many."""
        last = {step // every: (step, value) for step, value in points}
        kept = tuple(last.values())
        if len(kept) > MOST_POINTS:
            return self._thinned(kept, every * 2)
        return type(self)(kept, every)

    @property
    def trend(self) -> int:
        """Whether its newest quarter lies above (1) or below (-1) the quarter before by a twentieth of its span.

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
        """The curve in a line of text.

        >>> Curve(((1, 0.0), (2, 0.5), (3, 1.0))).bars, Curve(((1, 2.0), (2, 2.0))).bars
        ('▁▅█', '▁▁')
        """
        return bars([value for _, value in self.points])


def bars(values: Sequence[float]) -> str:
    """Numbers as a line of text, the lowest and the highest as far apart as it can."""
    return "".join(BARS[round(height * (len(BARS) - 1))] for height in scale(values))


def scale(values: Sequence[float]) -> list[float]:
    """Return where each of these finite numbers lies between the lowest, 0, and the highest, 1; 0 where all are alike.

    >>> scale([1.0, 2.0, 3.0]), scale([-1.7e308, 0.0, 1.7e308]), scale([2.0, 2.0])
    ([0.0, 0.5, 1.0], [0.0, 0.5, 1.0], [0.0, 0.0])
    """
    halves = [value / 2 for value in values]  # the distance of two doubles may be more than one holds
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
