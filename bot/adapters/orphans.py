"""Clusters that no run owns, in Redis: a hash, a JSON document each by the cloud's id."""

import logging
from collections.abc import Callable
from typing import cast

import msgspec
from redis import Redis
from redis.exceptions import WatchError

from bot.adapters.keys import ORPHANS
from bot.core.orphans import Orphan

log = logging.getLogger(__name__)

DECODER = msgspec.json.Decoder(Orphan)


def orphans(redis: Redis) -> dict[str, Orphan]:
    found = {str(cast(bytes, name), "utf-8"): readable(document) for name, document in redis.hgetall(ORPHANS).items()}
    return {name: orphan for name, orphan in found.items() if orphan}


def change(redis: Redis, orphan_id: str, change: Callable[[Orphan | None], Orphan | None]) -> Orphan | None:
    """Apply a pure function to one of them, again if somebody else wrote meanwhile; None is none."""
    with redis.pipeline() as tx:
        while True:
            tx.watch(ORPHANS)  # type: ignore[no-untyped-call]  # redis-py types all but this
            document = tx.hget(ORPHANS, orphan_id)
            before = readable(document) if document else None
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


def readable(document: bytes | str) -> Orphan | None:
    """The record, or None where another version wrote it: what stands is found anew by the next sweep."""
    try:
        return DECODER.decode(document)
    except msgspec.DecodeError as error:
        log.warning("the record of a cluster that no run owns cannot be read: %s", error)
        return None
