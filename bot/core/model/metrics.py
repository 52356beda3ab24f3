"""Metrics of one training step, and the other events of a log. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from math import copysign, inf, isfinite

from bot.phrase import N_


class MetricWord(StrEnum):
    """The words that people use for metrics; a framework has keys of its own for each."""

    REWARD = "reward"
    SCORE = "score"
    VALIDATION = "val"  # which has keys of many names
    KL = "kl"
    ENTROPY = "entropy"
    GRADIENT = "grad"
    LENGTH = "length"
    CUT = "cut"
    ABORTED = "aborted"
    TURNS = "turns"
    TOOLS = "tools"
    LOSS = "loss"
    VALIDATION_LOSS = "val_loss"
    SECONDS = "seconds"
    THROUGHPUT = "throughput"
    MFU = "mfu"
    HOST_MEMORY = "cpu_memory"
    GPU_MEMORY = "gpu_memory"


DISPLAY_NAMES: Mapping[str, str] = {
    MetricWord.REWARD: N_("reward"),
    MetricWord.SCORE: N_("score"),
    MetricWord.VALIDATION: N_("validation"),
    MetricWord.KL: N_("KL"),
    MetricWord.ENTROPY: N_("entropy"),
    MetricWord.GRADIENT: N_("gradient norm"),
    MetricWord.LENGTH: N_("response length"),
    MetricWord.CUT: N_("share of truncated responses"),
    MetricWord.ABORTED: N_("share of aborted responses"),
    MetricWord.TURNS: N_("turns"),
    MetricWord.TOOLS: N_("tool calls"),
    MetricWord.LOSS: N_("loss"),
    MetricWord.VALIDATION_LOSS: N_("validation loss"),
    MetricWord.SECONDS: N_("seconds per step"),
    MetricWord.THROUGHPUT: N_("tokens per second and GPU"),
    MetricWord.MFU: N_("share of the GPU's peak speed"),
    MetricWord.HOST_MEMORY: N_("memory in use, GB"),
    MetricWord.GPU_MEMORY: N_("most GPU memory in use, GB"),
}
"""The name of each word in a chart."""

METRIC_NAMES: Mapping[str, str] = {name.lower(): word for word, name in DISPLAY_NAMES.items()}
"""The word of each name that a chart shows, which people type too."""


class StepPart(StrEnum):
    """What a step spends its time with."""

    GENERATION = "generation"
    REWARD = "reward"
    LOG_PROBS = "log_probs"
    UPDATE = "update"
    WEIGHT_SYNC = "weight_sync"
    VALIDATION = "validation"
    CHECKPOINT = "checkpoint"
    OTHER = "other"


STEP_PART_NAMES: Mapping[StepPart, str] = {
    StepPart.GENERATION: N_("generation"),
    StepPart.REWARD: N_("rewards and advantages"),
    StepPart.LOG_PROBS: N_("log probabilities and values"),
    StepPart.UPDATE: N_("update"),
    StepPart.WEIGHT_SYNC: N_("weight sync"),
    StepPart.VALIDATION: N_("validation"),
    StepPart.CHECKPOINT: N_("checkpoint"),
    StepPart.OTHER: N_("other"),
}
"""The name of each part in a chart."""

TIME_WORD = "time"
"""The word for the parts of a step's time, which are several series."""

LARGEST_FLOAT32, SMALLEST_FLOAT32 = 3.4028235e38, 1.4e-45
"""The largest number of float32, and its smallest above zero: the range of numbers that a training computes. No sum,
square or ratio of numbers in this range overflows a double, so that every value computed from them is finite."""

MAX_KEYS = 4_096
"""Maximum keys of one row. 14 validation sources with 32 answers each make 2,200."""

USUAL_KEYS = 256
"""Maximum keys of a row whose keys are remembered."""

MAX_KEY_CHARACTERS = 200
"""Maximum characters of a key; the longest, of a validation, have some eighty."""

MAX_STEP_SECONDS = 366 * 86_400.0
"""Maximum seconds of a step, a year, however long it reports: a forecast from it stays within the range of dates."""


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """The metrics that one step reported.

    Attributes:
        step: the training's own number of it, from 0 or from 1.
        values: by the training's own keys; may be not-a-number or infinite, because that is news. A key that the step
            did not mention is absent, which is not zero. However a row is made, its numbers are within the range of
            float32, its keys are printable and not long, and there are at most `MAX_KEYS` of them.
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

        >>> StepMetrics(1, {"b": 0.5}).find_first(("a", "b"))
        0.5
        """
        for key in keys:
            value = self.values.get(key)
            if value is not None and isfinite(value):
                return value
        return None


def are_valid_keys(values: Mapping[str, float]) -> bool:
    """Return whether every key is valid. Nearly every row has the keys of an earlier one, which are remembered."""
    keys = tuple(values)
    return are_usual_keys(keys) if len(keys) <= USUAL_KEYS else all(map(is_valid_key, keys))


@lru_cache(64)
def are_usual_keys(keys: tuple[str, ...]) -> bool:
    """Return the same of as many keys as a row usually has; the last answers are cached."""
    return all(map(is_valid_key, keys))


def are_bounded(values: Iterable[float]) -> bool:
    """Return whether all numbers are within the range of float32."""
    for value in values:
        if not (
            SMALLEST_FLOAT32 <= value <= LARGEST_FLOAT32 or value == 0 or -LARGEST_FLOAT32 <= value <= -SMALLEST_FLOAT32
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
    """Return the values with clamped numbers under valid keys; of too many, the first ones."""
    valid = ((key, clamp_value(value)) for key, value in values.items() if is_valid_key(key))
    return dict(islice(valid, MAX_KEYS))


def clamp_value(value: float) -> float:
    """Return the number as float32 represents it at the edges of its range: infinite beyond it, zero below it.

    >>> clamp_value(1e39), clamp_value(-1e308), clamp_value(1e-46), clamp_value(0.1)
    (inf, -inf, 0.0, 0.1)
    """
    size = abs(value)
    if size > LARGEST_FLOAT32:
        return copysign(inf, value)
    return 0.0 if size < SMALLEST_FLOAT32 else value


@dataclass(frozen=True, slots=True)
class TotalSteps:
    """The number of steps that the training will have."""

    steps: int


@dataclass(frozen=True, slots=True)
class ProgressBar:
    """A progress bar: how many steps are done, and how many seconds one takes.

    Attributes:
        is_estimate: whether the total is that of whole epochs, so that a total which the log has named counts.
    """

    steps_done: int
    total_steps: int
    seconds_per_step: float
    is_estimate: bool = False


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """A checkpoint that was saved at a step, and its folder."""

    folder: str
    step: int


@dataclass(frozen=True, slots=True)
class TrainingResumed:
    """The training resumes from a checkpoint: its next step is the one after `step`."""

    step: int


@dataclass(frozen=True, slots=True)
class TrackerLinked:
    """The training logs to a page of an experiment tracker: a web address, of whatever host the log names."""

    address: str


LogEvent = StepMetrics | TotalSteps | ProgressBar | CheckpointSaved | TrainingResumed | TrackerLinked


def select_step_metrics(events: Sequence[LogEvent]) -> Iterator[StepMetrics]:
    """Yield the metrics among the events of a log, in order."""
    return (event for event in events if isinstance(event, StepMetrics))


class TrainingPhase(StrEnum):
    """What the last line of the log is about: validating and saving take longer than steps do."""

    TRAINING = "training"
    VALIDATING = "validating"
    SAVING = "saving"


def is_metric_word(word: str) -> bool:
    """Return whether a word names a metric and not a run.

    >>> is_metric_word("KL"), is_metric_word("critic/rewards/mean"), is_metric_word("ppo-7f3a"), is_metric_word("time")
    (True, True, False, True)
    """
    return word.lower() in (*DISPLAY_NAMES, *METRIC_NAMES, TIME_WORD) or "/" in word
