"""A sparkline: a number over the steps of a run, with few enough points to draw; older points are further apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from statistics import mean as exact_mean
from typing import Self

MAX_POINTS = 20
"""Maximum points of a series in Slack, which a phone still shows well (docs.slack.dev, data visualization block)."""

STEADY_SHARE = 0.05
"""Share of a sparkline's span below which a change does not count."""

BAR_CHARACTERS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Points of step and value, oldest first.

    Attributes:
        steps_per_point: steps that share a point, whose value is that of the last of them; a power of two.
    """

    points: tuple[tuple[int, float], ...] = ()
    steps_per_point: int = 1

    def with_point(self, step: int, value: float) -> Self:
        """Return the sparkline with one more step. A training that returns to an earlier step drops the later points.

        >>> Sparkline().with_point(1, 0.5).with_point(2, 0.25).with_point(3, 0.75).with_point(2, 1.0)
        Sparkline(points=((1, 0.5), (2, 1.0)), steps_per_point=1)
        """
        earlier = tuple(point for point in self.points if point[0] < step)
        return self._downsample((*earlier, (step, value)), self.steps_per_point)

    def _downsample(self, points: tuple[tuple[int, float], ...], steps_per_point: int) -> Self:
        """Return the sparkline with one point for that many steps, or for twice as many while it
        has too many points."""
        last_by_point = {step // steps_per_point: (step, value) for step, value in points}
        thinned = tuple(last_by_point.values())
        if len(thinned) > MAX_POINTS:
            return self._downsample(thinned, steps_per_point * 2)
        return type(self)(thinned, steps_per_point)

    @property
    def trend(self) -> int:
        """Return 1 or -1 if the newest quarter is above or below the one before by a twentieth of the span, else 0.

        >>> rising = Sparkline(tuple((step, float(step)) for step in range(8)))
        >>> rising.trend, Sparkline(rising.points[:3]).trend
        (1, 0)
        """
        heights = scale([value for _, value in self.points])
        size = len(heights) // 4
        if not size:
            return 0
        difference = compute_mean(heights[-size:]) - compute_mean(heights[-2 * size : -size])
        return 0 if abs(difference) < STEADY_SHARE else 1 if difference > 0 else -1

    @property
    def bars(self) -> str:
        """Return the sparkline as a line of text.

        >>> Sparkline(((1, 0.0), (2, 0.5), (3, 1.0))).bars, Sparkline(((1, 2.0), (2, 2.0))).bars
        ('▁▅█', '▁▁')
        """
        return draw_bars([value for _, value in self.points])


def draw_bars(values: Sequence[float]) -> str:
    """Return numbers as a line of text that uses the full height between the lowest and the highest."""
    return "".join(BAR_CHARACTERS[round(height * (len(BAR_CHARACTERS) - 1))] for height in scale(values))


def scale(values: Sequence[float]) -> list[float]:
    """Return the position of each finite number between the lowest, 0, and the highest, 1; 0 if all are alike.

    >>> scale([1.0, 2.0, 3.0]), scale([-1.7e308, 0.0, 1.7e308]), scale([2.0, 2.0])
    ([0.0, 0.5, 1.0], [0.0, 0.5, 1.0], [0.0, 0.0])
    """
    halves = [value / 2 for value in values]  # the distance of two doubles may overflow a double
    low, span = min(halves, default=0.0), max(halves, default=0.0) - min(halves, default=0.0)
    return [(half - low) / span if span else 0.0 for half in halves]


def compute_mean(values: Sequence[float]) -> float:
    """Return the mean of finite numbers, one at least, whose sum may be more than a double holds.

    >>> compute_mean([1.0, 2.0]), compute_mean([1.7e308, 1.7e308])
    (1.5, 1.7e+308)
    """
    try:
        return fmean(values)
    except OverflowError:
        return exact_mean(values)
