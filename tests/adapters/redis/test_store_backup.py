"""A backup holds every kind of key, and is refused where it is not whole, not ours or too new."""

import gzip
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis import Redis

from bot.adapters.redis import store_backup
from bot.adapters.redis.codec import RUN_SCHEMA_VERSION
from bot.adapters.redis.connection import LEADER
from bot.adapters.redis.redis_store import RedisStore
from bot.adapters.redis.store_backup import count_keys, iterate_entries, read_header, restore_entries, write_backup
from bot.errors import Unavailable, UserError
from tests.builders import a_run


def fill(redis: Redis) -> None:
    """One key of each type, with bytes that are no text."""
    redis.set("verl:a-string", b"\xff\x00text")
    redis.hset("verl:a-hash", mapping={b"\xfe": b"1", "b": "2"})
    redis.sadd("verl:a-set", "x", b"\xfd")
    redis.rpush("verl:a-list", "3", "1", "2")
    redis.zadd("verl:a-zset", {"early": 1.5, "late": 1e12})
    redis.xadd("verl:a-stream", {"k": "v", "l": b"\xfc"}, id="5-1")
    redis.xadd("verl:a-stream", {"k": "w"}, id="7-0")
    redis.set("verl:for-a-while", "x", px=3_600_000)
    # What a run has left that has ended is read in another way than the rest.
    redis.set("verl:run:old", b"\xff", px=3_600_000)
    redis.hset("verl:run:old:reading", mapping={b"\xfe": b"1"})
    redis.sadd("verl:run:old:some-set", "x")
    redis.rpush("verl:run:old:rows", "3", "1", b"\xfd")
    redis.zadd("verl:run:old:some-zset", {"early": 0.1, "late": 1e12})
    redis.xadd("verl:run:old:events", {"k": b"\xfc"}, id="5-1")
    redis.set("verl:card:C:1.0", "old")


def contents(redis: Redis) -> dict[bytes, tuple[Any, bool]]:
    """Return every key's own dump, without the leader's, and whether it expires."""
    return {key: (redis.dump(key), redis.pttl(key) > 0) for key in redis.scan_iter("*")}


def test_what_was_backed_up_comes_back_and_nothing_else(redis: Redis, tmp_path: Path) -> None:
    fill(redis)
    before = contents(redis)
    redis.set(LEADER, "a-bot 3", px=60_000)
    redis.set("another:program", "stays")
    file = tmp_path / "backup.gz"
    assert write_backup(redis, file, "0.1.0") == len(before) == 14
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["backup.gz"]
    redis.delete(*before, LEADER)
    redis.set("verl:later", "this goes")
    header = read_header(file)
    assert restore_entries(redis, iterate_entries(file)) == len(before)
    assert (header.schema, header.verlbot) == (RUN_SCHEMA_VERSION, "0.1.0")
    assert redis.get("another:program") == b"stays"
    redis.delete("another:program")
    assert contents(redis) == before
    assert 3_500_000 < redis.pttl("verl:for-a-while") <= 3_600_000
    assert count_keys(redis) == 14


def test_a_restored_record_is_the_run(store: RedisStore, redis: Redis, tmp_path: Path) -> None:
    store.add(a_run(), {"run": "python train.py"}, delivery_id="once")
    run, events = store.get("ppo-7f3a"), store.audit.list_run_events("ppo-7f3a")
    write_backup(redis, tmp_path / "b", "0.1.0")
    redis.flushdb()
    restore_entries(redis, iterate_entries(tmp_path / "b"))
    assert store.get("ppo-7f3a") == run
    assert store.get_task("ppo-7f3a") == {"run": "python train.py"}
    assert store.audit.list_run_events("ppo-7f3a") == events
    again = store.add(a_run(id="ppo-0000"), {}, delivery_id="once")
    assert again is not None
    assert again.id == "ppo-7f3a", "a delivery that Slack repeats launches nothing"


def written(*lines: Any, cut: int = 0) -> bytes:
    """A file of these lines with the right end."""
    body = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    end = msgspec.json.encode({"keys": len(lines) - 1, "sha256": hashlib.sha256(body).hexdigest()}) + b"\n"
    return gzip.compress(body[cut:] + end)


def flip(content: bytes, index: int) -> bytes:
    """Return the content with one byte of it damaged."""
    damaged = bytearray(content)
    damaged[index] ^= 0xFF
    return bytes(damaged)


HEADER = {"format": "verlbot backup", "version": 1, "schema": RUN_SCHEMA_VERSION, "created_at": 0.0, "verlbot": "9.9"}
ENTRY = {"key": "verl:x", "kind": "string", "expires_at": None, "value": [["eA=="]]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "cannot be read", id="no file"),
        pytest.param(b"text", "or is damaged", id="no gzip"),
        pytest.param(flip(written(HEADER, ENTRY), -8), "or is damaged", id="a wrong checksum"),
        pytest.param(written(HEADER, ENTRY)[:-9], "or is damaged", id="cut"),
        pytest.param(written(HEADER, ENTRY, cut=1), "or is damaged", id="a byte of it lost"),
        pytest.param(gzip.compress(b"{}\n{}\n"), "or is damaged", id="other JSON"),
        pytest.param(written(HEADER | {"format": "other"}), "or is damaged", id="another program's"),
        pytest.param(written(HEADER | {"version": 2}), "written by verlbot 9.9", id="a newer format"),
        pytest.param(
            written(HEADER | {"schema": RUN_SCHEMA_VERSION + 1}), "written by verlbot 9.9", id="newer records"
        ),
        pytest.param(written(HEADER, ENTRY | {"key": "other:x"}), "or is damaged", id="another program's key"),
        pytest.param(written(HEADER, ENTRY | {"kind": "module"}), "or is damaged", id="a type that Redis adds"),
    ],
)
def test_a_file_that_cannot_be_restored_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "b"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_header(file)


def test_a_file_by_the_same_hand_that_is_right_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(written(HEADER, ENTRY))
    assert read_header(tmp_path / "b").verlbot == "9.9"
    assert [entry.key for entry in iterate_entries(tmp_path / "b")] == ["verl:x"]


def test_a_store_without_room_for_a_backup_stays_as_it_was(redis: Redis) -> None:
    redis.set("verl:kept", "1")
    redis.config_set("maxmemory", "1")
    try:
        with pytest.raises(Unavailable):
            restore_entries(redis, [store_backup.BackupEntry(**ENTRY)])  # type: ignore[arg-type]  # its values are objects
    finally:
        redis.config_set("maxmemory", "0")
    assert (redis.get("verl:kept"), redis.get("verl:x")) == (b"1", None)


def test_a_folder_that_cannot_be_written_is_named(redis: Redis, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        write_backup(redis, tmp_path / "none" / "b", "0.1.0")
