"""How long what is kept of a run that has ended is kept."""

from datetime import timedelta

import pytest
from redis import Redis

from bot.adapters.redis.connection import ENDED_RUNS, RUN_EVENTS, RUN_IDS, RUN_LOG, RUN_OF_CARD, RUN_RECORD, RUN_TASK
from bot.adapters.redis.redis_store import RedisStore
from bot.adapters.redis.run_retention import Retention
from bot.core.model.run_state import Reason
from bot.core.model.sent_message import SentMessage
from tests.builders import NOON, a_run, change_run

ID = "ppo-7f3a"
DAY = 86_400


@pytest.fixture
def kept(redis: Redis) -> RedisStore:
    return RedisStore(redis, Retention(timedelta(days=3), timedelta(days=2), timedelta(days=9)))


def end(store: RedisStore) -> None:
    store.add(a_run(id=ID, channel="C1", sent_messages={"card": SentMessage("1.5", "d", "", NOON)}), {"run": "true"})
    store.link_card("C1", "1.5", ID)
    store.save_log(ID, "one\ntwo")
    store.update(ID, lambda run: run.close(Reason.SUCCEEDED, NOON))


def days(redis: Redis, key: str) -> float:
    return round((redis.ttl(key) or 0) / DAY, 2)


def test_parts_of_a_run_go_after_their_times(kept: RedisStore, redis: Redis) -> None:
    end(kept)
    assert redis.ttl(RUN_RECORD.format(ID)) == -1
    kept.archive(ID)
    assert days(redis, RUN_LOG.format(ID)) == 2
    records = [RUN_RECORD.format(ID), RUN_TASK.format(ID), RUN_EVENTS.format(ID), RUN_OF_CARD.format("C1", "1.5")]
    assert {key: days(redis, key) for key in records} == dict.fromkeys(records, 9)


def test_a_log_is_kept_no_longer_than_its_run(redis: Redis) -> None:
    store = RedisStore(redis, Retention(timedelta(days=30), timedelta(days=30), timedelta(days=1)))
    end(store)
    store.archive(ID)
    assert days(redis, RUN_LOG.format(ID)) == 1


def test_a_write_after_the_end_takes_no_time_away(kept: RedisStore, redis: Redis) -> None:
    end(kept)
    kept.archive(ID)
    kept.update(ID, lambda run: change_run(run, budget_dollars=7.0))
    assert days(redis, RUN_RECORD.format(ID)) == 9


def test_those_that_are_gone_are_in_no_list(kept: RedisStore, redis: Redis) -> None:
    end(kept)
    redis.zadd(ENDED_RUNS, {"old-0001": NOON.timestamp() - 10 * DAY, "new-0001": NOON.timestamp() - 8 * DAY})
    kept.archive(ID)
    assert redis.zrange(ENDED_RUNS, 0, -1) == [b"new-0001", ID.encode()]


def test_an_id_is_remembered_for_good(kept: RedisStore, redis: Redis) -> None:
    end(kept)
    kept.archive(ID)
    redis.delete(RUN_RECORD.format(ID))
    assert redis.ttl(RUN_IDS) == -1
    assert kept.add(a_run(id=ID), {"run": "true"}) is None


def test_a_run_whose_record_cannot_be_read_goes_too(kept: RedisStore, redis: Redis) -> None:
    kept.add(a_run(id=ID), {"run": "true"})
    kept.save_log(ID, "one")
    stub = kept.get_stub(ID)
    redis.set(RUN_RECORD.format(ID), b"{")
    kept.close_unreadable(stub, NOON)
    assert (days(redis, RUN_RECORD.format(ID)), days(redis, RUN_LOG.format(ID))) == (9, 2)
