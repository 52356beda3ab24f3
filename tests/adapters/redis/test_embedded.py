"""The embedded store: what it holds survives kill -9 of the bot and of itself."""

import os
import signal
from pathlib import Path

import psutil
import pytest
from redis import Redis
from redis.exceptions import RedisError

from bot.adapters.redis.embedded import EmbeddedValkey
from bot.errors import UserError
from tests.waiting import eventually


def server_of(valkey: EmbeddedValkey) -> psutil.Process:
    return psutil.Process(valkey.start().info("server")["process_id"])


def test_what_was_written_survives_its_own_kill(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path, answer_seconds=5)
    valkey.start().set("run", "ppo-7f3a")
    server = server_of(valkey)
    os.kill(server.pid, signal.SIGKILL)
    server.wait(10)
    again = EmbeddedValkey(tmp_path, answer_seconds=5)
    assert again.start().get("run") == b"ppo-7f3a"
    again.stop()
    valkey.stop()


def test_one_that_died_is_revived_for_the_client_that_there_is(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path, answer_seconds=5)
    redis = valkey.start()
    redis.set("run", "ppo-7f3a")
    server = server_of(valkey)
    server.kill()
    server.wait(10)
    valkey.restart_if_ended()
    eventually(lambda: answers(redis))
    assert redis.get("run") == b"ppo-7f3a"
    valkey.stop()


def answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False


def test_a_server_is_found_whatever_the_folder_for_temporary_files_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("a" * 90)
    first = EmbeddedValkey(deep, answer_seconds=5)
    first.start()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert server_of(EmbeddedValkey(deep, answer_seconds=5)).pid == server_of(first).pid
    first.stop()


def test_a_running_server_is_taken_over_not_started_twice(tmp_path: Path) -> None:
    first = EmbeddedValkey(tmp_path, answer_seconds=5)
    second = EmbeddedValkey(tmp_path, answer_seconds=5)
    assert server_of(first).pid == server_of(second).pid
    second.stop()
    first.stop()


def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path, answer_seconds=5)
    server = server_of(valkey)
    valkey.stop()
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE


def test_a_folder_of_any_length_will_do(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 60) / ("b" * 60)
    valkey = EmbeddedValkey(folder, answer_seconds=5)
    assert valkey.start().ping()
    valkey.stop()


def test_a_server_that_does_not_come_up_is_said_with_its_log(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").write_text("not a folder")
    with pytest.raises(UserError, match="does not start") as refusal:
        EmbeddedValkey(tmp_path, answer_seconds=5, start_seconds=0.5).start()
    assert "valkey.log" in str(refusal.value.hint)
