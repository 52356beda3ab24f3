"""Checks of a store for `verlbot doctor`: the server, its configuration, and whether a key of the doctor's is kept."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError

from bot.adapters.redis.connection import create_client
from bot.adapters.redis.embedded import EmbeddedValkey, get_socket_path
from bot.errors import Unavailable

PROBE_KEY = "verl:doctor:{}"
PROBE_SECONDS = 10
"""Seconds after which the doctor's key expires by itself, in case the doctor dies before it deletes the key."""


@dataclass(frozen=True, slots=True)
class StoreDiagnosis:
    """A Redis-protocol server and its configuration.

    Attributes:
        name: such as `Redis 8.0.1`.
        appendonly: whether the server writes each command to the disk.
        fsync: when the server flushes it to the disk; None if the server does not say.
        snapshots: its `save` points, empty for none; None if the server does not say.
        eviction_policy: which keys the server drops if its memory is full.
        memory_limit_bytes: at how many bytes it is full, 0 for never.
        write_error: why a write failed; empty if it worked.
    """

    name: str
    appendonly: bool
    fsync: str | None
    snapshots: str | None
    eviction_policy: str
    memory_limit_bytes: int
    write_error: str


def inspect_store(url: str, answer_seconds: float) -> StoreDiagnosis:
    """Return the server at an address and its configuration.

    Raises:
        Unavailable: it does not answer; the message is the server's or the system's.
    """
    return inspect_client(create_client(url, answer_seconds))


def inspect_embedded_store(folder: Path, answer_seconds: float) -> tuple[StoreDiagnosis, bool]:
    """Return the embedded store of a folder, and whether it runs; if not, start one elsewhere to check that it can.

    Raises:
        UserError: it does not start on this machine.
        Unavailable: it does not answer.
    """
    try:
        return inspect_store(f"unix://{get_socket_path(folder)}", answer_seconds), True
    except Unavailable:
        with tempfile.TemporaryDirectory(prefix="verlbot-") as elsewhere:
            trial = EmbeddedValkey(Path(elsewhere), answer_seconds)
            try:
                return inspect_client(trial.start()), False
            finally:
                trial.stop()


def inspect_client(redis: Redis) -> StoreDiagnosis:
    """Return the server of a client and its configuration, and close the client.

    Raises:
        Unavailable: it does not answer.
    """
    try:
        info = cast(Mapping[str, Any], redis.info())
        return StoreDiagnosis(
            name=describe_server(info),
            appendonly=bool(info.get("aof_enabled")),
            fsync=read_server_parameter(redis, "appendfsync"),
            snapshots=read_server_parameter(redis, "save"),
            eviction_policy=str(info.get("maxmemory_policy") or ""),
            memory_limit_bytes=int(info.get("maxmemory") or 0),
            write_error=find_write_error(redis),
        )
    except RedisError as error:
        raise Unavailable(" ".join(str(error).split())) from error
    finally:
        redis.close()


def describe_server(info: Mapping[str, Any]) -> str:
    """Return the name and version of a server.

    >>> describe_server({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.2"})
    'Valkey 9.1.2'
    """
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', 'of an unknown version')}"


def read_server_parameter(redis: Redis, parameter: str) -> str | None:
    """Return a parameter of the server; None if it does not reveal it, as hosted servers do not."""
    try:
        values = cast(Mapping[str, Any], redis.config_get(parameter))
    except RedisError:
        return None
    return str(values[parameter]) if parameter in values else None


def find_write_error(redis: Redis) -> str:
    """Return why a key cannot be written and read back; empty if it can."""
    key = PROBE_KEY.format(uuid4().hex)
    try:
        redis.set(key, "well", ex=PROBE_SECONDS)
        is_readable = redis.get(key) == b"well"
        redis.delete(key)
    except RedisError as error:
        return " ".join(str(error).split())
    return "" if is_readable else "what was written could not be read again"
