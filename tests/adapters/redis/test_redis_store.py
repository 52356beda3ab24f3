import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from bot.adapters.redis import codec
from bot.adapters.redis import run_store as module
from bot.adapters.redis.codec import RUN_SCHEMA_VERSION, decode_run, encode_run
from bot.adapters.redis.connection import LEADER, ORPHANS, RUN_RECORD, create_client
from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.cluster import Ambiguity, ClusterState, Outage, PendingConfirmation
from bot.core.model.orphan import ListedCluster, OrphanTimings, Ownership, build_orphan
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.model.sent_message import LogFollow, SentMessage
from bot.errors import Unavailable, UnreadableRecord, UnwritableRecord, UserError
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


def test_the_document_carries_its_schema(store: RedisStore, redis: Redis) -> None:
    store.add(a_run(), TASK)
    assert json.loads(redis.get(RUN_RECORD.format("ppo-7f3a")) or "")["schema"] == RUN_SCHEMA_VERSION


def test_the_document_of_a_newer_bot_is_left_alone() -> None:
    newer = json.dumps({"schema": RUN_SCHEMA_VERSION + 1, "run": {"something": "else"}})
    with pytest.raises(UnreadableRecord, match="newer verlbot"):
        decode_run(newer.encode())


def test_the_document_of_a_bot_before_the_first_release_is_refused_with_what_to_do() -> None:
    older = json.dumps({"schema": 1, "run": {"id": "ppo-7f3a", "owner": "U0ANA"}})
    with pytest.raises(UnreadableRecord, match=r"an older verlbot wrote it, .* stop them here"):
        decode_run(older.encode())


def test_the_document_of_an_older_bot_is_brought_up(monkeypatch: pytest.MonkeyPatch) -> None:
    older = json.loads(encode_run(a_run())) | {"schema": RUN_SCHEMA_VERSION - 1}
    older["run"]["person"] = older["run"].pop("requester")

    def renamed(document: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
        return {"run": {**document["run"], "requester": document["run"]["person"]}}

    monkeypatch.setitem(codec.UPGRADES, RUN_SCHEMA_VERSION - 1, renamed)
    assert decode_run(json.dumps(older).encode()) == a_run()


@given(st.text(), st.text(), st.sampled_from(RunStatus))
def test_any_text_survives_the_store(line: str, detail: str, status: RunStatus) -> None:
    run = a_run(command_line=line, detail=detail, status=status)
    assert decode_run(encode_run(run)) == run


def test_a_bot_never_loses_the_lead_to_another_of_its_own_threads(store: RedisStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: store.acquire_leadership("a", timedelta(minutes=1)), range(400)))


def test_documents_that_cannot_be_read_are_left_out_of_many(store: RedisStore, redis: Redis) -> None:
    store.add(a_run(id="smoke-1"), TASK)
    for name, document in {"x": b"{", "y": b'{"schema": 0, "run": {}}', "z": b'{"schema": 99, "run": {}}'}.items():
        redis.sadd("verl:runs:open", name)
        redis.set(f"verl:run:{name}", document)
    assert [run.id for run in store.list_open_runs()] == ["smoke-1"]


def test_the_languages_that_people_chose_are_remembered_and_forgotten(store: RedisStore) -> None:
    store.choose_language("U0ANA", "zh-CN")
    store.choose_language("U0BEN", "en")
    assert store.get_languages() == {"U0ANA": "zh-CN", "U0BEN": "en"}
    store.choose_language("U0ANA", None)
    assert store.get_languages() == {"U0BEN": "en"}


BOX = build_orphan(
    ListedCluster(id="9f", name="dev-box", status=ClusterState.UP, launched_at=NOON),
    Ownership.UNCLAIMED,
    NOON,
    OrphanTimings(),
)


def test_a_cluster_that_no_run_owns_comes_back_as_it_was_and_goes(store: RedisStore) -> None:
    full = (
        BOX.request_removal("U")
        .record_teardown_request("no", at(1))
        .with_sent_message(SentMessage("1.2", "d", "u", NOON))
        .with_channel("C")
    )
    assert store.change_orphan("9f", lambda _: full) == full
    assert store.get_orphans() == {"9f": full}
    assert store.change_orphan("9f", lambda _: None) is None
    assert store.get_orphans() == {}


def test_of_wishes_at_the_same_moment_for_such_a_cluster_the_first_counts(store: RedisStore) -> None:
    store.change_orphan("9f", lambda _: BOX)

    def leave(number: int) -> str:
        orphan = store.change_orphan("9f", lambda one: one and one.leave_alone(f"U{number}"))
        return str(orphan and orphan.left_alone_by)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(leave, range(16)))) == 1


def test_a_record_of_such_a_cluster_by_another_version_is_written_anew(store: RedisStore) -> None:
    store._redis.hset(ORPHANS, "9f", b'{"standing": 1}')
    assert store.get_orphans() == {}
    assert store.change_orphan("9f", lambda one: one or BOX) == BOX


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
