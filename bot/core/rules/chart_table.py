"""Charts as Slack takes them: few positions at even distances, and a value of every line at each of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.model.progress import MAX_POINTS
from bot.core.rules.chart_axis import STEP_AXIS, choose_positions, format_positions
from bot.core.rules.chart_data import MIN_POINTS, Chart, ChartLine
from bot.core.rules.downsample import SMOOTHED_FROM_POINTS, Point, find_last_value, interpolate, smooth
from bot.phrase import Phrase, Text


@dataclass(frozen=True, slots=True)
class ChartTable:
    """A chart as Slack takes it: every line has a value at each x, and the number of x is small.

    Attributes:
        xs: round numbers at even distances, because Slack draws labels and not numbers; labels: what they read.
    """

    xs: tuple[float, ...]
    labels: tuple[str, ...]
    lines: tuple[tuple[Text, tuple[float, ...]], ...]


def build_table(chart: Chart, max_points: int = MAX_POINTS) -> ChartTable | None:
    """Return the chart as few points at even distances; None where fewer than five would be drawn.

    A line of many points is smoothed to what the eye follows: twenty of its raw points would be noise. A sparse line
    has at each x the value that was measured last. Slack takes no line that begins later than another, so a sparse
    line that does has its first value before it, and says in its name where it begins.
    """
    lines = [line for line in chart.lines if line.points]
    dense = [line for line in lines if not line.is_sparse] or lines[:1]
    if not dense:
        return None
    # Two runs are drawn over the stretch that both cover.
    low, high = max(line.points[0][0] for line in dense), min(line.points[-1][0] for line in dense)
    xs = choose_positions(low, high, max_points, chart.axis)
    if len(xs) < MIN_POINTS:
        return None
    values = [(name_line(line, xs, chart.axis), sample_line(line, xs, line in dense)) for line in lines]
    return ChartTable(xs, tuple(format_positions(xs, chart.axis)), tuple(values))


def name_line(line: ChartLine, xs: Sequence[float], axis: str) -> Text:
    """Return the name of a line; of one that begins later than the chart, with the step of its first value."""
    first = line.points[0][0]
    if not line.is_sparse or first <= xs[0] or axis != STEP_AXIS:
        return line.name
    return Phrase("{name} from {step}", name=line.name, step=f"{first:.6g}")


def sample_line(line: ChartLine, xs: Sequence[float], is_dense: bool) -> tuple[float, ...]:
    """Return the value of a line at each x."""
    if line.is_sparse:
        return tuple(get_last_value(line.points, x) for x in xs)
    points = smooth(line.points) if is_dense else line.points
    return tuple(interpolate(points, x) for x in xs)


def get_last_value(points: Sequence[Point], x: float) -> float:
    """Return the last value at or before x; before the first, the first."""
    last = find_last_value(points, x)
    return points[0][1] if last is None else last


def is_cut(chart: Chart) -> bool:
    """Return whether a table of the chart ends before one of the lines does, or begins later."""
    spans = {(line.points[0][0], line.points[-1][0]) for line in chart.lines if line.points and not line.is_sparse}
    return len(spans) > 1


def is_smoothed(chart: Chart) -> bool:
    """Return whether a table of the chart shows means instead of the measured numbers."""
    return any(len(line.points) >= SMOOTHED_FROM_POINTS for line in chart.lines if not line.is_sparse)
