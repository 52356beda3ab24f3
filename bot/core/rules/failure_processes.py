"""Failures that the job's own log hides: which processes it names, and which cause in Ray's logs of them counts.

Ray's driver prints that a worker died. Why it died is in the worker's own log, or in that of Ray's server on its node.
"""

import re
from collections.abc import Container, Iterable
from dataclasses import replace

from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.failure import VAGUE_CAUSES, FailureKind, FailureSummary, ProcessLog
from bot.core.model.recipe import Task
from bot.core.model.rollout import RunFolder
from bot.core.rules.failure_diagnosis import diagnose
from bot.core.rules.failure_lines import COMPLAINT

HIDDEN_KINDS = frozenset(
    {
        FailureKind.WORKER_DIED,
        FailureKind.KILLED,
        FailureKind.CRASHED,
        FailureKind.TERMINATED,
        FailureKind.ROLLOUT_FAILED,
    }
)
"""Kinds that say how a process ended, and not why."""

UNCERTAIN_KINDS = frozenset(
    {
        *VAGUE_CAUSES,
        FailureKind.CRASHED,
        FailureKind.NCCL_TIMEOUT,
        FailureKind.NCCL_ERROR,
        FailureKind.NCCL_NETWORK,
    }
)
"""Kinds that count only in the log of a process that the job's log names as dead: others have them of its death."""

USELESS_KINDS = frozenset({FailureKind.TERMINATED, FailureKind.WORKER_DIED, FailureKind.TEARDOWN, FailureKind.KILLED})
"""Kinds that tell no more than the job's own log: Ray ends all workers once one has died."""

DEAD_PROCESS = re.compile(
    r"\b(?:Worker PID|pid): (\d{1,9})\b|\bline \d{1,9}: {1,20}(\d{1,9}) (?:Killed|Aborted|Segm|Bus)"
)
"""What Ray and the shell print of a process that died."""

FAILED_TASK = re.compile(r"\bray::\S{1,80}?\(\) \(pid=(\d{1,9})\b")
"""What Ray prints of a task that failed: its process may be one that only waited for the dead one."""

MAX_NAMED_PROCESSES = 8
"""Maximum processes whose own logs are read first: those of a node with eight GPUs."""

RAY_FOLDER_VARIABLES = ("RAY_TMPDIR", "TMPDIR")
"""The variables that tell Ray 2 where to put its folder, the first that is set counts; else it is in `/tmp`."""

PLAIN_FOLDER = re.compile(r"/(?!.*\.\.)[\w./-]{1,200}", re.ASCII)


def is_cause_hidden(summary: FailureSummary | None) -> bool:
    """Return whether a job's log says that a process ended, and not why.

    >>> is_cause_hidden(FailureSummary("exit code 1", FailureKind.EXCEPTION))
    True
    """
    if summary is None or summary.kind is None or summary.kind in HIDDEN_KINDS:
        return True
    # Without an excerpt it is an exit code alone; a command's complaint may be about something else.
    return summary.kind in VAGUE_CAUSES and (
        not summary.excerpt or summary.error.startswith("ray.exceptions.") or COMPLAINT.match(summary.error) is not None
    )


def list_named_processes(log: str) -> list[int]:
    """Return the numbers of the processes that a job's log names as dead or failed, the surest and newest first."""
    dead = [int(match[1] or match[2]) for match in DEAD_PROCESS.finditer(log)]
    failed = [int(match[1]) for match in FAILED_TASK.finditer(log)]
    return list(dict.fromkeys([*reversed(dead), *reversed(failed)]))[:MAX_NAMED_PROCESSES]


def locate_ray_folder(task: Task, nodes: int) -> RunFolder:
    """Return the folder in which Ray keeps its sessions on each node.

    >>> locate_ray_folder({"envs": {"RAY_TMPDIR": "/scratch"}}, 2).location.path, locate_ray_folder({}, 1).location.path
    ('/scratch/ray', '/tmp/ray')
    """
    variables = task.get("envs") or {}
    folders = [str(variables.get(name) or "") for name in RAY_FOLDER_VARIABLES]
    folder = next((folder for folder in folders if PLAIN_FOLDER.fullmatch(folder)), "/tmp")  # noqa: S108  # Ray's own
    return RunFolder(CheckpointRef(folder, "ray", nodes))


def prefer_process_cause(
    summary: FailureSummary | None,
    logs: Iterable[ProcessLog],
    named: Iterable[int],
    nodes: int = 1,
) -> FailureSummary | None:
    """Return the cause in Ray's logs that explains most; the job's own summary where they tell no more.

    Args:
        named: the processes that the job's log names; nodes: number of nodes of the run.
    """
    named_processes: Container[int | None] = frozenset(named)
    chosen, best = summary, 0
    for process_log in logs:
        cause = diagnose(process_log.text)
        rank = rank_cause(cause, process_log, named_processes)
        if cause and rank > best:
            node = process_log.node if nodes > 1 else None
            chosen, best = replace(cause, node=node, address=None, process=process_log.process), rank
    return chosen


def rank_cause(cause: FailureSummary | None, log: ProcessLog, named: Container[int | None]) -> int:
    """Return how much a cause in the log of a process explains; 0 for nothing.

    A named process and Ray's server count for more than a worker that may have survived its error.
    """
    if cause is None or cause.kind is None or cause.kind in USELESS_KINDS:
        return 0
    is_named = log.pid in named
    if cause.kind in UNCERTAIN_KINDS:
        return 2 if is_named and not cause.error.startswith("ray.exceptions.") else 0
    if is_named:
        return 4
    return 3 if log.pid is None else 1
