"""What `verlbot doctor` asks of this machine and of the store; it writes nothing but a key and a file of its own."""

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

from bot.adapters.connection import client
from bot.adapters.valkey import Valkey, socket_of
from bot.errors import Unavailable

PROBE = "verl:doctor:{}"
PROBE_SECONDS = 10
"""After which the doctor's key goes by itself, should the doctor die before."""


GREETS_SECONDS = 5
"""For a bot of this machine to answer."""


@dataclass(frozen=True, slots=True)
class Store:
    """A Redis-protocol server as it is set up.

    Attributes:
        name: such as `Redis 8.0.1`.
        appendonly: whether each command is written to the disk; fsync: when, or None where it does not say.
        snapshots: its `save` points, empty for none; None where it does not say.
        policy: what it drops when its memory is full; limit_bytes: when it is, 0 for never.
        refusal: why a write failed; empty where it worked.
    """

    name: str
    appendonly: bool
    fsync: str | None
    snapshots: str | None
    policy: str
    limit_bytes: int
    refusal: str


@dataclass(frozen=True, slots=True)
class Folder:
    """The data directory.

    Attributes:
        exists: whether it is there yet; error: why nothing can be written there, or in the nearest folder above.
        free_bytes: on its disk.
        taken: whether a bot runs on it.
    """

    exists: bool
    error: str
    free_bytes: int
    taken: bool


def ask_store(url: str, answer_seconds: float) -> Store:
    """Raises Unavailable where nobody answers, with the server's or the system's words."""
    return examine(client(url, answer_seconds))


def ask_embedded(folder: Path, answer_seconds: float) -> tuple[Store, bool]:
    """The embedded store of a folder, and whether it runs; where not, one is started elsewhere to see that it can.

    Raises:
        UserError: it does not start on this machine.
        Unavailable: it does not answer.
    """
    try:
        return ask_store(f"unix://{socket_of(folder)}", answer_seconds), True
    except Unavailable:
        with tempfile.TemporaryDirectory(prefix="verlbot-") as elsewhere:
            trial = Valkey(Path(elsewhere), answer_seconds)
            try:
                return examine(trial.start()), False
            finally:
                trial.stop()


def examine(redis: Redis) -> Store:
    try:
        info = cast(Mapping[str, Any], redis.info())
        return Store(
            name=name_of(info),
            appendonly=bool(info.get("aof_enabled")),
            fsync=configured(redis, "appendfsync"),
            snapshots=configured(redis, "save"),
            policy=str(info.get("maxmemory_policy") or ""),
            limit_bytes=int(info.get("maxmemory") or 0),
            refusal=refusal(redis),
        )
    except RedisError as error:
        raise Unavailable(" ".join(str(error).split())) from error
    finally:
        redis.close()


def name_of(info: Mapping[str, Any]) -> str:
    """
    >>> name_of({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.2"})
    'Valkey 9.1.2'
    """
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', 'of an unknown version')}"


def configured(redis: Redis, parameter: str) -> str | None:
    """A parameter of the server; None where it keeps it to itself, as hosted ones do."""
    try:
        found = cast(Mapping[str, Any], redis.config_get(parameter))
    except RedisError:
        return None
    return str(found[parameter]) if parameter in found else None


def refusal(redis: Redis) -> str:
    """Why a key cannot be written and read again; empty where it can."""
    key = PROBE.format(uuid4().hex)
    try:
        redis.set(key, "well", ex=PROBE_SECONDS)
        kept = redis.get(key) == b"well"
        redis.delete(key)
    except RedisError as error:
        return " ".join(str(error).split())
    return "" if kept else "what was written could not be read again"


def ask_folder(folder: Path) -> Folder:
    there = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as probe:
            probe.write(b"well")
            probe.flush()
            os.fsync(probe.fileno())
        error = ""
    except OSError as problem:
        error = str(problem.strerror or problem)
    if folder.is_dir() and folder.stat().st_uid not in (0, os.geteuid()):
        error = "it belongs to another user"
    return Folder(folder.is_dir(), error, shutil.disk_usage(there).free, taken(folder))


def taken(folder: Path) -> bool:
    """Whether a bot holds the folder's lock; it is let go of in the same moment."""
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def greets(url: str) -> bool:
    """Whether the bot itself answers at this address of its own.

    Raises:
        Unavailable: nobody does.
    """
    try:
        return httpx.get(url, timeout=GREETS_SECONDS, trust_env=False).text == "ok"
    except httpx.HTTPError as error:
        raise Unavailable(str(error) or type(error).__name__) from error
