"""How far a training is: its step, its last metrics, its reward's curve, and totals. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from statistics import fmean, median
from statistics import mean as exact_mean
from typing import Self

from bot.core.model.metrics import (
    CheckpointSaved,
    LogEvent,
    MetricWord,
    ProgressBar,
    StepMetrics,
    StepPart,
    TotalSteps,
    TrackerLinked,
    TrainingResumed,
)
from bot.core.model.training_framework import MetricKeys

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


@dataclass(frozen=True, slots=True)
class TrainingTotals:
    """Sums over the whole log of a run.

    Attributes:
        steps: that the log reported, repeated ones included; seconds: how long they took, as far as the log reports it.
        last_step: the step that was reported last, which may be reported on several lines.
        first_validation, best_validation: of its validations; None before any.
        best_validation_step: where the best one was measured; None where it is not known.
    """

    steps: int = 0
    seconds: float = 0.0
    last_step: int | None = None
    first_validation: float | None = None
    best_validation: float | None = None
    best_validation_step: int | None = None

    def record_step(self, step: int, seconds: float) -> Self:
        """Return the totals after a step; further lines on the last step do not count.

        >>> totals = TrainingTotals().record_step(1, 60.0).record_step(1, 60.0)
        >>> totals.steps, totals.seconds, totals.last_step
        (1, 60.0, 1)
        """
        if step == self.last_step:
            return self
        return replace(self, steps=self.steps + 1, seconds=self.seconds + seconds, last_step=step)

    def record_validation(self, value: float, step: int) -> Self:
        """Return the totals after a validation. Of equal ones the first is the best.

        >>> totals = TrainingTotals().record_validation(0.5, 20).record_validation(0.25, 40)
        >>> totals.first_validation, totals.best_validation, totals.best_validation_step
        (0.5, 0.5, 20)
        """
        first = value if self.first_validation is None else self.first_validation
        if self.best_validation is not None and self.best_validation >= value:
            return replace(self, first_validation=first)
        return replace(self, first_validation=first, best_validation=value, best_validation_step=step)


PACED_STEPS = 64
"""Number of last steps whose mean is the pace: enough to include validations and checkpoints, few enough to follow a
change."""

MAX_CHECKPOINT_STEPS = 8
"""Number of last checkpoints whose steps are remembered."""

MAX_METRICS = 32
"""Maximum metrics of training in a record, and as many of validation: the record is written at every observation."""


@dataclass(frozen=True, slots=True)
class StepTime:
    """The duration of a step, and whether a validation was part of it."""

    seconds: float
    includes_validation: bool = False


WARM_UP_RATIO = 1.5
"""How many times as long as the median of the others the first step takes, if it warms up: it compiles kernels."""

MIN_STEPS_AFTER_WARM_UP = 4
"""Minimum further steps before a first step can count as a warm-up."""


def drop_warm_up(step_times: tuple[StepTime, ...]) -> tuple[StepTime, ...]:
    """Return the durations without that of a first step that warmed up; all of them where the first ones are gone.

    >>> len(drop_warm_up((StepTime(14.8), *[StepTime(6.2)] * 4))), len(drop_warm_up(tuple([StepTime(6.2)] * 5)))
    (4, 5)
    """
    first, others = step_times[:1], step_times[1:]
    if len(others) < MIN_STEPS_AFTER_WARM_UP or len(step_times) == PACED_STEPS:
        return step_times
    usual_seconds = median(step_time.seconds for step_time in others)
    return others if first[0].seconds > WARM_UP_RATIO * usual_seconds else step_times


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run.

    Attributes:
        step: the last finished step, or None before the first.
        total_steps: the number of steps, if the run reported it.
        metrics: the newest finite value of each of a few keys; a key that a step does not mention keeps its value.
        time_parts: seconds of each part of the newest step, whose parts are known; `other` is the rest of it.
        loss, validation_loss: the newest ones, of a training without a reward; losses: the former over the steps.
        reward, validation: the newest ones; validation_key: the training's own key of that validation.
        validated_step: the step of the newest validation.
        checkpoint: the folder of the newest checkpoint; checkpoint_step: its step.
        checkpoint_steps: the steps of the last checkpoints that the log named, oldest first.
        from_zero: whether the first step is number 0, as in old versions of trainers.
        stepped_at: Unix seconds when the last step was read; 0.0 before the first.
        step_times: of the last steps; bar_seconds: seconds per step by the progress bar.
        rewards, validations: over the steps.
        training_totals: sums over the whole training.
        resumed_step: the step of the checkpoint that the training first resumed from.
        tracker_page: the web address at which an experiment tracker shows the training; empty if none is known.
        skips: how often lines of the log were skipped because reading them had ended the bot.
    """

    step: int | None = None
    total_steps: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    validated_step: int | None = None
    checkpoint: str | None = None
    checkpoint_step: int | None = None
    from_zero: bool = False
    stepped_at: float = 0.0
    step_times: tuple[StepTime, ...] = ()
    bar_seconds: float | None = None
    rewards: Sparkline = field(default_factory=Sparkline)
    validations: Sparkline = field(default_factory=Sparkline)
    training_totals: TrainingTotals = field(default_factory=TrainingTotals)
    skips: int = 0
    reward: float | None = None
    validation: float | None = None
    validation_key: str | None = None
    loss: float | None = None
    validation_loss: float | None = None
    losses: Sparkline = field(default_factory=Sparkline)
    resumed_step: int | None = None
    tracker_page: str = ""
    time_parts: Mapping[StepPart, float] = field(default_factory=dict)
    checkpoint_steps: tuple[int, ...] = ()

    @property
    def curve(self) -> Sparkline:
        """Return the curve by which the training is judged: of the reward, or of the loss where it has no reward."""
        return self.rewards if self.rewards.points else self.losses

    @property
    def has_only_resumed(self) -> bool:
        """Return whether the training resumed and has reported no step since."""
        return self.resumed_step is not None and self.step == self.resumed_step and not self.training_totals.steps

    @property
    def last_step(self) -> int | None:
        """Return the number that the last step will have."""
        return self.total_steps and self.total_steps - self.from_zero

    @property
    def steps_left(self) -> int | None:
        """Return how many steps remain; None before the first step, and if the total is unknown."""
        if self.step is None or self.last_step is None:
            return None
        return max(self.last_step - self.step, 0)

    @property
    def seconds_per_step(self) -> float | None:
        """Return the mean duration of the last steps, with their share of validations and checkpoints.

        If validations recur among them, whole periods between two validations count, so that no validation has more
        than its share.
        """
        ends = [position for position, step_time in enumerate(self.step_times, 1) if step_time.includes_validation]
        step_times = self.step_times[ends[0] : ends[-1]] if len(ends) > 1 else drop_warm_up(self.step_times)
        return compute_mean([step_time.seconds for step_time in step_times]) if step_times else self.bar_seconds

    def record_events(
        self, events: Iterable[LogEvent], keys: MetricKeys, metric_prefixes: tuple[str, ...] = ()
    ) -> Self:
        """Return the progress after these events.

        Args:
            keys: the names of the metrics in the events.
            metric_prefixes: beginnings of the metric keys to keep, beside reward, score and validation.
        """
        progress = self
        for event in events:
            progress = progress._record_event(event, keys, metric_prefixes)
        return progress

    def _record_event(self, event: LogEvent, keys: MetricKeys, metric_prefixes: tuple[str, ...]) -> Self:
        """Return the progress after one event."""
        match event:
            case StepMetrics():
                return self._record_step(event, keys, metric_prefixes)
            case TotalSteps(total_steps):
                return replace(self, total_steps=total_steps)
            case ProgressBar(_, total, seconds, is_estimate):
                known_total = (is_estimate and self.total_steps) or total
                return replace(self, total_steps=known_total, bar_seconds=seconds)
            case CheckpointSaved(folder, step):
                # A training that returned to an earlier step writes the later ones again.
                earlier = tuple(other for other in self.checkpoint_steps if other < step)
                steps = (*earlier, step)[-MAX_CHECKPOINT_STEPS:]
                return replace(self, checkpoint=folder, checkpoint_step=step, checkpoint_steps=steps)
            case TrainingResumed(step):
                first = step if self.resumed_step is None else self.resumed_step
                return replace(self, step=step, step_times=(), resumed_step=first)
            case TrackerLinked(address):
                return replace(self, tracker_page=address)

    def _record_step(self, row: StepMetrics, keys: MetricKeys, metric_prefixes: tuple[str, ...]) -> Self:
        """Return the progress after one step, or after a validation, which a training may log on a line of its own."""
        finite_values = {
            key: value
            for key, value in row.values.items()
            if isfinite(value) and (keys.is_outcome(key) or key.startswith(metric_prefixes))
        }
        reward, seconds = keys.find(row, MetricWord.REWARD), keys.find_seconds(row)
        loss, validation_loss = keys.find(row, MetricWord.LOSS), keys.find(row, MetricWord.VALIDATION_LOSS)
        validation_key = self._choose_validation_key(row, keys)
        validation = None if validation_key is None else row.values[validation_key]
        is_training_step = keys.is_training_step(row)
        metrics = select_metrics({**self.metrics, **finite_values}, keys)
        progress = replace(
            self,
            step=self._choose_step(row, is_training_step, validation),
            metrics=metrics,
            reward=self.reward if reward is None else reward,
            rewards=self.rewards if reward is None else self.rewards.with_point(row.step, reward),
            loss=self.loss if loss is None else loss,
            validation_loss=self.validation_loss if validation_loss is None else validation_loss,
            losses=self.losses if loss is None else self.losses.with_point(row.step, loss),
            time_parts=measure_step_time(row, seconds, keys) or self.time_parts,
            step_times=self._record_time(row.step, seconds if is_training_step else None, validation is not None),
        )
        if validation is not None:
            validations = self.validations.with_point(row.step, validation)
            totals = progress.training_totals.record_validation(validation, row.step)
            progress = replace(
                progress,
                validation=validation,
                validation_key=validation_key,
                validated_step=row.step,
                validations=validations,
                training_totals=totals,
            )
        # A validation alone is not a step: it changes neither the totals nor the time of the last step.
        if not is_training_step:
            return progress
        from_zero, stepped_at = self.from_zero or row.step == 0, row.at or self.stepped_at
        totals = progress.training_totals.record_step(row.step, seconds or 0.0)
        return replace(progress, from_zero=from_zero, stepped_at=stepped_at, training_totals=totals)

    def _choose_step(self, row: StepMetrics, is_training_step: bool, validation: float | None) -> int | None:
        """Return the last finished step after a row: a validation may be logged late, and other lines before their
        step.
        """
        if is_training_step:
            return row.step
        return self.step if validation is None else max(row.step, self.step or 0)

    def _record_time(self, step: int, seconds: float | None, is_validated: bool) -> tuple[StepTime, ...]:
        """Return the durations of the last steps after one more line, which may be about the last step again."""
        if step == self.training_totals.last_step and self.step_times:
            last = self.step_times[-1]
            included = last.includes_validation or is_validated
            return (*self.step_times[:-1], replace(last, includes_validation=included))
        if seconds is None:
            return self.step_times
        return (*self.step_times, StepTime(seconds, is_validated))[-PACED_STEPS:]

    def _choose_validation_key(self, row: StepMetrics, keys: MetricKeys) -> str | None:
        """Return the key of the validation to show after a row; None where the row has none, or none that ranks before
        what another line about the same step has reported.
        """
        key = keys.find_validation_key(row.values)
        if key is None or self.validation_key is None or row.step != self.validated_step:
            return key
        return None if keys.order(self.validation_key) < keys.order(key) else key


def measure_step_time(row: StepMetrics, seconds: float | None, keys: MetricKeys) -> Mapping[StepPart, float]:
    """Return the seconds of each part of a step, and the rest; empty where the step reports no parts."""
    parts = keys.measure_parts(row.values)
    # A validation alone, or a checkpoint, does not tell where a step's time goes.
    if not seconds or StepPart.UPDATE not in parts:
        return {}
    rest = seconds - sum(parts.values())
    return {**parts, StepPart.OTHER: rest} if rest > 0 else parts


def select_metrics(metrics: Mapping[str, float], keys: MetricKeys) -> Mapping[str, float]:
    """Return the metrics, or the few most important ones: of validations those of the lowest rank."""
    if len(metrics) <= MAX_METRICS:
        return metrics
    validations = sorted(filter(keys.is_result, metrics), key=keys.order)
    others = sorted((key for key in metrics if not keys.is_result(key)), key=keys.rank)
    selected = {*validations[:MAX_METRICS], *others[:MAX_METRICS]}
    return {key: value for key, value in metrics.items() if key in selected}
