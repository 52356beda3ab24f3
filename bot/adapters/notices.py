"""Notices in Redis: a hash of JSON documents by channel and key."""

import logging
from collections.abc import Callable
from typing import cast

import msgspec
from redis import Redis
from redis.exceptions import WatchError

from bot.adapters.keys import NOTICES
from bot.core.notice import Notice

log = logging.getLogger(__name__)

NOTICE_DECODER = msgspec.json.Decoder(Notice)


def add_notice(redis: Redis, notice: Notice) -> bool:
    """Record a notice. Return False if a notice with its key and channel is already recorded."""
    return bool(redis.hsetnx(NOTICES, notice.id, cast(str, msgspec.json.encode(notice))))


def read_notices(redis: Redis) -> list[Notice]:
    """Return all readable notices, the oldest first."""
    documents = cast(dict[bytes, bytes], redis.hgetall(NOTICES))
    notices = (decode_notice(name, document) for name, document in documents.items())
    return sorted((notice for notice in notices if notice), key=lambda notice: notice.created_at)


def change_notice(redis: Redis, name: str, change: Callable[[Notice], Notice | None]) -> Notice | None:
    """Apply a pure function to one notice, again if another process wrote meanwhile; None removes the notice."""
    with redis.pipeline() as tx:
        while True:
            tx.watch(NOTICES)  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
            document = cast(bytes | None, tx.hget(NOTICES, name))
            before = decode_notice(name.encode(), document) if document else None
            after = change(before) if before else None
            tx.multi()
            tx.hdel(NOTICES, name)
            if after:
                tx.hset(NOTICES, after.id, cast(str, msgspec.json.encode(after)))
            try:
                tx.execute()
            except WatchError:
                continue
            return after


def decode_notice(name: bytes, document: bytes) -> Notice | None:
    """Return the notice, or None if another version wrote it: it is left out so that the others can be read."""
    try:
        return NOTICE_DECODER.decode(document)
    except msgspec.DecodeError as error:
        log.error("the notice %s cannot be read, and is left out: %s", name.decode(errors="replace"), error)
        return None
