"""Events of the audit in the store: how long they are kept, and that none is written of what was not."""

import json
from datetime import timedelta

import pytest
from redis import Redis

from bot.adapters.redis.audit_store import MAX_RUN_EVENTS, RedisAudit
from bot.adapters.redis.connection import AUDIT_EVENTS, RUN_EVENTS
from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.audit import (
    BOT,
    Origin,
    build_request_event,
)
from bot.core.model.run import Run
from tests.builders import NOON, a_run, change_run
from tests.story import ANA, TRAINING

RUN = "smoke-0001"


def test_events_are_kept_for_as_long_as_it_was_set(redis: Redis) -> None:
    audit = RedisAudit(redis, lambda: NOON, timedelta(days=30))
    event = build_request_event("forget", RUN, NOON, Origin(ANA, "command", TRAINING))
    old = int(redis.time()[0] - 31 * 86_400) * 1000
    redis.xadd(AUDIT_EVENTS, {"event": b"{}"}, id=f"{old}-0")
    audit.record(event)
    assert list(audit.iterate_events(timedelta(days=365))) == [event]
    assert redis.xlen(AUDIT_EVENTS) == 1


def test_many_are_read_a_few_at_a_time_the_newest_first(redis: Redis) -> None:
    audit = RedisAudit(redis, lambda: NOON)
    for number in range(1_203):
        redis.xadd(
            AUDIT_EVENTS, {"event": json.dumps({"at": NOON.isoformat(), "who": BOT, "what": "end", "on": str(number)})}
        )
    assert [event.on for event in audit.iterate_events(timedelta(days=1))] == [
        str(number) for number in reversed(range(1_203))
    ]


def test_one_that_cannot_be_read_costs_no_other(redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
    audit = RedisAudit(redis, lambda: NOON)
    redis.xadd(AUDIT_EVENTS, {"event": b"{"})
    redis.xadd(AUDIT_EVENTS, {"other": b""})
    event = build_request_event("forget", RUN, NOON, None)
    audit.record(event)
    assert list(audit.iterate_events(timedelta(days=1))) == [event]
    assert "cannot be read" in caplog.text


def test_beside_the_stream_a_run_has_its_last_events_alone(store: RedisStore, redis: Redis) -> None:
    store.add(a_run(id=RUN, budget_dollars=1.0), {"run": "true"})
    redis.rpush(RUN_EVENTS.format(RUN), *[b"{}"] * MAX_RUN_EVENTS)
    store.update(RUN, lambda run: change_run(run, budget_dollars=2.0))
    assert redis.llen(RUN_EVENTS.format(RUN)) == MAX_RUN_EVENTS
    assert store.audit.list_run_events(RUN)[-1].after["budget_dollars"] == 2.0


def test_what_was_not_written_is_no_event(store: RedisStore) -> None:
    store.add(a_run(id=RUN), {"run": "true"})
    before = store.audit.list_run_events(RUN)

    def meanwhile(run: Run) -> Run:
        if len(tries) == 0:
            tries.append(1)
            store.update(RUN, lambda known: change_run(known, budget_dollars=5.0))
        return change_run(run, budget_dollars=9.0)

    tries: list[int] = []
    store.update(RUN, meanwhile)
    assert [event.after["budget_dollars"] for event in store.audit.list_run_events(RUN)[len(before) :]] == [5.0, 9.0]


def test_changes_alone_keep_the_stream_within_its_days(redis: Redis) -> None:
    store = RedisStore(redis, audit=RedisAudit(redis, lambda: NOON, timedelta(days=30)))
    redis.xadd(AUDIT_EVENTS, {"event": b"{}"}, id=f"{int(redis.time()[0] - 31 * 86_400) * 1000}-0")
    store.add(a_run(id=RUN), {"run": "true"})
    store.archive(RUN)
    assert [event.what for event in store.audit.iterate_events(timedelta(days=365))] == ["launch"]
    assert redis.xlen(AUDIT_EVENTS) == 1
