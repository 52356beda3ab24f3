"""A changed store is reported once, whatever fails between its discovery and the report."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis

from bot.adapters.redis.redis_store import RedisStore
from bot.app.operator_notices import Announcer
from bot.app.store_watch import StoreMemory, StoreWatch, record_repair
from bot.core.model.run import Run
from bot.core.model.sent_message import Notice
from bot.core.model.store_identity import StoreRepair
from bot.errors import Unavailable
from bot.phrase import Phrase
from tests.builders import NOON

OPS = "C0OPS"


class FailingStore(RedisStore):
    """A store that stops answering between the discovery of its change and the record of the report."""

    fails_at = ""

    def list_open_runs(self) -> list[Run]:
        self.fail_at("the runs")
        return super().list_open_runs()

    def add_notice(self, notice: Notice) -> bool:
        self.fail_at("the notice")
        return super().add_notice(notice)

    def fail_at(self, call: str) -> None:
        if self.fails_at == call:
            raise Unavailable(Phrase("I can't reach my database."))


def now() -> datetime:
    return NOON


def watch(store: RedisStore, memory: Path) -> StoreWatch:
    """What a process has that began just now."""
    return StoreWatch(store, StoreMemory(memory), Announcer(store, now, OPS), now)


def reports(store: RedisStore) -> list[str]:
    return [str(notice.text) for notice in store.list_notices()]


@pytest.mark.parametrize("is_restarted", [False, True], ids=["the same process", "the process has died meanwhile"])
@pytest.mark.parametrize("call", ["the runs", "the notice"])
def test_a_report_that_failed_is_made_again(redis: Redis, tmp_path: Path, call: str, is_restarted: bool) -> None:
    store = FailingStore(redis)
    watching = watch(store, tmp_path / "memory")
    watching.check()
    redis.flushall()
    store.fails_at = call
    with pytest.raises(Unavailable):
        watching.check()
    assert reports(store) == []
    store.fails_at = ""
    watching = watch(store, tmp_path / "memory") if is_restarted else watching
    watching.check()
    watching.check()
    (report,) = reports(store)
    assert "My database is empty" in report


def test_another_bot_makes_a_report_that_failed(redis: Redis, tmp_path: Path) -> None:
    store = FailingStore(redis)
    first, second = watch(store, tmp_path / "first"), watch(store, tmp_path / "second")
    first.check()
    redis.flushall()
    store.fails_at = "the runs"
    with pytest.raises(Unavailable):
        first.check()
    store.fails_at = ""
    second.check()
    first.check()
    assert len(reports(store)) == 1


@pytest.mark.parametrize("changes", [1, 2, 3, 9])
def test_a_standby_that_has_missed_changes_reports_nothing_of_its_own(
    redis: Redis, tmp_path: Path, changes: int
) -> None:
    store = RedisStore(redis)
    leader, standby = watch(store, tmp_path / "leader"), watch(store, tmp_path / "standby")
    leader.check()
    standby.check()
    for _ in range(changes):
        redis.flushall()
        leader.check()
    before = leader.check(), reports(store)
    assert len(before[1]) == 1
    assert (standby.check(), reports(store)) == before


def test_a_standby_that_has_missed_a_change_notices_the_next_one(redis: Redis, tmp_path: Path) -> None:
    store = RedisStore(redis)
    leader, standby = watch(store, tmp_path / "leader"), watch(store, tmp_path / "standby")
    leader.check()
    standby.check()
    redis.flushall()
    leader.check()
    standby.check()
    redis.flushall()
    standby.check()
    assert ["My database is empty" in report for report in reports(store)] == [True]


@pytest.mark.parametrize("is_new", [False, True], ids=["it knew an older state", "it knew no state"])
def test_a_change_that_the_leader_cannot_notice_is_noticed_by_another_process(
    redis: Redis, tmp_path: Path, is_new: bool
) -> None:
    """The store is set back, and the bot that leads next has just started on another machine."""
    store = RedisStore(redis)
    follower, memory = watch(store, tmp_path / "follower"), tmp_path / "leader"
    follower.check()
    if not is_new:
        watch(store, memory).check()
    kept = {key: redis.dump(key) or b"" for key in redis.keys("*")}
    store.acquire_leadership("another", timedelta(seconds=10))
    follower.follow()
    assert reports(store) == []
    redis.flushall()
    for key, value in kept.items():
        redis.restore(key, 0, value)
    leader = watch(store, memory)
    leader.check()
    assert reports(store) == []
    follower.follow()
    follower.follow()
    assert reports(store) == []
    identity = leader.check()
    leader.check()
    (report,) = reports(store)
    assert "My database was set back to an older state" in report
    assert identity.is_in_doubt(NOON)


def test_a_process_that_follows_gives_an_empty_store_no_identity(redis: Redis, tmp_path: Path) -> None:
    store = RedisStore(redis)
    watch(store, tmp_path / "follower").follow()
    assert store.get_identity().id == ""


def test_messages_are_in_doubt_for_an_hour_from_the_report(redis: Redis, tmp_path: Path) -> None:
    store = RedisStore(redis)
    watching = watch(store, tmp_path / "memory")
    watching.check()
    redis.flushall()
    identity = watching.check()
    minutes = (0, 59, 60)
    assert [identity.is_in_doubt(NOON + timedelta(minutes=minute)) for minute in minutes] == [True, True, False]
    assert store.get_identity() == identity


@pytest.mark.parametrize("is_identity_lost", [False, True], ids=["the newest changes", "nearly all"])
def test_a_repair_is_reported_once_with_what_was_lost(redis: Redis, tmp_path: Path, is_identity_lost: bool) -> None:
    store, memory = RedisStore(redis), StoreMemory(tmp_path / "memory")
    watch(store, tmp_path / "memory").check()
    before = store.get_identity()
    if is_identity_lost:
        redis.flushall()
    repair = StoreRepair(lost_bytes=4096, runs=("ppo-7f3a",), is_base_lost=is_identity_lost, kept_in="/data/damaged-1")
    record_repair(store, memory, repair, NOON)
    assert store.get_identity().may_have_lost(NOON)
    for _ in range(2):
        watch(store, tmp_path / "memory").check()
    (report,) = reports(store)
    assert "The files of my database were damaged, and I repaired them." in report
    assert "Lost are the newest changes, 4,096 bytes, among them of `ppo-7f3a`." in report
    assert ("All that I had recorded before my newest changes is lost" in report) is is_identity_lost
    assert "`/data/damaged-1`" in report
    assert before.id in store.get_identity().ids
