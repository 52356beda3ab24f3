"""Which failures a job's own log hides, and which cause in Ray's logs counts."""

import pytest

from bot.core.model.failure import FailureKind, FailureSummary, ProcessLog
from bot.core.rules.failure_diagnosis import diagnose
from bot.core.rules.failure_processes import (
    MAX_NAMED_PROCESSES,
    is_cause_hidden,
    list_named_processes,
    locate_ray_folder,
    prefer_process_cause,
)

TRACEBACK = 'Traceback (most recent call last):\n  File "worker.py", line 9, in step\n'
DIED = "ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.\n\tpid: 41210\n"


@pytest.mark.parametrize(
    ("log", "hidden"),
    [
        ("all is well", True),
        (DIED, True),
        ("ERROR: Job 1 failed with return code list: [0, 137]", True),
        ("ERROR: Job 1 failed with return code list: [1]", True),
        (f"{TRACEBACK}ray.exceptions.RaySystemError: System error: connection lost", True),
        (f"{TRACEBACK}vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.", True),
        ("mkdir: cannot create folder\nERROR: Job 1 failed with return code list: [1]", True),
        (f"{TRACEBACK}KeyError: 'reward_model'", False),
        (f"{TRACEBACK}torch.OutOfMemoryError: CUDA out of memory.", False),
        (f"{TRACEBACK}RuntimeError: NCCL error in: ProcessGroupNCCL.cpp:1, unhandled system error", False),
    ],
    ids=[
        "silence",
        "a dead actor",
        "a signal",
        "an exit code",
        "a wrapper",
        "an engine",
        "a complaint",
        "a key",
        "memory",
        "NCCL",
    ],
)
def test_a_log_that_says_only_how_a_process_ended_hides_the_cause(log: str, hidden: bool) -> None:
    assert is_cause_hidden(diagnose(log)) is hidden


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("(raylet) A worker died. Worker ID: a1 Worker IP address: 10.1.0.4 Worker PID: 512 Worker exit type", [512]),
        ("(job, pid=9) \tpid: 41210\n(job, pid=9) ray::TaskRunner.run() (pid=77, ip=10.1.0.4)", [41210, 77]),
        ("bash: line 4:  3311 Killed                  python3 -m verl.trainer.main_ppo", [3311]),
        ("Worker PID: 1\nWorker PID: 2\nWorker PID: 1", [1, 2]),
        ("(WorkerDict pid=5) step 3", []),
        ("pid: " + "9" * 40, []),
    ],
    ids=["Ray's server", "an actor and its caller", "a shell", "newest first", "a prefix", "no number of a process"],
)
def test_the_processes_that_a_log_names_as_dead_come_first(log: str, expected: list[int]) -> None:
    assert list_named_processes(log) == expected


def test_of_many_dead_processes_only_some_are_named() -> None:
    log = "".join(f"Worker PID: {pid}\n" for pid in range(1, 500))
    assert list_named_processes(log)[0] == 499
    assert len(list_named_processes(log)) == MAX_NAMED_PROCESSES


@pytest.mark.parametrize(
    ("variables", "path"),
    [
        ({}, "/tmp/ray"),
        ({"TMPDIR": "/scratch/t"}, "/scratch/t/ray"),
        ({"RAY_TMPDIR": "/fast", "TMPDIR": "/scratch/t"}, "/fast/ray"),
        ({"RAY_TMPDIR": "/fast/../etc"}, "/tmp/ray"),
        ({"RAY_TMPDIR": "$HOME/x"}, "/tmp/ray"),
        ({"RAY_TMPDIR": None}, "/tmp/ray"),
    ],
    ids=["default", "the machine's", "Ray's own", "upwards", "no plain path", "unset"],
)
def test_ray_keeps_its_sessions_where_the_task_says(variables: dict[str, str | None], path: str) -> None:
    folder = locate_ray_folder({"envs": variables}, 2)
    assert (folder.location.path, folder.location.nodes) == (path, 2)


RAYLET_KILL = (
    "[2026-03-01 08:00:00,120 I 90 90] (raylet) node_manager.cc:3041: Killing worker with task update_actor. Memory on "
    "the node (IP: 10.1.0.4) was 121.50GB / 128.00GB (0.949), which exceeds the memory usage threshold of 0.95.\n"
)
OUT_OF_MEMORY = f"{TRACEBACK}torch.OutOfMemoryError: CUDA out of memory.\n"
UNKNOWN = f"{TRACEBACK}RuntimeError: shapes differ\n"
SEGFAULT = "*** SIGSEGV received at time=1772352000 on cpu 11 ***\nFatal Python error: Segmentation fault\n"
NAMED, OTHER, RAYLET = "worker-a1-01000000-41210.err", "worker-b2-01000000-52.err", "raylet.out"


@pytest.mark.parametrize(
    ("logs", "kind", "process"),
    [
        ([(RAYLET, RAYLET_KILL)], FailureKind.NODE_MEMORY, "raylet"),
        ([(OTHER, OUT_OF_MEMORY), (NAMED, SEGFAULT)], FailureKind.CRASHED, "worker 41210"),
        ([(OTHER, OUT_OF_MEMORY)], FailureKind.GPU_MEMORY, "worker 52"),
        ([(RAYLET, RAYLET_KILL), (NAMED, OUT_OF_MEMORY)], FailureKind.GPU_MEMORY, "worker 41210"),
        ([(NAMED, UNKNOWN), (RAYLET, RAYLET_KILL)], FailureKind.NODE_MEMORY, "raylet"),
        ([(NAMED, UNKNOWN)], FailureKind.USER_CODE, "worker 41210"),
        ([(OTHER, UNKNOWN)], FailureKind.WORKER_DIED, ""),
        ([(OTHER, SEGFAULT)], FailureKind.WORKER_DIED, ""),
        ([(NAMED, "*** SIGTERM received at time=1772352000 ***\n")], FailureKind.WORKER_DIED, ""),
        ([(NAMED, "")], FailureKind.WORKER_DIED, ""),
        ([], FailureKind.WORKER_DIED, ""),
    ],
    ids=[
        "Ray's memory monitor",
        "a named crash",
        "another worker's cause",
        "the named worker before the server",
        "a known cause before an unknown",
        "an unknown cause of the named",
        "an unknown cause of another",
        "another's crash",
        "ended with the rest",
        "it printed nothing",
        "no logs",
    ],
)
def test_the_cause_that_explains_most_counts(logs: list[tuple[str, str]], kind: FailureKind, process: str) -> None:
    found = prefer_process_cause(diagnose(DIED), [ProcessLog(0, *log) for log in logs], [41210])
    assert found is not None
    assert (found.kind, found.process) == (kind, process)


def test_the_node_of_the_log_is_the_node_of_the_failure() -> None:
    logs = [ProcessLog(0, RAYLET, ""), ProcessLog(1, RAYLET, RAYLET_KILL)]
    before = FailureSummary("x", FailureKind.WORKER_DIED, address="10.1.0.9")
    on_two, on_one = (prefer_process_cause(before, logs, [], nodes) for nodes in (2, 1))
    assert on_two
    assert on_one
    assert (on_two.node, on_two.address, on_one.node) == (1, None, None)
