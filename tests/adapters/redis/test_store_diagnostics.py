"""What the doctor learns of a store: its name, whether it keeps what it is given, and that the probe leaves nothing."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from redis import Redis

from bot.adapters.redis.connection import create_client
from bot.adapters.redis.store_diagnostics import (
    describe_server,
    find_write_error,
    inspect_embedded_store,
    inspect_store,
    read_server_parameter,
)
from bot.errors import Unavailable


def address_of(redis: Redis) -> str:
    return f"unix://{redis.connection_pool.connection_kwargs['path']}"


def test_a_server_is_described_by_what_it_says_of_itself(redis: Redis) -> None:
    diagnosis = inspect_store(address_of(redis), 5)
    assert diagnosis.name.startswith("Valkey ")
    assert (diagnosis.appendonly, diagnosis.eviction_policy, diagnosis.write_error) == (False, "noeviction", "")
    assert redis.keys() == []


@pytest.mark.parametrize(
    ("info", "name"),
    [
        ({"redis_version": "8.0.1"}, "Redis 8.0.1"),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.2"}, "Valkey 9.1.2"),
        ({}, "Redis of an unknown version"),
    ],
)
def test_a_server_has_a_name_and_a_version(info: Mapping[str, str], name: str) -> None:
    assert describe_server(info) == name


def test_a_parameter_that_a_server_does_not_reveal_is_unknown(redis: Redis) -> None:
    assert read_server_parameter(redis, "appendfsync") == "always"
    assert read_server_parameter(redis, "no-such-parameter") is None


def test_a_server_that_is_full_says_why_it_keeps_nothing(redis: Redis) -> None:
    usual = redis.config_get("maxmemory")["maxmemory"]
    redis.config_set("maxmemory", 1)
    try:
        assert "maxmemory" in find_write_error(redis)
    finally:
        redis.config_set("maxmemory", str(usual))
    assert find_write_error(redis) == ""


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="refused"):
        inspect_store("redis://127.0.0.1:1", 1)
    assert "refused" in find_write_error(create_client("redis://127.0.0.1:1", 1))


def test_an_embedded_store_that_does_not_run_is_tried_elsewhere(tmp_path: Path) -> None:
    diagnosis, runs = inspect_embedded_store(tmp_path / "store", 10)
    assert (runs, diagnosis.appendonly, diagnosis.write_error) == (False, True, "")
    assert list(tmp_path.iterdir()) == []
