"""A run whose record cannot be read: said, ended by its lease or by name, settled once its cluster is gone."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from redis import Redis

from bot.adapters.redis.codec import RUN_SCHEMA_VERSION
from bot.adapters.redis.connection import OPEN_RUNS, RESERVATIONS, RUN_RECORD, RUN_STUBS, RUN_TASK
from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.cluster import Ending, Observation
from bot.core.model.launch_plan import ClusterRef
from bot.core.model.people import Role
from bot.core.model.policy import Caps, Policy
from slack_playground.client import PlaygroundClient
from slack_playground.faults import Fault, Trouble
from slack_playground.server import Playground
from tests.story import ANA, BEN, RANDOM, TRAINING, Bot

OPS = RANDOM
RUN_ID, CLUSTER = "smoke-0001", "verl-smoke-0001"
KEY = RUN_RECORD.format(RUN_ID)


@pytest.fixture
def bot(store: RedisStore, playground: Playground, slack: PlaygroundClient) -> Bot:
    return Bot(store, playground, slack, ops_channel=OPS, policy=Policy(person=Caps(runs=1)))


def with_null(redis: Redis) -> None:
    """As an infinite number was written before: msgspec writes null for it."""
    document = json.loads(redis.get(KEY) or "")
    document["run"]["training"]["progress"]["training_totals"]["seconds"] = None
    redis.set(KEY, json.dumps(document))


def of_a_newer_version(redis: Redis) -> None:
    redis.set(KEY, json.dumps({"schema": RUN_SCHEMA_VERSION + 1, "run": {"something": "else"}}))


def of_an_older_version(redis: Redis) -> None:
    redis.set(KEY, json.dumps({"schema": RUN_SCHEMA_VERSION - 1, "run": {"something": "else"}}))


def of_another_type(redis: Redis) -> None:
    redis.delete(KEY)
    redis.lpush(KEY, "a hand in the store")


def with_a_lease_beyond_dates(redis: Redis) -> None:
    document = json.loads(redis.get(KEY) or "")
    document["run"]["limits"]["lease"] = "P900000D"
    redis.set(KEY, json.dumps(document))


def without_a_zone(redis: Redis) -> None:
    document = json.loads(redis.get(KEY) or "")
    document["run"]["launch"]["first_requested_at"] = "2026-01-02T12:00:00"
    redis.set(KEY, json.dumps(document))


SPOILT: dict[str, Callable[[Redis], object]] = {
    "null for an infinite number": with_null,
    "a newer version": of_a_newer_version,
    "an older version without a way up": of_an_older_version,
    "no JSON": lambda redis: redis.set(KEY, b"\xff{"),
    "an empty one": lambda redis: redis.set(KEY, b""),
    "missing": lambda redis: redis.delete(KEY),
    "of another type": of_another_type,
    "a lease that no date holds": with_a_lease_beyond_dates,
    "a time without a zone": without_a_zone,
}


def counted(bot: Bot, text: str, channel: str) -> int:
    return bot.reads(channel=channel).count(text)


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_it_is_said_in_its_channel_and_to_ops_and_its_lease_ends_it(
    bot: Bot, redis: Redis, spoil: Callable[[Redis], object]
) -> None:
    bot.running("launch smoke nodes=2 lease=1")
    spoil(redis)
    bot.ticks(3)
    for channel in (TRAINING, OPS):
        assert counted(bot, "I cannot read the record of `smoke-0001`", channel) == 1
        assert counted(bot, "I remove it when its lease ends, 2026-01-02 13:00 UTC", channel) == 1
    bot.tick(3500)
    assert bot.cloud.downs == []
    assert "Your limit of runs at once is 1" in bot.say("launch smoke")  # its place is taken
    bot.tick(120)
    assert bot.cloud.downs == [CLUSTER]
    bot.ticks(3, seconds=10)
    assert counted(bot, "The cluster of `smoke-0001` is confirmed gone.", TRAINING) == 1
    assert not redis.sismember(OPEN_RUNS, RUN_ID)
    assert "Launching" in bot.say("launch smoke")  # its place is free
    spent = bot.store.get_ledger().spent_dollars["2026-01 person:U0ANA"]
    assert spent == pytest.approx(4.0 * 3660 / 3600, rel=0.02)


def test_a_run_of_an_older_bot_ends_by_the_stub_that_it_wrote(bot: Bot, redis: Redis) -> None:
    bot.running("launch smoke nodes=2 lease=1")
    of_an_older_version(redis)
    stub = json.loads(redis.hget(RUN_STUBS, RUN_ID) or "")
    stub["asked_at"] = stub.pop("launch_requested_at")
    stub["lease_ends_at"] = None
    redis.hset(RUN_STUBS, RUN_ID, json.dumps(stub))
    bot.ticks(3)
    assert (
        "(an older verlbot wrote it, in schema 2, and this one reads 3: end its runs with that version" in bot.reads()
    )
    assert "keeps running until you type `/verl stop smoke-0001`" in bot.reads()
    bot.tick(3600)
    bot.say(f"stop {RUN_ID}")
    bot.ticks(3, seconds=10)
    assert bot.cloud.downs == [CLUSTER]
    assert "The cluster of `smoke-0001` is confirmed gone." in bot.reads()
    assert bot.store.get_ledger().spent_dollars["2026-01 person:U0ANA"] == pytest.approx(4.0 * 3660 / 3600, rel=0.02)


@pytest.mark.parametrize("name", [RUN_ID, "0001"])
def test_a_person_stops_it_by_its_name(bot: Bot, redis: Redis, name: str) -> None:
    bot.running()
    with_null(redis)
    assert (
        "Deleting the cluster of `smoke-0001`, whose record I cannot read. "
        "I post in its channel when the cluster is confirmed gone." in bot.say(f"stop {name}")
    )
    bot.ticks(3, seconds=10)
    assert bot.cloud.downs == [CLUSTER]
    assert "is confirmed gone" in bot.reads()
    assert bot.store.list_unreadable_runs() == []


def test_who_may_not_stop_a_run_does_not_stop_it_by_its_stub(bot: Bot, redis: Redis) -> None:
    bot.running()
    with_null(redis)
    bot.policy = replace(bot.policy, stop_others=Role.ADMIN)
    assert "To stop others' runs you need the role `admin`" in bot.say(f"stop {RUN_ID}", user=BEN)
    bot.ticks(2)
    assert bot.cloud.downs == []


def test_a_button_that_is_still_there_stops_it_too(bot: Bot, redis: Redis) -> None:
    bot.running()
    with_null(redis)
    bot.click("stop", RUN_ID)
    bot.ticks(2)
    assert bot.cloud.downs == [CLUSTER]


@pytest.mark.parametrize("line", [f"status {RUN_ID}", f"logs {RUN_ID}", f"plot {RUN_ID}", f"extend {RUN_ID} 2h"])
def test_whatever_else_is_asked_of_it_says_what_to_type(bot: Bot, redis: Redis, line: str) -> None:
    bot.running()
    with_null(redis)
    answer = bot.say(line)
    assert "I cannot read the record of `smoke-0001`" in answer
    assert "`/verl stop smoke-0001` deletes its cluster." in answer


def test_the_list_shows_it_beside_the_others(bot: Bot, redis: Redis) -> None:
    bot.running("launch smoke lease=1")
    with_null(redis)
    bot.say("launch smoke", user=BEN)
    bot.say("list")
    listed = bot.told()
    assert ":rotating_light: `smoke-0001` · record unreadable · lease until" in listed
    assert "smoke-0002" in listed


def test_a_stub_that_is_gone_too_leaves_the_name_of_its_cluster(bot: Bot, redis: Redis) -> None:
    bot.running("launch smoke lease=1")
    with_null(redis)
    redis.delete(RUN_STUBS)
    bot.ticks(2, seconds=7200)
    assert bot.cloud.downs == []
    assert "I do not know when its lease ends, so its cluster `verl-smoke-0001` keeps running" in bot.reads(channel=OPS)
    bot.say(f"stop {RUN_ID}")
    bot.ticks(3, seconds=10)
    assert bot.cloud.downs == [CLUSTER]
    assert bot.store.get_ledger().reservations == ()


def test_a_run_that_waits_is_settled_and_launches_nothing(bot: Bot, redis: Redis) -> None:
    bot.cloud.answers = False
    bot.say("launch smoke")
    with_null_of_a_run_that_waits(redis)
    bot.cloud.answers = True
    bot.ticks(4, seconds=20)
    assert bot.cloud.launches == []
    assert "It never had a cluster. Launch it again: `/verl launch smoke`." in bot.reads()
    assert bot.store.get_ledger().reservations == ()


def with_null_of_a_run_that_waits(redis: Redis) -> None:
    document = json.loads(redis.get(KEY) or "")
    document["run"]["limits"]["budget_dollars"] = None
    redis.set(KEY, json.dumps(document))


def test_a_removal_that_the_end_of_the_bot_cuts_off_is_asked_for_by_the_next_one(bot: Bot, redis: Redis) -> None:
    bot.running()
    with_null(redis)
    bot.cloud.cuts_off_removals = True
    bot.say(f"stop {RUN_ID}")
    bot.ticks(3)
    found = bot.store.change_unreadable(RUN_ID, lambda run: run)
    assert found
    assert (found.teardown_requested_at, found.last_error) == (None, None)
    bot.cloud.cuts_off_removals = False
    bot.tick(1)
    assert bot.cloud.downs == [CLUSTER]


def test_a_cluster_that_does_not_go_is_said_with_what_to_type(bot: Bot, redis: Redis) -> None:
    bot.running()
    with_null(redis)
    bot.cloud.removes = False
    bot.say(f"stop {RUN_ID}")
    bot.ticks(14, seconds=60)
    assert counted(bot, "The cluster of `smoke-0001` is still up.* Remove it by hand: `rm verl-smoke-0001`", OPS) == 1


def test_one_that_can_be_read_again_goes_on_as_a_run(bot: Bot, redis: Redis) -> None:
    bot.running("launch smoke lease=9")
    whole = redis.get(KEY)
    with_null(redis)
    bot.ticks(3)
    redis.set(KEY, whole or b"")
    bot.ticks(3)
    assert bot.run().status == "running"
    assert bot.cloud.downs == []
    bot.cloud.vanish(CLUSTER, Ending.DOWNED)
    bot.ticks(10, seconds=10)
    assert bot.run().status == "ended"


def test_the_sweep_leaves_its_cluster_to_its_lease_and_finds_what_an_ended_one_has_left(bot: Bot, redis: Redis) -> None:
    bot.running()
    with_null(redis)
    bot.sweep()
    assert bot.store.get_orphans() == {}
    redis.srem(OPEN_RUNS, RUN_ID)
    bot.sweep()
    (orphan,) = bot.store.get_orphans().values()
    assert orphan.cluster.name == CLUSTER


def test_one_that_cannot_be_read_holds_up_no_other(bot: Bot, redis: Redis) -> None:
    bot.running()
    with_null(redis)
    bot.say("launch smoke lease=1", user=BEN)
    bot.ticks(3)
    assert bot.run("smoke-0002").status == "running"
    bot.check_monthly_budgets()
    assert "Launching" not in bot.say("launch smoke", user=ANA)
    bot.tick(3700)
    bot.ticks(12, seconds=10)
    assert bot.run("smoke-0002").status == "ended"


def test_one_whose_look_fails_holds_up_no_other(bot: Bot, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a mistake of ours, such as in what removes a cluster."""
    bot.running()
    with_null(redis)
    bot.say("launch smoke lease=1", user=BEN)
    bot.ticks(3)
    spoilt = RUN_RECORD.format("smoke-0002")
    redis.set(spoilt, b"{")
    bot.say(f"stop {RUN_ID}")
    remove = bot.cloud.tear_down

    def fail_on_the_first(watched: ClusterRef) -> str | None:
        if watched.cluster == CLUSTER:
            raise RuntimeError("a mistake of ours")
        return remove(watched)

    monkeypatch.setattr(bot.cloud, "tear_down", fail_on_the_first)
    bot.tick(3700)
    assert bot.cloud.downs == ["verl-smoke-0002"]


def test_a_task_that_cannot_be_read_ends_its_run(bot: Bot, redis: Redis) -> None:
    bot.cloud.answers = False
    bot.say("launch smoke")
    redis.set(RUN_TASK.format(RUN_ID), b"{")
    bot.cloud.answers = True
    bot.ticks(3)
    assert (bot.run().status, bot.run().reason) == ("ended", "launch_failed")
    assert "I cannot read its task, so I cannot launch it." in bot.reads()


def test_an_entry_of_the_ledger_that_cannot_be_read_stops_no_launch(bot: Bot, redis: Redis) -> None:
    redis.hset(RESERVATIONS, "ppo-0000", "{")
    redis.hset("verl:spent", "2026-01 workspace", "inf")
    redis.hset("verl:given", "workspace", "x")
    assert "Launching" in bot.say("launch smoke")


# notices


def test_a_notice_whose_reply_was_lost_is_looked_for_and_not_sent_twice(bot: Bot, redis: Redis) -> None:
    bot.running()
    with_null(redis)
    bot.playground._slack.faults.asked.append(Fault("chat.postMessage", Trouble.LOST, times=2))
    bot.ticks(8, seconds=5)
    for channel in (TRAINING, OPS):
        assert counted(bot, "I cannot read the record of `smoke-0001`", channel) == 1


def test_a_notice_goes_to_the_person_where_the_bot_may_not_post(bot: Bot, redis: Redis) -> None:
    bot.running()
    with_null(redis)
    stub = json.loads(redis.hget(RUN_STUBS, RUN_ID) or "")
    redis.hset(RUN_STUBS, RUN_ID, json.dumps(stub | {"channel": "C0GONE"}))
    bot.ticks(4, seconds=10)
    direct = [one for one in bot.store.list_notices() if one.channel == ANA]
    assert [one.is_sent for one in direct] == [True]


def test_a_notice_is_forgotten_after_a_month(bot: Bot, redis: Redis) -> None:
    bot.running("launch smoke lease=2000")
    with_null(redis)
    bot.ticks(3)
    assert len(bot.store.list_notices()) == 2
    bot.cloud.seen[CLUSTER] = Observation(ending=Ending.DOWNED)
    bot.ticks(3, seconds=10)
    bot.moment += timedelta(days=31)
    bot.notices.send_due()
    assert bot.store.list_notices() == []


def test_a_run_that_the_tick_fails_on_is_ended_by_its_lease_all_the_same(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 lease=1")
    mistake = SimpleNamespace(ending=None, error=None, infra="", unhealthy=None)  # in the reading of SkyPilot's answers
    bot.cloud.seen[CLUSTER] = cast(Observation, mistake)
    bot.ticks(7, seconds=60)
    assert (
        counted(bot, "I cannot read the record of `smoke-0001`* (a bug in verlbot; its log has the details)", OPS) == 1
    )
    bot.tick(3600)
    assert bot.cloud.downs == [CLUSTER]
    bot.ticks(3, seconds=10)
    assert bot.run().status == "ended"
    assert bot.store.get_ledger().reservations == ()
