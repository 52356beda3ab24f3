"""What the bot must know of a framework for training: names of metrics, its log, its checkpoints, its advice.

The rest of the core speaks of steps, rewards, validations and checkpoints, and reads them through these. All that knows
one stands in a folder of `bot/core/frameworks`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, isfinite
from typing import Any, Protocol, Self

from bot.core.model.checkpoint_paths import CheckpointLayout
from bot.core.model.failure import FailureKind, FailurePlace, FailureTexts
from bot.core.model.finding import HealthRules
from bot.core.model.measurement import Detector
from bot.core.model.metrics import (
    MAX_KEYS,
    MAX_STEP_SECONDS,
    LogEvent,
    MetricWord,
    StepMetrics,
    StepPart,
    TrainingPhase,
)
from bot.core.model.option_tree import OptionTree
from bot.core.model.recipe import Task
from bot.core.model.rollout import SampleBatch, SampleOrder
from bot.phrase import Text

OUTCOME_WORDS = (MetricWord.REWARD, MetricWord.SCORE, MetricWord.LOSS, MetricWord.VALIDATION_LOSS)
"""The metrics beside validations that tell how a training goes."""


def find_no_source(_key: str) -> str:
    """Return the name of the data behind a result, for a framework whose keys have none."""
    return ""


@dataclass(frozen=True, slots=True)
class MetricKeys:
    """The keys under which a framework logs the metrics that the bot speaks of, newest first.

    Attributes:
        by_word: by the word that people use.
        validation_rows: beginnings of all keys of a validation, those that are no result too.
        rank_validation: returns the rank of a key among the results of a validation, of which the lowest is shown; None
            where the key is no result.
        find_validation_source: returns the name of the data that a result was measured on; empty where it has none.
        step_part: beginning of the keys of the seconds of a step's parts; empty if there are none.
        step_parts: keys of the seconds of the parts that a step consists of, none of them within another.
        time_parts: the same keys by what the step does meanwhile.
        side_rows: beginnings of keys that are logged on lines of their own beside the step's.
        validation_seconds, checkpoint_seconds: how long a validation and a checkpoint took.
        known: the keys that the bot itself uses.
    """

    by_word: Mapping[str, tuple[str, ...]]
    validation_rows: tuple[str, ...]
    rank_validation: Callable[[str], tuple[int | str, ...] | None]
    find_validation_source: Callable[[str], str] = find_no_source
    side_rows: tuple[str, ...] = ()
    time_parts: Mapping[StepPart, tuple[str, ...]] = field(default_factory=dict)
    step_part: str = ""
    step_parts: tuple[str, ...] = ()
    validation_seconds: tuple[str, ...] = ()
    checkpoint_seconds: tuple[str, ...] = ()
    known: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", frozenset(key for keys in self.by_word.values() for key in keys))

    def is_outcome(self, key: str) -> bool:
        """Return whether a key tells how a training goes: reward, score, loss or the result of a validation."""
        return any(key in self.by_word.get(word, ()) for word in OUTCOME_WORDS) or self.is_result(key)

    def is_result(self, key: str) -> bool:
        """Return whether a key is the result of a validation."""
        return self.rank_validation(key) is not None

    def find(self, row: StepMetrics, word: str) -> float | None:
        """Return the finite value of a metric; None if the step does not have it."""
        return row.find_first(self.by_word.get(word, ()))

    def is_validation(self, key: str) -> bool:
        """Return whether a key belongs to a validation."""
        return key.startswith(self.validation_rows)

    def is_training_step(self, row: StepMetrics) -> bool:
        """Return whether it is a training step, and not a validation alone or a line beside the step's."""
        return not all(
            self.is_validation(key) or key in self.validation_seconds or key.startswith(self.side_rows)
            for key in row.values
        )

    def find_seconds(self, row: StepMetrics) -> float | None:
        """Return how long the step took, or its parts together where only they are logged.

        None if it logs no time above zero; never more than `MAX_STEP_SECONDS`.
        """
        step_keys = self.by_word[MetricWord.SECONDS]
        seconds = next((value for key in step_keys if (value := row.values.get(key, 0.0)) > 0), None)
        if seconds is None and self.step_part:
            parts = (value for key, value in row.values.items() if key.startswith(self.step_part) and value > 0)
            seconds = sum(parts)
        return min(seconds, MAX_STEP_SECONDS) if seconds else None

    def measure_parts(self, values: Mapping[str, float]) -> Mapping[StepPart, float]:
        """Return the seconds of each part of a step that the step reports."""
        parts = {
            part: sum(values[key] for key in keys if 0 < values.get(key, 0.0) < MAX_STEP_SECONDS)
            for part, keys in self.time_parts.items()
        }
        return {part: seconds for part, seconds in parts.items() if seconds}

    def find_validation(self, values: Mapping[str, float]) -> float | None:
        """Return the result of a validation that is shown and judged: the finite one of the lowest rank."""
        key = self.find_validation_key(values)
        return None if key is None else values[key]

    def find_validation_key(self, values: Mapping[str, float]) -> str | None:
        """Return the key of that result; None where there is none."""
        return min(
            (key for key in values if isfinite(values[key]) and self.is_result(key)), key=self.order, default=None
        )

    def order(self, key: str) -> tuple[int | str, ...]:
        """Return the rank of a result, for sorting; of another key, none."""
        return self.rank_validation(key) or ()

    def list_validations(self, values: Mapping[str, float]) -> Mapping[str, float]:
        """Return the result of each data source, by its key, in the order of their ranks."""
        results = sorted((key for key in values if isfinite(values[key]) and self.is_result(key)), key=self.order)
        by_source = {self.find_validation_source(key): key for key in reversed(results)}
        return {key: values[key] for key in results if by_source[self.find_validation_source(key)] == key}

    def rank(self, key: str) -> int:
        """Return the rank of a key where there is no room for all: keys that the bot uses, training, validation, the
        rest.
        """
        if key in self.known:
            return 0
        if not self.is_validation(key):
            return 1
        return 2 if self.is_result(key) else 3

    def limit(self, values: Mapping[str, float]) -> Mapping[str, float]:
        """Return the values, or of more than `MAX_KEYS` the most important ones."""
        if len(values) <= MAX_KEYS:
            return values
        return {key: values[key] for key in sorted(values, key=self.rank)[:MAX_KEYS]}


class LogReader(Protocol):
    """The state of a framework's log parser between two pieces of a log; a value that is stored.

    Attributes:
        step: of the last row, or of the checkpoint that the training resumed from.
    """

    @property
    def step(self) -> int | None: ...

    def parse(self, text: str, at: float = 0.0) -> tuple[Self, list[LogEvent]]:
        """Return the reader for the next piece, and the events of all lines that this piece completes."""

    def interrupt(self) -> Self:
        """Return the reader without any unfinished line or block, because lines are missing."""

    def resume_at(self, step: int) -> Self:
        """Return the reader after a step that the record has already."""


class Direction(StrEnum):
    """What advice says of a setting."""

    LOWER = "lower"
    RAISE = "raise"
    SET = "set"
    CHECK = "check"
    CHANGE = "change"  # to another value, which the advice does not name


@dataclass(frozen=True, slots=True)
class AdvisedSetting:
    """A setting that advice names, and what it says of it; `value` is empty or begins with `=`."""

    option: str
    direction: Direction
    value: str = ""


@dataclass(frozen=True, slots=True)
class StallAdvice:
    """What to look at when no step comes, by what is silent; keys of phrases."""

    silent_log: str
    busy_log: str
    no_first_step: str


@dataclass(frozen=True, slots=True)
class FailureReading:
    """How a framework's own errors are known, and what it survives.

    Attributes:
        causes: texts of its errors, the more specific first.
        consequences: texts of errors that follow from others.
        survived: what it prints before an error that it goes on after.
        places: where an error is one of the reward, of the rollout and so on; in a traceback the last counts.
        find_completion: returns True for a line by which the training has done all its steps, False for one by which a
            training begins, else None.
        areas: the parts of the program, for errors that say nothing else of their cause.
        find_settings: returns the settings that the line of an error names, given the frame that raised it.
    """

    causes: tuple[FailureTexts, ...]
    consequences: tuple[FailureTexts, ...]
    survived: tuple[str, ...]
    places: tuple[FailurePlace, ...]
    find_completion: Callable[[str], bool | None]
    areas: tuple[FailurePlace, ...] = ()
    find_settings: Callable[[str, str], Sequence[str]] = lambda error, frame: ()


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting with which *Retry with changes* is filled in.

    Attributes:
        override: the setting with its new value, as it is typed.
        factor: of the number that the run itself sets; None if the new value does not depend on it.
        most: the maximum of the new number.
    """

    override: str
    factor: float | None = None
    most: float = inf

    def apply(self, value: str | None) -> str:
        """Return the override, given the value that the run sets; None if it sets none.

        >>> SettingChange("a.b=0.4", 0.8).apply("0.6"), SettingChange("a.b=0.4", 0.8).apply(None)
        ('a.b=0.48', 'a.b=0.4')
        """
        key, _, _ = self.override.partition("=")
        if self.factor is None or value is None or len(value) > MAX_NUMBER_CHARACTERS or not value[:1].isdecimal():
            return self.override
        try:
            return f"{key}={min(float(value) * self.factor, self.most):.3g}"
        except ValueError:
            return self.override


MAX_NUMBER_CHARACTERS = 20
"""Maximum characters of a number that a change of settings starts from."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to try after a kind of failure.

    Attributes:
        sentence: in the framework's own option names; key of a phrase, whose only field is the run.
        changes: what *Retry with changes* is filled in with.
        finding: the name of the finding that knows more of the same cause; where it is open, its advice counts.
    """

    sentence: str
    changes: tuple[SettingChange, ...] = ()
    finding: str = ""


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """How a framework writes samples and metrics into files.

    Attributes:
        score_keys: the keys of a sample's score, the first that is there counts.
        finding_orders: which samples show what a finding means, by its name; a finding that is not here shows none.
        parse: returns the samples in the answer of a node's reader.
        parse_metrics: returns the rows of a file of metrics from its lines, and the Unix seconds when they were read.
    """

    score_keys: tuple[str, ...]
    finding_orders: Mapping[str, SampleOrder]
    parse: Callable[[Mapping[str, Any]], SampleBatch]
    parse_metrics: Callable[[str, float], Sequence[StepMetrics]]


@dataclass(frozen=True, slots=True)
class LaunchChecks:
    """What is checked of a task and its overrides before machines are paid for.

    Attributes:
        refuse: raises `UnsuitableSetting` where the program would fail, hang or waste its machines.
        list_warnings: returns what will probably not fit.
        describe_checkpoints: returns how large the checkpoints will be; empty where that is not known.
    """

    refuse: Callable[[Task, Sequence[str]], None]
    list_warnings: Callable[[Task, Sequence[str]], Sequence[Text]]
    describe_checkpoints: Callable[[Task, Sequence[str]], Text]


NO_CHECKS = LaunchChecks(lambda _task, _overrides: None, lambda _task, _overrides: (), lambda _task, _overrides: "")


@dataclass(frozen=True, slots=True)
class Framework:
    """One framework for training.

    Attributes:
        keys: the names of its metrics.
        reader: its log parser before the first line.
        count_step_metrics: returns how many metrics of a step a line of its log has; 0 for any other line.
        find_phase: returns what a line of its log, without prefixes, is about.
        checkpoints: how it lays them out.
        detectors: of sick trainings, the gravest first, with advice in its own option names.
        find_unreliable_metrics: returns why metrics of the last rows mean nothing, by key.
        checkpoint_interval_option, validation_interval_option: the settings that say how often it saves and validates.
        adapt_rules: returns the rules for the runs of a task, by its settings.
        failures: how its errors are read.
        remedies: what to try after a failure.
        finding_changes: the settings that a resume after a finding changes, by the name of the finding; of several the
            first that the run can take.
        stall_advice: what to look at in its settings when no step comes.
        samples: how it writes samples and metrics into files.
        option_trees: the settings that each of its programs knows, by the name of the module that runs.
        advised_program: the program whose settings its advice and remedies name.
        equivalent_options: what another program calls those settings, by program and setting.
        general_advice: the same advice without settings, for programs that lack them and machines without GPUs.
        find_directions: returns which way advice changes each setting that it names.
        launch_checks: what is checked of a launch of one of these programs.
    """

    name: str
    keys: MetricKeys
    reader: LogReader
    count_step_metrics: Callable[[str], int]
    find_phase: Callable[[str], TrainingPhase]
    checkpoints: CheckpointLayout
    detectors: tuple[Detector, ...]
    find_unreliable_metrics: Callable[[Sequence[StepMetrics]], Mapping[str, Text]]
    checkpoint_interval_option: str
    validation_interval_option: str
    adapt_rules: Callable[[Task, HealthRules], HealthRules]
    failures: FailureReading
    remedies: Mapping[FailureKind, Remedy]
    finding_changes: Mapping[str, tuple[SettingChange, ...]]
    stall_advice: StallAdvice
    samples: OutputFormat
    option_trees: Mapping[str, OptionTree]
    launch_checks: Mapping[str, LaunchChecks] = field(default_factory=dict)
    advised_program: str = ""
    equivalent_options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    general_advice: Mapping[str, str] = field(default_factory=dict)
    find_directions: Callable[[str], tuple[AdvisedSetting, ...]] = lambda advice: ()

    def get_launch_checks(self, program: str) -> LaunchChecks:
        """Return the checks of one of its programs; none for a program that it does not check."""
        return self.launch_checks.get(program, NO_CHECKS)
