"""Clusters launched beside the bot, in Redis: a hash, a JSON document each by name; their places in the ledger's."""

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
    found = {str(cast(bytes, name), "utf-8"): readable(document) for name, document in redis.hgetall(OUTSIDERS).items()}
    return {name: outsider for name, outsider in found.items() if outsider}


def change(
    redis: Redis,
    cluster: str,
    change: Callable[[Outsider | None, Ledger], Outsider | None],
    now: datetime,
    zone: tzinfo,
) -> Outsider | None:
    """Apply a pure function to one of them, again if somebody else wrote meanwhile; what it holds in the same step."""
    with redis.pipeline() as tx:
        while True:
            tx.watch(OUTSIDERS, HOLDS)  # type: ignore[no-untyped-call]  # redis-py types all but this
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
    """The record, or None where another version wrote it: what stands is found anew by the next sweep."""
    try:
        return DECODER.decode(document)
    except msgspec.DecodeError as error:
        log.warning("the record of a cluster launched outside cannot be read: %s", error)
        return None
