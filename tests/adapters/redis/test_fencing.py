"""A leader that was paused, and goes on after another has taken over, writes nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from bot.adapters.redis.redis_store import RedisStore
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
