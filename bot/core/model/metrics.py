"""Metrics of one training step, by the words that people use and by verl's own keys. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import copysign, inf, isfinite

from bot.phrase import N_

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
STEP_PART_PREFIX = "timing/"
THROUGHPUT = ("perf/throughput",)
"""Keys that verl has given each number, newest first (verl 0.1 to 0.9)."""

VALIDATION_METRICS = ("val-core/", "val/test_score/")
"""Beginnings of the keys that verl has given validation metrics, newest first."""

VALIDATION_PREFIXES = ("val-", "val/")
"""Beginnings of all keys of a validation; verl's SFT trainer has `val/loss`."""

KNOWN_KEYS = frozenset(
    (*REWARD, *SCORE, *KL, *ENTROPY, *GRADIENT, *LENGTH, *CUT, *ABORTED, *TURNS, *TOOLS, *SECONDS, *THROUGHPUT)
)
"""Keys that the bot itself uses."""

LARGEST_FLOAT32, SMALLEST_FLOAT32 = 3.4028235e38, 1.4e-45
"""The largest number of float32, and its smallest above zero: the range of numbers that a training computes. No sum,
square or ratio of numbers in this range overflows a double, so that every value computed from them is finite."""

MAX_KEYS = 4_096
"""Maximum keys of one row. 14 validation sources with 32 answers each make 2,200."""

MAX_KEY_CHARACTERS = 200
"""Maximum characters of a key; verl's longest, of a validation, have some eighty."""

MAX_STEP_SECONDS = 366 * 86_400.0
"""Maximum seconds of a step, a year, however long it reports: a forecast from it stays within the range of dates."""


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """The metrics that one step reported.

    Attributes:
        step: verl's number of it; old versions count from 0, newer ones from 1.
        values: by verl's keys; may be not-a-number or infinite, because that is news. A key that the step did not
            mention is absent, which is not zero. However a row is made, its numbers are within the range of float32,
            its keys are printable and not long, and there are at most `MAX_KEYS` of them.
        at: Unix seconds when it was read; 0.0 if unknown.
    """

    step: int
    values: Mapping[str, float]
    at: float = 0.0

    def __post_init__(self) -> None:
        """Limit the values, which come from outside. Nearly every row is within the limits, and costs no copy."""
        if len(self.values) > MAX_KEYS or not are_valid_keys(self.values) or not are_bounded(self.values.values()):
            object.__setattr__(self, "values", limit_metrics(self.values))

    def find_first(self, keys: Sequence[str]) -> float | None:
        """Return the finite value of the first of these keys that the step has; None if it has none of them.

        >>> StepMetrics(1, {"actor/entropy_loss": 0.5}).find_first(ENTROPY)
        0.5
        """
        for key in keys:
            value = self.values.get(key)
            if value is not None and isfinite(value):
                return value
        return None

    @property
    def is_training_step(self) -> bool:
        """Return whether it is a training step, and not a validation alone."""
        return not all(key.startswith(VALIDATION_PREFIXES) for key in self.values)

    @property
    def seconds(self) -> float | None:
        """Return how long the step took; old versions only report the time of its parts (`timing/gen` …).

        None if it reports no time above zero; never more than `MAX_STEP_SECONDS`.

        >>> (StepMetrics(1, {"timing_s/step": 60.0}).seconds,
        ...  StepMetrics(1, {"timing/gen": 20.0, "timing/ref": 5.0}).seconds)
        (60.0, 25.0)
        >>> StepMetrics(1, {"timing_s/step": -1.0}).seconds, StepMetrics(1, {"timing_s/step": 1e300}).seconds
        (None, 31622400.0)
        """
        step_seconds = next((value for key in SECONDS if (value := self.values.get(key, 0.0)) > 0), None)
        if step_seconds is None:
            # Old versions only report the time of the parts.
            step_seconds = sum(
                value for key, value in self.values.items() if key.startswith(STEP_PART_PREFIX) and value > 0
            )
        return min(step_seconds, MAX_STEP_SECONDS) if step_seconds > 0 else None

    @property
    def validation(self) -> float | None:
        """Return the first validation metric in alphabetical order, of the newest kind that the step has."""
        for beginning in VALIDATION_METRICS:
            keys = sorted(key for key, value in self.values.items() if key.startswith(beginning) and isfinite(value))
            if keys:
                return self.values[keys[0]]
        return None


def are_valid_keys(values: Mapping[str, float]) -> bool:
    """Return whether every key is valid, in a tenth of the time that checking each key takes."""
    return max(map(len, values), default=1) <= MAX_KEY_CHARACTERS and "" not in values and "".join(values).isprintable()


def are_bounded(values: Iterable[float]) -> bool:
    """Return whether all numbers are within the range of float32."""
    for value in values:
        if not (
            SMALLEST_FLOAT32 <= value <= LARGEST_FLOAT32 or -LARGEST_FLOAT32 <= value <= -SMALLEST_FLOAT32 or value == 0
        ) and isfinite(value):
            return False
    return True


def is_valid_key(key: str) -> bool:
    """Return whether a key can be stored and shown: not long, and without control characters or half characters.

    >>> (is_valid_key("actor/lr"), is_valid_key("a" * 201), is_valid_key(chr(0xD800)),
    ...  is_valid_key("a" + chr(7)), is_valid_key(""))
    (True, False, False, False, False)
    """
    return 0 < len(key) <= MAX_KEY_CHARACTERS and key.isprintable()


def limit_metrics(values: Mapping[str, float]) -> dict[str, float]:
    """Return the values with clamped numbers under valid keys; of too many, the most important ones."""
    limited = {key: clamp_value(value) for key, value in values.items() if is_valid_key(key)}
    if len(limited) > MAX_KEYS:
        limited = {key: limited[key] for key in sorted(limited, key=rank_key)[:MAX_KEYS]}
    return limited


def clamp_value(value: float) -> float:
    """Return the number as float32 represents it at the edges of its range: infinite beyond it, zero below it.

    >>> clamp_value(1e39), clamp_value(-1e308), clamp_value(1e-46), clamp_value(0.1)
    (inf, -inf, 0.0, 0.1)
    """
    size = abs(value)
    if size > LARGEST_FLOAT32:
        return copysign(inf, value)
    return 0.0 if size < SMALLEST_FLOAT32 else value


def rank_key(key: str) -> int:
    """Return the rank of a key where there is no room for all: keys that the bot uses, training, validation, the rest.

    >>> [rank_key(key) for key in ("actor/grad_norm", "actor/lr", "val-core/a", "val-aux/a")]
    [0, 1, 2, 3]
    """
    if key in KNOWN_KEYS:
        return 0
    if not key.startswith(VALIDATION_PREFIXES):
        return 1
    return 2 if key.startswith(VALIDATION_METRICS) else 3


@dataclass(frozen=True, slots=True)
class TotalSteps:
    """The number of steps that the training will have."""

    steps: int


@dataclass(frozen=True, slots=True)
class ProgressBar:
    """A progress bar: how many steps are done, and how many seconds one takes."""

    steps_done: int
    total_steps: int
    seconds_per_step: float


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """A checkpoint that was saved at a step, and its folder."""

    folder: str
    step: int


@dataclass(frozen=True, slots=True)
class TrainingResumed:
    """The training resumes from a checkpoint: its next step is the one after `step`."""

    step: int


LogEvent = StepMetrics | TotalSteps | ProgressBar | CheckpointSaved | TrainingResumed


def select_step_metrics(events: Sequence[LogEvent]) -> Iterator[StepMetrics]:
    """Yield the metrics among the events of a log, in order."""
    return (event for event in events if isinstance(event, StepMetrics))


VALIDATION_WORD = "val"
"""The word for the validation, which has keys of many names."""

KEYS_BY_WORD: Mapping[str, Sequence[str]] = {
    "reward": REWARD,
    "score": SCORE,
    "kl": KL,
    "entropy": ENTROPY,
    "grad": GRADIENT,
    "length": LENGTH,
    "cut": CUT,
    "aborted": ABORTED,
    "turns": TURNS,
    "tools": TOOLS,
    "seconds": SECONDS,
    "throughput": THROUGHPUT,
}
"""verl's keys of each word, newest first."""

DISPLAY_NAMES = {
    "reward": N_("reward"),
    "score": N_("score"),
    VALIDATION_WORD: N_("validation"),
    "kl": N_("KL"),
    "entropy": N_("entropy"),
    "grad": N_("gradient norm"),
    "length": N_("response length"),
    "cut": N_("share of cut responses"),
    "aborted": N_("share of aborted responses"),
    "turns": N_("turns"),
    "tools": N_("tool calls"),
    "seconds": N_("seconds a step"),
    "throughput": N_("tokens a second and GPU"),
}
"""The name of each word in a chart."""


def is_metric_word(word: str) -> bool:
    """Return whether a word names a metric and not a run.

    >>> is_metric_word("KL"), is_metric_word("critic/rewards/mean"), is_metric_word("ppo-7f3a")
    (True, True, False)
    """
    return word.lower() in DISPLAY_NAMES or "/" in word
