"""verl's console lines into progress: step, total, metrics, checkpoints. Text in, values out.

verl prints one line a step, `step:12 - key:value - …`, behind the prefixes of Ray and SkyPilot.
A sampled response may hold such text too, so a line counts only where the whole grammar holds.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Self

from bot.core.curve import Curve

REWARD = ("critic/rewards/mean",)
SCORE = ("critic/score/mean",)
"""Keys that verl has given these numbers, newest first."""

VALIDATION = ("val-core/", "val/test_score/")
"""Beginnings of keys that verl has given validation metrics."""

ANSI = re.compile(r"\x1b?\[[0-9;]*m")
PREFIX = re.compile(r"(?:\([^()]*pid=\d+[^()]*\)\s*)*")
STEP = re.compile(r"step:(\d{1,9}) - (.+)")
PAIR = re.compile(r"([A-Za-z]\S*):(?:np\.\w+\()?([+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|nan|inf))\)?", re.IGNORECASE)
TOTAL = re.compile(r"Total training steps: (\d{1,9})\b")
CHECKPOINT = re.compile(r"(?:local_global_step_folder: |Saving checkpoint to )(\S*global_step_(\d{1,9}))\b")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, as its own lines tell.

    Attributes:
        step: the last finished step, or None before the first.
        total_steps: how many there will be, where the run said so.
        metrics: the newest value of each key kept; a key that a step does not mention stays.
        validated_step: the step of the newest validation.
        checkpoint: the folder of the newest checkpoint; checkpoint_step: its step.
        rewards: the reward over the steps.
    """

    step: int | None = None
    total_steps: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    validated_step: int | None = None
    checkpoint: str | None = None
    checkpoint_step: int | None = None
    rewards: Curve = field(default_factory=Curve)

    @property
    def reward(self) -> float | None:
        return reward(self.metrics)

    @property
    def validation(self) -> float | None:
        """The first validation metric in alphabetical order."""
        key = min((key for key in self.metrics if key.startswith(VALIDATION)), default=None)
        return None if key is None else self.metrics[key]

    def stepped(self, step: int, pairs: Mapping[str, float], kept: tuple[str, ...]) -> Self:
        """The progress after one step line; verl may print a step's validation on a line of its own."""
        if self.step is not None and step < self.step:
            return self
        known = {key: value for key, value in pairs.items() if key.startswith(kept)}
        validated = any(key.startswith(VALIDATION) for key in pairs)
        found = reward(pairs)
        return replace(
            self,
            step=step,
            metrics={**self.metrics, **known},
            validated_step=step if validated else self.validated_step,
            rewards=self.rewards if found is None else self.rewards.added(step, found),
        )


def reward(metrics: Mapping[str, float]) -> float | None:
    return next((metrics[key] for key in REWARD if key in metrics), None)


def read(text: str, progress: Progress, kept: tuple[str, ...]) -> Progress:
    """The progress after these lines; reading a line twice changes nothing.

    Args:
        text: lines of a log, oldest first, prefixes and colours included.
        progress: what was known before.
        kept: beginnings of the metric keys to keep, beside reward, score and validation.
    """
    keys = (*REWARD, *SCORE, *VALIDATION, *kept)
    for raw in re.split(r"[\r\n]+", text):
        progress = read_line(bare(raw), progress, keys)
    return progress


def bare(raw: str) -> str:
    """The line without colours and without the prefixes of SkyPilot and Ray.

    >>> bare("\\x1b[36m(head, rank=0, pid=7)\\x1b[0m (TaskRunner pid=8) step:1 - a:2")
    'step:1 - a:2'
    """
    line = ANSI.sub("", raw)
    return line[PREFIX.match(line).end() :]  # type: ignore[union-attr]  # the pattern matches the empty string


def read_line(line: str, progress: Progress, kept: tuple[str, ...]) -> Progress:
    if found := STEP.match(line):
        pairs = read_pairs(found[2])
        return progress.stepped(int(found[1]), pairs, kept) if pairs else progress
    if found := TOTAL.search(line):
        return replace(progress, total_steps=int(found[1]))
    if found := CHECKPOINT.search(line):
        return replace(progress, checkpoint=found[1], checkpoint_step=int(found[2]))
    return progress


def read_pairs(text: str) -> dict[str, float]:
    """The metrics of a step line; empty where the text is not verl's `key:value - key:value`.

    >>> read_pairs("critic/rewards/mean:0.5 - actor/lr:np.float64(1e-06)")
    {'critic/rewards/mean': 0.5, 'actor/lr': 1e-06}
    >>> read_pairs("so the answer:is 7")
    {}

    The last pair may have another process's text glued to its end; not-a-number and infinity are left out.
    """
    *whole, last = text.split(" - ")
    found = [PAIR.fullmatch(part.strip()) for part in whole] + [PAIR.match(last.strip())]
    if None in found:
        return {}
    values = {match[1]: float(match[2]) for match in found if match}
    return {key: value for key, value in values.items() if isfinite(value)}
