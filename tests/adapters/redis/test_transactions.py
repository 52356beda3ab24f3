"""The one transaction of the store: it loses no change, repeats none, and writes nothing where nothing changes."""

import pytest
from redis import Redis
from redis.client import Pipeline

from bot.adapters.redis.transactions import compare_and_set

KEY = "number"


def read(tx: Pipeline) -> int:
    return int(tx.get(KEY) or 0)


def write(tx: Pipeline, before: int, after: int) -> None:
    tx.set(KEY, after)
    tx.rpush("changes", f"{before}>{after}")


def test_a_change_is_written_with_what_was_before_it(redis: Redis) -> None:
    assert compare_and_set(redis, (KEY,), read, lambda number: number + 1, write) == 1
    assert (redis.get(KEY), redis.lrange("changes", 0, -1)) == (b"1", [b"0>1"])


def test_a_value_that_stays_equal_is_not_written(redis: Redis) -> None:
    assert compare_and_set(redis, (KEY,), read, lambda number: number, write) == 0
    assert redis.keys() == []


def test_a_change_is_worked_out_again_where_another_process_wrote_meanwhile(redis: Redis) -> None:
    seen: list[int] = []

    def change(number: int) -> int:
        if not seen:
            redis.set(KEY, 10)
        seen.append(number)
        return number + 1

    assert compare_and_set(redis, (KEY,), read, change, write) == 11
    assert seen == [0, 10]
    assert redis.lrange("changes", 0, -1) == [b"10>11"]


def test_another_key_of_the_same_reading_counts_too(redis: Redis) -> None:
    seen: list[int] = []

    def change(number: int) -> int:
        if not seen:
            redis.set("other", "x")
        seen.append(number)
        return number + 1

    compare_and_set(redis, (KEY, "other"), read, change, write)
    assert seen == [0, 0]


def test_a_change_that_fails_writes_nothing_and_holds_no_connection(redis: Redis) -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            compare_and_set(redis, (KEY,), read, lambda number: 1 // number, write)
    assert redis.keys() == []
    assert compare_and_set(redis, (KEY,), read, lambda number: number + 5, write) == 5
