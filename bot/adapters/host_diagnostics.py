"""Checks of this machine and of the store for `verlbot doctor`; they write only a key and a file of their own."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx
from redis import Redis
from redis.exceptions import RedisError

from bot.adapters.redis.connection import create_client
from bot.adapters.redis.embedded import EmbeddedValkey, get_socket_path
from bot.errors import Unavailable

PROBE_KEY = "verl:doctor:{}"
PROBE_SECONDS = 10
"""Seconds after which the doctor's key expires by itself, in case the doctor dies before it deletes the key."""


BOT_ANSWER_SECONDS = 5
"""Maximum seconds for a bot on this machine to answer."""


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


@dataclass(frozen=True, slots=True)
class DataFolderDiagnosis:
    """The data directory.

    Attributes:
        exists: whether it exists yet.
        error: why nothing can be written there, or in the nearest existing parent; empty if it can.
        free_bytes: free bytes on its disk.
        is_in_use: whether a bot runs on it.
    """

    exists: bool
    error: str
    free_bytes: int
    is_in_use: bool


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


def inspect_data_folder(folder: Path) -> DataFolderDiagnosis:
    """Return whether the data directory can be used, and the free space there."""
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest) as probe:
            probe.write(b"well")
            probe.flush()
            os.fsync(probe.fileno())
        error = ""
    except OSError as failure:
        error = str(failure.strerror or failure)
    if folder.is_dir() and folder.stat().st_uid not in (0, os.geteuid()):
        error = "it belongs to another user"
    return DataFolderDiagnosis(folder.is_dir(), error, shutil.disk_usage(nearest).free, is_folder_in_use(folder))


def is_folder_in_use(folder: Path) -> bool:
    """Return whether a bot has the folder's lock; the check releases the lock at once."""
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def is_bot_answering(url: str) -> bool:
    """Return whether the bot itself answers at its own address.

    Raises:
        Unavailable: there is no answer.
    """
    try:
        return httpx.get(url, timeout=BOT_ANSWER_SECONDS, trust_env=False).text == "ok"
    except httpx.HTTPError as error:
        raise Unavailable(str(error) or type(error).__name__) from error
