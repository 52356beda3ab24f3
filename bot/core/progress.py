"""The progress of a run as its log reports it: step, total, newest metrics, pace, checkpoints. Small enough for its
record.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Self

from bot.core.curve import Curve, mean
from bot.core.fact import Bar, Fact, Resumed, Saved, Total
from bot.core.row import REWARD, SCORE, VALIDATION, Row, weight
from bot.core.trained import Trained

PACED_STEPS = 64
"""Number of last steps whose mean is the pace: enough to include validations and checkpoints, few enough to follow a
change."""

MOST_METRICS = 32
"""Maximum metrics of training in a record, and as many of validation: the record is written at every observation."""


@dataclass(frozen=True, slots=True)
class Lap:
    """The duration of a step, and whether a validation was part of it."""

    seconds: float
    validated: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run.

    Attributes:
        step: the last finished step, or None before the first.
        total_steps: the number of steps, if the run reported it.
        metrics: the newest finite value of each of a few keys; a key that a step does not mention keeps its value.
        validated_step: the step of the newest validation.
        checkpoint: the folder of the newest checkpoint; checkpoint_step: its step.
        from_zero: whether the first step is number 0, as in old versions of verl.
        stepped_at: Unix seconds when the last step was read; 0.0 before the first.
        step_times: of the last steps; bar_seconds: seconds per step by the progress bar.
        rewards, validations: over the steps.
        training_totals: sums over the whole training.
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
    laps: tuple[Lap, ...] = ()
    bar_seconds: float | None = None
    rewards: Curve = field(default_factory=Curve)
    validations: Curve = field(default_factory=Curve)
    trained: Trained = field(default_factory=Trained)
    skips: int = 0

    @property
    def reward(self) -> float | None:
        return next((self.metrics[key] for key in REWARD if key in self.metrics), None)

    @property
    def validation(self) -> float | None:
        """Return the first validation metric in alphabetical order, of the newest kind that the run has."""
        return Row(0, self.metrics).validation

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
        ends = [at for at, lap in enumerate(self.laps, 1) if lap.validated]
        laps = self.laps[ends[0] : ends[-1]] if len(ends) > 1 else self.laps
        return mean([lap.seconds for lap in laps]) if laps else self.bar_seconds

    def told(self, facts: Iterable[Fact], kept: tuple[str, ...] = ()) -> Self:
        """Return the progress after these events.

        Args:
            metric_prefixes: beginnings of the metric keys to keep, beside reward, score and validation.

        >>> found = Progress().told([Total(10), Row(1, {"critic/rewards/mean": 0.5, "timing_s/step": 60.0})])
        >>> found.step, found.reward, found.steps_left, found.seconds_per_step
        (1, 0.5, 9, 60.0)
        """
        found = self
        for fact in facts:
            found = found._after(fact, (*REWARD, *SCORE, *VALIDATION, *kept))
        return found

    def _after(self, fact: Fact, kept: tuple[str, ...]) -> Self:
        """Return the progress after one event."""
        match fact:
            case Row():
                return self._stepped(fact, kept)
            case Total(steps):
                return replace(self, total_steps=steps)
            case Bar(_, total, seconds):
                return replace(self, total_steps=total, bar_seconds=seconds)
            case Saved(folder, step):
                return replace(self, checkpoint=folder, checkpoint_step=step)
            case Resumed(step):
                return replace(self, step=step, laps=())

    def _stepped(self, row: Row, kept: tuple[str, ...]) -> Self:
        """Return the progress after one step, or after a validation, which verl may log on a line of its own."""
        known = {key: value for key, value in row.values.items() if key.startswith(kept) and isfinite(value)}
        reward, validation = row.first(REWARD), row.validation
        found = replace(
            self,
            step=row.step,
            metrics=few({**self.metrics, **known}),
            rewards=self.rewards if reward is None else self.rewards.added(row.step, reward),
        )
        if validation is not None:
            drawn = self.validations.added(row.step, validation)
            trained = found.trained.validated(validation)
            found = replace(found, validated_step=row.step, validations=drawn, trained=trained)
        laps = self.laps
        if row.step == self.step and laps:  # more of the same step
            laps = (*laps[:-1], replace(laps[-1], validated=laps[-1].validated or validation is not None))
        elif row.trains and row.seconds is not None:
            laps = (*laps, Lap(row.seconds, validation is not None))[-PACED_STEPS:]
        # A validation alone is not a step: it changes neither the totals nor the time of the last step.
        if not row.trains:
            return replace(found, laps=laps)
        from_zero, at = self.from_zero or row.step == 0, row.at or self.stepped_at
        trained = found.trained.stepped(row.step, row.seconds or 0.0)
        return replace(found, laps=laps, from_zero=from_zero, stepped_at=at, trained=trained)


def few(metrics: Mapping[str, float]) -> Mapping[str, float]:
    """Return the metrics, or the few most important ones: of validations the first in alphabetical order.

    >>> list(few({f"val-core/{number:03}": 0.5 for number in range(99)}))[::31]
    ['val-core/000', 'val-core/031']
    """
    if len(metrics) <= MOST_METRICS:
        return metrics
    validations = sorted(key for key in metrics if key.startswith(VALIDATION))
    others = sorted((key for key in metrics if not key.startswith(VALIDATION)), key=weight)
    kept = {*validations[:MOST_METRICS], *others[:MOST_METRICS]}
    return {key: value for key, value in metrics.items() if key in kept}
