"""Why a run failed, read in Ray's logs where its own log hides it; and what changes nothing."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.app.hidden_causes import HiddenCauseReader
from bot.core.model.failure import FailureKind, FailureSummary, ProcessLog
from bot.core.model.rollout import RunFolder
from bot.core.model.run import Run
from bot.errors import BeingStopped, Unavailable, UserError
from tests.builders import running

DIED = "ray.exceptions.ActorDiedError: The actor died.\n\tpid: 41210\n\tip: 10.1.0.4\n"
CAUSE = "Traceback (most recent call last):\n  File 'w.py', line 3\ntorch.OutOfMemoryError: CUDA out of memory.\n"
HIDDEN = FailureSummary("ActorDiedError", FailureKind.WORKER_DIED)


@dataclass
class RayLogs:
    """Ray's logs of one worker; what was asked for is kept."""

    error: Exception | None = None
    asked: list[tuple[RunFolder, list[int]]] = field(default_factory=list)

    def read_process_logs(self, _cluster: object, folder: RunFolder, pids: list[int]) -> list[ProcessLog]:
        self.asked.append((folder, pids))
        if self.error:
            raise self.error
        return [ProcessLog(1, "worker-a1-01000000-41210.err", CAUSE)]


def find(store: RedisStore, files: Any, run: Run, summary: FailureSummary | None = HIDDEN) -> FailureSummary | None:
    store.add(run, {"envs": {"RAY_TMPDIR": "/fast"}})
    return HiddenCauseReader(files, store).find(run, DIED, summary)


def on_two_nodes(managed: bool = False) -> Run:
    run = running()
    return replace(run, plan=replace(run.plan, nodes=2, managed=managed))


def test_the_dead_workers_own_log_tells_why_and_where(store: RedisStore) -> None:
    logs = RayLogs()
    cause = find(store, logs, on_two_nodes())
    assert cause
    assert (cause.kind, cause.node, cause.process) == (FailureKind.GPU_MEMORY, 1, "worker 41210")
    ((folder, pids),) = logs.asked
    assert (folder.location.path, folder.location.nodes, pids) == ("/fast/ray", 2, [41210])


@pytest.mark.parametrize(
    ("run", "summary"),
    [
        (on_two_nodes(managed=True), HIDDEN),
        (on_two_nodes(), FailureSummary("KeyError: 'x'", FailureKind.EXCEPTION, excerpt=("KeyError: 'x'",))),
    ],
    ids=["a managed job", "a cause is known"],
)
def test_where_nothing_is_to_be_found_no_node_is_asked(store: RedisStore, run: Run, summary: FailureSummary) -> None:
    logs = RayLogs()
    assert find(store, logs, run, summary) == summary
    assert not logs.asked


@pytest.mark.parametrize(
    "error", [Unavailable("no route"), UserError("never"), ValueError("a mistake")], ids=["silence", "refusal", "bug"]
)
def test_a_read_that_fails_changes_nothing_and_is_not_repeated(store: RedisStore, error: Exception) -> None:
    logs = RayLogs(error)
    assert find(store, logs, on_two_nodes()) == HIDDEN
    assert len(logs.asked) == 1


def test_a_bot_that_stops_leaves_the_read_to_the_next_one(store: RedisStore) -> None:
    with pytest.raises(BeingStopped):
        find(store, RayLogs(BeingStopped("The bot is stopping.")), on_two_nodes())
