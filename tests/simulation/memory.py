"""A store in this process: the commands that the bot uses, as Valkey answers them. Held to Valkey by a test.

A schedule makes a thousand calls to the store, and a socket makes each of them a hundred times slower.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from redis.connection import UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from bot.adapters.redis.connection import ACQUIRE_SCRIPT
from bot.adapters.redis.identity_store import READ_SCRIPT

Arguments = Sequence[Any]


def encode(value: Any) -> bytes:
    """Return an argument as it travels."""
    if isinstance(value, bytes):
        return value
    return repr(value).encode() if isinstance(value, float) else str(value).encode()


class MemoryStore:
    """Keys and values.

    Attributes:
        data: by key: bytes, or a dict for a hash, a set or a sorted set, or a list.
        versions: number of changes of each key, for transactions that watch it.
    """

    def __init__(self) -> None:
        self.data: dict[bytes, Any] = {}
        self.versions: Counter[bytes] = Counter()
        self._streamed = 0

    def clear(self) -> None:
        """Delete every key."""
        self.versions.update(self.data.keys())
        self.data.clear()

    def copy(self) -> dict[bytes, Any]:
        """Return a copy of every key but the leader's."""
        return {key: deepcopy(value) for key, value in self.data.items() if not key.startswith(b"verl:leader")}

    def restore(self, data: dict[bytes, Any]) -> None:
        """Set the store back to a copy."""
        self.clear()
        self.data.update(deepcopy(data))
        self.versions.update(self.data.keys())

    def execute(self, arguments: Arguments) -> Any:
        """Return what a command answers."""
        name, *rest = arguments
        handle = COMMANDS.get(str(name, "ascii") if isinstance(name, bytes) else str(name).partition(" ")[0].upper())
        if handle is None:
            return ResponseError(f"unknown command '{name}'")
        return handle(self, [encode(one) for one in rest])

    def change(self, key: bytes, empty: Callable[[], Any]) -> Any:
        """Return the value of a key that is to be changed."""
        self.versions[key] += 1
        return self.data.setdefault(key, empty())

    def tidy(self, key: bytes) -> None:
        """Delete a key without elements."""
        if not self.data.get(key, True):
            del self.data[key]


def set_value(store: MemoryStore, a: list[bytes]) -> str | None:
    if b"NX" in a[2:] and a[0] in store.data:
        return None
    store.versions[a[0]] += 1
    store.data[a[0]] = a[1]
    return "OK"


def delete(store: MemoryStore, a: list[bytes]) -> int:
    found = [key for key in a if key in store.data]
    for key in found:
        store.versions[key] += 1
        del store.data[key]
    return len(found)


def increment(store: MemoryStore, a: list[bytes]) -> int:
    value = int(store.data.get(a[0], b"0")) + int(a[1] if len(a) > 1 else 1)
    set_value(store, [a[0], encode(value)])
    return value


def set_fields(store: MemoryStore, a: list[bytes]) -> int:
    fields = dict(zip(a[1::2], a[2::2], strict=True))
    known = store.change(a[0], dict)
    added = len(fields.keys() - known.keys())
    known.update(fields)
    return added


def set_new_field(store: MemoryStore, a: list[bytes]) -> int:
    return 0 if a[1] in store.data.get(a[0], {}) else set_fields(store, a)


def delete_fields(store: MemoryStore, a: list[bytes]) -> int:
    known = store.data.get(a[0], {})
    found = [name for name in a[1:] if name in known]
    if found:
        store.versions[a[0]] += 1
    for name in found:
        del known[name]
    store.tidy(a[0])
    return len(found)


def increment_field(store: MemoryStore, a: list[bytes]) -> bytes:
    known = store.change(a[0], dict)
    known[a[1]] = encode(float(known.get(a[1], b"0")) + float(a[2]))
    return bytes(known[a[1]])


def add_members(store: MemoryStore, a: list[bytes]) -> int:
    return set_fields(store, [a[0], *(part for member in a[1:] for part in (member, b""))])


def add_scores(store: MemoryStore, a: list[bytes]) -> int:
    return set_fields(store, [a[0], *(part for at in range(1, len(a), 2) for part in (a[at + 1], a[at]))])


def rank(store: MemoryStore, key: bytes) -> list[bytes]:
    """Return the members of a sorted set, the lowest first."""
    return [member for member, _ in sorted(store.data.get(key, {}).items(), key=lambda one: (float(one[1]), one[0]))]


def cut(values: list[Any], first: bytes, last: bytes) -> list[Any]:
    """Return a range of a list, whose ends may count from its end."""
    begin, end = int(first), int(last)
    begin = max(begin + len(values), 0) if begin < 0 else begin
    end = end + len(values) if end < 0 else end
    return values[begin : end + 1]


def in_range(score: float, low: bytes, high: bytes) -> bool:
    """Return whether a score is between two bounds; one that begins with a bracket is left out."""
    above = score > float(low[1:]) if low.startswith(b"(") else score >= float(low)
    below = score < float(high[1:]) if high.startswith(b"(") else score <= float(high)
    return above and below


def find_by_score(store: MemoryStore, key: bytes, low: bytes, high: bytes) -> list[bytes]:
    scores = store.data.get(key, {})
    return [member for member in rank(store, key) if in_range(float(scores[member]), low, high)]


def push(store: MemoryStore, a: list[bytes]) -> int:
    values = store.change(a[0], list)
    values.extend(a[1:])
    return len(values)


def trim(store: MemoryStore, a: list[bytes]) -> str:
    if a[0] in store.data:
        store.versions[a[0]] += 1
        store.data[a[0]] = cut(store.data[a[0]], a[1], a[2])
        store.tidy(a[0])
    return "OK"


def add_entry(store: MemoryStore, a: list[bytes]) -> bytes:
    store._streamed += 1
    name = f"{store._streamed}-0".encode()
    store.change(a[0], list).append([name, a[2:]])
    return name


def acquire_leadership(store: MemoryStore, a: list[bytes]) -> list[bytes]:
    """Do what `ACQUIRE_SCRIPT` does."""
    (leader, term, epoch_key), (owner, _, expired, known_epoch) = a[2:5], a[5:9]
    held = store.data.get(leader)
    holder = held.rpartition(b" ")[0] if held else None
    if held and holder != owner and held != expired:
        return [held, b""]
    epoch = store.data.get(epoch_key)
    if holder != owner or epoch != known_epoch:
        epoch = encode(increment(store, [epoch_key]))
    set_value(store, [leader, owner + b" " + encode(increment(store, [term]))])
    return [b"", epoch or b""]


def run_script(store: MemoryStore, a: list[bytes]) -> Any:
    if a[0] == ACQUIRE_SCRIPT.encode():
        return acquire_leadership(store, a)
    assert a[0] == READ_SCRIPT.encode(), a[0]
    fields = [part for pair in store.data.get(a[2], {}).items() for part in pair]
    return [fields, store.data.get(a[3])]


def read_time(_: MemoryStore, __: list[bytes]) -> list[bytes]:
    seconds, fraction = divmod(time.time(), 1)
    return [encode(int(seconds)), encode(int(fraction * 10**6))]


COMMANDS: dict[str, Callable[[MemoryStore, list[bytes]], Any]] = {
    "PING": lambda _, __: "PONG",
    "TIME": read_time,
    "EVAL": run_script,
    "GET": lambda store, a: store.data.get(a[0]),
    "MGET": lambda store, a: [store.data.get(key) for key in a],
    "SET": set_value,
    "DEL": delete,
    "EXISTS": lambda store, a: sum(key in store.data for key in a),
    "EXPIRE": lambda store, a: int(a[0] in store.data),
    "INCRBY": increment,
    "INCR": increment,
    "HGET": lambda store, a: store.data.get(a[0], {}).get(a[1]),
    "HGETALL": lambda store, a: dict(store.data.get(a[0], {})),
    "HVALS": lambda store, a: list(store.data.get(a[0], {}).values()),
    "HSET": set_fields,
    "HSETNX": set_new_field,
    "HDEL": delete_fields,
    "HINCRBYFLOAT": increment_field,
    "SADD": add_members,
    "SREM": delete_fields,
    "SMEMBERS": lambda store, a: list(store.data.get(a[0], {})),
    "SISMEMBER": lambda store, a: int(a[1] in store.data.get(a[0], {})),
    "ZADD": add_scores,
    "ZREM": delete_fields,
    "ZRANGE": lambda store, a: cut(rank(store, a[0]), a[1], a[2]),
    "ZREVRANGE": lambda store, a: cut(rank(store, a[0])[::-1], a[1], a[2]),
    "ZRANGEBYSCORE": lambda store, a: find_by_score(store, *a[:3]),
    "ZREMRANGEBYSCORE": lambda store, a: delete_fields(store, [a[0], *find_by_score(store, *a[:3])]),
    "RPUSH": push,
    "LRANGE": lambda store, a: cut(store.data.get(a[0], []), a[1], a[2]),
    "LLEN": lambda store, a: len(store.data.get(a[0], [])),
    "LTRIM": trim,
    "XADD": add_entry,
    "XTRIM": lambda _, __: 0,
    "XREVRANGE": lambda store, a: store.data.get(a[0], [])[::-1],
    "XRANGE": lambda store, a: store.data.get(a[0], []),
}
"""The commands by name. What expires does so by the time of days, which no schedule lasts."""


def is_transaction(commands: Sequence[Arguments]) -> bool:
    """Return whether what is sent at once ends with a transaction."""
    return bool(commands) and encode(commands[-1][0]) == b"EXEC"


class MemoryConnection(UnixDomainSocketConnection):
    """A connection to the store in this process.

    Attributes:
        store: of the schedule; reach: called before each send, with whether a transaction is in it; returns whether
            the link breaks after that.
    """

    store: MemoryStore
    reach: Callable[[bool], bool]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
        self._replies: deque[Any] = deque()
        self._watched: dict[bytes, int] = {}
        self._queue: list[Arguments] | None = None

    def connect(self) -> None:
        """There is nothing to connect to."""

    def disconnect(self, *args: Any, **options: Any) -> None:
        """Forget what was not read, and the transaction."""
        self._replies.clear()
        self._watched.clear()
        self._queue = None

    def can_read(self, timeout: float = 0) -> bool:
        return bool(self._replies)

    def pack_commands(self, commands: Any) -> Any:
        return list(commands)

    def send_command(self, *args: Any, **options: Any) -> None:
        self.send_packed_command([args])

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        is_broken = self.reach(is_transaction(command))
        self._replies.extend(map(self._answer, command))
        if is_broken:
            self.disconnect()
            raise RedisConnectionError("Connection closed by server.")

    def read_response(self, *args: Any, **options: Any) -> Any:
        reply = self._replies.popleft()
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _answer(self, command: Arguments) -> Any:
        name = encode(command[0]).decode().upper()
        if name == "WATCH":
            self._watched |= {encode(key): self.store.versions[encode(key)] for key in command[1:]}
            return b"OK"
        if name in ("UNWATCH", "DISCARD"):
            self._watched.clear()
            self._queue = None
            return b"OK"
        if name == "MULTI":
            self._queue = []
            return b"OK"
        if name == "EXEC":
            queue, self._queue = self._queue or [], None
            is_stale = any(self.store.versions[key] != version for key, version in self._watched.items())
            self._watched.clear()
            return None if is_stale else [self._execute(one) for one in queue]
        if self._queue is not None:
            self._queue.append(command)
            return b"QUEUED"
        return self._execute(command)

    def _execute(self, command: Arguments) -> Any:
        answer = self.store.execute(command)
        return answer.encode() if isinstance(answer, str) else answer
