"""How a training is measured: the rows that a detector judges, what it measures, and how numbers are written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt
from statistics import median

from bot.core.model.finding import HealthRules, Severity
from bot.core.model.metrics import MetricWord, StepMetrics
from bot.phrase import Text

START_WORDS = {
    "entropy": MetricWord.ENTROPY,
    "gradient": MetricWord.GRADIENT,
    "length": MetricWord.LENGTH,
    "reward": MetricWord.REWARD,
    "seconds": MetricWord.SECONDS,
}
"""Metrics whose first values are remembered as the start of a run, because its first rows are not kept."""

REWARD_STEPS = 20
"""Number of steps whose median is the reward at a validation, and now."""

SMOOTHED_VALIDATIONS = 3
"""Number of validations in one median, because a single one scatters."""


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """One validation, kept apart from the rows, because runs may validate less often than rows are kept.

    Attributes:
        at: Unix seconds when it was read.
        reward: the median reward of the twenty steps up to it, None if too few have one.
        key: the training's own name of the value; empty in records of older versions.
    """

    step: int
    at: float
    value: float
    reward: float | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """How healthy a run looks to one detector at its newest row.

    Attributes:
        level: the measured value as a share of its threshold; unhealthy from 1 on.
        what, evidence, advice: sentences, if it is unhealthy.
        since: the row that showed it first, if that is not the first of these in a row.
        explains: the names of findings that are consequences of what was measured, and stay silent meanwhile unless
            they are graver.
    """

    level: float
    severity: Severity = Severity.WARNING
    what: Text = ""
    evidence: Text = ""
    advice: Text = ""
    since: StepMetrics | ValidationResult | None = None
    explains: tuple[str, ...] = ()


HEALTHY = Measurement(0.0)


@dataclass(frozen=True, slots=True)
class RowWindow:
    """The last rows of a run, oldest first.

    Attributes:
        row_count: how many rows the run has had, including those that are no longer kept.
        start: medians of its first rows, by the names of `START_WORDS`; and of its first validations, as `validation`.
        validations: the last ones, oldest first.
    """

    rows: Sequence[StepMetrics]
    rules: HealthRules = field(default_factory=HealthRules)
    row_count: int = 0
    start: Mapping[str, float] = field(default_factory=dict)
    validations: Sequence[ValidationResult] = ()

    @property
    def newest(self) -> StepMetrics:
        """Return the newest row."""
        return self.rows[-1]

    def get_values(self, keys: Sequence[str], last: int, back: int = 0) -> list[float]:
        """Return the values of a metric in the last rows, or in those up to `back` rows ago; a row without it has
        none.

        >>> RowWindow([StepMetrics(step, {"a": float(step)}) for step in range(9)]).get_values(("a",), last=2, back=3)
        [4.0, 5.0]
        """
        end = len(self.rows) - back
        all_values = [row.find_first(keys) for row in self.rows[max(0, end - last) : max(0, end)]]
        return [value for value in all_values if value is not None]

    def compute_median(self, keys: Sequence[str], last: int, back: int = 0) -> float | None:
        """Return the median of these values; None if fewer than half of the rows have one, or
        there are too few rows."""
        values = self.get_values(keys, last, back)
        return median(values) if len(values) * 2 >= last else None

    def compute_chunk_medians(self, keys: Sequence[str], size: int) -> list[float]:
        """Return medians of so many values each, oldest first; the newest chunk is complete."""
        values = self.get_values(keys, len(self.rows))
        return [median(values[end - size : end]) for end in range(len(values) % size + size, len(values) + 1, size)]


@dataclass(frozen=True, slots=True)
class Detector:
    """One way in which a run can be sick.

    Attributes:
        measure: returns None if the newest row says nothing about it.
        persist_steps: unhealthy steps before a finding opens, in place of the usual number.
        sign: what it looks for, in a few words for docs/findings.md.
        thresholds: the names of its attributes of `HealthRules`.
        advice: the phrases that its findings advise.
        says_stop: whether its findings become as grave as STOP; an action on it waits for that.
        metrics: the keys of the metrics that it judges; a finding names those that the step has, with their values.
    """

    name: str
    reference: str
    measure: Callable[[RowWindow], Measurement | None]
    persist_steps: int | None = None
    sign: str = ""
    thresholds: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    says_stop: bool = False

    def get_persist_steps(self, rules: HealthRules) -> int:
        """Return how many unhealthy rows in a row open a finding."""
        return self.persist_steps or rules.persist_steps


def measure_scatter(values: Sequence[float]) -> float:
    """Return the standard deviation about a slow drift, from the differences of neighbours; outliers have no effect.

    >>> measure_scatter([1.0, 2.1, 2.9, 4.0, 500.0]) < 0.2
    True
    """
    steps = [later - earlier for earlier, later in pairwise(values)]
    centre = median(steps) if steps else 0.0
    return 1.4826 / sqrt(2) * median([abs(step - centre) for step in steps]) if steps else 0.0


def format_number(value: float) -> str:
    """Return a number with about three digits.

    >>> format_number(0.12345), format_number(1234.5), format_number(12.0), format_number(3.4e38)
    ('0.123', '1234', '12', '3.4e+38')
    """
    return f"{value:.0f}" if 100 <= abs(value) < 1e9 else f"{value:.3g}"


def format_percent(share: float) -> str:
    """Return a share in percent.

    >>> format_percent(0.256), format_percent(0.004)
    ('26%', '0.4%')
    """
    return f"{share * 100:.0f}%" if share >= 0.01 or not share else f"{share * 100:.1g}%"
