"""Stubs of runs: what is known of a run whose record cannot be read."""

from datetime import UTC

import pytest
from redis import Redis

from bot.adapters.redis.connection import MONTHLY_SPENDING, RUN_STUBS, UNREADABLE_RUNS
from bot.adapters.redis.redis_store import RedisStore
from bot.adapters.redis.stub_store import archive_unreadable, change_unreadable, get_seconds, read_unreadable
from bot.core.model.money import Rate
from bot.core.model.run_stub import RunStub
from bot.core.rules.unreadable_record import UnreadableRun
from tests.builders import NOON, at, change_run, running


@pytest.mark.parametrize("stub", [b"{", b"[]", b'{"lease_ends_at": 1e300, "channel": 7, "dollars_per_hour": -1}'])
def test_a_stub_that_is_spoilt_costs_only_what_it_held(store: RedisStore, redis: Redis, stub: bytes) -> None:
    redis.hset(RUN_STUBS, "smoke-0001", stub.decode())
    found = store.get_stub("smoke-0001")
    assert (found.cluster, found.lease_ends_at, found.channel, found.dollars_per_hour) == (
        "verl-smoke-0001",
        None,
        "",
        0.0,
    )


def test_a_stub_follows_the_record_of_its_run(store: RedisStore) -> None:
    run = running(id="smoke-0001", requester="U0BEN")
    store.add(run, {"run": "true"})
    assert store.get_stub(run.id) == RunStub.from_run(run)
    store.update(run.id, lambda known: change_run(known, rate=Rate(9.0, "demo price")))
    assert store.get_stub(run.id).dollars_per_hour == 9.0


def test_a_run_of_which_nothing_is_known_has_its_cluster_name(store: RedisStore) -> None:
    stub = store.get_stub("smoke-0001")
    assert (stub.cluster, stub.requester, stub.launch_requested_at) == ("verl-smoke-0001", "", None)


def test_the_first_schema_named_the_launch_otherwise(store: RedisStore, redis: Redis) -> None:
    redis.hset(RUN_STUBS, "smoke-0001", '{"asked_at": 1767355200.0}')
    assert store.get_stub("smoke-0001").launch_requested_at == NOON.timestamp()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param(0, 0.0, id="the first second"),
        pytest.param(253_402_300_799, 253_402_300_799.0, id="the last second of the year 9999"),
        pytest.param(253_402_300_800, None, id="a second that no date has"),
        pytest.param(-1, None, id="before 1970"),
        pytest.param(float("nan"), None, id="no number"),
        pytest.param("7", None, id="text"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_seconds_fit_into_a_date_or_are_unknown(value: object, seconds: float | None) -> None:
    assert get_seconds({"at": value}, "at") == seconds


def test_what_was_done_about_an_unreadable_run_comes_back_and_goes(redis: Redis) -> None:
    run = UnreadableRun(run_id="smoke-0001", discovered_at=NOON).request_stop("U0ANA")
    assert change_unreadable(redis, "smoke-0001", lambda _: run) == run
    assert read_unreadable(redis, "smoke-0001") == run
    assert change_unreadable(redis, "smoke-0001", lambda _: None) is None
    assert read_unreadable(redis, "smoke-0001") is None


def test_what_was_done_begins_again_where_it_cannot_be_read(redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
    redis.hset(UNREADABLE_RUNS, "smoke-0001", "{")
    assert read_unreadable(redis, "smoke-0001") is None
    assert "smoke-0001" in caplog.text


def test_a_run_that_is_gone_frees_its_reservation_and_counts_its_cost(store: RedisStore, redis: Redis) -> None:
    store.add(running(id="smoke-0001"), {"run": "true"})
    archive_unreadable(redis, store.get_stub("smoke-0001"), at(3600), UTC)
    ledger = store.get_ledger()
    assert ledger.reservations == ()
    assert {key: float(dollars) for key, dollars in redis.hgetall(MONTHLY_SPENDING).items()} == {
        b"2026-01 person:U0ANA": 4.0,
        b"2026-01 team:C0TRAIN": 4.0,
        b"2026-01 workspace": 4.0,
    }
    assert store.list_open_runs() == []
