"""Claims and spending in Redis: a hash each, written in the very step in which the run is."""

from datetime import tzinfo

import msgspec
from redis import Redis
from redis.client import Pipeline

from bot.adapters.keys import HOLDS, SPENT
from bot.core.holds import Hold, Ledger, hold, spending
from bot.core.run import Run

DECODER = msgspec.json.Decoder(Hold)


def ledger(redis: Redis | Pipeline) -> Ledger:
    """The ledger as it stands; within a transaction, before its writes begin."""
    holds = tuple(DECODER.decode(found) for found in redis.hvals(HOLDS))
    spent = {key.decode(): float(dollars) for key, dollars in redis.hgetall(SPENT).items()}  # type: ignore[union-attr]
    return Ledger(holds, spent)


def write(tx: Pipeline, before: Run | None, after: Run, zone: tzinfo) -> None:
    """Bring the ledger from one state of a run to the next, among the writes of a transaction."""
    was, now = hold(before) if before else None, hold(after)
    if now is None and was is not None:
        tx.hdel(HOLDS, after.id)
        for key, dollars in spending(after, zone).items():
            tx.hincrbyfloat(SPENT, key, dollars)
    elif now is not None and now != was:
        tx.hset(HOLDS, after.id, msgspec.json.encode(now))
