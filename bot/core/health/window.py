"""What a detector is given, and what it answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt
from statistics import median

from bot.core.health.finding import Severity
from bot.core.health.rules import HealthRules
from bot.core.row import ENTROPY, GRADIENT, LENGTH, REWARD, Row

STARTS = {"entropy": ENTROPY, "gradient": GRADIENT, "length": LENGTH, "reward": REWARD}
"""What is kept of how a run began, because its first rows are not kept."""


@dataclass(frozen=True, slots=True)
class Validated:
    """One validation, kept apart from the rows, because runs may validate more seldom than rows are kept.

    Attributes:
        at: Unix seconds when it was read; reward: the median of the twenty steps up to it, None where too few have one.
    """

    step: int
    at: float
    value: float
    reward: float | None = None


@dataclass(frozen=True, slots=True)
class Symptom:
    """How a run looks to one detector at its newest row.

    Attributes:
        level: sick from 1 on; what is measured, as a share of what is too much.
        what, evidence, advice: sentences, where it is sick.
        since: the row that showed it first, where that is not the first of these in a row.
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
        judged: how many rows the run has had, those included that are not kept.
        start: medians of its first rows, by the names of `STARTS`; and of its first validations, as `validation`.
        validations: the last ones, oldest first.
    """

    rows: Sequence[Row]
    rules: HealthRules = field(default_factory=HealthRules)
    judged: int = 0
    start: Mapping[str, float] = field(default_factory=dict)
    validations: Sequence[Validated] = ()

    @property
    def newest(self) -> Row:
        return self.rows[-1]

    def values(self, keys: Sequence[str], last: int, back: int = 0) -> list[float]:
        """What the last so many rows have of it, or those up to so many rows back; a row without it has none.

        >>> Window([Row(step, {"a": float(step)}) for step in range(9)]).values(("a",), last=2, back=3)
        [4.0, 5.0]
        """
        end = len(self.rows) - back
        found = [row.first(keys) for row in self.rows[max(0, end - last) : max(0, end)]]
        return [value for value in found if value is not None]

    def middle(self, keys: Sequence[str], last: int, back: int = 0) -> float | None:
        """The median of that; None where fewer than half of the rows have it, or there are too few."""
        found = self.values(keys, last, back)
        return median(found) if len(found) * 2 >= last else None

    def pieces(self, keys: Sequence[str], size: int) -> list[float]:
        """Medians of so many values each, the newest whole, oldest first."""
        found = self.values(keys, len(self.rows))
        return [median(found[end - size : end]) for end in range(len(found) % size + size, len(found) + 1, size)]


@dataclass(frozen=True, slots=True)
class Detector:
    """One way to be sick.

    Attributes:
        measure: None where the newest row does not tell.
        persist_steps: in place of the usual.
    """

    name: str
    reference: str
    measure: Callable[[Window], Symptom | None]
    persist_steps: int | None = None

    def patience(self, rules: HealthRules) -> int:
        """So many sick rows in a row are said."""
        return self.persist_steps or rules.persist_steps


def scatter(values: Sequence[float]) -> float:
    """The standard deviation about a slow drift, from how much neighbours differ; outliers are left alone.

    >>> scatter([1.0, 2.1, 2.9, 4.0, 500.0]) < 0.2
    True
    """
    steps = [later - earlier for earlier, later in pairwise(values)]
    centre = median(steps) if steps else 0.0
    return 1.4826 / sqrt(2) * median([abs(step - centre) for step in steps]) if steps else 0.0


def number(value: float) -> str:
    """
    >>> number(0.12345), number(1234.5), number(12.0), number(3.4e38)
    ('0.123', '1234', '12', '3.4e+38')
    """
    return f"{value:.0f}" if 100 <= abs(value) < 1e9 else f"{value:.3g}"


def percent(share: float) -> str:
    """
    >>> percent(0.256), percent(0.004)
    ('26%', '0.4%')
    """
    return f"{share * 100:.0f}%" if share >= 0.01 or not share else f"{share * 100:.1g}%"
