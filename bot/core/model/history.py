"""Metrics of a run over all its steps, in bounded memory: recent steps in full, older ones in buckets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Self

from bot.core.model.metrics import MAX_KEYS, StepMetrics
from bot.core.model.training_framework import MetricKeys

MIN_RECENT_ROWS = 256
"""Minimum recent steps that are kept in full; the older half is folded once there are twice as many."""

MAX_BUCKETS = 128
"""Maximum buckets of one metric. With 80 metrics, the whole history stays under two megabytes for a run of any length.
"""

MAX_METRICS = 256
"""Maximum metrics of one run; a training has about eighty. The metrics that the bot itself uses always get a column."""

MAX_VALIDATION_METRICS = 128
"""Maximum validation metrics among these: a run with 14 validation sources and 32 answers each reports 2,200 of them
before its first step.
"""

TIME_KEY = "at"
"""The name of the series of times, in Unix seconds: the time of each step is folded like a metric."""


@dataclass(frozen=True, slots=True)
class HistoryBucket:
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

    def merge(self, later: "HistoryBucket") -> "HistoryBucket":
        """Return one bucket for this one and a later one."""
        low = self if self.low <= later.low else later
        high = self if self.high >= later.high else later
        return HistoryBucket(self.first, later.last, low.low, low.low_step, high.high, high.high_step, later.value)

    @property
    def points(self) -> list[tuple[int, float]]:
        """Return the extremes and the last value, in the order of their steps."""
        points = {self.low_step: self.low, self.high_step: self.high, self.last: self.value}
        return sorted(points.items())


@dataclass(frozen=True, slots=True)
class MetricsHistory:
    """The metrics of one run.

    Attributes:
        buckets_by_metric: by metric, the buckets of older steps, oldest first.
        rows: the recent steps, oldest first.
    """

    buckets_by_metric: Mapping[str, tuple[HistoryBucket, ...]] = field(default_factory=dict)
    rows: tuple[StepMetrics, ...] = ()

    @classmethod
    def from_stored(
        cls, buckets_by_metric: Mapping[str, tuple[HistoryBucket, ...]], rows: Iterable[StepMetrics]
    ) -> Self:
        """Return the history from stored buckets and rows, the rows in the order in which they were read."""
        ordered = merge_rows(rows)
        if not ordered:
            return cls(buckets_by_metric)
        first = ordered[0].step  # the training resumed at this step, so later buckets are void
        earlier = {key: truncate_buckets(buckets, first) for key, buckets in buckets_by_metric.items()}
        return cls(earlier, ordered)

    @property
    def keys(self) -> list[str]:
        """Return every metric of the run, in alphabetical order."""
        recent = {key for row in self.rows for key in row.values}
        return sorted(recent | {key for key in self.buckets_by_metric if key != TIME_KEY})

    def get_series(self, key: str) -> tuple[tuple[int, float], ...]:
        """Return the steps and values of a metric, in order.

        Older steps are represented by the extremes and the last value of each bucket.
        """
        recent = ((row.step, row.at if key == TIME_KEY else row.values.get(key, float("nan"))) for row in self.rows)
        older = [point for bucket in self.buckets_by_metric.get(key, ()) for point in bucket.points]
        return (*older, *((step, value) for step, value in recent if isfinite(value)))

    def compact(self) -> Self:
        """Return the history with all but the recent rows folded into buckets."""
        rows = self.rows[: max(len(self.rows) - MIN_RECENT_ROWS, 0)]
        keys = {key for row in rows for key in row.values} | {TIME_KEY}
        new = {key: fold_points(self.buckets_by_metric.get(key, ()), extract_series(rows, key)) for key in keys}
        return replace(self, buckets_by_metric={**self.buckets_by_metric, **new}, rows=self.rows[len(rows) :])


def extract_series(rows: Iterable[StepMetrics], key: str) -> list[tuple[int, float]]:
    """Return the steps and values of one metric, without values that are not finite."""
    values = ((row.step, row.at if key == TIME_KEY else row.values.get(key, float("nan"))) for row in rows)
    return [(step, value) for step, value in values if isfinite(value)]


def fold_points(buckets: Sequence[HistoryBucket], points: Iterable[tuple[int, float]]) -> tuple[HistoryBucket, ...]:
    """Return the buckets with later points added.

    All buckets have one width: the smallest power of two with which there are at most `MAX_BUCKETS`.
    """
    all_buckets = [*buckets, *(HistoryBucket(step, step, value, step, value, step, value) for step, value in points)]
    width = 1 << max((bucket.last - bucket.first for bucket in all_buckets), default=0).bit_length()
    all_buckets = merge_buckets(all_buckets, width)
    while len(all_buckets) > MAX_BUCKETS:
        width *= 2
        all_buckets = merge_buckets(all_buckets, width)
    return tuple(all_buckets)


def merge_buckets(buckets: Iterable[HistoryBucket], width: int) -> list[HistoryBucket]:
    """Return the buckets merged so that each spans at most `width` steps."""
    result: list[HistoryBucket] = []
    for bucket in buckets:
        if result and result[-1].first // width == bucket.first // width:
            # Aligned to multiples of the width, so that merging twice gives the same buckets.
            result[-1] = result[-1].merge(bucket)
        else:
            result.append(bucket)
    return result


def truncate_buckets(buckets: Sequence[HistoryBucket], step: int) -> tuple[HistoryBucket, ...]:
    """Return what the buckets know about the steps before a step; a bucket that spans it is clipped.

    >>> [(one.first, one.last, one.low, one.high) for one in truncate_buckets([HistoryBucket(1, 8, 0.0, 2, 1.0,
    ...     7, 0.5)], 5)]
    [(1, 2, 0.0, 0.0)]
    """
    complete = [bucket for bucket in buckets if bucket.last < step]
    return (
        *complete,
        *(part for bucket in buckets if bucket.first < step <= bucket.last for part in clip_bucket(bucket, step)),
    )


def clip_bucket(bucket: HistoryBucket, step: int) -> list[HistoryBucket]:
    """Return a bucket clipped before a step within it: its extremes, as far as they lie before that step."""
    extremes = {bucket.low_step: bucket.low, bucket.high_step: bucket.high}
    earlier = sorted((step_before, value) for step_before, value in extremes.items() if step_before < step)
    if not earlier:
        return []
    (low_step, low), (high_step, high) = min(earlier, key=get_value), max(earlier, key=get_value)
    last, value = earlier[-1]
    return [HistoryBucket(bucket.first, last, low, low_step, high, high_step, value)]


def get_value(point: tuple[int, float]) -> float:
    return point[1]


def merge_rows(rows: Iterable[StepMetrics]) -> tuple[StepMetrics, ...]:
    """Return the rows as the training had them.

    Several lines about one step become one row, also where one of them comes late. Where the training resumed from an
    earlier step, the rows of that step and of those after it are replaced by the later ones.

    >>> [(row.step, dict(row.values)) for row in merge_rows([StepMetrics(1, {"a": 1}), StepMetrics(2, {"a": 2}),
    ...     StepMetrics(2, {"b": 3})])]
    [(1, {'a': 1}), (2, {'a': 2, 'b': 3})]
    >>> steps = enumerate([1, 2, 3, 2])
    >>> [(row.step, row.values["a"]) for row in merge_rows(StepMetrics(step, {"a": at}) for at, step in steps)]
    [(1, 0), (2, 3)]
    >>> [(row.step, dict(row.values)) for row in merge_rows([StepMetrics(1, {"a": 1}), StepMetrics(2, {"a": 2}),
    ...     StepMetrics(1, {"b": 3})])]
    [(1, {'a': 1, 'b': 3}), (2, {'a': 2})]
    """
    ordered: list[StepMetrics] = []
    for row in rows:
        if (late := find_late_index(ordered, row)) is not None:
            ordered[late] = merge_lines(ordered[late], row)
            continue
        # The training resumed from an earlier step, so the later steps are void.
        while ordered and ordered[-1].step > row.step:
            ordered.pop()
        if ordered and ordered[-1].step == row.step:
            ordered[-1] = merge_lines(ordered[-1], row)
        else:
            ordered.append(row)
    return tuple(ordered)


MAX_LATE_STEPS = 16
"""Maximum steps by which a line may come late: an asynchronous trainer logs a validation once it is done, some versions
of the weights later."""


def find_late_index(ordered: Sequence[StepMetrics], row: StepMetrics) -> int | None:
    """Return the index of the earlier step that a line adds new metrics to; None for a line about the newest step, and
    where the training reports a step again, because that repeats its metrics.
    """
    if not ordered or row.step >= ordered[-1].step:
        return None
    for index in range(len(ordered) - 1, max(len(ordered) - 1 - MAX_LATE_STEPS, -1), -1):
        if ordered[index].step == row.step:
            return None if ordered[index].values.keys() & row.values.keys() else index
    return None


def merge_lines(earlier: StepMetrics, later: StepMetrics) -> StepMetrics:
    """Return one row for two lines about one step."""
    return StepMetrics(earlier.step, merge_values(earlier.values, later.values), later.at)


def merge_values(earlier: Mapping[str, float], later: Mapping[str, float]) -> Mapping[str, float]:
    """Return the metrics of two lines about one step.

    Of more than a row can hold, those of the shorter line are kept: a step has dozens, a validation may have thousands.
    """
    merged = {**earlier, **later}
    if len(merged) <= MAX_KEYS:
        return merged
    return {key: merged[key] for key in (*min(earlier, later, key=len), *merged)}


def choose_new_columns(columns: Sequence[str], names: Iterable[str], keys: MetricKeys) -> list[str]:
    """Return which of a run's new metrics get a column besides those that it has; the most informative come first.

    Args:
        columns, names: the metrics that have a column, and those of new rows.
    """
    existing, validation_count = set(columns), sum(map(keys.is_validation, columns))
    new_columns: list[str] = []

    def get_priority(key: str) -> tuple[int | str, ...]:
        # Validations are sorted by rank, because the first of them is the one that is shown.
        return keys.rank(key), *(keys.order(key) or (key if keys.is_validation(key) else "",))

    for key in sorted((key for key in dict.fromkeys(names) if key not in existing), key=get_priority):
        is_full = len(existing) + len(new_columns) >= MAX_METRICS or (
            keys.is_validation(key) and validation_count >= MAX_VALIDATION_METRICS
        )
        # A key that the bot itself reads gets a column even where the history is full.
        if key in keys.known or not is_full:
            validation_count += keys.is_validation(key)
            new_columns.append(key)
    return new_columns
