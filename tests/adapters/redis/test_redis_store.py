from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from redis import Redis

from bot.adapters.redis.connection import LEADER, create_client
from bot.adapters.redis.redis_store import RedisStore
from bot.errors import Unavailable


def test_the_log_is_kept_beside_the_run(store: RedisStore) -> None:
    assert store.get_log("ppo-1") == ""
    store.save_log("ppo-1", "a\nb é")
    assert store.get_log("ppo-1") == "a\nb é"


def test_a_card_leads_to_its_run(store: RedisStore) -> None:
    store.link_card("C1", "1.2", "ppo-1")
    assert (store.run_id_for_card("C1", "1.2"), store.run_id_for_card("C1", "9.9")) == ("ppo-1", None)


def test_one_bot_leads_until_its_lease_is_over(store: RedisStore, redis: Redis) -> None:
    assert store.acquire_leadership("a", timedelta(minutes=1))
    assert store.acquire_leadership("a", timedelta(minutes=1))
    assert not store.acquire_leadership("b", timedelta(minutes=1))
    redis.delete(LEADER)  # as when its time is over
    assert store.acquire_leadership("b", timedelta(minutes=1))
    assert 0 < redis.pttl(LEADER) <= 60_000


@pytest.mark.parametrize("silent_for", [59.0, 61.0])
def test_a_leader_that_is_silent_for_a_lease_is_no_more_whatever_the_stores_clock_says(
    redis: Redis, silent_for: float
) -> None:
    """The store's clock was set back, so that its key does not run out."""
    minute, elapsed = timedelta(minutes=1), [0.0]
    a, b = RedisStore(redis), RedisStore(redis, elapsed=lambda: elapsed[0])
    assert a.acquire_leadership("a", timedelta(days=1))
    assert not b.acquire_leadership("b", minute)
    elapsed[0] = 40.0
    assert a.acquire_leadership("a", timedelta(days=1))
    assert not b.acquire_leadership("b", minute)  # it has just been heard of
    elapsed[0] = 40.0 + silent_for
    assert b.acquire_leadership("b", minute) is (silent_for > 60)
    assert a.acquire_leadership("a", minute) is (silent_for < 60)


def test_a_store_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="I can't reach my database"):
        RedisStore(create_client("redis://127.0.0.1:1", 1)).list_open_runs()


def test_a_bot_never_loses_the_lead_to_another_of_its_own_threads(store: RedisStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: store.acquire_leadership("a", timedelta(minutes=1)), range(400)))


def test_the_languages_that_people_chose_are_remembered_and_forgotten(store: RedisStore) -> None:
    store.choose_language("U0ANA", "zh-CN")
    store.choose_language("U0BEN", "en")
    assert store.get_languages() == {"U0ANA": "zh-CN", "U0BEN": "en"}
    store.choose_language("U0ANA", None)
    assert store.get_languages() == {"U0BEN": "en"}
