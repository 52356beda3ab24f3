"""The store of a schedule: in this process, or a real server."""

from collections.abc import Callable
from typing import Any, Protocol

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.connection import UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from tests.simulation.memory import MemoryConnection, MemoryStore
from tests.simulation.outside import Outside

ONE_RETRY = Retry(NoBackoff(), 1)
"""As `bot.adapters.redis.connection.create_client` has it."""

EXECUTE = b"$4\r\nEXEC\r\n"
"""The end of a transaction, as it travels."""


class StoreBed(Protocol):
    """A store that can be emptied, copied and set back behind the bots' backs."""

    def build_pool(self, outside: Outside) -> ConnectionPool: ...

    def clear(self) -> None: ...

    def copy(self) -> Any: ...

    def restore(self, data: Any) -> None: ...


class MemoryBed(MemoryStore):
    """The store in this process."""

    def build_pool(self, outside: Outside) -> ConnectionPool:
        reach: Callable[[object, bool], bool] = lambda _, is_transaction: outside.reach_store(is_transaction)  # noqa: E731
        connection = type("Connection", (MemoryConnection,), {"store": self, "reach": reach})
        return ConnectionPool(connection_class=connection, retry=ONE_RETRY)


class WatchedConnection(UnixDomainSocketConnection):
    """A connection to a server, each command of which leaves the process. Its greeting does not count."""

    outside: Outside
    is_greeting = is_broken = False

    def on_connect_check_health(self, check_health: bool = True) -> None:
        self.is_greeting = True
        super().on_connect_check_health(check_health)
        self.is_greeting = False

    def send_packed_command(self, command: Any, check_health: bool = True) -> Any:
        if not self.is_greeting:
            self.is_broken = self.outside.reach_store(any(EXECUTE in bytes(part) for part in command))
        return super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]  # redis-py leaves this untyped

    def read_response(self, *args: Any, **options: Any) -> Any:
        answer = super().read_response(*args, **options)
        if self.is_broken:
            self.is_broken = False
            self.disconnect()  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
            raise RedisConnectionError("Connection closed by server.")
        return answer


class ValkeyBed:
    """A real server.

    Args:
        redis: a client of it that no fault meets.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._path = redis.connection_pool.connection_kwargs["path"]

    def build_pool(self, outside: Outside) -> ConnectionPool:
        connection = type("Connection", (WatchedConnection,), {"outside": outside})
        return ConnectionPool(connection_class=connection, path=self._path, retry=ONE_RETRY)

    def clear(self) -> None:
        self._redis.flushall()

    def copy(self) -> dict[bytes, tuple[bytes, int]]:
        keys = [key for key in self._redis.scan_iter() if not key.startswith(b"verl:leader")]
        return {key: (bytes(self._redis.dump(key) or b""), max(int(self._redis.pttl(key)), 0)) for key in keys}

    def restore(self, data: dict[bytes, tuple[bytes, int]]) -> None:
        self._redis.flushall()
        for key, (value, milliseconds) in data.items():
            self._redis.restore(key, milliseconds, value)
