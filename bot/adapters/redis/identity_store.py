"""The identity of a store in Redis: a hash beside the leader's term, which rises with each renewal."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from redis import Redis
from redis.client import Pipeline

from bot.adapters.redis.connection import BOT_TIME, LEADER_TERM, STORE_IDENTITY, decode_text
from bot.adapters.redis.transactions import compare_and_set
from bot.core.model.store_identity import MAX_EARLIER_IDS, StoreChange, StoreIdentity, StoreRepair

READ_SCRIPT = "return {redis.call('HGETALL', KEYS[1]), redis.call('GET', KEYS[2])}"
"""One call to the server, because each part of a tick checks the identity."""


def read_identity(redis: Redis | Pipeline) -> StoreIdentity:
    """Return the identity of the store; one without an id where it has none."""
    pairs, term = cast(tuple[list[bytes], bytes], redis.eval(READ_SCRIPT, 2, STORE_IDENTITY, LEADER_TERM))
    return replace(decode_identity(dict(zip(pairs[::2], pairs[1::2], strict=True))), term=read_count(term))


def decode_identity(hash_fields: Mapping[bytes, bytes]) -> StoreIdentity:
    """Return the identity that a hash holds, without its term."""
    fields = {decode_text(name): decode_text(value) for name, value in hash_fields.items()}
    change = fields.get("unreported")
    return StoreIdentity(
        id=fields.get("id", ""),
        since=read_time(fields.get("since", "")),
        previous=fields.get("previous", ""),
        earlier=tuple(fields.get("earlier", "").split()[:MAX_EARLIER_IDS]),
        unreported=StoreChange(change) if change in set(StoreChange) else None,
        repair=decode_repair(fields.get("repair", "")),
    )


def encode_identity(identity: StoreIdentity) -> dict[Any, str]:
    """Return the fields of the hash that holds an identity."""
    return {
        "id": identity.id,
        "since": f"{identity.since.timestamp():.6f}" if identity.since else "",
        "previous": identity.previous,
        "earlier": " ".join(identity.earlier),
        "unreported": identity.unreported or "",
        "repair": msgspec.json.encode(identity.repair).decode() if identity.repair else "",
    }


def decode_repair(text: str) -> StoreRepair | None:
    """Return a repair from its text; None for none, or one that is not readable."""
    try:
        return msgspec.json.decode(text, type=StoreRepair) if text else None
    except msgspec.DecodeError:
        return None


def replace_identity(redis: Redis, expected_id: str, new: StoreIdentity) -> StoreIdentity:
    """Give the store a new identity, unless another process has given it one meanwhile. Return the one that it has."""

    def change(current: StoreIdentity) -> StoreIdentity:
        # The term may have risen meanwhile.
        return replace(new, term=max(current.term, new.term)) if current.id == expected_id else current

    def write(tx: Pipeline, _: StoreIdentity, after: StoreIdentity) -> None:
        tx.hset(STORE_IDENTITY, mapping=encode_identity(after))
        # The term continues, so that a copy from before this moment is known for an older state.
        tx.set(LEADER_TERM, after.term)

    return compare_and_set(redis, (STORE_IDENTITY, LEADER_TERM), read_identity, change, write)


def read_bot_time(redis: Redis) -> datetime | None:
    """Return the latest time that a leader has recorded; None where none has, or it is not readable."""
    return read_time(decode_text(redis.get(BOT_TIME)))


def write_bot_time(redis: Redis, now: datetime) -> None:
    """Record the leader's time."""
    redis.set(BOT_TIME, f"{now.timestamp():.3f}")


def read_count(value: object) -> int:
    """Return a whole number; 0 for anything else."""
    text = decode_text(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0


def read_time(text: str) -> datetime | None:
    """Return the time of Unix seconds; None for anything else."""
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None
