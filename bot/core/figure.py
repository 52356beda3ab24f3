"""Charts as values: lines, sparse points, marks. Slack's tables and pictures are drawn from them elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.core.command import AXES
from bot.core.curve import MOST_POINTS
from bot.core.history import AT, History
from bot.core.metric import NAMES, VAL, Metric, metric, reward_of, validations
from bot.core.run import Run
from bot.core.thin import SMOOTHED_FROM, Point, between, held, smoothed, thinned
from bot.errors import UserError
from bot.language import mark, say

FEWEST_POINTS = 3
"""Minimum points of a chart: a sentence shows fewer points better."""

SPARSE_POINTS = 8
"""Maximum x of a table that are chosen for the points of sparse lines."""

SAVES = ("timing_s/save_checkpoint", "timing/save_checkpoint")
"""Keys of the time that a step took to save a checkpoint, verl's newest first."""

STEP, TIME, DOLLARS = AXES

LABELS = {STEP: mark("step"), TIME: mark("minutes since the first step"), DOLLARS: mark("dollars")}


@dataclass(frozen=True, slots=True)
class Words:
    """A phrase that is translated when the chart is drawn, into the language of its reader."""

    phrase: str
    fields: Mapping[str, "str | Words"] = field(default_factory=dict)

    def __str__(self) -> str:
        return say(self.phrase, **{name: str(value) for name, value in self.fields.items()})


@dataclass(frozen=True, slots=True)
class Line:
    """Points in the order of their x.

    Attributes:
        is_sparse: whether they are measured now and then, as validation is, so that each point must be visible.
    """

    name: Words
    points: tuple[Point, ...]
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart.

    Attributes:
        marks: x of what `marks_label` names: checkpoints.
    """

    title: Words
    x_label: Words
    y_label: Words
    lines: tuple[Line, ...]
    marks: tuple[float, ...] = ()
    marked: Words = Words(mark("checkpoint"))

    @property
    def drawable(self) -> bool:
        """Return whether some line has enough points for a chart to show more than a sentence does."""
        return any(len(line.points) >= FEWEST_POINTS for line in self.lines)


@dataclass(frozen=True, slots=True)
class Table:
    """A chart as Slack takes it: every line has a value at each x, and the number of x is small."""

    xs: tuple[float, ...]
    lines: tuple[tuple[Words, tuple[float, ...]], ...]


# Charts of one run


def reward_figure(run: Run, history: History) -> Figure | None:
    """Return the chart of the reward over the steps, with its validations and checkpoints.

    None before the first reward.
    """
    found = reward_of(history)
    if found is None:
        return None
    validation = () if found.word == VAL else validations(history)
    return of_run(run, found, history, validation)


def metric_figure(run: Run, history: History, word: str) -> Figure:
    """Return the chart of one metric over the steps.

    Raises:
        UserError: the run has no metric of this name.
    """
    return of_run(run, metric(word, history, run.id), history)


def progress_figure(run: Run) -> Figure:
    """Return the chart of the reward that the run's own record has: few points, and no store to read."""
    found = run.progress
    reward = Metric("reward", NAMES["reward"], found.rewards.points)
    lines = (line_of(reward), *validation_line(found.validations.points))
    marks = () if found.checkpoint_step is None else (float(found.checkpoint_step),)
    return figure_of(run, reward, lines, marks)


def of_run(run: Run, found: Metric, history: History, validation: tuple[Point, ...] = ()) -> Figure:
    """Return the chart of a metric of a run, with the run's checkpoints."""
    return figure_of(run, found, (line_of(found), *validation_line(validation)), checkpoints(run, history))


def figure_of(run: Run, found: Metric, lines: tuple[Line, ...], marks: tuple[float, ...]) -> Figure:
    title = Words(mark("{metric} of {run}"), {"metric": Words(found.name), "run": run.id})
    if found.word == "reward":
        title = Words(mark("Reward of {run}"), {"run": run.id})
    return Figure(title, Words(LABELS[STEP]), Words(found.name), lines, marks)


def line_of(found: Metric) -> Line:
    return Line(Words(found.name), found.series, found.is_sparse)


def validation_line(points: tuple[Point, ...]) -> tuple[Line, ...]:
    return (Line(Words(NAMES[VAL]), points, sparse=True),) if points else ()


def checkpoints(run: Run, history: History) -> tuple[float, ...]:
    """Return the steps after which a checkpoint was written: those that report how long saving took, and the newest."""
    told = {step for key in SAVES for step, _ in history.series(key)}
    newest = run.progress.checkpoint_step
    return tuple(map(float, sorted(told if newest is None else told | {newest})))


# Charts of two runs


@dataclass(frozen=True, slots=True)
class Told:
    """A run and its metrics history."""

    run: Run
    history: History


def compare_figure(a: Told, b: Told, by: str = STEP) -> Figure | None:
    """Return one chart of the reward of two runs.

    None where either has no numbers, or their rewards are different metrics.

    Raises:
        UserError: the axis is dollars, and one of the runs is unpriced.
    """
    both = [reward_of(one.history) for one in (a, b)]
    if both[0] is None or both[1] is None or both[0].word != both[1].word:
        refuse_unpriced(a.run, b.run, by=by)
        return None
    lines = tuple(
        Line(Words(told.run.id), placed(told, found.series, by), found.is_sparse)
        for told, found in zip((a, b), both, strict=True)
        if found
    )
    name, runs = Words(both[0].name), {"a": a.run.id, "b": b.run.id}
    title = Words(mark("{metric} of {a} and {b}"), {"metric": name, **runs})
    if both[0].word == "reward":
        title = Words(mark("Reward of {a} and {b}"), runs)
    return Figure(title, Words(LABELS[by]), name, lines)


def placed(told: Told, series: tuple[Point, ...], by: str) -> tuple[Point, ...]:
    """Return the points with steps, minutes or dollars as their x.

    Raises:
        UserError: the axis is dollars, and the run is unpriced.
    """
    refuse_unpriced(told.run, by=by)
    if by == STEP:
        return series
    read = {at: step for step, at in told.history.series(AT) if at > 0}  # of steps read at the same time, the last
    times = [(step, at) for at, step in read.items()]
    if not times:
        return ()
    start, each = times[0][1], 1 / 60
    # Dollars count from the first launch request, minutes from the first step.
    if by == DOLLARS and told.run.first_asked_at and told.run.hourly:
        start, each = told.run.first_asked_at.timestamp(), told.run.hourly.dollars_per_hour / 3600
    return tuple(((between(times, step) - start) * each, value) for step, value in series)


def refuse_unpriced(*runs: Run, by: str) -> None:
    """Raise UserError where the axis is dollars and one of the runs is unpriced."""
    for run in runs:
        if by == DOLLARS and run.hourly is None:
            unpriced = say("`{run}` is unpriced, so that nothing can be drawn by dollars.", run=run.id)
            raise UserError(unpriced, say("Compare them `by=step` or `by=time`."))


# Tables for Slack


def tabled(figure: Figure, most: int = MOST_POINTS) -> Table | None:
    """Return the chart as few, about evenly spaced points that all lines have; None where the lines share no stretch.

    A line of many points is smoothed to what the eye follows: twenty of its raw points would be noise. A sparse line
    has at each x the value that was measured last. It is left out where it begins after the first fifth of the steps:
    Slack takes no line that begins later than another.
    """
    lines = [line for line in figure.lines if line.points]
    dense = [line for line in lines if not line.sparse] or lines[:1]
    if len(dense) != 1:
        return shared(dense, most) if dense else None
    (main,) = dense
    others = [line for line in lines if line.sparse and line is not main and begins_early(line, main)]
    start = max((line.points[0][0] for line in others), default=main.points[0][0])
    points = [point for point in smoothed(main.points) if point[0] >= start]
    alone = {x for line in others for x, _ in thinned(line.points, SPARSE_POINTS)}
    xs = [x for x, _ in thinned(points, most, alone)]
    values = [(main.name, tuple(held(points, x) or 0.0 for x in xs))]
    values += [(line.name, tuple(held(line.points, x) or 0.0 for x in xs)) for line in others]
    return Table(tuple(xs), tuple(values))


def begins_early(line: Line, main: Line) -> bool:
    """Return whether a line begins within the first fifth of the main line."""
    first, last = main.points[0][0], main.points[-1][0]
    return line.points[0][0] <= first + (last - first) / 5


def shared(lines: list[Line], most: int) -> Table | None:
    """Return the lines over the stretch that all of them cover, evenly spaced; None where there is no such stretch."""
    low, high = max(line.points[0][0] for line in lines), min(line.points[-1][0] for line in lines)
    if high <= low:
        return None
    steps = all(x.is_integer() for line in lines for x, _ in ((float(x), y) for x, y in line.points))
    grid = [low + (high - low) * at / (most - 1) for at in range(most)]
    xs = list(dict.fromkeys(round(x) if steps else x for x in grid))
    smooth = [(line.name, smoothed(line.points)) for line in lines]
    return Table(tuple(xs), tuple((name, tuple(between(points, x) for x in xs)) for name, points in smooth))


def is_cut(figure: Figure) -> bool:
    """Return whether a table of the chart ends before one of the lines does, or begins later."""
    spans = {(line.points[0][0], line.points[-1][0]) for line in figure.lines if line.points and not line.sparse}
    return len(spans) > 1


def is_smoothed(figure: Figure) -> bool:
    """Return whether a table of the chart shows means instead of the measured numbers."""
    return any(len(line.points) >= SMOOTHED_FROM for line in figure.lines if not line.sparse)
