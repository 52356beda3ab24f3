"""Records of clusters without a run, and of clusters that others launched."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from redis import Redis

from bot.adapters.redis.connection import EXTERNAL_CLUSTERS, MONTHLY_SPENDING, ORPHANS
from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.cluster import ClusterState
from bot.core.model.ledger import Ledger
from bot.core.model.orphan import ListedCluster, OrphanTimings, Ownership, build_orphan
from bot.core.model.sent_message import SentMessage
from bot.core.rules.external_clusters import ExternalCluster, ExternalLaunch
from tests.builders import NOON, a_run, at

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


LAUNCH = ExternalLaunch("dev-box", "ben", "U0BEN", gpus=8, dollars_per_hour=10.0)
LAUNCHED = ExternalCluster(launch=LAUNCH, started_at=NOON, admitted_at=NOON)


def change(store: RedisStore, changed: ExternalCluster | None, seconds: float = 0.0) -> ExternalCluster | None:
    return store.change_external_cluster("dev-box", lambda *_: changed, at(seconds))


def test_a_cluster_that_others_launched_comes_back_and_reserves_its_cost(store: RedisStore) -> None:
    assert change(store, LAUNCHED) == LAUNCHED
    assert store.get_external_clusters() == {"dev-box": LAUNCHED}
    (reservation,) = store.get_ledger().reservations
    assert (reservation.person, reservation.gpus) == ("U0BEN", 8)


def test_the_end_of_such_a_cluster_turns_its_reservation_into_spending(store: RedisStore, redis: Redis) -> None:
    change(store, replace(LAUNCHED, last_seen_at=at(7200)))
    change(store, None, 7300)
    assert (store.get_external_clusters(), store.get_ledger().reservations) == ({}, ())
    spent = {key: float(dollars) for key, dollars in redis.hgetall(MONTHLY_SPENDING).items()}
    assert spent == {b"2026-01 person:U0BEN": 20.0, b"2026-01 workspace": 20.0}


def test_the_change_sees_what_all_others_reserve(store: RedisStore) -> None:
    store.add(a_run(), {"run": "true"})
    seen: list[str] = []

    def look(_: ExternalCluster | None, ledger: Ledger) -> None:
        seen.extend(reservation.run_id for reservation in ledger.reservations)

    store.change_external_cluster("dev-box", look, NOON)
    assert seen == ["ppo-7f3a"]


def test_a_record_of_an_external_cluster_that_cannot_be_read_hides_no_other(store: RedisStore, redis: Redis) -> None:
    change(store, LAUNCHED)
    redis.hset(EXTERNAL_CLUSTERS, "old-box", '{"owner": 1}')
    assert store.get_external_clusters() == {"dev-box": LAUNCHED}
