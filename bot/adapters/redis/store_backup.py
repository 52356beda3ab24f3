"""A backup of the store: all that the bot has recorded, as of one moment, in one file that any Redis can take.

The file is gzipped JSON lines: a header, a line for each key, and at the end the number of keys and a hash of all
before it, so that a file that was cut is refused. Values are written by their type, and not as Redis' own dumps are: a
dump of Valkey cannot be read by another Redis.
"""

import gzip
import hashlib
import os
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import uuid4

import msgspec
from redis import Redis
from redis.client import Pipeline

from bot.adapters.redis.codec import RUN_SCHEMA_VERSION
from bot.adapters.redis.connection import LEADER, OPEN_RUNS, STORE_IDENTITY, decode_text, translate_redis_errors
from bot.adapters.redis.identity_store import decode_identity, encode_identity
from bot.core.model.store_identity import StoreChange
from bot.errors import UserError

T = TypeVar("T")

FORMAT, FORMAT_VERSION = "verlbot backup", 1
"""What a file is, and the version of its lines."""

PREFIX = "verl:"
DRAFT_PREFIX = "verlbot-restore:"
"""Where keys are until all of a backup is in the store."""

MOMENT_SCRIPT = """
local open = {}
for _, id in ipairs(redis.call('SMEMBERS', ARGV[2])) do open[id] = true end
local now, later = {}, {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local id = string.match(key, '^verl:run:([^:]+)')
  if (id and not open[id] and key ~= ARGV[2]) or string.match(key, '^verl:card:') then
    table.insert(later, key)
  else
    local kind = redis.call('TYPE', key)['ok']
    local value
    if kind == 'string' then value = {redis.call('GET', key)}
    elseif kind == 'hash' then value = redis.call('HGETALL', key)
    elseif kind == 'set' then value = redis.call('SMEMBERS', key)
    elseif kind == 'list' then value = redis.call('LRANGE', key, 0, -1)
    elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    elseif kind == 'stream' then value = redis.call('XRANGE', key, '-', '+')
    end
    table.insert(now, {key, kind, redis.call('PTTL', key), value or {}})
  end
end
return {now, later}
"""
"""One step in the server, so that records, ledger and histories of open runs fit each other. Of runs that have ended,
the names alone, to be read afterwards while the bot goes on: their keys change seldom, and each of them by itself.
"""

REPLACE_SCRIPT = """
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end
local drafts = redis.call('KEYS', ARGV[2] .. '*')
for _, key in ipairs(drafts) do redis.call('RENAME', key, string.sub(key, #ARGV[2] + 1)) end
return #drafts
"""

KEYS_AT_ONCE = 500
"""Keys that are read or written in one call."""

COMPRESSION_LEVEL = 3


class BackupHeader(msgspec.Struct, frozen=True):
    """The first line of a backup.

    Attributes:
        schema: the version of the runs' records. created_at: Unix seconds. verlbot: the version that wrote it.
    """

    format: str
    version: int
    schema: int
    created_at: float
    verlbot: str


class BackupEntry(msgspec.Struct, frozen=True):
    """One key.

    Attributes:
        expires_at: Unix milliseconds; None where it does not expire.
        value: what the key holds, in base64: one text for a string; keys and values, or members and scores, by turns;
            of a stream, each entry's id, then its keys and values.
    """

    key: str
    kind: str
    expires_at: int | None
    value: list[list[str]]


class BackupEnd(msgspec.Struct, frozen=True):
    """The last line."""

    keys: int
    sha256: str


ENTRY_DECODER = msgspec.json.Decoder(BackupEntry)


def write_backup(redis: Redis, path: Path, version: str) -> int:
    """Write a backup atomically, for this user alone; return how many keys it has.

    Raises:
        Unavailable: the store does not answer.
        UserError: the file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    header = BackupHeader(FORMAT, FORMAT_VERSION, RUN_SCHEMA_VERSION, datetime.now(UTC).timestamp(), version)
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            with gzip.GzipFile("", "wb", COMPRESSION_LEVEL, file, mtime=0) as lines:
                count = write_lines(lines, header, read_entries(redis, header.created_at))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.", "Name a file in a folder of yours.") from error
    finally:
        draft.unlink(missing_ok=True)
    return count


def write_lines(file: gzip.GzipFile, header: BackupHeader, entries: Iterator[BackupEntry]) -> int:
    """Write all lines; return how many entries there were."""
    digest, count = hashlib.sha256(), -1
    for count, line in enumerate(map(msgspec.json.encode, chain([header], entries))):  # noqa: B007  # it is returned
        digest.update(line + b"\n")
        file.write(line + b"\n")
    file.write(msgspec.json.encode(BackupEnd(count, digest.hexdigest())) + b"\n")
    return count


def read_entries(redis: Redis, now: float) -> Iterator[BackupEntry]:
    """Yield every key of the bot, the leader's aside."""
    with translate_redis_errors():
        rows, later_keys = cast(tuple[list[Any], list[bytes]], redis.eval(MOMENT_SCRIPT, 0, f"{PREFIX}*", OPEN_RUNS))
    yield from (entry for row in rows if (entry := build_entry(row, now)).key != LEADER)
    for start in range(0, len(later_keys), KEYS_AT_ONCE):
        keys = later_keys[start : start + KEYS_AT_ONCE]
        with translate_redis_errors():
            kinds = call_for_each(redis, lambda tx, key: tx.type(key), keys)
            existing = [(key, kind) for key, kind in zip(keys, kinds, strict=True) if kind in READERS]
            values = call_for_each(redis, lambda tx, pair: READERS[pair[1]](tx, pair[0]), existing)
            lifetimes = call_for_each(redis, lambda tx, pair: tx.pttl(pair[0]), existing)
        for (key, kind), value, lifetime in zip(existing, values, lifetimes, strict=True):
            if value is not None:  # it expired between two calls
                yield build_entry((key, kind, lifetime, list_words(kind, value)), now)


def call_for_each(redis: Redis, call: Callable[[Pipeline, T], object], subjects: Iterable[T]) -> list[Any]:
    """Return the answers to a call about each subject, made at once."""
    with redis.pipeline(transaction=False) as pipe:
        for subject in subjects:
            call(pipe, subject)
        return pipe.execute()


READERS: Mapping[bytes, Callable[[Pipeline, bytes], object]] = {
    b"string": lambda tx, key: tx.get(key),
    b"hash": lambda tx, key: tx.hgetall(key),
    b"set": lambda tx, key: tx.smembers(key),
    b"list": lambda tx, key: tx.lrange(key, 0, -1),
    b"zset": lambda tx, key: tx.zrange(key, 0, -1, withscores=True),
    b"stream": lambda tx, key: tx.xrange(key),
}
"""What reads a key of each type."""


def list_words(kind: bytes, value: Any) -> list[Any]:
    """Return a value as the script in the server gives it, from how redis-py does.

    >>> list_words(b"hash", {b"a": b"1"}), list_words(b"zset", [(b"a", 1.5)]), list_words(b"string", b"x")
    ([b'a', b'1'], [b'a', b'1.5'], [b'x'])
    """
    match kind:
        case b"string":
            return [value]
        case b"hash":
            return list(chain.from_iterable(value.items()))
        case b"zset":
            return list(chain.from_iterable((member, repr(score).encode()) for member, score in value))
        case b"stream":
            return [(entry_id, list(chain.from_iterable(fields.items()))) for entry_id, fields in value]
        case _:
            return list(value)


def build_entry(row: Sequence[Any], now: float) -> BackupEntry:
    """Return the entry of a key as the script has read it."""
    key, kind, milliseconds_left, value = row
    parts = [[entry_id, *fields] for entry_id, fields in value] if kind == b"stream" else [value]
    return BackupEntry(
        decode_text(key),
        decode_text(kind),
        int(now * 1000) + milliseconds_left if milliseconds_left > 0 else None,
        [[b64encode(word).decode() for word in part] for part in parts],
    )


def read_header(path: Path) -> BackupHeader:
    """Return a backup's header, once all of the file has been read and checked.

    Raises:
        UserError: the file is no backup, is not whole, or is of a newer version.
    """
    try:
        header = check_lines(path)
    except (EOFError, gzip.BadGzipFile, msgspec.DecodeError, ValueError, zlib.error) as error:
        raise UserError(
            f"{path} is no backup of verlbot, or is damaged.", "Name another file of `verlbot backup`."
        ) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Name a file of `verlbot backup`.") from error
    if header.version > FORMAT_VERSION or header.schema > RUN_SCHEMA_VERSION:
        raise UserError(
            f"{path} was written by verlbot {header.verlbot}, whose records have schema {header.schema}; this version "
            f"reads schema {RUN_SCHEMA_VERSION}.",
            "Restore it with that version, or a newer one.",
        )
    return header


def check_lines(path: Path) -> BackupHeader:
    """Return the header of a backup whose every line is ours, and whose end fits them.

    Raises:
        ValueError: it is not so. OSError, EOFError: the file cannot be read.
    """
    digest, count = hashlib.sha256(), 0
    with gzip.open(path) as lines:
        line = next(lines, b"")
        header = msgspec.json.decode(line, type=BackupHeader)
        if header.format != FORMAT:
            raise ValueError("it is another program's")
        digest.update(line)
        line = next(lines, b"")
        for following in lines:
            if header.version <= FORMAT_VERSION:
                check_entry(line)
            digest.update(line)
            line, count = following, count + 1
    if msgspec.json.decode(line, type=BackupEnd) != BackupEnd(count, digest.hexdigest()):
        raise ValueError("its end does not fit")
    return header


def check_entry(line: bytes) -> None:
    """Raise ValueError if a line is no key of the bot's."""
    entry = ENTRY_DECODER.decode(line)
    if not entry.key.startswith(PREFIX) or entry.kind not in WRITERS:
        raise ValueError("it has a key that is not verlbot's")


def iterate_entries(path: Path) -> Iterator[BackupEntry]:
    """Yield the entries of a backup that has been checked."""
    with gzip.open(path) as lines:
        next(lines)
        line = next(lines)
        for following in lines:
            yield ENTRY_DECODER.decode(line)
            line = following


def renew_identity(entries: Iterable[BackupEntry], now: datetime) -> Iterator[BackupEntry]:
    """Yield the entries with a new identity of the store, by which the next bot notices the restore.

    A data directory may not know the store: on a fresh machine the backup's own identity would look like that of a
    store which has lost nothing.
    """
    fields: dict[bytes, bytes] = {}
    for entry in entries:
        if entry.key == STORE_IDENTITY and entry.kind == "hash":
            fields = pair([b64decode(word) for part in entry.value for word in part])
        else:
            yield entry
    restored = decode_identity(fields)
    # A backup that a bot wrote before stores had identities gets one, which is then the previous one.
    restored = replace(restored, id=restored.id or uuid4().hex)
    new = encode_identity(restored.replace_by(uuid4().hex, None, StoreChange.RESTORED, now))
    words = [b64encode(word.encode()).decode() for word in chain.from_iterable(new.items())]
    yield BackupEntry(STORE_IDENTITY, "hash", None, [words])


def count_keys(redis: Redis) -> int:
    """Return how many keys of the bot the store has, the leader's aside."""
    with translate_redis_errors():
        return sum(decode_text(key) != LEADER for key in redis.scan_iter(f"{PREFIX}*", count=1000))


def find_leader(redis: Redis) -> str:
    """Return the name of the bot that leads on this store; empty where none does."""
    with translate_redis_errors():
        return decode_text(redis.get(LEADER))


def restore_entries(redis: Redis, entries: Iterable[BackupEntry]) -> int:
    """Replace all of the bot's keys by these, in one step; return how many there are.

    They are written beside the old ones first: a store that has no room for both stays as it was.
    """
    with translate_redis_errors():
        delete_drafts(redis)
        try:
            waiting = iter(entries)
            while batch := list(islice(waiting, KEYS_AT_ONCE)):
                with redis.pipeline(transaction=True) as tx:
                    for entry in batch:
                        write_entry(tx, entry)
                    tx.execute()
            return int(cast(int, redis.eval(REPLACE_SCRIPT, 0, f"{PREFIX}*", DRAFT_PREFIX)))
        except BaseException:
            delete_drafts(redis)
            raise


def delete_drafts(redis: Redis) -> None:
    """Delete what a restore has left that did not end."""
    for key in list(redis.scan_iter(f"{DRAFT_PREFIX}*", count=1000)):
        redis.delete(key)


def write_entry(tx: Pipeline, entry: BackupEntry) -> None:
    """Queue the commands that create one key."""
    key = f"{DRAFT_PREFIX}{entry.key}"
    for part in entry.value:
        if part:
            WRITERS[entry.kind](tx, key, [b64decode(word) for word in part])
    if entry.expires_at is not None:
        tx.pexpireat(key, entry.expires_at)


def pair(words: Sequence[bytes]) -> dict[Any, Any]:
    """Return keys and values that come by turns as a mapping."""
    return dict(zip(words[::2], words[1::2], strict=True))


WRITERS = {
    "string": lambda tx, key, words: tx.set(key, words[0]),
    "hash": lambda tx, key, words: tx.hset(key, mapping=pair(words)),
    "set": lambda tx, key, words: tx.sadd(key, *words),
    "list": lambda tx, key, words: tx.rpush(key, *words),
    "zset": lambda tx, key, words: tx.zadd(key, pair(words)),
    "stream": lambda tx, key, words: tx.xadd(key, pair(words[1:]), id=words[0]),
}
"""What creates a key of each type."""
