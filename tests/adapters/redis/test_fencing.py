"""A leader that was paused, and goes on after another has taken over, writes nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from redis import Redis

from bot.adapters.redis.connection import LEADER_EPOCH
from bot.adapters.redis.fencing import FencedRedis
from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.ledger import Ledger
from bot.core.model.run import Run
from bot.core.model.run_stub import RunStub
from bot.errors import LeadershipLost
from tests.builders import NOON, a_run

MINUTE = timedelta(minutes=1)
RUN = a_run(id="smoke-0001")


def stop(store: RedisStore) -> None:
    store.update(RUN.id, lambda run: run.request_stop("U0ANA", NOON))


WRITES = [
    pytest.param(stop, id="a transaction"),
    pytest.param(lambda store: store.save_log(RUN.id, "after"), id="a key"),
    pytest.param(lambda store: store.archive(RUN.id), id="a set"),
    pytest.param(lambda store: store.delete_run(RUN.id), id="a deletion"),
    pytest.param(
        lambda store: store.close_unreadable(RunStub(run_id=RUN.id), NOON), id="a transaction that watches nothing"
    ),
]


@pytest.mark.parametrize("write", WRITES)
def test_its_writes_are_refused(redis: Redis, write: Callable[[RedisStore], None]) -> None:
    first, second = RedisStore(redis), RedisStore(redis)
    first.add(RUN, {"run": "true"})
    assert first.acquire_leadership("first", MINUTE)
    redis.delete("verl:leader")  # its time is over while it is paused
    assert second.acquire_leadership("second", MINUTE)
    before = {key: redis.dump(key) for key in redis.keys("*")}
    with pytest.raises(LeadershipLost):
        write(first.fence())
    assert {key: redis.dump(key) for key in redis.keys("*")} == before
    write(second.fence())


def test_a_takeover_within_a_transaction_refuses_it(redis: Redis) -> None:
    first, second = RedisStore(redis), RedisStore(redis)
    first.add(RUN, {"run": "true"})
    assert first.acquire_leadership("first", MINUTE)

    def takes_over(run: object) -> object:
        redis.delete("verl:leader")
        second.acquire_leadership("second", MINUTE)
        return replace(RUN, why="too late")

    with pytest.raises(LeadershipLost):
        first.fence().update(RUN.id, takes_over)  # type: ignore[arg-type]  # it changes the run, whatever that is
    assert (first.get(RUN.id) or RUN).why == ""


def write_together(redis: Redis) -> None:
    with redis.pipeline() as tx:
        tx.set("key", "late")
        tx.rpush("list", "late")
        tx.execute()


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda redis: redis.set("key", "late"), id="a key"),
        pytest.param(lambda redis: redis.hset("hash", "key", "late"), id="a hash"),
        pytest.param(write_together, id="a transaction that watches nothing"),
    ],
)
def test_a_takeover_between_the_check_and_the_write_refuses_it(redis: Redis, write: Callable[[Redis], object]) -> None:
    redis.set(LEADER_EPOCH, 1)
    checks: list[int] = []

    def read_own_epoch() -> str:
        """The server has answered the first check when another process becomes the leader."""
        checks.append(redis.incr(LEADER_EPOCH) if not checks else 0)
        return "1"

    with pytest.raises(LeadershipLost):
        write(FencedRedis(redis, read_own_epoch))
    assert sorted(redis.keys()) == [LEADER_EPOCH.encode()]


def test_what_a_fenced_command_answers_is_what_the_plain_one_does(redis: Redis) -> None:
    redis.set(LEADER_EPOCH, 1)
    fenced = FencedRedis(redis, lambda: "1")
    assert fenced.set("key", "value", px=60_000) is True
    assert fenced.set("key", "another", nx=True) is None
    assert fenced.set("key", "another", get=True) == b"value"
    assert (fenced.incr("count"), fenced.incrby("count", 2)) == (1, 3)
    assert fenced.zadd("sorted", {"a": 1.5}) == 1
    assert fenced.hincrbyfloat("hash", "cost", 0.5) == 0.5
    assert fenced.expire("count", 60) is True
    assert fenced.delete("key", "none") == 1


def test_threads_that_ask_at_once_begin_one_epoch(redis: Redis) -> None:
    with ThreadPoolExecutor(8) as pool:
        for round_number in range(1, 21):
            store, barrier = RedisStore(redis), Barrier(8)

            def ask(_: int, store: RedisStore = store, barrier: Barrier = barrier) -> bool:
                barrier.wait()
                return store.acquire_leadership("the same", MINUTE)

            assert all(pool.map(ask, range(8)))
            assert redis.get(LEADER_EPOCH) == str(round_number).encode()
            store.fence().save_log(RUN.id, "by the leader")


def test_the_leader_and_people_are_checked_against_the_ledger_one_after_the_other(redis: Redis) -> None:
    store = RedisStore(redis)
    inside: list[str] = []
    together: list[int] = []
    assert store.acquire_leadership("the same", MINUTE)
    stores, barrier = (store, store.fence()), Barrier(8)

    def check(run: Run, ledger: Ledger) -> Run:
        inside.append(run.id)
        store.get_ledger()  # the others have their turn meanwhile
        together.append(len(inside))
        inside.remove(run.id)
        return run

    def add(number: int) -> object:
        barrier.wait()
        return stores[number % 2].add(a_run(id=f"smoke-{number:04x}"), {"run": "true"}, admit=check)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(add, range(8)))
    assert set(together) == {1}


def test_a_restarted_bot_of_the_same_name_ends_the_epoch_of_the_first(redis: Redis) -> None:
    first, second = RedisStore(redis), RedisStore(redis)
    assert first.acquire_leadership("same", MINUTE)
    assert second.acquire_leadership("same", MINUTE)
    with pytest.raises(LeadershipLost):
        first.fence().save_log(RUN.id, "after")


def test_people_are_served_by_whoever_answers_them(redis: Redis) -> None:
    first, second = RedisStore(redis), RedisStore(redis)
    first.add(RUN, {"run": "true"})
    assert first.acquire_leadership("first", MINUTE)
    redis.delete("verl:leader")
    assert second.acquire_leadership("second", MINUTE)
    stop(first)
    assert (second.get(RUN.id) or RUN).requests.stop_requested_by == "U0ANA"
