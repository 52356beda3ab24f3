"""External clusters in Redis: a hash with one JSON document per cluster, by name; their reservations are in the
ledger's hash.
"""

import logging
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import cast

import msgspec
from redis import Redis
from redis.exceptions import WatchError

from bot.adapters import ledgers
from bot.adapters.keys import HOLDS, OUTSIDERS, SPENT
from bot.core.holds import Ledger
from bot.core.outside import MARK, Outsider, spending

log = logging.getLogger(__name__)

DECODER = msgspec.json.Decoder(Outsider)


def outsiders(redis: Redis) -> dict[str, Outsider]:
    """Return all readable external clusters, by name."""
    found = {str(cast(bytes, name), "utf-8"): readable(document) for name, document in redis.hgetall(OUTSIDERS).items()}
    return {name: outsider for name, outsider in found.items() if outsider}


def change(
    redis: Redis,
    cluster: str,
    change: Callable[[Outsider | None, Ledger], Outsider | None],
    now: datetime,
    zone: tzinfo,
) -> Outsider | None:
    """Apply a pure function to one external cluster, again if another process wrote meanwhile.

    The cluster's reservation changes in the same step, and its spending is counted once it is removed.
    """
    with redis.pipeline() as tx:
        while True:
            tx.watch(OUTSIDERS, HOLDS)  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
            document = tx.hget(OUTSIDERS, cluster)
            before = readable(document) if document else None
            after = change(before, ledgers.ledger(tx))
            if after == before:
                return after
            tx.multi()
            if after:
                tx.hset(OUTSIDERS, cluster, msgspec.json.encode(after))
                tx.hset(HOLDS, f"{MARK}{cluster}", msgspec.json.encode(after.hold))
            else:
                tx.hdel(OUTSIDERS, cluster)
                tx.hdel(HOLDS, f"{MARK}{cluster}")
                for key, dollars in (spending(before, now, zone) if before else {}).items():
                    tx.hincrbyfloat(SPENT, key, dollars)
            try:
                tx.execute()
            except WatchError:
                continue
            return after


def readable(document: bytes | str) -> Outsider | None:
    """Return the record, or None if another version wrote it: the next sweep discovers the cluster again."""
    try:
        return DECODER.decode(document)
    except msgspec.DecodeError as error:
        log.warning("the record of a cluster launched outside cannot be read: %s", error)
        return None
