"""A client of Redis whose every write is refused once another process leads.

A leader that was paused, as by SIGSTOP or the move of its virtual machine, goes on where it stood, and does not know
that another has taken over. Its writes carry the epoch of its leadership, and the server has the epoch of the newest.
Each write is a transaction that watches that epoch, a single command too: between the check and the write no other
process can become the leader. A process that never led is not fenced.
"""

from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import WatchError

from bot.adapters.redis.connection import LEADER_EPOCH, decode_text
from bot.errors import LeadershipLost
from bot.phrase import Phrase

WRITE_COMMANDS = {
    "APPEND", "DEL", "EXPIRE", "EXPIREAT", "HDEL", "HINCRBY", "HINCRBYFLOAT", "HSET", "INCR", "INCRBY", "LPUSH",
    "LTRIM", "PERSIST", "PEXPIRE", "RPUSH", "SADD", "SET", "SREM", "UNLINK", "XADD", "XTRIM", "ZADD", "ZREM",
    "ZREMRANGEBYRANK", "ZREMRANGEBYSCORE",
}  # fmt: skip
"""The commands that the store writes with outside of transactions."""


class FencedRedis(Redis):
    """A client of the same server.

    Args:
        redis: the client whose connections it uses.
        get_epoch: returns the epoch of this process's leadership; empty if it never led, and then nothing is refused.
    """

    def __init__(self, redis: Redis, get_epoch: Callable[[], str]) -> None:
        super().__init__(connection_pool=redis.connection_pool)
        self._get_epoch = get_epoch

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Execute a command; raise LeadershipLost for a write once another process leads."""
        if str(args[0]).upper() not in WRITE_COMMANDS:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
        while True:
            tx = self.pipeline()
            with tx:
                tx.watch()
                tx.multi()
                tx.execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
                try:
                    return tx.execute()[0]
                except WatchError:  # the epoch has changed, which the next check finds, or the connection broke
                    continue

    def pipeline(self, transaction: Any = True, shard_hint: Any = None) -> "FencedPipeline":
        """Return a transaction that is refused as a whole once another process leads."""
        return FencedPipeline(self, self.connection_pool, self.response_callbacks, True, shard_hint)

    def check_epoch(self, current: object) -> None:
        """Raise LeadershipLost if the newest leadership is not this process's."""
        own = self._get_epoch()
        if own and decode_text(current) != own:
            raise LeadershipLost(Phrase("Another bot leads now."))


class FencedPipeline(Pipeline):
    """A transaction that also fails if the leadership changes before it is executed."""

    def __init__(self, redis: FencedRedis, *args: Any) -> None:
        super().__init__(*args)
        self._redis = redis

    def watch(self, *names: Any) -> Any:
        """Let the transaction fail if a key or the epoch changes, and check the epoch now."""
        answer = super().watch(*names, LEADER_EPOCH)  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
        self._redis.check_epoch(self.get(LEADER_EPOCH))
        return answer

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Execute what is queued. What watches no key watches the epoch from now on.

        Raises:
            LeadershipLost: another process leads.
            WatchError: a key that the caller watches has changed, or the epoch; the next `watch` says which.
        """
        if self.watching or not self.command_stack:
            return super().execute(raise_on_error)
        # redis-py watches nothing after `multi`, although no command of this transaction has been sent yet.
        self.explicit_transaction = False
        self.watch()
        try:
            return super().execute(raise_on_error)
        except WatchError as error:
            self._redis.check_epoch(self._redis.get(LEADER_EPOCH))
            raise RedisConnectionError("The connection broke within a transaction.") from error
