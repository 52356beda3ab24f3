"""Metrics of a run over all its steps, in bounded memory: recent steps in full, older ones in buckets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Self

from bot.core.row import KNOWN_KEYS, VALIDATING, Row, weight

RECENT_ROWS = 256
"""Minimum recent steps that are kept in full; the older half is folded once there are twice as many."""

MOST_BUCKETS = 128
"""Maximum buckets of one metric. With 80 metrics, the whole history stays under two megabytes for a run of any length.
"""

MOST_METRICS = 256
"""Maximum metrics of one run; verl has about eighty. The metrics that the bot itself uses always get a column."""

MOST_VALIDATIONS = 128
"""Maximum validation metrics among these: a run with 14 validation sources and 32 answers each reports 2,200 of them
before its first step.
"""

AT = "at"
"""The name of the series of times, in Unix seconds: the time of each step is folded like a metric."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Neighbouring steps of one metric.

    Attributes:
        first, last: the steps that it spans.
        low, high: the extremes, at the steps low_step and high_step.
        value: the value at the last step.
    """

    first: int
    last: int
    low: float
    low_step: int
    high: float
    high_step: int
    value: float

    def joined(self, later: "Bucket") -> "Bucket":
        """Return one bucket for this one and a later one."""
        low = self if self.low <= later.low else later
        high = self if self.high >= later.high else later
        return Bucket(self.first, later.last, low.low, low.low_step, high.high, high.high_step, later.value)

    @property
    def points(self) -> list[tuple[int, float]]:
        """Return the extremes and the last value, in the order of their steps."""
        points = {self.low_step: self.low, self.high_step: self.high, self.last: self.value}
        return sorted(points.items())


@dataclass(frozen=True, slots=True)
class History:
    """The metrics of one run.

    Attributes:
        buckets_by_metric: by metric, the buckets of older steps, oldest first.
        rows: the recent steps, oldest first.
    """

    folded: Mapping[str, tuple[Bucket, ...]] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()

    @classmethod
    def of(cls, folded: Mapping[str, tuple[Bucket, ...]], rows: Iterable[Row]) -> Self:
        """Return the history from stored buckets and rows, the rows in the order in which they were read."""
        ordered = in_order(rows)
        if not ordered:
            return cls(folded)
        first = ordered[0].step  # the training resumed at this step, so later buckets are void
        earlier = {key: before(buckets, first) for key, buckets in folded.items()}
        return cls(earlier, ordered)

    @property
    def keys(self) -> list[str]:
        """Return every metric of the run, in alphabetical order."""
        recent = {key for row in self.rows for key in row.values}
        return sorted(recent | {key for key in self.folded if key != AT})

    def series(self, key: str) -> tuple[tuple[int, float], ...]:
        """Return the steps and values of a metric, in order.

        Older steps are represented by the extremes and the last value of each bucket.
        """
        recent = ((row.step, row.at if key == AT else row.values.get(key, float("nan"))) for row in self.rows)
        older = [point for bucket in self.folded.get(key, ()) for point in bucket.points]
        return (*older, *((step, value) for step, value in recent if isfinite(value)))

    def compact(self) -> Self:
        """Return the history with all but the recent rows folded into buckets."""
        rows = self.rows[: max(len(self.rows) - RECENT_ROWS, 0)]
        keys = {key for row in rows for key in row.values} | {AT}
        new = {key: folded(self.folded.get(key, ()), column(rows, key)) for key in keys}
        return replace(self, folded={**self.folded, **new}, rows=self.rows[len(rows) :])


def column(rows: Iterable[Row], key: str) -> list[tuple[int, float]]:
    """Return the steps and values of one metric, without values that are not finite."""
    values = ((row.step, row.at if key == AT else row.values.get(key, float("nan"))) for row in rows)
    return [(step, value) for step, value in values if isfinite(value)]


def folded(buckets: Sequence[Bucket], points: Iterable[tuple[int, float]]) -> tuple[Bucket, ...]:
    """Return the buckets with later points added.

    All buckets have one width: the smallest power of two with which there are at most `MAX_BUCKETS`.
    """
    each = [*buckets, *(Bucket(step, step, value, step, value, step, value) for step, value in points)]
    every = 1 << max((one.last - one.first for one in each), default=0).bit_length()
    each = merged(each, every)
    while len(each) > MOST_BUCKETS:
        every *= 2
        each = merged(each, every)
    return tuple(each)


def merged(buckets: Iterable[Bucket], every: int) -> list[Bucket]:
    """Return the buckets merged so that each spans at most `width` steps."""
    found: list[Bucket] = []
    for bucket in buckets:
        if found and found[-1].first // every == bucket.first // every:
            # Aligned to multiples of the width, so that merging twice gives the same buckets.
            found[-1] = found[-1].joined(bucket)
        else:
            found.append(bucket)
    return found


def before(buckets: Sequence[Bucket], step: int) -> tuple[Bucket, ...]:
    """Return what the buckets know about the steps before a step; a bucket that spans it is clipped.

    >>> [(one.first, one.last, one.low, one.high) for one in before([Bucket(1, 8, 0.0, 2, 1.0, 7, 0.5)], 5)]
    [(1, 2, 0.0, 0.0)]
    """
    whole = [one for one in buckets if one.last < step]
    return (*whole, *(part for one in buckets if one.first < step <= one.last for part in clipped(one, step)))


def clipped(bucket: Bucket, step: int) -> list[Bucket]:
    """Return a bucket clipped before a step within it: its extremes, as far as they lie before that step."""
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
    """Return the rows as the training had them.

    Several lines about one step become one row. Where the training resumed from an earlier step, the rows of that step
    and of those after it are replaced by the later ones.

    >>> [(row.step, dict(row.values)) for row in in_order([Row(1, {"a": 1}), Row(2, {"a": 2}), Row(2, {"b": 3})])]
    [(1, {'a': 1}), (2, {'a': 2, 'b': 3})]
    >>> [(row.step, row.values["a"]) for row in in_order(Row(step, {"a": at}) for at, step in enumerate([1, 2, 3, 2]))]
    [(1, 0), (2, 3)]
    """
    found: list[Row] = []
    for row in rows:
        # The training resumed from an earlier step, so the later steps are void.
        while found and found[-1].step > row.step:
            found.pop()
        if found and found[-1].step == row.step:
            found[-1] = Row(row.step, {**found[-1].values, **row.values}, row.at)
        else:
            found.append(row)
    return tuple(found)


def columns_to_add(columns: Sequence[str], keys: Iterable[str]) -> list[str]:
    """Return which of a run's new metrics get a column besides those that it has; the most informative come first.

    >>> columns_to_add(["a"], ["a", "val-core/x", "b", "actor/grad_norm"])
    ['actor/grad_norm', 'b', 'val-core/x']
    """
    known, validations = set(columns), sum(map(is_validation, columns))
    added: list[str] = []
    for key in sorted((key for key in dict.fromkeys(keys) if key not in known), key=order):
        is_full = len(known) + len(added) >= MOST_METRICS or (is_validation(key) and validations >= MOST_VALIDATIONS)
        # A key that the bot itself reads gets a column even where the history is full.
        if key in KNOWN_KEYS or not is_full:
            validations += is_validation(key)
            added.append(key)
    return added


def is_validation(key: str) -> bool:
    return key.startswith(VALIDATING)


def order(key: str) -> tuple[int, str]:
    """Return a sort key: the most informative metrics come first.

    Validations are sorted by name, because the first of them is the one that is shown.
    """
    return weight(key), key if is_validation(key) else ""
