"""Records of runs: each comes back as it was, is recorded once, and none hides another."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from bot.adapters.redis import run_store as module
from bot.adapters.redis.codec import RUN_SCHEMA_VERSION, encode_run
from bot.adapters.redis.connection import RUN_RECORD
from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.cluster import Ambiguity, Outage, PendingConfirmation
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import Reason
from bot.core.model.sent_message import LogFollow, SentMessage
from bot.errors import UnreadableRecord, UnwritableRecord, UserError
from tests.builders import NOON, a_run, at, change_run, running

TASK = {"run": "echo 'é'\n", "envs": {"A": "b"}, "num_nodes": 2}


def a_full_run() -> Run:
    """A run of which every field differs from its default."""
    return change_run(
        running(
            outage=Outage(NOON, at(1)),
            pending_confirmation=PendingConfirmation(Ambiguity.ABSENT, NOON, at(2)),
            checkpoint_store="volume m",
            secrets=("K",),
        ),
        follow=LogFollow("U", at(9), 20, "x", 1),
        sent_messages={"card": SentMessage("1.2", "d", "u", NOON), "ended": SentMessage(None, "d", "", NOON)},
        progress=Progress(3, 60, {"critic/rewards/mean": 0.5}, 2, "/c/global_step_2", 2),
    ).begin_teardown(Reason.FAILED, "code 3", at(5))


def test_a_run_comes_back_as_it_was(store: RedisStore) -> None:
    run = a_full_run()
    assert store.add(run, TASK) == run
    assert store.get(run.id) == run
    assert store.get_task(run.id) == TASK
    assert store.list_open_runs() == [run]


def test_an_unknown_run_is_none(store: RedisStore) -> None:
    assert store.get("nope-1") is None


def test_an_id_is_used_once(store: RedisStore) -> None:
    store.add(a_run(), TASK)
    assert store.add(a_run(requester="U0BEN"), TASK) is None
    assert store.get("ppo-7f3a") == a_run()


def test_the_same_wish_is_one_run_however_often_it_comes(store: RedisStore) -> None:
    first = store.add(a_run(id="ppo-1"), TASK, delivery_id="trigger")
    again = store.add(a_run(id="ppo-2"), TASK, delivery_id="trigger")
    assert first == again
    assert [run.id for run in store.list_open_runs()] == ["ppo-1"]


@pytest.mark.parametrize(("lasting", "days"), [(False, 1), (True, 365)])
def test_a_wish_is_remembered_for_a_day_and_a_lasting_one_as_long_as_a_record(
    store: RedisStore, redis: Redis, lasting: bool, days: int
) -> None:
    store.add(a_run(), TASK, "click", lasting)
    assert round((redis.ttl("verl:launch-request:click") or 0) / 86_400) == days


def test_of_wishes_at_the_same_moment_one_is_recorded(store: RedisStore) -> None:
    with ThreadPoolExecutor(16) as pool:
        runs = list(pool.map(lambda n: store.add(a_run(id=f"ppo-{n}"), TASK, delivery_id="trigger"), range(32)))
    assert len({run.id for run in runs if run}) == 1
    assert len(store.list_open_runs()) == 1


def test_update_returns_what_it_stored(store: RedisStore) -> None:
    store.add(a_run(), TASK)
    changed = store.update("ppo-7f3a", lambda run: run.request_stop("U0BEN", NOON))
    assert changed.requests.stop_requested_by == "U0BEN"
    assert store.get("ppo-7f3a") == changed


def test_updates_at_the_same_moment_undo_none_of_each_other(store: RedisStore) -> None:
    store.add(a_run(), TASK)

    def say(number: int) -> None:
        store.update(
            "ppo-7f3a",
            lambda run: replace(run, messages=run.messages.record_sent(f"n{number}", SentMessage("1", "", "", NOON))),
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(say, range(40)))
    found = store.get("ppo-7f3a")
    assert found is not None
    assert len(found.messages.sent) == 40


def test_a_change_that_changes_nothing_writes_nothing(store: RedisStore, redis: Redis) -> None:
    store.add(a_run(), TASK)
    before = redis.info("stats")["total_net_input_bytes"]
    store.update("ppo-7f3a", lambda run: run)
    written = redis.info("commandstats").get("cmdstat_set", {}).get("calls")
    store.update("ppo-7f3a", lambda run: run)
    assert redis.info("commandstats").get("cmdstat_set", {}).get("calls") == written
    assert before


def test_an_unknown_run_cannot_be_updated(store: RedisStore) -> None:
    with pytest.raises(UserError, match="no run `nope`"):
        store.update("nope", lambda run: run)


def test_an_ended_run_stays_open_until_everything_is_said(store: RedisStore) -> None:
    for number in (1, 2):
        run = a_run(id=f"ppo-{number}")
        store.add(run, TASK)
        store.update(run.id, lambda run, number=number: run.close(Reason.STOPPED, at(number)))  # type: ignore[misc]
    assert [run.id for run in store.list_open_runs()] == ["ppo-1", "ppo-2"]
    assert [run.id for run in store.list_recent_runs(5)] == ["ppo-2", "ppo-1"]
    store.archive("ppo-1")
    assert [run.id for run in store.list_open_runs()] == ["ppo-2"]
    assert [run.id for run in store.list_recent_runs(1)] == ["ppo-2"]


@pytest.mark.parametrize("batch", [1, 2, 500])
def test_the_runs_that_ended_since_a_moment_come_in_the_order_of_their_ends(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(module, "DOCUMENT_BATCH_SIZE", batch)
    for number in (4, 1, 3, 2):
        store.add(a_run(id=f"ppo-{number}"), TASK)
        store.update(f"ppo-{number}", lambda run, number=number: run.close(Reason.STOPPED, at(number)))  # type: ignore[misc]
    store.add(running(id="ppo-5"), TASK)
    assert [run.id for run in store.iterate_ended_runs(at(2))] == ["ppo-2", "ppo-3", "ppo-4"]
    assert list(store.iterate_ended_runs(at(5))) == []


def test_one_ended_run_that_cannot_be_read_hides_no_other(store: RedisStore, redis: Redis) -> None:
    for number in (1, 2):
        store.add(a_run(id=f"ppo-{number}"), TASK)
        store.update(f"ppo-{number}", lambda run, number=number: run.close(Reason.STOPPED, at(number)))  # type: ignore[misc]
    redis.set(RUN_RECORD.format("ppo-1"), b"{}")
    assert [run.id for run in store.iterate_ended_runs(at(0))] == ["ppo-2"]


@pytest.mark.long
def test_thousands_of_runs_are_fetched(store: RedisStore) -> None:
    for number in range(module.DOCUMENT_BATCH_SIZE + 3):
        store.add(a_run(id=f"ppo-{number:05}"), {})
    assert len(store.list_open_runs()) == module.DOCUMENT_BATCH_SIZE + 3


def test_the_document_carries_its_schema(store: RedisStore, redis: Redis) -> None:
    store.add(a_run(), TASK)
    assert json.loads(redis.get(RUN_RECORD.format("ppo-7f3a")) or "")["schema"] == RUN_SCHEMA_VERSION


def test_documents_that_cannot_be_read_are_left_out_of_many(store: RedisStore, redis: Redis) -> None:
    store.add(a_run(id="smoke-1"), TASK)
    for name, document in {"x": b"{", "y": b'{"schema": 0, "run": {}}', "z": b'{"schema": 99, "run": {}}'}.items():
        redis.sadd("verl:runs:open", name)
        redis.set(f"verl:run:{name}", document)
    assert [run.id for run in store.list_open_runs()] == ["smoke-1"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"budget_dollars": float("inf")}, id="an infinite number"),
        pytest.param({"detail": "\ud800"}, id="half a surrogate pair"),
        pytest.param({"lease": timedelta(days=90_000)}, id="a lease that no date holds"),
        pytest.param({"closed_at": NOON.replace(tzinfo=None)}, id="a time without a zone"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(store: RedisStore, change: dict[str, object]) -> None:
    store.add(a_run(), TASK)
    with pytest.raises(UnwritableRecord):
        store.update("ppo-7f3a", lambda run: change_run(run, **change))
    assert store.get("ppo-7f3a") == a_run()
    with pytest.raises(UnwritableRecord):
        store.add(a_run(id="ppo-2", **change), TASK)
    assert store.get("ppo-2") is None


def test_the_store_says_why(store: RedisStore, redis: Redis) -> None:
    store.add(a_run(id="smoke-0001"), {"run": "true"})
    assert store.list_unreadable_runs() == []
    redis.set(RUN_RECORD.format("smoke-0001"), encode_run(a_run(id="smoke-0001"))[:-3])
    ((stub, why),) = store.list_unreadable_runs()
    assert (stub.run_id, stub.requester) == ("smoke-0001", "U0ANA")
    assert "truncated" in str(why)
    with pytest.raises(UnreadableRecord, match="smoke-0001 cannot be read"):
        store.get("smoke-0001")
