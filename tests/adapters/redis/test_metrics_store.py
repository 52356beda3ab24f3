"""The numbers of a run in a real Redis-protocol server: they come back as they were, and stay small."""

import math
from collections.abc import Sequence
from datetime import timedelta

import pytest
from redis import Redis

from bot.adapters.redis.redis_store import RedisStore
from bot.adapters.redis.run_retention import Retention
from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.frameworks.verl.metric_keys import VERL_KEYS
from bot.core.model.history import MIN_RECENT_ROWS, TIME_KEY
from bot.core.model.metrics import StepMetrics
from bot.core.model.run import Run
from bot.core.rules.log_cursor import LogCursor
from tests.builders import a_run, change_run

READ = LogCursor(LogParser(partial_line="step:4 - cri", block=" {'a': 1", step=3, keys=("a", "b")), ("00", "ff"), 2)


RUN = "ppo-7f3a"


def taken_in(store: RedisStore, reading: LogCursor, rows: Sequence[StepMetrics]) -> None:
    """With the record of a run, which is there."""
    store.add(a_run(), {})
    store.append_metrics(RUN, lambda run: run, reading, rows)


def test_how_far_a_log_was_read_comes_back_as_it_was(store: RedisStore) -> None:
    assert store.get_log_cursor(RUN) == LogCursor()
    taken_in(store, READ, [])
    assert store.get_log_cursor(RUN) == READ
    assert store.get_log_cursor("ppo-2") == LogCursor()


def test_rows_come_back_as_they_were_whatever_metrics_each_has(store: RedisStore) -> None:
    rows = [
        StepMetrics(1, {"a": 1.0, "b": -2.5}, 10.0),
        StepMetrics(2, {"b": 1e-30, "c": math.inf}, 20.0),
        StepMetrics(3, {}, 30.0),
    ]
    for row in rows:
        taken_in(store, READ, [row])
    assert list(store.get_recent_metrics(RUN, 9)) == rows
    assert list(store.get_recent_metrics(RUN, 2)) == rows[1:]
    assert store.get_history(RUN).get_series(TIME_KEY) == ((1, 10.0), (2, 20.0), (3, 30.0))
    assert store.get_history("ppo-2").keys == []


def test_not_a_number_comes_back_as_such(store: RedisStore) -> None:
    taken_in(store, READ, [StepMetrics(1, {"a": math.nan})])
    (row,) = store.get_recent_metrics(RUN, 1)
    assert math.isnan(row.values["a"])


def test_the_same_rows_kept_twice_as_after_a_crash_are_there_once(store: RedisStore) -> None:
    rows = [StepMetrics(step, {"a": float(step)}) for step in (1, 2, 3)]
    taken_in(store, READ, rows)
    taken_in(store, READ, rows)
    assert list(store.get_recent_metrics(RUN, 9)) == rows


def test_the_record_and_the_numbers_are_written_together_or_not_at_all(store: RedisStore) -> None:
    taken_in(store, LogCursor(), [])

    def mistaken(_: Run) -> Run:
        raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        store.append_metrics(RUN, mistaken, READ, [StepMetrics(1, {"a": 1.0})])
    assert (store.get_log_cursor(RUN), list(store.get_recent_metrics(RUN, 9))) == (LogCursor(), [])
    changed = store.append_metrics(RUN, lambda run: change_run(run, infra="k8s"), READ, [StepMetrics(1, {"a": 1.0})])
    assert changed == store.get(RUN)
    assert changed.infra == "k8s"
    assert (store.get_log_cursor(RUN), len(store.get_recent_metrics(RUN, 9))) == (READ, 1)


def test_somebody_who_writes_meanwhile_is_not_written_over(store: RedisStore) -> None:
    taken_in(store, LogCursor(), [])
    tries = []

    def change(run: Run) -> Run:
        tries.append(run.infra)
        if len(tries) == 1:
            store.update(RUN, lambda run: change_run(run, infra="k8s"))
        return change_run(run, nodes=7)

    changed = store.append_metrics(RUN, change, READ, [StepMetrics(1, {"a": 1.0})])
    assert (tries, changed.infra, changed.plan.nodes) == (["", "k8s"], "k8s", 7)
    assert len(store.get_recent_metrics(RUN, 9)) == 1


def test_old_rows_are_folded_and_the_curve_stays_whole(store: RedisStore) -> None:
    steps = range(1, 5 * MIN_RECENT_ROWS)
    for start in steps[::50]:
        rows = [StepMetrics(step, {"a": math.sin(step)}, float(step)) for step in steps[start - 1 : start + 49]]
        taken_in(store, READ, rows)
    series = store.get_history(RUN).get_series("a")
    assert series[-1] == (steps[-1], math.sin(steps[-1]))
    assert len(store.get_recent_metrics(RUN, 10_000)) < 2 * MIN_RECENT_ROWS
    assert all(value == math.sin(step) for step, value in series)
    assert max(value for _, value in series) == max(math.sin(step) for step in steps)


def test_more_metrics_than_verl_has_do_no_harm(store: RedisStore) -> None:
    taken_in(store, READ, [StepMetrics(1, {f"m/{n}": float(n) for n in range(1000)})])
    (row,) = store.get_recent_metrics(RUN, 1)
    assert row.values == {f"m/{n}": float(n) for n in range(256)}


def test_the_numbers_of_a_run_that_has_ended_go_after_a_while_and_its_record_later(redis: Redis) -> None:
    store = RedisStore(redis, Retention(metrics=timedelta(days=3)))
    taken_in(store, READ, [StepMetrics(1, {"a": 1.0})])
    assert redis.ttl("verl:run:ppo-7f3a:rows") == -1
    store.archive("ppo-7f3a")
    for key in ("rows", "columns", "reading"):
        assert 0 < (redis.ttl(f"verl:run:ppo-7f3a:{key}") or 0) <= 3 * 86_400
    assert 3 * 86_400 < (redis.ttl("verl:run:ppo-7f3a") or 0) <= 365 * 86_400


@pytest.mark.slow
@pytest.mark.thorough
def test_a_hundred_thousand_steps_of_eighty_metrics_are_under_two_megabytes(store: RedisStore, redis: Redis) -> None:
    """Of which every tenth tells its numbers, so that it takes seconds; the room is that of all (`make bench`)."""
    keys = [f"critic/some_metric_of_a_usual_length/{n}" for n in range(80)]
    for start in range(0, 100_000, 2500):
        rows = [
            StepMetrics(step, {key: math.sin(step * n / 1000) for n, key in enumerate(keys)}, 1.7e9 + 60 * step)
            for step in range(start, start + 2500, 10)
        ]
        taken_in(store, READ, rows)
    sizes = [redis.memory_usage(key, samples=0) or 0 for key in redis.keys(f"verl:run:{RUN}:*")]
    assert sum(sizes) < 2_000_000
    assert store.get_history(RUN).get_series(keys[3])[-1] == (99_990, math.sin(99_990 * 3 / 1000))


def test_a_first_validation_of_thousands_of_metrics_leaves_room_for_the_others(store: RedisStore) -> None:
    taken_in(store, READ, [StepMetrics(0, {f"val-aux/{n:04}": 0.5 for n in range(4000)} | {"val-core/a": 0.25})])
    taken_in(store, READ, [StepMetrics(1, {f"m/{n:03}": 0.1 for n in range(500)} | {"critic/rewards/mean": 0.75}, 1.0)])
    first, second = store.get_recent_metrics(RUN, 2)
    assert (len(first.values), VERL_KEYS.find_validation(first.values)) == (128, 0.25)
    assert (len(second.values), second.find_first(["critic/rewards/mean"])) == (128, 0.75)
    taken_in(store, READ, [StepMetrics(2, {"actor/grad_norm": 1.0}, 2.0)])
    assert store.get_recent_metrics(RUN, 1)[0].values == {
        "actor/grad_norm": 1.0
    }  # what the bot itself looks at has always room
