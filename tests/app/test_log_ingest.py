"""What a look at a log brings into the record: every line once, whatever another line holds, and in bounded time."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from redis import Redis

from bot.adapters.redis.connection import RUN_LOG_ATTEMPTS, RUN_LOG_CURSOR
from bot.adapters.redis.redis_store import RedisStore
from bot.app.health_monitor import HealthMonitor, HealthUpdate
from bot.app.hidden_causes import HiddenCauseReader
from bot.app.log_ingest import MAX_TRIES, LogIngest, LogReadLimits
from bot.core.model.health_state import HealthState
from bot.core.model.history import MetricsHistory
from bot.core.model.metrics import StepMetrics
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, SummaryInterval
from bot.core.model.tracker import TrackerHosts
from bot.core.rules.log_cursor import CHUNK_LINES, LogCursor
from bot.errors import Unavailable, UnwritableRecord
from bot.slack.views.run_thread import build_conversation
from tests.builders import at, running
from tests.doubles.cloud import FakeCloud

RUN = "ppo-7f3a"


def a_log(*steps: int) -> str:
    return "".join(f"(pid=7) step:{step} - critic/rewards/mean:0.5 - actor/lr:0.1\n" for step in steps)


class Silent:
    """Shows nothing."""

    def show(self, runs: Iterable[Run]) -> None:
        list(runs)


class RefusesSteps(RedisStore):
    """A store that cannot write what one step has told."""

    refused: Sequence[int] = ()

    def append_metrics(
        self, run_id: str, change: Callable[[Run], Run], reading: LogCursor, rows: Sequence[StepMetrics]
    ) -> Run:
        if any(row.step in self.refused for row in rows):
            raise UnwritableRecord("a number that JSON has no word for")
        return super().append_metrics(run_id, change, reading, rows)


class FailsAfterwards(RedisStore):
    """A store that writes, and fails then."""

    def append_metrics(
        self, run_id: str, change: Callable[[Run], Run], reading: LogCursor, rows: Sequence[StepMetrics]
    ) -> Run:
        super().append_metrics(run_id, change, reading, rows)
        raise ValueError("the numbers cannot be folded")


class Silence(RedisStore):
    """A store that does not answer for a while."""

    silent = 0

    def append_metrics(
        self, run_id: str, change: Callable[[Run], Run], reading: LogCursor, rows: Sequence[StepMetrics]
    ) -> Run:
        if self.silent:
            self.silent -= 1
            raise Unavailable("I can't reach my database.")
        return super().append_metrics(run_id, change, reading, rows)


class Killed(BaseException):
    """The end of a process, which no `except Exception` sees."""


def an_intake(
    store: RedisStore, watcher: HealthMonitor | None = None, limits: LogReadLimits | None = None
) -> LogIngest:
    if store.get(RUN) is None:
        store.add(running(), {})
    return LogIngest(
        store,
        HiddenCauseReader(FakeCloud(), store),
        Silent(),
        watcher or HealthMonitor(),
        lambda: at(60),
        SummaryInterval(),
        limits or LogReadLimits(),
        tracker_hosts=TrackerHosts(("wandb.ai", "http://mlflow.internal:5000")),
    )


def look(intake: LogIngest, text: str) -> Run:
    run = intake.store.get(RUN)
    assert run is not None
    return intake.ingest(run, text)


def steps(store: RedisStore) -> list[int]:
    """Of all rows that were kept, each as often as it was."""
    found = store._redis.lrange(f"verl:run:{RUN}:rows", 0, -1)
    assert MetricsHistory.from_stored({}, store.get_recent_metrics(RUN, 10_000)).rows is not None
    return (
        [row.step for row in store.get_recent_metrics(RUN, 10_000)]
        if len(found) == len(store.get_recent_metrics(RUN, 10_000))
        else [-1]
    )


def tracebacks(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.exc_info is not None for record in caplog.records)


@pytest.mark.parametrize("refused", [(1,), (3,), (9,), (2, 3), (1, 9), tuple(range(1, 10))])
def test_a_line_that_cannot_be_taken_in_costs_no_other_line(
    redis: Redis, refused: tuple[int, ...], caplog: pytest.LogCaptureFixture
) -> None:
    store = RefusesSteps(redis)
    store.refused = refused
    intake = an_intake(store)
    text = a_log(*range(1, 10))
    run = look(intake, text)
    wanted = [step for step in range(1, 10) if step not in refused]
    assert steps(store) == wanted
    assert (run.training.progress.training_totals.steps, store.get_log(RUN).count("step:")) == (len(wanted), 9)
    assert tracebacks(caplog) == 1
    for _ in range(3):
        look(intake, text)
    assert steps(store) == wanted
    look(intake, text + a_log(10))
    assert steps(store) == [*wanted, 10]
    assert tracebacks(caplog) == 1


def test_what_fails_once_all_is_written_takes_nothing_in_twice(redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
    store = FailsAfterwards(redis)
    intake = an_intake(store)
    for end in (5, 9, 9):
        run = look(intake, a_log(*range(1, end)))
    assert steps(store) == list(range(1, 9))
    assert run.training.progress.training_totals.steps == 8
    assert tracebacks(caplog) == 1


def test_a_mistake_in_judging_costs_no_step_and_is_told_once(
    store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    class Mistaken(HealthMonitor):
        def judge_steps(self, *_: Any, **__: Any) -> HealthUpdate:
            raise ZeroDivisionError

    intake = an_intake(store, Mistaken())
    for end in range(2, 9):
        run = look(intake, a_log(*range(1, end)))
    assert steps(store) == list(range(1, 8))
    assert run.training.progress.step == 7
    assert tracebacks(caplog) == 1


class Deadly(HealthMonitor):
    """Ends the process at one step."""

    def judge_steps(self, health: HealthState, earlier: Any, new: Sequence[StepMetrics], *more: Any) -> HealthUpdate:
        if any(row.step == 3 for row in new):
            raise Killed
        return super().judge_steps(health, earlier, new, *more)


def test_lines_that_ended_the_bot_twice_are_skipped_and_that_is_said_once(
    store: RedisStore, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    for tries in range(1, MAX_TRIES + 1):
        with pytest.raises(Killed):
            look(an_intake(store, Deadly()), a_log(1, 2, 3, 4))
        assert redis.get(RUN_LOG_ATTEMPTS.format(RUN)) == str(tries).encode()  # recorded before it was made
    intake = an_intake(store, Deadly())
    run = look(intake, a_log(1, 2, 3, 4))
    assert (steps(store), run.training.progress.skips) == ([], 1)
    assert sum("skipped" in record.message for record in caplog.records) == 1
    for end in (6, 7, 8):
        run = look(intake, a_log(*range(1, end)))
    assert steps(store) == [5, 6, 7]
    assert [message.key for message in build_conversation(run, at(60), "")].count("unread") == 1
    assert sum("skipped" in record.message for record in caplog.records) == 1


def test_a_try_that_came_back_is_no_try_that_did_not(redis: Redis) -> None:
    store = Silence(redis)
    intake = an_intake(store)
    store.silent = 3 * MAX_TRIES
    for _ in range(3 * MAX_TRIES):
        with pytest.raises(Unavailable):
            look(intake, a_log(1, 2))
    run = look(intake, a_log(1, 2))
    assert (steps(store), run.training.progress.skips) == ([1, 2], 0)
    assert redis.get(RUN_LOG_ATTEMPTS.format(RUN)) is None


def test_a_look_that_brings_nothing_counts_no_try(store: RedisStore, redis: Redis) -> None:
    intake = an_intake(store)
    look(intake, a_log(1))
    before = redis.info("commandstats")["cmdstat_incrby"]["calls"]
    look(intake, a_log(1))
    assert redis.info("commandstats")["cmdstat_incrby"]["calls"] == before


def test_a_log_that_is_slow_to_read_is_read_a_part_at_a_time(
    store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    times, gave_way = iter(range(10_000)), []
    limits = LogReadLimits(3.0, lambda: gave_way.append(1), lambda: float(next(times)))
    intake = an_intake(store, limits=limits)
    lines = ["waiting\n" * CHUNK_LINES, a_log(1), "waiting more\n" * 5 * CHUNK_LINES, a_log(2), "at the end\n" * 300]
    looks = 0
    while steps(store) != [1, 2]:
        look(intake, "".join(lines))
        looks += 1
    assert 1 < looks < 9
    assert len(gave_way) >= looks
    for _ in range(9):
        look(intake, "".join(lines))
    assert steps(store) == [1, 2]
    assert sum("slow" in record.message for record in caplog.records) == 1


def test_the_last_look_has_more_time_because_none_comes_after_it(store: RedisStore) -> None:
    times = iter(range(10_000))
    intake = an_intake(store, limits=LogReadLimits(3.0, clock=lambda: float(next(times))))
    ended = store.update(RUN, lambda run: run.begin_teardown(Reason.STOPPED, None, at(61)))
    saved = intake.ingest_last_lines(ended, ("waiting\n" * 8 * CHUNK_LINES) + a_log(1))
    assert (steps(store), saved.training.progress.step) == ([1], 1)


@pytest.mark.parametrize(
    "noise",
    ["\x00" * 99, "\ud800", "\x1b[31m\x07", "\u202e", "x" * 2_000_000, "a\r" * 99_999, "(pid=" + "1" * 60_000],
    ids=["NUL", "half a character", "bells", "backwards", "long", "redrawn", "digits"],
)
def test_whatever_stands_between_two_steps_both_are_read_and_the_log_is_kept(store: RedisStore, noise: str) -> None:
    intake = an_intake(store)
    run = look(intake, a_log(1) + noise + "\n" + a_log(2))
    assert steps(store) == [1, 2]
    assert store.get_log(RUN).count("step:") == 2
    assert len(store.get_log(RUN).encode()) < 70_000
    ended = store.update(RUN, lambda run: run.begin_teardown(Reason.FAILED, None, at(61)))
    saved = intake.ingest_last_lines(ended, a_log(1) + noise + "\n" + a_log(2, 3) + "KeyError: 'x'" + noise)
    assert saved.teardown.log_saved_at is not None
    assert steps(store) == [1, 2, 3]
    assert run.id == saved.id


def test_last_lines_that_ended_the_bot_twice_do_not_keep_its_cluster(store: RedisStore) -> None:
    ended = an_intake(store).store.update(RUN, lambda run: run.begin_teardown(Reason.FAILED, None, at(61)))
    for _ in range(MAX_TRIES):
        with pytest.raises(Killed):
            an_intake(store, Deadly()).ingest_last_lines(ended, a_log(1, 2, 3))
    saved = an_intake(store, Deadly()).ingest_last_lines(ended, a_log(1, 2, 3))
    assert saved.teardown.log_saved_at is not None
    assert saved.training.progress.skips == 1


def test_where_it_is_lost_how_far_a_log_was_read_no_step_is_taken_twice(store: RedisStore, redis: Redis) -> None:
    intake = an_intake(store)
    look(intake, a_log(1, 2, 3))
    redis.set(RUN_LOG_CURSOR.format(RUN), b'{"parser": 7}')
    run = look(intake, a_log(1, 2, 3, 4))
    assert steps(store) == [1, 2, 3, 4]
    assert run.training.progress.training_totals.steps == 4


@pytest.mark.parametrize(
    ("lines", "page"),
    [
        pytest.param(
            ["wandb: 🚀 View run at https://wandb.ai/team/gsm8k/runs/1"],
            "https://wandb.ai/team/gsm8k/runs/1",
            id="a known host",
        ),
        pytest.param(
            ["🏃 View run gifted-hare-7 at: http://mlflow.internal:5000/#/experiments/1/runs/2"],
            "http://mlflow.internal:5000/#/experiments/1/runs/2",
            id="a host of the team's own",
        ),
        pytest.param(["wandb: 🚀 View run at https://wandb.ai.example.org/t/p/runs/1"], "", id="an unknown host"),
        pytest.param(
            [
                "wandb: 🚀 View run at https://wandb.ai/team/gsm8k/runs/1",
                "🏃 View run x at: http://elsewhere.example/#/experiments/1/runs/2",
            ],
            "https://wandb.ai/team/gsm8k/runs/1",
            id="an unknown host after a known one",
        ),
    ],
)
def test_a_run_has_the_page_of_a_known_tracker_alone(redis: Redis, lines: list[str], page: str) -> None:
    intake = an_intake(RedisStore(redis))
    assert look(intake, "\n".join(lines) + "\n").training.progress.tracker_page == page
    assert all(line in intake.store.get_log(RUN) for line in lines)
