"""Orphaned clusters in Redis: a hash with one JSON document per cluster, by the cloud's id."""

import logging
from collections.abc import Callable
from typing import cast

import msgspec
from redis import Redis
from redis.exceptions import WatchError

from bot.adapters.keys import ORPHANS
from bot.core.orphans import Orphan

log = logging.getLogger(__name__)

ORPHAN_DECODER = msgspec.json.Decoder(Orphan)


def read_orphans(redis: Redis) -> dict[str, Orphan]:
    """Return all readable orphans, by the cloud's id."""
    records = {
        str(cast(bytes, name), "utf-8"): decode_orphan(document) for name, document in redis.hgetall(ORPHANS).items()
    }
    return {name: orphan for name, orphan in records.items() if orphan}


def change_orphan(redis: Redis, orphan_id: str, change: Callable[[Orphan | None], Orphan | None]) -> Orphan | None:
    """Apply a pure function to one orphan, again if another process wrote meanwhile; None means no record."""
    with redis.pipeline() as tx:
        while True:
            tx.watch(ORPHANS)  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
            document = tx.hget(ORPHANS, orphan_id)
            before = decode_orphan(document) if document else None
            after = change(before)
            if after == before:
                return after
            tx.multi()
            if after:
                tx.hset(ORPHANS, orphan_id, msgspec.json.encode(after))
            else:
                tx.hdel(ORPHANS, orphan_id)
            try:
                tx.execute()
            except WatchError:
                continue
            return after


def decode_orphan(document: bytes | str) -> Orphan | None:
    """Return the record, or None if another version wrote it: the next sweep discovers the cluster again."""
    try:
        return ORPHAN_DECODER.decode(document)
    except msgspec.DecodeError as error:
        log.warning("the record of a cluster that no run owns cannot be read: %s", error)
        return None
