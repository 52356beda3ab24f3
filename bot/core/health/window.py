"""The input and the output of a detector."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt
from statistics import median

from bot.core.health.finding import Severity
from bot.core.health.rules import HealthRules
from bot.core.row import ENTROPY, GRADIENT, LENGTH, REWARD, Row

STARTS = {"entropy": ENTROPY, "gradient": GRADIENT, "length": LENGTH, "reward": REWARD}
"""Metrics whose first values are remembered as the start of a run, because its first rows are not kept."""


@dataclass(frozen=True, slots=True)
class Validated:
    """One validation, kept apart from the rows, because runs may validate less often than rows are kept.

    Attributes:
        at: Unix seconds when it was read.
        reward: the median reward of the twenty steps up to it, None if too few have one.
    """

    step: int
    at: float
    value: float
    reward: float | None = None


@dataclass(frozen=True, slots=True)
class Symptom:
    """How healthy a run looks to one detector at its newest row.

    Attributes:
        level: the measured value as a share of its threshold; unhealthy from 1 on.
        what, evidence, advice: sentences, if it is unhealthy.
        since: the row that showed it first, if that is not the first of these in a row.
    """

    level: float
    severity: Severity = Severity.WARNING
    what: str = ""
    evidence: str = ""
    advice: str = ""
    since: Row | Validated | None = None


WELL = Symptom(0.0)


@dataclass(frozen=True, slots=True)
class Window:
    """The last rows of a run, oldest first.

    Attributes:
        row_count: how many rows the run has had, including those that are no longer kept.
        start: medians of its first rows, by the names of `START_KEYS`; and of its first validations, as `validation`.
        validations: the last ones, oldest first.
    """

    rows: Sequence[Row]
    rules: HealthRules = field(default_factory=HealthRules)
    judged: int = 0
    start: Mapping[str, float] = field(default_factory=dict)
    validations: Sequence[Validated] = ()

    @property
    def newest(self) -> Row:
        """Return the newest row."""
        return self.rows[-1]

    def values(self, keys: Sequence[str], last: int, back: int = 0) -> list[float]:
        """Return the values of a metric in the last rows, or in those up to `back` rows ago; a row without it has
        none.

        >>> Window([Row(step, {"a": float(step)}) for step in range(9)]).values(("a",), last=2, back=3)
        [4.0, 5.0]
        """
        end = len(self.rows) - back
        found = [row.first(keys) for row in self.rows[max(0, end - last) : max(0, end)]]
        return [value for value in found if value is not None]

    def middle(self, keys: Sequence[str], last: int, back: int = 0) -> float | None:
        """Return the median of these values; None if fewer than half of the rows have one, or
        there are too few rows."""
        found = self.values(keys, last, back)
        return median(found) if len(found) * 2 >= last else None

    def pieces(self, keys: Sequence[str], size: int) -> list[float]:
        """Return medians of so many values each, oldest first; the newest chunk is complete."""
        found = self.values(keys, len(self.rows))
        return [median(found[end - size : end]) for end in range(len(found) % size + size, len(found) + 1, size)]


@dataclass(frozen=True, slots=True)
class Detector:
    """One way in which a run can be sick.

    Attributes:
        measure: returns None if the newest row says nothing about it.
        persist_steps: unhealthy steps before a finding opens, in place of the usual number.
    """

    name: str
    reference: str
    measure: Callable[[Window], Symptom | None]
    persist_steps: int | None = None

    def patience(self, rules: HealthRules) -> int:
        """Return how many unhealthy rows in a row open a finding."""
        return self.persist_steps or rules.persist_steps


def scatter(values: Sequence[float]) -> float:
    """Return the standard deviation about a slow drift, from the differences of neighbours; outliers have no effect.

    >>> scatter([1.0, 2.1, 2.9, 4.0, 500.0]) < 0.2
    True
    """
    steps = [later - earlier for earlier, later in pairwise(values)]
    centre = median(steps) if steps else 0.0
    return 1.4826 / sqrt(2) * median([abs(step - centre) for step in steps]) if steps else 0.0


def number(value: float) -> str:
    """Return a number with about three digits.

    >>> number(0.12345), number(1234.5), number(12.0), number(3.4e38)
    ('0.123', '1234', '12', '3.4e+38')
    """
    return f"{value:.0f}" if 100 <= abs(value) < 1e9 else f"{value:.3g}"


def percent(share: float) -> str:
    """Return a share in percent.

    >>> percent(0.256), percent(0.004)
    ('26%', '0.4%')
    """
    return f"{share * 100:.0f}%" if share >= 0.01 or not share else f"{share * 100:.1g}%"
