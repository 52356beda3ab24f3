"""Clusters without a run, and clusters launched outside, in Redis."""

import logging
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import cast

import msgspec
from redis import Redis
from redis.client import Pipeline

from bot.adapters.redis import ledger_store
from bot.adapters.redis.connection import EXTERNAL_CLUSTERS, MONTHLY_SPENDING, ORPHANS, RESERVATIONS
from bot.adapters.redis.transactions import compare_and_set
from bot.core.model.ledger import Ledger
from bot.core.model.orphan import Orphan
from bot.core.rules.external_clusters import EXTERNAL_PREFIX, ExternalCluster, build_external_spending

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

    def read(tx: Pipeline) -> Orphan | None:
        document = tx.hget(ORPHANS, orphan_id)
        return decode_orphan(document) if document else None

    def write(tx: Pipeline, _: Orphan | None, after: Orphan | None) -> None:
        if after:
            tx.hset(ORPHANS, orphan_id, msgspec.json.encode(after))
        else:
            tx.hdel(ORPHANS, orphan_id)

    return compare_and_set(redis, (ORPHANS,), read, change, write)


def decode_orphan(document: bytes | str) -> Orphan | None:
    """Return the record, or None if another version wrote it: the next sweep discovers the cluster again."""
    try:
        return ORPHAN_DECODER.decode(document)
    except msgspec.DecodeError as error:
        log.warning("the record of a cluster that no run owns cannot be read: %s", error)
        return None


EXTERNAL_CLUSTER_DECODER = msgspec.json.Decoder(ExternalCluster)


def read_external_clusters(redis: Redis) -> dict[str, ExternalCluster]:
    """Return all readable external clusters, by name."""
    records = {
        str(cast(bytes, name), "utf-8"): decode_external_cluster(document)
        for name, document in redis.hgetall(EXTERNAL_CLUSTERS).items()
    }
    return {name: cluster for name, cluster in records.items() if cluster}


def change_external_cluster(
    redis: Redis,
    cluster: str,
    change: Callable[[ExternalCluster | None, Ledger], ExternalCluster | None],
    now: datetime,
    zone: tzinfo,
) -> ExternalCluster | None:
    """Apply a pure function to one external cluster, again if another process wrote meanwhile.

    The cluster's reservation changes in the same step, and its spending is counted once it is removed.
    """

    def read(tx: Pipeline) -> tuple[ExternalCluster | None, Ledger]:
        document = tx.hget(EXTERNAL_CLUSTERS, cluster)
        return decode_external_cluster(document) if document else None, ledger_store.read_ledger(tx)

    def write(
        tx: Pipeline, before: tuple[ExternalCluster | None, Ledger], after: tuple[ExternalCluster | None, Ledger]
    ) -> None:
        if after[0]:
            tx.hset(EXTERNAL_CLUSTERS, cluster, msgspec.json.encode(after[0]))
            tx.hset(RESERVATIONS, f"{EXTERNAL_PREFIX}{cluster}", msgspec.json.encode(after[0].reservation))
        else:
            tx.hdel(EXTERNAL_CLUSTERS, cluster)
            tx.hdel(RESERVATIONS, f"{EXTERNAL_PREFIX}{cluster}")
            for key, dollars in (build_external_spending(before[0], now, zone) if before[0] else {}).items():
                tx.hincrbyfloat(MONTHLY_SPENDING, key, dollars)

    keys = (EXTERNAL_CLUSTERS, RESERVATIONS)
    return compare_and_set(redis, keys, read, lambda both: (change(*both), both[1]), write)[0]


def decode_external_cluster(document: bytes | str) -> ExternalCluster | None:
    """Return the record, or None if another version wrote it: the next sweep discovers the cluster again."""
    try:
        return EXTERNAL_CLUSTER_DECODER.decode(document)
    except msgspec.DecodeError as error:
        log.warning("the record of a cluster launched outside cannot be read: %s", error)
        return None
