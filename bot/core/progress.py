"""How far a run is, as its log tells: step, total, newest numbers, pace, checkpoints. Small enough for its record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Self

from bot.core.curve import Curve, mean
from bot.core.fact import Bar, Fact, Resumed, Saved, Total
from bot.core.row import REWARD, SCORE, VALIDATION, Row, weight
from bot.core.trained import Trained

PACED_STEPS = 64
"""Steps whose mean is the pace: long enough to hold validations and checkpoints, short enough to follow a change."""

MOST_METRICS = 32
"""That are kept of training, and as many of validation: the record is written at every look."""


@dataclass(frozen=True, slots=True)
class Lap:
    """How long a step took, and whether a validation was part of it."""

    seconds: float
    validated: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        step: the last finished step, or None before the first.
        total_steps: how many there will be, where the run said so.
        metrics: the newest finite value of each key kept, of few; a key that a step does not mention stays.
        validated_step: the step of the newest validation.
        checkpoint: the folder of the newest checkpoint; checkpoint_step: its step.
        from_zero: whether its first step is called 0, as old versions of verl do.
        stepped_at: Unix seconds when the last step was read; 0.0 before the first.
        laps: of the last steps; bar_seconds: what the progress bar says that a step takes.
        rewards, validations: over the steps.
        trained: what it has done with its time.
        skips: how often lines of its log were skipped, because reading them had ended the bot.
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
        """The first validation metric in alphabetical order, of the newest kind that the run has."""
        return Row(0, self.metrics).validation

    @property
    def last_step(self) -> int | None:
        """The number that the last step will have."""
        return self.total_steps and self.total_steps - self.from_zero

    @property
    def steps_left(self) -> int | None:
        """None before the first step, and where nobody said how many there will be."""
        if self.step is None or self.last_step is None:
            return None
        return max(self.last_step - self.step, 0)

    @property
    def seconds_per_step(self) -> float | None:
        """What a step takes, with its share of validations and checkpoints: the mean of the last steps.

        Where validations recur among them, of whole periods between two, so that none has more than its share.
        """
        ends = [at for at, lap in enumerate(self.laps, 1) if lap.validated]
        laps = self.laps[ends[0] : ends[-1]] if len(ends) > 1 else self.laps
        return mean([lap.seconds for lap in laps]) if laps else self.bar_seconds

    def told(self, facts: Iterable[Fact], kept: tuple[str, ...] = ()) -> Self:
        """The progress after these facts.

        Args:
            kept: beginnings of the metric keys to keep, beside reward, score and validation.

        >>> found = Progress().told([Total(10), Row(1, {"critic/rewards/mean": 0.5, "timing_s/step": 60.0})])
        >>> found.step, found.reward, found.steps_left, found.seconds_per_step
        (1, 0.5, 9, 60.0)
        """
        found = self
        for fact in facts:
            found = found._after(fact, (*REWARD, *SCORE, *VALIDATION, *kept))  # it is one of us
        return found

    def _after(self, fact: Fact, kept: tuple[str, ...]) -> Self:
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
        """After one step, or after a validation, which verl may tell on a line of its own."""
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
        if not row.trains:
            return replace(found, laps=laps)
        from_zero, at = self.from_zero or row.step == 0, row.at or self.stepped_at
        trained = found.trained.stepped(row.step, row.seconds or 0.0)
        return replace(found, laps=laps, from_zero=from_zero, stepped_at=at, trained=trained)


def few(metrics: Mapping[str, float]) -> Mapping[str, float]:
    """Return the metrics, or the few that tell most: of validations the first ones in alphabetical order.

    >>> list(few({f"val-core/{number:03}": 0.5 for number in range(99)}))[::31]
    ['val-core/000', 'val-core/031']
    """
    if len(metrics) <= MOST_METRICS:
        return metrics
    validations = sorted(key for key in metrics if key.startswith(VALIDATION))
    others = sorted((key for key in metrics if not key.startswith(VALIDATION)), key=weight)
    kept = {*validations[:MOST_METRICS], *others[:MOST_METRICS]}
    return {key: value for key, value in metrics.items() if key in kept}
