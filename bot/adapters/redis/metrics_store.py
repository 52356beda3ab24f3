"""Histories of metrics in Redis."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import msgspec
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError

from bot.adapters.redis.connection import (
    RUN_BUCKETS,
    RUN_COLUMNS,
    RUN_LOG_ATTEMPTS,
    RUN_LOG_CURSOR,
    RUN_ROWS,
)
from bot.core.frameworks import FRAMEWORK
from bot.core.model.history import MIN_RECENT_ROWS, HistoryBucket, MetricsHistory, choose_new_columns
from bot.core.model.metrics import StepMetrics, clamp_value
from bot.core.rules.log_cursor import LogCursor

log = logging.getLogger(__name__)

LOST_CURSOR = LogCursor(last_digests=("lost",))
"""The log position if the real one is lost: it matches no line of the log, so that the reader reports a gap."""

CURSOR_DECODER = msgspec.json.Decoder(LogCursor)
ROW_DECODER = msgspec.msgpack.Decoder(tuple[int, float, list[int], list[float]])
BUCKETS_DECODER = msgspec.msgpack.Decoder(tuple[tuple[int, int, float, int, float, int, float], ...])


def read_cursor(redis: Redis, run_id: str) -> LogCursor:
    """Return how far a run's log has been read."""
    document = redis.get(RUN_LOG_CURSOR.format(run_id))
    try:
        return CURSOR_DECODER.decode(cast(bytes, document)) if document else LogCursor()
    except msgspec.DecodeError as error:
        log.error("run %s: how far its log was read cannot be read: %s", run_id, error)
        return LOST_CURSOR


def count_read_attempt(redis: Redis, run_id: str, earlier_returned: bool) -> int:
    """Count an attempt to read a run's log, before it is made.

    Return how many attempts have begun since one last came back.

    Args:
        earlier_returned: whether the previous attempt is known to have come back.
    """
    key = RUN_LOG_ATTEMPTS.format(run_id)
    if earlier_returned:
        redis.delete(key)
    return redis.incr(key)


def clear_read_attempts(redis: Redis, run_id: str) -> None:
    """Record that an attempt to read a run's log came back."""
    redis.delete(RUN_LOG_ATTEMPTS.format(run_id))


@dataclass(frozen=True, slots=True)
class LogIncrement:
    """The result of reading a log: how far the log has been read, and the rows that are new."""

    cursor: LogCursor
    rows: Sequence[StepMetrics]


def list_watched_keys(run_id: str) -> tuple[str, str]:
    """Return the keys that must not change between reading a run's columns and writing its rows."""
    return RUN_ROWS.format(run_id), RUN_COLUMNS.format(run_id)


def write_increment(tx: Pipeline, run_id: str, increment: LogIncrement, columns: Sequence[str]) -> None:
    """Queue the commands that add rows and record how far the log has been read."""
    new_columns = choose_new_columns(columns, (key for row in increment.rows for key in row.values), FRAMEWORK.keys)
    tx.set(RUN_LOG_CURSOR.format(run_id), msgspec.json.encode(increment.cursor))
    if new_columns:
        tx.rpush(RUN_COLUMNS.format(run_id), *new_columns)
    if increment.rows:
        tx.rpush(RUN_ROWS.format(run_id), *pack_rows(increment.rows, [*columns, *new_columns]))


def compact_if_long(redis: Redis, run_id: str) -> None:
    """Compact a run's rows once there are twice as many as are kept."""
    if redis.llen(RUN_ROWS.format(run_id)) >= 2 * MIN_RECENT_ROWS:
        compact(redis, run_id)


def compact(redis: Redis, run_id: str) -> None:
    """Fold the older rows into buckets. If another process wrote meanwhile, leave all of them for the next time."""
    with redis.pipeline() as tx:
        tx.watch(*list_watched_keys(run_id))  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
        columns = read_columns(tx, run_id)
        stored = read_history_columns(tx, run_id, columns)
        compacted = stored.compact()
        tx.multi()
        tx.delete(RUN_ROWS.format(run_id), RUN_BUCKETS.format(run_id))
        tx.rpush(RUN_ROWS.format(run_id), *pack_rows(compacted.rows, columns))
        if compacted.buckets_by_metric:
            tx.hset(
                RUN_BUCKETS.format(run_id),
                mapping=cast(
                    Any, {metric: pack_buckets(buckets) for metric, buckets in compacted.buckets_by_metric.items()}
                ),
            )
        try:
            tx.execute()
        except WatchError:
            return


def read_last_rows(redis: Redis, run_id: str, last: int) -> tuple[StepMetrics, ...]:
    """Return the last rows, the oldest first."""
    columns = read_columns(redis, run_id)
    packed_rows = cast(list[bytes], redis.lrange(RUN_ROWS.format(run_id), -last, -1))
    return MetricsHistory.from_stored({}, (unpack_row(row, columns) for row in packed_rows)).rows


def read_history(redis: Redis, run_id: str) -> MetricsHistory:
    """Return a run's metrics over all steps."""
    return read_history_columns(redis, run_id, read_columns(redis, run_id))


def expire_metrics(redis: Redis, run_id: str, after: timedelta) -> None:
    """Let a run's metrics expire after so long."""
    for key in list_log_keys(run_id):
        redis.expire(key, after)


def list_log_keys(run_id: str) -> list[str]:
    """Return the keys of everything that is stored about the reading of a run's log."""
    return [key.format(run_id) for key in (RUN_LOG_CURSOR, RUN_LOG_ATTEMPTS, RUN_ROWS, RUN_COLUMNS, RUN_BUCKETS)]


def read_history_columns(redis: Redis | Pipeline, run_id: str, columns: Sequence[str]) -> MetricsHistory:
    """Return a run's metrics over all steps, with these columns."""
    packed_rows = cast(list[bytes], redis.lrange(RUN_ROWS.format(run_id), 0, -1))
    packed_by_metric = cast(Mapping[bytes, bytes], redis.hgetall(RUN_BUCKETS.format(run_id)))
    buckets = {key.decode(): unpack_buckets(value) for key, value in packed_by_metric.items()}
    return MetricsHistory.from_stored(buckets, (unpack_row(row, columns) for row in packed_rows))


def read_columns(redis: Redis | Pipeline, run_id: str) -> list[str]:
    """Return the metrics of a run, in the order of the numbers in its rows."""
    return [name.decode() for name in cast(list[bytes], redis.lrange(RUN_COLUMNS.format(run_id), 0, -1))]


def pack_rows(rows: Sequence[StepMetrics], columns: Sequence[str]) -> list[bytes]:
    """Return rows as bytes, with each metric as its position in the columns."""
    positions = {key: at for at, key in enumerate(columns)}
    packed_rows = []
    for row in rows:
        values = {positions[key]: value for key, value in row.values.items() if key in positions}
        packed_rows.append(msgspec.msgpack.encode((row.step, row.at, list(values), list(values.values()))))
    return packed_rows


def unpack_row(data: bytes, columns: Sequence[str]) -> StepMetrics:
    """Return the row of packed bytes."""
    step, at, positions, values = ROW_DECODER.decode(data)
    return StepMetrics(step, {columns[position]: value for position, value in zip(positions, values, strict=True)}, at)


def pack_buckets(buckets: Sequence[HistoryBucket]) -> bytes:
    """Return the buckets of one metric as bytes."""
    return msgspec.msgpack.encode(
        [
            (bucket.first, bucket.last, bucket.low, bucket.low_step, bucket.high, bucket.high_step, bucket.value)
            for bucket in buckets
        ]
    )


def unpack_buckets(data: bytes) -> tuple[HistoryBucket, ...]:
    """Return the buckets of packed bytes. Bound the numbers, because an older verlbot stored numbers whose sums
    overflow.
    """
    return tuple(
        HistoryBucket(first, last, clamp_value(low), low_step, clamp_value(high), high_step, clamp_value(value))
        for first, last, low, low_step, high, high_step, value in BUCKETS_DECODER.decode(data)
    )
