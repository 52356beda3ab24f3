"""Logs of runs that died, and what is made of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.failure import FailureKind, FailureSummary
from bot.core.rules.failure_diagnosis import diagnose
from bot.core.rules.failure_search import RANK_KINDS
from bot.core.rules.log_lines import MAX_DISPLAY_CHARACTERS

FRAMES = '  File "/verl/trainer.py", line 42, in fit\n    batch = self.next()\n'
PLACE = "/verl/trainer.py, line 42, in fit"


def traceback(error: str, prefix: str = "") -> str:
    """A traceback as Python prints it, behind a prefix."""
    lines = f"Traceback (most recent call last):\n{FRAMES}{error}".split("\n")
    return "\n".join(f"{prefix}{line}" for line in lines)


ONE = "(ppo, pid=7) "
HEAD, WORKER = "(head, rank=0, pid=7) ", "(worker1, rank=1, pid=9, ip=10.0.0.2) "
RAY, FAR = "(TaskRunner pid=70) ", "(WorkerDict pid=90, ip=10.0.0.2) "
OOM = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."
WRAPPER = (
    "ray.exceptions.RayTaskError(OutOfMemoryError): ray::WorkerDict.update_actor() (pid=90, ip=10.0.0.2, actor_id=a)"
)
STEP = "step:12 - critic/rewards/mean:0.41 - actor/lr:1e-06"

PATTERNS = [
    (FailureKind.GPU_MEMORY, OOM),
    (FailureKind.GPU_MEMORY, "RuntimeError: CUDA error: out of memory"),
    (
        FailureKind.NODE_MEMORY,
        "ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory.",
    ),
    (
        FailureKind.NCCL_TIMEOUT,
        "[rank3]:[E1126 10:00:00.1 Proc.cpp:616] [Rank 3] Watchdog caught collective operation timeout: WorkNCCL(x)",
    ),
    (
        FailureKind.NCCL_NETWORK,
        "torch.distributed.DistBackendError: NCCL error in: NCCLUtils.hpp:328, unhandled system error",
    ),
    (FailureKind.WORKER_DIED, "ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task."),
    (
        FailureKind.WORKER_DIED,
        "ray.exceptions.WorkerCrashedError: The worker died unexpectedly while executing this task.",
    ),
    (FailureKind.DISK_FULL, "OSError: [Errno 28] No space left on device: '/checkpoints/a'"),
    (FailureKind.HUGGING_FACE, "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: x"),
    (FailureKind.HUGGING_FACE, "huggingface_hub.errors.GatedRepoError: 403 Client Error."),
    (FailureKind.WANDB, "wandb: ERROR Abnormal program exit"),
    (FailureKind.NETWORK, "wandb.errors.errors.CommError: Run initialization has timed out after 90.0 sec."),
    (FailureKind.WANDB, "wandb.errors.errors.UsageError: api_key not configured (no-tty). call wandb.login(key=...)"),
    (
        FailureKind.DATA_MISSING,
        "FileNotFoundError: [Errno 2] No such file or directory: '/root/data/gsm8k/train.parquet'",
    ),
    (FailureKind.OVERRIDE, "hydra.errors.ConfigCompositionException: Could not override 'trainer.epoch'."),
    (FailureKind.OVERRIDE, "Could not override 'trainer.epoch'."),
    (
        FailureKind.BATCH_SIZE,
        "AssertionError: real_train_batch_size (30) must be divisible by minimal possible batch size (4)",
    ),
    (FailureKind.BATCH_SIZE, "AssertionError: only support equal chunk. Got size of DataProto 31 and chunk 4."),
    (FailureKind.RUNTIME_ERROR, "RuntimeError: asked to fail at step 3 (fail_at_step=3)"),
    (FailureKind.EXCEPTION, "my.own.StrangeError: whatever"),
]


@pytest.mark.parametrize(("kind", "line"), PATTERNS, ids=[line[:40] for _, line in PATTERNS])
def test_a_pattern_is_known_and_an_unknown_error_is_shown_as_it_is(kind: FailureKind | None, line: str) -> None:
    found = diagnose(f"{ONE}getting ready\n{ONE}{line}\n{ONE}bye")
    assert found is not None
    assert found.kind is kind
    assert line.endswith(found.error)


@pytest.mark.parametrize(
    ("line", "kind", "node"),
    [
        pytest.param("ERROR: Job 1 failed with return code list: [1, 137] ", FailureKind.KILLED, 1, id="by SkyPilot"),
        pytest.param(
            "\x1b[31mERROR: Job 1 failed with return code list:\x1b[0m [139, 0]", FailureKind.CRASHED, 0, id="139"
        ),
        pytest.param(
            "`run` failed on node 0 with exit code 137 (SIGKILL).", FailureKind.KILLED, None, id="on this machine"
        ),
        pytest.param(f"{HEAD}/tmp/run.sh: line 9:  4711 Killed    python3 x", FailureKind.KILLED, 0, id="by bash"),
    ],
)
def test_an_exit_code_tells_where_nothing_else_does(line: str, kind: FailureKind, node: int | None) -> None:
    found = diagnose(f"{HEAD}working\n{line}", nodes=2)
    assert found is not None
    assert (found.kind, found.node, found.excerpt) == (kind, node, ())
    told = diagnose(f"{HEAD}{OOM}\n{line}", nodes=2)
    assert told is not None
    assert told.kind is FailureKind.GPU_MEMORY


@pytest.mark.parametrize(
    "log",
    [
        pytest.param("", id="nothing"),
        pytest.param(f"{HEAD}step:1 - a:1", id="a healthy one"),
        pytest.param("ERROR: Job 1 failed with return code list: [1]", id="an exit code that tells nothing"),
        pytest.param(f"{ONE}{OOM}\n{ONE}{STEP}", id="an error that was survived"),
        pytest.param(f"{ONE}Exception ignored in: <f>\n{traceback('OSError: bad', ONE)}", id="one that Python ignores"),
        pytest.param(f"{ONE}[prompt] why?\n{ONE}[response] Well:\n{traceback(OOM, ONE)}\n{ONE}[score] 0", id="sampled"),
        pytest.param(f"{ONE}[response] I print\n{ONE}step:3 - a:1\n{ONE}{OOM}\n{ONE}[score] 0", id="sampled, a step"),
        pytest.param(f"{ONE}INFO a RuntimeError: is no reason", id="within a line"),
    ],
)
def test_what_is_no_error_is_not_taken_for_one(log: str) -> None:
    assert diagnose(log, nodes=2) is None


def test_of_a_traceback_the_line_at_its_end_counts_and_what_led_to_it_is_shown() -> None:
    found = diagnose(f"{ONE}{STEP}\n{traceback('KeyError', ONE)}\n{ONE}bye")
    assert found == FailureSummary(
        "KeyError",
        FailureKind.FRAMEWORK_CODE,
        excerpt=(STEP, "Traceback (most recent call last):", *FRAMES.splitlines(), "KeyError", "bye"),
        place=PLACE,
    )


def test_the_error_under_rays_wrapper_counts_and_the_node_that_the_wrapper_names() -> None:
    log = f"{HEAD}ready\n{WORKER}joined\n{traceback(WRAPPER, HEAD)}\n{HEAD}{FRAMES.splitlines()[0]}\n{HEAD}{OOM}"
    found = diagnose(log, nodes=2)
    assert found is not None
    assert (found.error, found.kind, found.node) == (OOM, FailureKind.GPU_MEMORY, 1)


def test_rays_wrapper_is_shown_where_nothing_else_is_left() -> None:
    found = diagnose(traceback(WRAPPER, HEAD), nodes=3)
    assert found is not None
    assert (found.error, found.kind, found.node, found.address) == (WRAPPER, None, None, "10.0.0.2")


def test_what_an_error_came_of_counts_unless_only_the_error_is_known() -> None:
    chain = "\n\nDuring handling of the above exception, another exception occurred:\n\n"
    missing = "FileNotFoundError: no such file or directory: /data/train.parquet"
    unknown = diagnose(chain.join(map(traceback, ["KeyError: 1", "ValueError: 2", missing])))
    known = diagnose(chain.join(map(traceback, [OOM, "ValueError: 2", missing])))
    assert unknown is not None
    assert known is not None
    assert (unknown.error, known.error) == (missing, OOM)


RAYS_STORY = f"""\
\x1b[36m(head, rank=0, pid=11)\x1b[0m \x1b[36m(TaskRunner pid=70)\x1b[0m step:11 - critic/score/mean:0.4
\x1b[32m(worker1, rank=1, pid=12, ip=10.0.0.2)\x1b[0m Local node IP: 10.0.0.2
(head, rank=0, pid=11) (TaskRunner pid=70) Training Progress:  17%|███▏      | 12/435 [12:31<6:01:14, 59.87s/it]
(head, rank=0, pid=11) (WorkerDict pid=90, ip=10.0.0.2) /x/torch/checkpoint.py:87: UserWarning: None of the inputs
(head, rank=0, pid=11) (pid=90, ip=10.0.0.2) [rank12]:   warnings.warn( [repeated 15x across cluster]
(head, rank=0, pid=11) Error executing job with overrides: ['data.train_batch_size=256']
(head, rank=0, pid=11) Traceback (most recent call last):
(head, rank=0, pid=11)   File "/x/verl/trainer/main_ppo.py", line 42, in main
(head, rank=0, pid=11)     run_ppo(config)
(head, rank=0, pid=11)   File "ray/_private/worker.py", line 932, in get_objects
(head, rank=0, pid=11)     raise value.as_instanceof_cause()
(head, rank=0, pid=11) ray.exceptions.RayTaskError(OutOfMemoryError): ray::TaskRunner.run() (pid=70, ip=10.0.0.1, id=a)
(head, rank=0, pid=11)   File "/x/verl/trainer/ppo/ray_trainer.py", line 1400, in fit
(head, rank=0, pid=11) ray.exceptions.RayTaskError(OutOfMemoryError): ray::WorkerDict.update() (pid=90, ip=10.0.0.2)
(head, rank=0, pid=11)   File "verl/workers/actor/dp_actor.py", line 500, in update_policy
(head, rank=0, pid=11)     loss.backward()
(head, rank=0, pid=11) {OOM} [repeated 7x across cluster]
(head, rank=0, pid=11) \x1b[31mERROR: Job 1 failed with return code list:\x1b[0m [1, 0]
"""


def test_a_failure_as_ray_tells_it_on_two_nodes() -> None:
    found = diagnose(RAYS_STORY, nodes=2)
    assert found is not None
    assert (found.error, found.kind, found.node) == (OOM, FailureKind.GPU_MEMORY, 1)
    assert found.excerpt[-3:-1] == ("    loss.backward()", OOM)


def test_a_failure_of_vllms_engine_is_read_through_its_logger() -> None:
    log = traceback("ValueError: no room for the cache", f"{HEAD}(EngineCore pid=5) ERROR 11-26 10:00:00 [core.py:4] ")
    found = diagnose(log)
    assert found is not None
    assert found.error == "ValueError: no room for the cache"


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (
            FailureKind.RECIPE_CHECK,
            "verl recipe: BATCH_SIZE (6) must be a multiple of 8, four times the number of GPUs.",
        ),
        (FailureKind.PACKAGE_UNAVAILABLE, "ERROR: No matching distribution found for verl[vllm]==0.9.1"),
    ],
    ids=["recipe", "pip"],
)
def test_what_a_recipe_and_pip_say_before_they_give_up_is_an_error(kind: FailureKind, line: str) -> None:
    found = diagnose(f"(setup pid=3) working\n(setup pid=3) {line}\n(setup pid=4, ip=10.0.0.2) {line}", nodes=2)
    assert found is not None
    assert (found.error, found.kind) == (line, kind)


@pytest.mark.parametrize(
    ("prefix", "nodes", "where"),
    [
        pytest.param(ONE, 1, (None, None, None), id="of one node nothing is said"),
        pytest.param(f"{ONE}[rank5]: ", 1, (None, None, 5), id="a rank of one node"),
        pytest.param(HEAD + RAY, 2, (0, None, None), id="the driver's node"),
        pytest.param(HEAD + FAR, 2, (1, None, None), id="a node that SkyPilot has named"),
        pytest.param(HEAD + "(WorkerDict pid=9, ip=10.0.0.1) ", 2, (0, None, None), id="the one that it does not name"),
        pytest.param(
            HEAD + "(WorkerDict pid=9, ip=10.0.0.9) ", 3, (None, "10.0.0.9", None), id="one that nobody named"
        ),
        pytest.param(WORKER + "[rank12]: ", 2, (1, None, 12), id="a rank of a worker"),
    ],
)
def test_where_it_was(prefix: str, nodes: int, where: tuple[int | None, str | None, int | None]) -> None:
    found = diagnose(f"{WORKER}rank 1 of 2 joined\n{traceback(OOM, prefix)}", nodes)
    assert found is not None
    assert (found.node, found.address, found.rank) == where


TEXT = st.text(st.characters(codec="utf-8") | st.sampled_from("\n\r\x1b[](): "), max_size=300)
PIECES = st.lists(
    st.sampled_from([HEAD, WORKER, RAY, FAR, "[rank1]: ", OOM, WRAPPER, STEP, traceback("KeyError"), "[prompt]", "\n"])
    | TEXT,
    max_size=30,
)


@given(st.builds("".join, PIECES), st.integers(1, 64))
def test_no_log_breaks_it(log: str, nodes: int) -> None:
    found = diagnose(log, nodes)
    if found is not None:
        assert found.error.strip()
        assert len(found.error) <= MAX_DISPLAY_CHARACTERS
        assert "\n" not in found.error


PREFIXES = st.sampled_from(["", ONE, HEAD, WORKER, HEAD + RAY, "(TaskRunner pid=3) ", f"{HEAD}[rank0]: "])
NOISE = st.lists(st.sampled_from(["ready", STEP, "10%|█  | 1/9", "  indented", "WARNING: slow"]), max_size=6)
RAISED = st.sampled_from([line for _, line in PATTERNS if not line.startswith(("wandb: ", "[rank"))])
CAUSES = st.sampled_from(
    [
        line
        for kind, line in PATTERNS
        if kind is not FailureKind.WORKER_DIED and kind not in RANK_KINDS and not line.startswith("wandb: ")
    ]
)


def coloured(text: str) -> str:
    """As SkyPilot and Ray colour their prefixes."""
    return "\n".join(f"\x1b[36m{line.replace(') ', ')' + chr(27) + '[0m ', 1)}" for line in text.split("\n"))


@given(CAUSES, NOISE, PREFIXES, st.lists(st.tuples(PREFIXES, RAISED), max_size=4), st.booleans())
def test_the_first_cause_stays_first_whatever_prefixes_it_has_and_who_else_fails_of_it(
    error: str, before: list[str], prefix: str, others: list[tuple[str, str]], colours: bool
) -> None:
    alone = diagnose(traceback(error))
    assert alone is not None
    log = "\n".join([prefix + line for line in before] + [traceback(error, prefix)])
    log = "\n".join([log, *(traceback(later, whose) for whose, later in others)])
    found = diagnose(coloured(log) if colours else log)
    assert found is not None
    assert replace(found, rank=None, excerpt=()) == replace(alone, excerpt=())


def test_where_time_is_over_the_error_that_was_found_by_then_is_told() -> None:
    log = f"{ONE}{OOM}\n" + f"{ONE}waiting\n" * 2000 + f"{ONE}{STEP}\n"
    assert diagnose(log) is None  # it was survived
    left = iter([True, True, False])
    found = diagnose(log, in_time=lambda: next(left))
    assert found is not None
    assert found.error == OOM
    assert diagnose(log, in_time=lambda: False) is None


@pytest.mark.parametrize(
    "line",
    [
        "[rank" + "9" * 5000 + "]: RuntimeError: x",
        "(worker1, rank=" + "9" * 5000 + ", pid=1) RuntimeError: x",
        "ERROR: Job " + "9" * 5000 + " failed with return code list: [137]",
        "ray::" * 9000 + "f() (pid=1, ip=" + "1" * 9000 + ")",
        "Traceback (most recent call last):\n" + "Aaaa" * 7500 + "!",
    ],
    ids=["rank", "node", "job", "task", "class"],
)
def test_numbers_and_names_without_end_are_no_reason_to_fail(line: str) -> None:
    found = diagnose(f"{ONE}{line}\n{ONE}{OOM}", nodes=2)
    assert found is not None
    assert len(found.error) <= MAX_DISPLAY_CHARACTERS
