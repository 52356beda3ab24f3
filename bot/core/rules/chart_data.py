"""Charts as data: which series, over which axis, from the histories of runs. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bot.core.frameworks import FRAMEWORK
from bot.core.model.history import TIME_KEY, MetricsHistory
from bot.core.model.metrics import DISPLAY_NAMES, METRIC_NAMES, STEP_PART_NAMES, TIME_WORD, MetricWord, StepPart
from bot.core.model.run import Run
from bot.core.model.training_framework import MetricKeys
from bot.core.model.valid_names import unknown_name_error
from bot.core.rules.chart_axis import AXIS_LABELS, DOLLAR_AXIS, STEP_AXIS
from bot.core.rules.downsample import Point, interpolate
from bot.errors import UserError
from bot.phrase import Phrase, Text

MetricSeries = tuple[tuple[int, float], ...]
"""Steps and values."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of a run over its steps.

    Attributes:
        word: the word that people use for it, or the training's key.
        name: its name in a chart: a phrase, or the training's key.
        series: its steps and values.
    """

    word: str
    name: str
    series: MetricSeries
    is_sparse: bool = False


def find_available_metrics(history: MetricsHistory, keys: MetricKeys = FRAMEWORK.keys) -> dict[str, str]:
    """Return the words for which the run has numbers, each with the training's key."""
    own = history.keys
    keys_by_word = {word: next((key for key in names if key in own), None) for word, names in keys.by_word.items()}
    # Of the validations, the one that the card shows represents all.
    keys_by_word[MetricWord.VALIDATION] = min(filter(keys.is_result, own), key=keys.order, default=None)
    return {word: key for word, key in keys_by_word.items() if key}


def find_metric(word: str, history: MetricsHistory, keys: MetricKeys = FRAMEWORK.keys) -> Metric | None:
    """Return the metric of this word, of the name that charts show, or of this key; None where the run has no finite
    number of it.
    """
    words, own = find_available_metrics(history, keys), {key.lower(): key for key in history.keys}
    word = METRIC_NAMES.get(word.lower(), word)
    if (key := words.get(word.lower())) and (series := history.get_series(key)):
        return Metric(word.lower(), DISPLAY_NAMES[word.lower()], series, word.lower() == MetricWord.VALIDATION)
    if (key := own.get(word.lower())) and (series := history.get_series(key)):
        return Metric(key, key, series, keys.is_result(key))
    return None


def get_metric(word: str, history: MetricsHistory, run_id: str, keys: MetricKeys = FRAMEWORK.keys) -> Metric:
    """Return the metric of this word or key.

    Raises:
        UserError: the run has none; the hint names those that it has.
    """
    if match := find_metric(word, history, keys):
        return match
    raise unknown_name_error("metric", word, [*find_available_metrics(history, keys), *history.keys], owner=run_id)


def choose_reward(history: MetricsHistory, keys: MetricKeys = FRAMEWORK.keys) -> Metric | None:
    """Return the metric by which the run is judged: the reward, or else the score, the validation, or the loss."""
    words = (MetricWord.REWARD, MetricWord.SCORE, MetricWord.VALIDATION, MetricWord.LOSS)
    return next((candidate for word in words if (candidate := find_metric(word, history, keys))), None)


def get_validation_series(
    history: MetricsHistory, keys: MetricKeys = FRAMEWORK.keys, word: str = MetricWord.VALIDATION
) -> MetricSeries:
    """Return the steps and values of the validation, or of its loss; empty where there is none."""
    validation = find_metric(word, history, keys)
    return validation.series if validation else ()


MIN_POINTS = 5
"""Minimum points of a chart: a sentence shows fewer points better, and three points are noise."""

SHARE_WORDS = frozenset({MetricWord.REWARD, MetricWord.SCORE, MetricWord.VALIDATION})
"""Metrics that are shares in most tasks: of answers that are right."""

MARKS_LABEL = Phrase("checkpoint")


@dataclass(frozen=True, slots=True)
class ChartLine:
    """Points in the order of their x.

    Attributes:
        is_sparse: whether they are measured now and then, as validation is, so that each point must be visible.
    """

    name: Text
    points: tuple[Point, ...]
    is_sparse: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    Attributes:
        marks: x of what `marks_label` names: checkpoints.
        axis: one of COMPARE_AXES; the x are steps, seconds or dollars.
        is_share: whether values between 0 and 1 are shares of a whole.
    """

    title: Text
    x_label: Text
    y_label: Text
    lines: tuple[ChartLine, ...]
    marks: tuple[float, ...] = ()
    marks_label: Text = MARKS_LABEL
    axis: str = STEP_AXIS
    is_share: bool = False

    @property
    def is_drawable(self) -> bool:
        """Return whether some line has enough points for a chart to show more than a sentence does."""
        return any(len(line.points) >= MIN_POINTS for line in self.lines)


def render_labels(chart: Chart, render: Callable[[Text], str]) -> Chart:
    """Return the chart with its phrases rendered, as its reader reads them."""
    return replace(
        chart,
        title=render(chart.title),
        x_label=render(chart.x_label),
        y_label=render(chart.y_label),
        marks_label=render(chart.marks_label),
        lines=tuple(replace(line, name=render(line.name)) for line in chart.lines),
    )


# Charts of one run


def build_reward_chart(run: Run, history: MetricsHistory, keys: MetricKeys = FRAMEWORK.keys) -> Chart | None:
    """Return the chart of the reward over the steps, with its validations and checkpoints.

    None before the first reward.
    """
    reward = choose_reward(history, keys)
    if reward is None:
        return None
    word = MetricWord.VALIDATION_LOSS if reward.word == MetricWord.LOSS else MetricWord.VALIDATION
    validation = () if reward.word == word else get_validation_series(history, keys, word)
    return build_run_chart(run, reward, history, keys, validation)


def build_metric_chart(run: Run, history: MetricsHistory, word: str, keys: MetricKeys = FRAMEWORK.keys) -> Chart:
    """Return the chart of one metric over the steps, or of where their time goes.

    Raises:
        UserError: the run has no metric of this name.
    """
    if word.lower() == TIME_WORD:
        return build_time_chart(run, history, keys)
    return build_run_chart(run, get_metric(word, history, run.id, keys), history, keys)


def build_progress_chart(run: Run) -> Chart:
    """Return the chart of the reward or loss that the run's own record has: few points, and no store to read."""
    progress = run.training.progress
    word = MetricWord.LOSS if progress.curve is progress.losses else MetricWord.REWARD
    reward = Metric(word, DISPLAY_NAMES[word], progress.curve.points)
    lines = (build_line(reward), *build_validation_lines(progress.validations.points))
    marks = () if progress.checkpoint_step is None else (float(progress.checkpoint_step),)
    return build_chart(run, reward, lines, marks)


def build_time_chart(run: Run, history: MetricsHistory, keys: MetricKeys = FRAMEWORK.keys) -> Chart:
    """Return the chart of where the time of each step goes, with a line for each part that the run reports.

    Raises:
        UserError: the run reports none.
    """
    lines = [
        ChartLine(Phrase(STEP_PART_NAMES[part]), points, part in (StepPart.VALIDATION, StepPart.CHECKPOINT))
        for part, names in keys.time_parts.items()
        if (points := add_series([history.get_series(name) for name in names]))
    ]
    if not lines:
        raise UserError(Phrase("`{run}` does not report where the time of its steps goes.", run=run.id))
    title = Phrase("Where the time of {run} goes", run=run.id)
    return Chart(title, Phrase(AXIS_LABELS[STEP_AXIS]), Phrase("seconds"), tuple(lines))


def add_series(series: Sequence[MetricSeries]) -> MetricSeries:
    """Return the sum of several series over the steps that any of them has.

    >>> add_series([((1, 2.0), (2, 3.0)), ((2, 0.5),)])
    ((1, 2.0), (2, 3.5))
    """
    sums: dict[int, float] = {}
    for points in series:
        for step, value in points:
            sums[step] = sums.get(step, 0.0) + value
    return tuple(sorted(sums.items()))


def build_run_chart(
    run: Run,
    shown_metric: Metric,
    history: MetricsHistory,
    keys: MetricKeys,
    validation: tuple[Point, ...] = (),
) -> Chart:
    """Return the chart of a metric of a run, with the run's checkpoints."""
    return build_chart(
        run,
        shown_metric,
        (build_line(shown_metric), *build_validation_lines(validation)),
        find_checkpoint_steps(run, history, keys),
    )


def build_chart(run: Run, shown_metric: Metric, lines: tuple[ChartLine, ...], marks: tuple[float, ...]) -> Chart:
    title = Phrase("{metric} of {run}", metric=Phrase(shown_metric.name), run=run.id)
    if shown_metric.word == "reward":
        title = Phrase("Reward of {run}", run=run.id)
    return Chart(
        title,
        Phrase(AXIS_LABELS[STEP_AXIS]),
        Phrase(shown_metric.name),
        lines,
        marks,
        is_share=shown_metric.word in SHARE_WORDS,
    )


def build_line(shown_metric: Metric) -> ChartLine:
    return ChartLine(Phrase(shown_metric.name), shown_metric.series, shown_metric.is_sparse)


def build_validation_lines(points: tuple[Point, ...]) -> tuple[ChartLine, ...]:
    return (ChartLine(Phrase(DISPLAY_NAMES[MetricWord.VALIDATION]), points, is_sparse=True),) if points else ()


def find_checkpoint_steps(run: Run, history: MetricsHistory, keys: MetricKeys) -> tuple[float, ...]:
    """Return the steps after which a checkpoint was written: those that report how long saving took, and the newest."""
    saved_steps = {step for key in keys.checkpoint_seconds for step, _ in history.get_series(key)}
    newest = run.training.progress.checkpoint_step
    return tuple(map(float, sorted(saved_steps if newest is None else saved_steps | {newest})))


# Charts of two runs


@dataclass(frozen=True, slots=True)
class RunHistory:
    """A run and its metrics history."""

    run: Run
    history: MetricsHistory


def build_comparison_chart(
    a: RunHistory, b: RunHistory, by: str = STEP_AXIS, keys: MetricKeys = FRAMEWORK.keys
) -> Chart | None:
    """Return one chart of the reward of two runs.

    None where either has no numbers, or their rewards are different metrics.

    Raises:
        UserError: the axis is dollars, and one of the runs is unpriced.
    """
    rewards = [choose_reward(side.history, keys) for side in (a, b)]
    if rewards[0] is None or rewards[1] is None or rewards[0].word != rewards[1].word:
        refuse_unpriced(a.run, b.run, by=by)
        return None
    lines = tuple(
        ChartLine(run_history.run.id, convert_points(run_history, shown_metric.series, by), shown_metric.is_sparse)
        for run_history, shown_metric in zip((a, b), rewards, strict=True)
        if shown_metric
    )
    name, runs = Phrase(rewards[0].name), {"a": a.run.id, "b": b.run.id}
    title = Phrase("{metric} of {a} and {b}", metric=name, **runs)
    if rewards[0].word == "reward":
        title = Phrase("Reward of {a} and {b}", **runs)
    return Chart(title, Phrase(AXIS_LABELS[by]), name, lines, axis=by, is_share=rewards[0].word in SHARE_WORDS)


def convert_points(run_history: RunHistory, series: tuple[Point, ...], by: str) -> tuple[Point, ...]:
    """Return the points with steps, seconds or dollars as their x.

    Raises:
        UserError: the axis is dollars, and the run is unpriced.
    """
    refuse_unpriced(run_history.run, by=by)
    if by == STEP_AXIS:
        return series
    steps_by_time = {
        time: step for step, time in run_history.history.get_series(TIME_KEY) if time > 0
    }  # of steps read at the same time, the last
    times = [(step, time) for time, step in steps_by_time.items()]
    if not times:
        return ()
    start, unit = times[0][1], 1.0
    # Dollars count from the first launch request, seconds from the first step.
    if by == DOLLAR_AXIS and run_history.run.launch.first_requested_at and run_history.run.spending.hourly_rate:
        start, unit = (
            run_history.run.launch.first_requested_at.timestamp(),
            run_history.run.spending.hourly_rate.dollars_per_hour / 3600,
        )
    return tuple(((interpolate(times, step) - start) * unit, value) for step, value in series)


def refuse_unpriced(*runs: Run, by: str) -> None:
    """Raise UserError where the axis is dollars and one of the runs is unpriced."""
    for run in runs:
        if by == DOLLAR_AXIS and run.spending.hourly_rate is None:
            unpriced = Phrase("The price of `{run}` is unknown, so I cannot draw it by dollars.", run=run.id)
            raise UserError(unpriced, Phrase("Compare them `by=step` or `by=time`."))
