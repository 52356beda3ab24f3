"""The metrics of runs in Redis: a list of packed rows that grows at its end, and is compacted when it is long.

A row stores its metrics by their positions in a list of names, so that the names are stored once per run. Writing a
step costs as much as the step is long, however long the run is.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import msgspec
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError

from bot.adapters.keys import COLUMNS, FOLDED, READING, READING_TRIES, ROWS
from bot.core.history import RECENT_ROWS, Bucket, History, columns_to_add
from bot.core.reading import Reading
from bot.core.row import Row, bound

log = logging.getLogger(__name__)

LOST = Reading(last=("lost",))
"""The log position if the real one is lost: it matches no line of the log, so that the reader reports a gap."""

READING_DECODER = msgspec.json.Decoder(Reading)
ROW_DECODER = msgspec.msgpack.Decoder(tuple[int, float, list[int], list[float]])
BUCKETS_DECODER = msgspec.msgpack.Decoder(tuple[tuple[int, int, float, int, float, int, float], ...])


def reading(redis: Redis, run_id: str) -> Reading:
    """Return how far a run's log has been read."""
    found = redis.get(READING.format(run_id))
    try:
        return READING_DECODER.decode(cast(bytes, found)) if found else Reading()
    except msgspec.DecodeError as error:
        log.error("run %s: how far its log was read cannot be read: %s", run_id, error)
        return LOST


def begin_reading(redis: Redis, run_id: str, anew: bool) -> int:
    """Count an attempt to read a run's log, before it is made.

    Return how many attempts have begun since one last came back.

    Args:
        earlier_returned: whether the previous attempt is known to have come back.
    """
    key = READING_TRIES.format(run_id)
    if anew:
        redis.delete(key)
    return redis.incr(key)


def end_reading(redis: Redis, run_id: str) -> None:
    """Record that an attempt to read a run's log came back."""
    redis.delete(READING_TRIES.format(run_id))


@dataclass(frozen=True, slots=True)
class Taken:
    """The result of reading a log: how far the log has been read, and the rows that are new."""

    reading: Reading
    rows: Sequence[Row]


def keys(run_id: str) -> tuple[str, str]:
    """Return the keys that must not change between reading a run's columns and writing its rows."""
    return ROWS.format(run_id), COLUMNS.format(run_id)


def write(tx: Pipeline, run_id: str, taken: Taken, columns: Sequence[str]) -> None:
    """Queue the commands that add rows and record how far the log has been read."""
    new = columns_to_add(columns, (key for row in taken.rows for key in row.values))
    tx.set(READING.format(run_id), msgspec.json.encode(taken.reading))
    if new:
        tx.rpush(COLUMNS.format(run_id), *new)
    if taken.rows:
        tx.rpush(ROWS.format(run_id), *packed(taken.rows, [*columns, *new]))


def compact_if_long(redis: Redis, run_id: str) -> None:
    """Compact a run's rows once there are twice as many as are kept."""
    if redis.llen(ROWS.format(run_id)) >= 2 * RECENT_ROWS:
        compact(redis, run_id)


def compact(redis: Redis, run_id: str) -> None:
    """Fold the older rows into buckets. If another process wrote meanwhile, leave all of them for the next time."""
    with redis.pipeline() as tx:
        tx.watch(*keys(run_id))  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
        columns = names(tx, run_id)
        whole = fetched(tx, run_id, columns)
        history = whole.compact()
        tx.multi()
        tx.delete(ROWS.format(run_id), FOLDED.format(run_id))
        tx.rpush(ROWS.format(run_id), *packed(history.rows, columns))
        if history.folded:
            tx.hset(FOLDED.format(run_id), mapping=cast(Any, {k: packed_buckets(b) for k, b in history.folded.items()}))
        try:
            tx.execute()
        except WatchError:
            return


def rows(redis: Redis, run_id: str, last: int) -> tuple[Row, ...]:
    """Return the last rows, the oldest first."""
    columns = names(redis, run_id)
    found = cast(list[bytes], redis.lrange(ROWS.format(run_id), -last, -1))
    return History.of({}, (unpacked(row, columns) for row in found)).rows


def history(redis: Redis, run_id: str) -> History:
    """Return a run's metrics over all steps."""
    return fetched(redis, run_id, names(redis, run_id))


def expire(redis: Redis, run_id: str, after: timedelta) -> None:
    """Let a run's metrics expire after so long."""
    for key in all_keys(run_id):
        redis.expire(key, after)


def all_keys(run_id: str) -> list[str]:
    """Return the keys of everything that is stored about the reading of a run's log."""
    return [key.format(run_id) for key in (READING, READING_TRIES, ROWS, COLUMNS, FOLDED)]


def fetched(redis: Redis | Pipeline, run_id: str, columns: Sequence[str]) -> History:
    """Return a run's metrics over all steps, with these columns."""
    found = cast(list[bytes], redis.lrange(ROWS.format(run_id), 0, -1))
    folded = cast(Mapping[bytes, bytes], redis.hgetall(FOLDED.format(run_id)))
    buckets = {key.decode(): unpacked_buckets(value) for key, value in folded.items()}
    return History.of(buckets, (unpacked(row, columns) for row in found))


def names(redis: Redis | Pipeline, run_id: str) -> list[str]:
    """Return the metrics of a run, in the order of the numbers in its rows."""
    return [name.decode() for name in cast(list[bytes], redis.lrange(COLUMNS.format(run_id), 0, -1))]


def packed(rows: Sequence[Row], columns: Sequence[str]) -> list[bytes]:
    """Return rows as bytes, with each metric as its position in the columns."""
    place = {key: at for at, key in enumerate(columns)}
    found = []
    for row in rows:
        values = {place[key]: value for key, value in row.values.items() if key in place}
        found.append(msgspec.msgpack.encode((row.step, row.at, list(values), list(values.values()))))
    return found


def unpacked(found: bytes, columns: Sequence[str]) -> Row:
    """Return the row of packed bytes."""
    step, at, places, values = ROW_DECODER.decode(found)
    return Row(step, {columns[place]: value for place, value in zip(places, values, strict=True)}, at)


def packed_buckets(buckets: Sequence[Bucket]) -> bytes:
    """Return the buckets of one metric as bytes."""
    return msgspec.msgpack.encode(
        [(one.first, one.last, one.low, one.low_step, one.high, one.high_step, one.value) for one in buckets]
    )


def unpacked_buckets(found: bytes) -> tuple[Bucket, ...]:
    """Return the buckets of packed bytes. Bound the numbers, because an older verlbot stored numbers whose sums
    overflow.
    """
    return tuple(
        Bucket(first, last, bound(low), low_step, bound(high), high_step, bound(value))
        for first, last, low, low_step, high, high_step, value in BUCKETS_DECODER.decode(found)
    )
