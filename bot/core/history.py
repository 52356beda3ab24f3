"""The numbers of a run over all its steps, in bounded room: recent steps as they were, older ones in buckets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Self

from bot.core.row import KNOWN_KEYS, VALIDATING, Row, weight

RECENT_ROWS = 256
"""Steps that are kept as they were, at the least; twice as many before the older half is folded."""

MOST_BUCKETS = 128
"""Of a metric. With 80 metrics, all of it stays under two megabytes however long the run is."""

MOST_METRICS = 256
"""Of a run; verl has about eighty. What the bot itself makes something of always has a place."""

MOST_VALIDATIONS = 128
"""Of these at most: a run with 14 validation sources and 32 answers each tells 2,200 of them before its first step."""

AT = "at"
"""The name under which the time of a step is folded: Unix seconds."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Neighbouring steps of one metric.

    Attributes:
        first, last: the steps that it spans.
        low, high: the extremes, and low_step, high_step where they were.
        value: of the last step.
    """

    first: int
    last: int
    low: float
    low_step: int
    high: float
    high_step: int
    value: float

    def joined(self, later: "Bucket") -> "Bucket":
        low = self if self.low <= later.low else later
        high = self if self.high >= later.high else later
        return Bucket(self.first, later.last, low.low, low.low_step, high.high, high.high_step, later.value)

    @property
    def points(self) -> list[tuple[int, float]]:
        """Its extremes and its last value, in the order of their steps."""
        points = {self.low_step: self.low, self.high_step: self.high, self.last: self.value}
        return sorted(points.items())


@dataclass(frozen=True, slots=True)
class History:
    """A run's numbers.

    Attributes:
        folded: by metric, the buckets of older steps, oldest first.
        rows: the recent steps, oldest first.
    """

    folded: Mapping[str, tuple[Bucket, ...]] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()

    @classmethod
    def of(cls, folded: Mapping[str, tuple[Bucket, ...]], rows: Iterable[Row]) -> Self:
        """The history of what was kept: rows in the order in which they were read."""
        ordered = in_order(rows)
        if not ordered:
            return cls(folded)
        first = ordered[0].step  # a training that went back so far has not been further
        earlier = {key: before(buckets, first) for key, buckets in folded.items()}
        return cls(earlier, ordered)

    @property
    def keys(self) -> list[str]:
        """Every metric that there is, in alphabetical order."""
        recent = {key for row in self.rows for key in row.values}
        return sorted(recent | {key for key in self.folded if key != AT})

    def series(self, key: str) -> tuple[tuple[int, float], ...]:
        """Step and value in the order of the steps; of older ones the extremes and the last of each bucket."""
        recent = ((row.step, row.at if key == AT else row.values.get(key, float("nan"))) for row in self.rows)
        older = [point for bucket in self.folded.get(key, ()) for point in bucket.points]
        return (*older, *((step, value) for step, value in recent if isfinite(value)))

    def compact(self) -> Self:
        """The history in which all but the recent rows are buckets."""
        rows = self.rows[: max(len(self.rows) - RECENT_ROWS, 0)]
        keys = {key for row in rows for key in row.values} | {AT}
        new = {key: folded(self.folded.get(key, ()), column(rows, key)) for key in keys}
        return replace(self, folded={**self.folded, **new}, rows=self.rows[len(rows) :])


def column(rows: Iterable[Row], key: str) -> list[tuple[int, float]]:
    """Step and value of one metric, where it has a finite one."""
    values = ((row.step, row.at if key == AT else row.values.get(key, float("nan"))) for row in rows)
    return [(step, value) for step, value in values if isfinite(value)]


def folded(buckets: Sequence[Bucket], points: Iterable[tuple[int, float]]) -> tuple[Bucket, ...]:
    """The buckets with these later points: all of one span, a power of two, the smallest that is enough."""
    each = [*buckets, *(Bucket(step, step, value, step, value, step, value) for step, value in points)]
    every = 1 << max((one.last - one.first for one in each), default=0).bit_length()
    each = merged(each, every)
    while len(each) > MOST_BUCKETS:
        every *= 2
        each = merged(each, every)
    return tuple(each)


def merged(buckets: Iterable[Bucket], every: int) -> list[Bucket]:
    """One bucket for so many steps."""
    found: list[Bucket] = []
    for bucket in buckets:
        if found and found[-1].first // every == bucket.first // every:
            found[-1] = found[-1].joined(bucket)
        else:
            found.append(bucket)
    return found


def before(buckets: Sequence[Bucket], step: int) -> tuple[Bucket, ...]:
    """What is left of them for the steps before this one: of the one that spans it, what it knows of those.

    >>> [(one.first, one.last, one.low, one.high) for one in before([Bucket(1, 8, 0.0, 2, 1.0, 7, 0.5)], 5)]
    [(1, 2, 0.0, 0.0)]
    """
    whole = [one for one in buckets if one.last < step]
    return (*whole, *(part for one in buckets if one.first < step <= one.last for part in clipped(one, step)))


def clipped(bucket: Bucket, step: int) -> list[Bucket]:
    """A bucket up to a step within it: its extremes, as far as they lie before that."""
    extremes = {bucket.low_step: bucket.low, bucket.high_step: bucket.high}
    known = sorted((at, value) for at, value in extremes.items() if at < step)
    if not known:
        return []
    (low_step, low), (high_step, high) = min(known, key=value_of), max(known, key=value_of)
    last, value = known[-1]
    return [Bucket(bucket.first, last, low, low_step, high, high_step, value)]


def value_of(point: tuple[int, float]) -> float:
    return point[1]


def in_order(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows as a training has them: what one step told on several lines is one row, and where the training
    went back to an earlier step, that step and those after it count as they came last.

    >>> [(row.step, dict(row.values)) for row in in_order([Row(1, {"a": 1}), Row(2, {"a": 2}), Row(2, {"b": 3})])]
    [(1, {'a': 1}), (2, {'a': 2, 'b': 3})]
    >>> [(row.step, row.values["a"]) for row in in_order(Row(step, {"a": at}) for at, step in enumerate([1, 2, 3, 2]))]
    [(1, 0), (2, 3)]
    """
    found: list[Row] = []
    for row in rows:
        while found and found[-1].step > row.step:
            found.pop()
        if found and found[-1].step == row.step:
            found[-1] = Row(row.step, {**found[-1].values, **row.values}, row.at)
        else:
            found.append(row)
    return tuple(found)


def columns_to_add(columns: Sequence[str], keys: Iterable[str]) -> list[str]:
    """Return which of a run's new metrics get a column, beside those that it has; those that tell most come first.

    >>> columns_to_add(["a"], ["a", "val-core/x", "b", "actor/grad_norm"])
    ['actor/grad_norm', 'b', 'val-core/x']
    """
    known, validations = set(columns), sum(map(is_validation, columns))
    added: list[str] = []
    for key in sorted((key for key in dict.fromkeys(keys) if key not in known), key=order):
        is_full = len(known) + len(added) >= MOST_METRICS or (is_validation(key) and validations >= MOST_VALIDATIONS)
        if key in KNOWN_KEYS or not is_full:
            validations += is_validation(key)
            added.append(key)
    return added


def is_validation(key: str) -> bool:
    return key.startswith(VALIDATING)


def order(key: str) -> tuple[int, str]:
    """What tells most comes first; validations by name, as the first of them is the one that is shown."""
    return weight(key), key if is_validation(key) else ""
