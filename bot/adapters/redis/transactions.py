"""The one optimistic transaction in Redis: read, change, write, again if another process wrote meanwhile."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError

T = TypeVar("T")


def compare_and_set(
    redis: Redis,
    keys: Sequence[str],
    read: Callable[[Pipeline], T],
    change: Callable[[T], T],
    write: Callable[[Pipeline, T, T], None],
) -> T:
    """Read a value, change it and write it in one step. Return the changed value.

    All of it is done again if another process wrote one of the keys meanwhile. A value that stays equal is not written.

    Args:
        keys: the keys that must not change between the read and the write.
        read: returns the value; its commands are executed at once.
        change: returns the next value; it has no other effect, because it may be called several times.
        write: queues the commands that bring the first value to the second.
    """
    with redis.pipeline() as tx:
        while True:
            tx.watch(*keys)  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
            before = read(tx)
            after = change(before)
            if after == before:
                return after
            tx.multi()
            write(tx, before, after)
            try:
                tx.execute()
            except WatchError:
                continue
            return after
