"""A run's metrics come from its file, and from the console where the file cannot be read; each step counts once."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.app.health_monitor import HealthMonitor, HealthUpdate
from bot.app.hidden_causes import HiddenCauseReader
from bot.app.log_ingest import LogIngest, LogReadLimits
from bot.app.metrics_file import READS_AT_ONCE, RETRY_MINUTES, FileReadLimits, MetricsFileReader
from bot.core.model.health_state import HealthState
from bot.core.model.metrics import StepMetrics
from bot.core.model.rollout import FilePart, FilePosition, OutputFiles
from bot.core.model.run import Run
from bot.core.model.run_state import SummaryInterval
from tests.builders import at, running, up
from tests.doubles.cloud import FakeCloud
from tests.story import Bot

RUN = "smoke-0001"
CLUSTER = f"verl-{RUN}"
FILE = f"{RUN}/metrics.jsonl"
REWARD = "critic/rewards/mean"


def launched(bot: Bot) -> None:
    bot.say("launch smoke")
    bot.ticks(2)


def write(bot: Bot, *steps: int) -> None:
    """Let the training write its file, with a key that the console does not show."""
    rows = [{"step": step, "data": {REWARD: step / 100 + 0.001, "file/only": 1.0}} for step in steps]
    bot.cloud.write_file(CLUSTER, FILE, "".join(json.dumps(row) + "\n" for row in rows))


def show(bot: Bot, *steps: int) -> None:
    """Let the console show steps, rounded, and the bot look."""
    for step in steps:
        bot.cloud.print(CLUSTER, f"(TaskRunner pid=7) step:{step} - {REWARD}:{step / 100} - actor/lr:0.1")
    bot.tick(1)


def recorded(bot: Bot) -> dict[int, float]:
    return {row.step: row.values[REWARD] for row in bot.store.get_recent_metrics(RUN, 99)}


def test_the_file_counts_and_the_console_repeats_nothing(bot: Bot) -> None:
    launched(bot)
    write(bot, 1, 2, 3)
    show(bot, 1, 2)
    show(bot, 3)
    assert recorded(bot) == {1: 0.011, 2: 0.021, 3: 0.031}
    progress, health = bot.run().training.progress, bot.run().training.health
    assert (progress.step, progress.training_totals.steps, health.row_count) == (3, 3, 3)
    assert "Metrics: from the file `metrics.jsonl`" in bot.say(f"status {RUN}")


def test_what_the_file_lacks_or_the_log_alone_tells_comes_from_the_console(bot: Bot) -> None:
    launched(bot)
    write(bot, 1)
    bot.cloud.print(CLUSTER, "(TaskRunner pid=7) Total training steps: 40")
    show(bot, 1, 2, 3)
    assert recorded(bot) == {1: 0.011, 2: 0.02, 3: 0.03}
    assert bot.run().training.progress.total_steps == 40
    show(bot, 4)
    assert "The newest steps are missing in the file metrics.jsonl" in bot.say(f"status {RUN}")


def test_while_the_file_cannot_be_read_the_console_counts_and_then_the_file_goes_on(bot: Bot) -> None:
    launched(bot)
    write(bot, 1)
    show(bot, 1)
    bot.cloud.breaks_fetch = "ssh: no route."
    show(bot, 2)
    assert recorded(bot) == {1: 0.011, 2: 0.02}
    assert "Metrics: from the console. ssh: no route." in bot.say(f"status {RUN}")
    bot.cloud.breaks_fetch = ""
    write(bot, 1, 2, 3)
    bot.moment += timedelta(minutes=RETRY_MINUTES)
    show(bot, 3)
    assert recorded(bot) == {1: 0.011, 2: 0.02, 3: 0.031}
    assert bot.run().training.progress.training_totals.steps == 3
    assert all("file/only" in row.values for row in bot.store.get_recent_metrics(RUN, 99))
    assert "Metrics: from the file" in bot.say(f"status {RUN}")


def test_a_run_without_a_file_says_so(bot: Bot) -> None:
    launched(bot)
    assert "Metrics:" not in bot.say(f"status {RUN}")
    show(bot, 1)
    assert "Metrics: from the console. There is no such file." in bot.say(f"status {RUN}")


class Killed(BaseException):
    """The end of a process, which no `except Exception` sees."""


class FaultyStep(HealthMonitor):
    """Fails, or ends the process, at rows of the file."""

    def __init__(self, error: type[BaseException]) -> None:
        super().__init__()
        object.__setattr__(self, "error", error)

    def judge_steps(self, health: HealthState, earlier: Any, new: Sequence[StepMetrics], *more: Any) -> HealthUpdate:
        if any("file/only" in row.values for row in new):
            raise self.error  # type: ignore[attr-defined]
        return super().judge_steps(health, earlier, new, *more)


class Silent:
    """Shows nothing."""

    def show(self, runs: Iterable[Run]) -> None:
        list(runs)


def test_a_part_that_ended_the_bot_twice_is_skipped_and_one_that_was_not_recorded_is_read_again(
    store: RedisStore,
) -> None:
    run = with_file(running())
    store.add(run, {})
    cloud = FakeCloud(seen={run.cluster: up()})
    cloud.write_file(run.cluster, f"{run.id}/metrics.jsonl", '{"step": 1, "data": {"file/only": 1.0}}\n')

    def look(error: type[BaseException], monitor: HealthMonitor | None = None) -> Run:
        reader = MetricsFileReader(cloud, lambda: at(60))
        monitor = monitor or FaultyStep(error)
        causes = HiddenCauseReader(cloud, store)
        ingest = LogIngest(
            store, causes, Silent(), monitor, lambda: at(60), SummaryInterval(), LogReadLimits(), metrics_file=reader
        )
        found = store.get(run.id)
        assert found is not None
        return ingest.ingest(found, f"step:1 - {REWARD}:0.5\n")

    with pytest.raises(Killed):
        look(Killed)
    assert store.get_recent_metrics(run.id, 9) == ()
    assert look(Killed, HealthMonitor()).training.progress.training_totals.steps == 1
    assert [set(row.values) for row in store.get_recent_metrics(run.id, 9)] == [{"file/only", REWARD}]
    cloud.write_file(
        run.cluster,
        f"{run.id}/metrics.jsonl",
        '{"step": 1, "data": {"file/only": 1.0}}\n{"step": 2, "data": {"file/only": 1.0}}\n',
    )
    for _ in range(2):
        with pytest.raises(Killed):
            look(Killed)
    assert look(Killed).training.progress.skips == 1
    assert [row.step for row in store.get_recent_metrics(run.id, 9)] == [1]


class Parts(FakeCloud):
    """Counts the reads, which fail."""

    reads = 0

    def read_new_metrics(self, *_: object) -> FilePart:
        self.reads += 1
        return super().read_new_metrics(*_)  # type: ignore[arg-type]


def with_file(run: Run) -> Run:
    return replace(run, plan=replace(run.plan, files=OutputFiles(metrics="metrics"), checkpoint_folder="~/checkpoints"))


@pytest.mark.parametrize(
    ("change", "reads"),
    [
        (with_file, 1),
        (lambda run: run, 0),
        (lambda run: with_file(replace(run, requests=replace(run.requests, stop_requested_by="U1"))), 0),
    ],
    ids=["a file", "no file", "being stopped"],
)
def test_a_failed_read_is_not_repeated_at_once(change: Callable[[Run], Run], reads: int) -> None:
    cloud = Parts(breaks_fetch="The cluster does not answer.")
    limits = FileReadLimits()
    for minute in (0, 1, RETRY_MINUTES - 1):
        MetricsFileReader(cloud, lambda minute=minute: at(60 * minute), limits).read(change(running()), FilePosition())  # type: ignore[misc]
    assert cloud.reads == reads
    MetricsFileReader(cloud, lambda: at(60 * RETRY_MINUTES), limits).read(change(running()), FilePosition())
    assert cloud.reads == 2 * reads


def test_no_more_files_are_read_at_once_than_leave_threads_for_a_stop() -> None:
    limits, cloud = FileReadLimits(), Parts(breaks_fetch="The cluster does not answer.")
    for _ in range(READS_AT_ONCE):
        limits.slots.acquire()
    assert MetricsFileReader(cloud, lambda: at(0), limits).read(with_file(running()), FilePosition()) is None
    assert cloud.reads == 0
