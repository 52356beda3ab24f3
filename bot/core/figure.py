"""A chart as values: lines, points that stand alone, marks. What Slack or a picture makes of it is theirs."""

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
"""Of a chart: fewer are better said in words."""

SPARSE_POINTS = 8
"""Of the few points of a table, so many are kept for what is measured now and then."""

SAVES = ("timing_s/save_checkpoint", "timing/save_checkpoint")
"""What verl tells of a step that wrote a checkpoint, newest first."""

STEP, TIME, DOLLARS = AXES

LABELS = {STEP: mark("step"), TIME: mark("minutes since the first step"), DOLLARS: mark("dollars")}


@dataclass(frozen=True, slots=True)
class Words:
    """A phrase that is said when the chart is drawn, in the language of whoever it is drawn for."""

    phrase: str
    fields: Mapping[str, "str | Words"] = field(default_factory=dict)

    def __str__(self) -> str:
        return say(self.phrase, **{name: str(value) for name, value in self.fields.items()})


@dataclass(frozen=True, slots=True)
class Line:
    """Points in the order of their x.

    Attributes:
        sparse: whether they are measured now and then, as validation is, so that each is to be seen.
    """

    name: Words
    points: tuple[Point, ...]
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart.

    Attributes:
        marks: the x of what is called `marked`: checkpoints.
    """

    title: Words
    x_label: Words
    y_label: Words
    lines: tuple[Line, ...]
    marks: tuple[float, ...] = ()
    marked: Words = Words(mark("checkpoint"))

    @property
    def drawable(self) -> bool:
        """Whether there is enough of it that a chart tells more than words do."""
        return any(len(line.points) >= FEWEST_POINTS for line in self.lines)


@dataclass(frozen=True, slots=True)
class Table:
    """A figure as Slack takes one: every line has a value at each x, and there are few of them."""

    xs: tuple[float, ...]
    lines: tuple[tuple[Words, tuple[float, ...]], ...]


# figures of runs


def reward_figure(run: Run, history: History) -> Figure | None:
    """The reward over the steps, with its validations and checkpoints; None before there is any."""
    found = reward_of(history)
    if found is None:
        return None
    validation = () if found.word == VAL else validations(history)
    return of_run(run, found, history, validation)


def metric_figure(run: Run, history: History, word: str) -> Figure:
    """One metric over the steps.

    Raises:
        UserError: the run has none of this name.
    """
    return of_run(run, metric(word, history, run.id), history)


def progress_figure(run: Run) -> Figure:
    """The reward as the record itself has it: few points, and no store to ask."""
    found = run.progress
    reward = Metric("reward", NAMES["reward"], found.rewards.points)
    lines = (line_of(reward), *validation_line(found.validations.points))
    marks = () if found.checkpoint_step is None else (float(found.checkpoint_step),)
    return figure_of(run, reward, lines, marks)


def of_run(run: Run, found: Metric, history: History, validation: tuple[Point, ...] = ()) -> Figure:
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
    """The steps after which a checkpoint was written: those that told how long it took, and the newest."""
    told = {step for key in SAVES for step, _ in history.series(key)}
    newest = run.progress.checkpoint_step
    return tuple(map(float, sorted(told if newest is None else told | {newest})))


# two runs in one


@dataclass(frozen=True, slots=True)
class Told:
    """A run and its numbers."""

    run: Run
    history: History


def compare_figure(a: Told, b: Told, by: str = STEP) -> Figure | None:
    """What two runs are judged by, in one chart; None where either has no numbers, or they have different ones.

    Raises:
        UserError: by dollars, and one of them is unpriced.
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
    """The points over steps, minutes or dollars.

    Raises:
        UserError: by dollars, and the run is unpriced.
    """
    refuse_unpriced(told.run, by=by)
    if by == STEP:
        return series
    read = {at: step for step, at in told.history.series(AT) if at > 0}  # of steps that were read at once, the last
    times = [(step, at) for at, step in read.items()]
    if not times:
        return ()
    start, each = times[0][1], 1 / 60
    if by == DOLLARS and told.run.first_asked_at and told.run.hourly:
        start, each = told.run.first_asked_at.timestamp(), told.run.hourly.dollars_per_hour / 3600
    return tuple(((between(times, step) - start) * each, value) for step, value in series)


def refuse_unpriced(*runs: Run, by: str) -> None:
    for run in runs:
        if by == DOLLARS and run.hourly is None:
            unpriced = say("`{run}` is unpriced, so that nothing can be drawn by dollars.", run=run.id)
            raise UserError(unpriced, say("Compare them `by=step` or `by=time`."))


# as Slack takes it


def tabled(figure: Figure, most: int = MOST_POINTS) -> Table | None:
    """The figure in few points that all lines have, about evenly; None where lines share no stretch.

    Of a line of many points it is what the eye follows: twenty of them as they are would be noise alone.
    What is measured now and then is at each x as it was measured last. It is left out where it begins late, after a
    fifth of the steps: Slack takes no line that begins later than another.
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
    first, last = main.points[0][0], main.points[-1][0]
    return line.points[0][0] <= first + (last - first) / 5


def shared(lines: list[Line], most: int) -> Table | None:
    """Lines over the stretch that all of them have, evenly."""
    low, high = max(line.points[0][0] for line in lines), min(line.points[-1][0] for line in lines)
    if high <= low:
        return None
    steps = all(x.is_integer() for line in lines for x, _ in ((float(x), y) for x, y in line.points))
    grid = [low + (high - low) * at / (most - 1) for at in range(most)]
    xs = list(dict.fromkeys(round(x) if steps else x for x in grid))
    smooth = [(line.name, smoothed(line.points)) for line in lines]
    return Table(tuple(xs), tuple((name, tuple(between(points, x) for x in xs)) for name, points in smooth))


def is_cut(figure: Figure) -> bool:
    """Whether a table of it ends before one of its lines does, or begins later."""
    spans = {(line.points[0][0], line.points[-1][0]) for line in figure.lines if line.points and not line.sparse}
    return len(spans) > 1


def is_smoothed(figure: Figure) -> bool:
    """Whether a table of it shows means and not the numbers themselves."""
    return any(len(line.points) >= SMOOTHED_FROM for line in figure.lines if not line.sparse)
