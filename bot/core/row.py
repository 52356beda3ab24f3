"""One step of a training as numbers: what readings, curves, findings and charts are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

REWARD = ("critic/rewards/mean",)
SCORE = ("critic/score/mean",)
KL = ("actor/kl_loss", "actor/ppo_kl", "actor/reward_kl_penalty", "critic/kl")
ENTROPY = ("actor/entropy", "actor/entropy_loss")
GRADIENT = ("actor/grad_norm",)
LENGTH = ("response_length/mean",)
CUT = ("response_length/clip_ratio",)
ABORTED = ("response/aborted_ratio",)
TURNS = ("num_turns/mean",)
TOOLS = ("tool_call_counts/mean",)
SECONDS = ("timing_s/step", "perf/time_per_step")
PARTS = "timing/"
THROUGHPUT = ("perf/throughput",)
"""Keys that verl has given each number, newest first (verl 0.1 to 0.9)."""

VALIDATION = ("val-core/", "val/test_score/")
"""Beginnings of the keys that verl has given validation metrics, newest first."""

VALIDATING = ("val-", "val/")
"""Beginnings of every key that a validation is told by; verl's SFT trainer has `val/loss`."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one step told.

    Attributes:
        step: verl's number of it; old versions count from 0, newer ones from 1.
        values: by verl's keys; may be not-a-number or infinite, because that is news. A key that the step
            did not mention is absent, which is not zero.
        at: Unix seconds when it was read; 0.0 where nobody knows.
    """

    step: int
    values: Mapping[str, float]
    at: float = 0.0

    def first(self, keys: Sequence[str]) -> float | None:
        """The finite value of the first of these keys that the step has; None where it has none.

        >>> Row(1, {"actor/entropy_loss": 0.5}).first(ENTROPY)
        0.5
        """
        for key in keys:
            value = self.values.get(key)
            if value is not None and isfinite(value):
                return value
        return None

    @property
    def trains(self) -> bool:
        """Whether it tells of a training step, and not of a validation alone."""
        return not all(key.startswith(VALIDATING) for key in self.values)

    @property
    def seconds(self) -> float | None:
        """How long the step took; old versions only tell the time of its parts (`timing/gen` …)."""
        parts = [value for key, value in self.values.items() if key.startswith(PARTS) and isfinite(value)]
        return self.first(SECONDS) or (sum(parts) if parts else None)

    @property
    def validation(self) -> float | None:
        """The first validation metric in alphabetical order, of the newest kind that the step has."""
        for beginning in VALIDATION:
            keys = sorted(key for key, value in self.values.items() if key.startswith(beginning) and isfinite(value))
            if keys:
                return self.values[keys[0]]
        return None
