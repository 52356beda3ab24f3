"""Which of many errors ended a run, whatever order they are printed in."""

import pytest

from bot.core.model.failure import FailureKind
from bot.core.rules.failure_diagnosis import diagnose
from bot.core.rules.machine_failures import CONSEQUENCE_TEXTS, FIRST_TEXTS
from bot.core.rules.program_failures import LAST_TEXTS

AUTOSCALER = """\
(autoscaler +1m35s) Error: No available node types can fulfill resource request {'GPU': 1.0}.
Traceback (most recent call last):
  File "/v/base.py", line 9, in wait
ray.exceptions.GetTimeoutError: Get timed out: some object(s) not ready."""
NCCL_SHARED_MEMORY = """\
n1:7:7 [1] include/shm.h:28 NCCL WARN Call to posix_fallocate failed : No space left on device
Traceback (most recent call last):
  File "/v/main_ppo.py", line 9, in <module>
torch.distributed.DistBackendError: NCCL error in: NCCLUtils.hpp:268, unhandled system error"""
DRIVER = """\
Traceback (most recent call last):
  File "/v/main_ppo.py", line 9, in <module>
ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.
\tclass_name: WorkerDict
\tip: 10.0.0.7"""
RAYLET = "(raylet) A worker died or was killed while executing a task by an unexpected system error."
ENGINE = """\
(EngineCore_DP0 pid=9) ERROR 09-01 10:00:00 [core.py:700] EngineCore failed to start.
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"""
DATA_LOADER = """\
Traceback (most recent call last):
  File "/x/_utils.py", line 7, in reraise
ValueError: Caught ValueError in DataLoader worker process 2.
Original Traceback (most recent call last):
  File "/v/rl_dataset.py", line 9, in __getitem__
KeyError: 'data_source'"""
HUB = """\
Traceback (most recent call last):
  File "/x/_http.py", line 7, in raise_for_status
huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error. (Request ID: Root=1)

Repository Not Found for url: https://huggingface.co/acme/llama-4b/resolve/main/config.json."""
HUB_CHAIN = f"""{HUB}

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/x/hub.py", line 9, in cached_file
OSError: acme/llama-4b is not a local folder and is not a valid model identifier listed on 'https://hf.co'"""
LOADING = """\
RuntimeError: Error(s) in loading state_dict for LlamaForCausalLM:
\tsize mismatch for lm_head.weight: copying a param with shape [2] from checkpoint"""
PYDANTIC = """\
pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig
  Value error, User-specified max_model_len (9000) is greater than the derived max_model_len (4096)"""
TORCHRUN = """\
E0521 15:43:03.8 14 torch/distributed/elastic/multiprocessing/api.py:874] failed (exitcode: -11) local_rank: 1 (pid: 7)
Traceback (most recent call last):
  File "/x/torchrun", line 8, in <module>
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
  exitcode  : -11 (pid: 7)"""
BUILD = """\
(setup pid=3) Collecting deepspeed
(setup pid=3)   error: subprocess-exited-with-error
(setup pid=3)       Traceback (most recent call last):
(setup pid=3)         File "<string>", line 2, in <module>
(setup pid=3)       ModuleNotFoundError: No module named 'torch'
(setup pid=3)       [end of output]
(setup pid=3) error: metadata-generation-failed"""
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "/x/tasks.py", line 7, in run
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/x/tool.py", line 7, in call
    | ZeroDivisionError: division by zero
    +------------------------------------"""
OOM = "(WorkerDict pid=9) torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1 GiB."
NCCL = "(WorkerDict pid=8) [Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=9)"
SURVIVED = """\
(AgentLoopWorker pid=5) ERROR:2026-01-01 10:00:00,1:Error in _run_prompt for uid=1
(AgentLoopWorker pid=5) Traceback (most recent call last):
(AgentLoopWorker pid=5)   File "/v/agent_loop.py", line 9, in run
(AgentLoopWorker pid=5) ValueError: a tool gave no answer"""
COMPLAINT = """\
(setup pid=3) error: externally-managed
(setup pid=3) × Use a folder of your own"""
PIPE = """\
Traceback (most recent call last):
  File "/x/connection.py", line 9, in receive
EOFError"""
ROLLOUTER = """\
(Rollouter pid=2) [R] Streaming process exception: 'acme'
(Rollouter pid=2) [R] Rollouter fit completed
(Runner pid=3) [ASYNC MAIN] One component completed"""
MERGE = """\
Traceback (most recent call last):
  File "/x/merge.py", line 9, in join
RuntimeError: Sizes of tensors must match except in dimension 0"""
STEP = "(TaskRunner pid=1) step:7 - critic/score/mean:0.5 - actor/pg_loss:0.1"
LAST = "(TaskRunner pid=1) Training Progress: 100%|███| 9/9 [0:01<00:00, 1.2s/it]"

DATASET = """\
[rank1]: Traceback (most recent call last):
[rank1]:   File "/v/verl/utils/dataset/sft_dataset.py", line 118, in _read_files_and_process
[rank1]:   File "/usr/lib/pandas/core/indexes/base.py", line 3819, in get_loc
[rank1]: KeyError: 'question'"""
WEIGHTS = """\
(vLLMHttpServer pid=9) Traceback (most recent call last):
(vLLMHttpServer pid=9)   File "/v/verl/workers/rollout/utils.py", line 190, in update_weights_from_ipc
(vLLMHttpServer pid=9)   File "/p/vllm/model_executor/models/qwen3_moe.py", line 620, in load_weights
(vLLMHttpServer pid=9) KeyError: 'layers.0.mlp.experts.0.gate_proj.weight'"""
ENGINE_MEMORY = """\
(vLLMHttpServer pid=9) ERROR 11-29 10:02:11 [core.py:710] Traceback (most recent call last):
(vLLMHttpServer pid=9) ERROR 11-29 10:02:11 [core.py:710]   File "/p/vllm/v1/worker/gpu_model_runner.py", line 2, in run
(vLLMHttpServer pid=9) ERROR 11-29 10:02:11 [core.py:710] torch.OutOfMemoryError: CUDA out of memory."""
CUT_LINE = """\
2026-11-29T10:00:00.1Z stderr P (WorkerDict pid=7) RuntimeError: size
2026-11-29T10:00:00.2Z stderr F  mismatch for lm_head.weight"""

RPC = """\
(TaskRunner pid=8) Traceback (most recent call last):
(TaskRunner pid=8)   File "/v/verl/single_controller/ray/base.py", line 48, in func
(TaskRunner pid=8) grpc.aio._call.AioRpcError: <AioRpcError of RPC that terminated with:
(TaskRunner pid=8) \tstatus = StatusCode.RESOURCE_EXHAUSTED
(TaskRunner pid=8) \tdetails = "Sent message larger than max (612366543 vs. 536870912)"
(TaskRunner pid=8) >"""

STORIES = {
    "details of gRPC below its status": (RPC, FailureKind.MESSAGE_SIZE, "(612366543 vs. 536870912)"),
    "a column that the data lack": (DATASET, FailureKind.DATA_INVALID, "'question'"),
    "weights that an engine has no place for": (WEIGHTS, FailureKind.MODEL_UNSUPPORTED, "experts.0.gate_proj"),
    "memory in an engine's worker": (ENGINE_MEMORY, FailureKind.ROLLOUT_MEMORY, "CUDA out of memory"),
    "a line that a container cut": (CUT_LINE, FailureKind.CHECKPOINT_MISMATCH, "size mismatch for lm_head.weight"),
    "an upload that fails after the last step": (
        f"{LAST}\nwandb: ERROR Run upload failed: ConnectionError\nERROR: Job 1 failed with return code list: [134]",
        FailureKind.TEARDOWN,
        "[134]",
    ),
    "shapes of a checkpoint of Megatron's": (
        "megatron.core.CheckpointingException: Global shape mismatch for loaded ([152064, 8]) and expected ([9, 8])",
        FailureKind.CHECKPOINT_MISMATCH,
        "Global shape",
    ),
    "a kernel that cannot be compiled": (
        "RuntimeError: Ninja build failed. Ninja output:\n/bin/sh: 1: /usr/local/cuda/bin/nvcc: not found",
        FailureKind.BUILD_FAILED,
        "Ninja",
    ),
    "a precision that a kernel lacks": (
        "RuntimeError: FlashAttention only support fp16 and bf16 data type",
        FailureKind.CONFIG_VALUE,
        "fp16",
    ),
    "a setting that an assertion names": (
        "AssertionError: config.rollout.n_gpus_per_node must be greater than 0",
        FailureKind.CONFIG_VALUE,
        "n_gpus_per_node",
    ),
    "the worker's own error after the driver's": (f"{DRIVER}\n{OOM}", FailureKind.GPU_MEMORY, "CUDA out of memory"),
    "a timeout after the driver's error": (f"{DRIVER}\n{NCCL}", FailureKind.NCCL_TIMEOUT, "Watchdog"),
    "memory after the timeout of another rank": (f"{NCCL}\n{OOM}", FailureKind.GPU_MEMORY, "CUDA out of memory"),
    "a mere class after a timeout": (f"{NCCL}\nRuntimeError: rank 1 left", FailureKind.NCCL_TIMEOUT, "Watchdog"),
    "a crash before Ray's remark": (
        f"(WorkerDict pid=9) *** SIGSEGV received at time=1 on cpu 2 ***\n{RAYLET}\n{DRIVER}",
        FailureKind.CRASHED,
        "SIGSEGV",
    ),
    "a timeout before it aborts": (
        f"{NCCL}\n(WorkerDict pid=8) Fatal Python error: Aborted\n{DRIVER}",
        FailureKind.NCCL_TIMEOUT,
        "Watchdog",
    ),
    "an engine whose worker met a used port": (
        f"{ENGINE}\n(VllmWorker TP0 pid=3) ERROR 09-01 10:00:01 [x.py:5] OSError: [Errno 98] Address already in use",
        FailureKind.PORT_IN_USE,
        "Address already in use",
    ),
    "an engine that hides the cause": (ENGINE, FailureKind.ROLLOUT_FAILED, "failed to start"),
    "a data loader's worker": (DATA_LOADER, FailureKind.DATA_INVALID, "'data_source'"),
    "a model's name on the next line": (HUB, FailureKind.MODEL_UNKNOWN, "acme/llama-4b"),
    "a model's name in the chain": (HUB_CHAIN, FailureKind.MODEL_UNKNOWN, "not a local folder"),
    "a message of two lines": (LOADING, FailureKind.CHECKPOINT_MISMATCH, "size mismatch for lm_head"),
    "a reason on the next line": (PYDANTIC, FailureKind.CONTEXT_LENGTH, "max_model_len (9000)"),
    "a package that Ray cannot install": (
        f"ray.exceptions.RuntimeEnvSetupError: Failed.\nERROR: No matching distribution found for verl==9\n{DRIVER}",
        FailureKind.PACKAGE_UNAVAILABLE,
        "No matching distribution",
    ),
    "torchrun": (TORCHRUN, FailureKind.CRASHED, "exitcode: -11"),
    "a package that cannot be built": (BUILD, FailureKind.BUILD_FAILED, "No module named 'torch'"),
    "a group of exceptions": (GROUP, FailureKind.DIVISION_BY_ZERO, "division by zero"),
    "a death after a rollout that verl survives": (f"{SURVIVED}\n{OOM}", FailureKind.GPU_MEMORY, "CUDA out of memory"),
    "rollouts that all fail": (
        f"{SURVIVED}\nRuntimeError: Sync replay buffer selected terminal groups with no materializable trajectories.",
        FailureKind.USER_CODE,
        "a tool gave no answer",
    ),
    "a worker that a signal ended": (
        f"{DRIVER}\nERROR: Job 1 failed with return code list: [1, 143]",
        FailureKind.TERMINATED,
        "[1, 143]",
    ),
    "a loss that is not a number": (
        "(TaskRunner pid=1) step:8 - critic/score/mean:0.5 - actor/pg_loss:nan",
        FailureKind.NAN_LOSS,
        "pg_loss:nan",
    ),
    "a gradient that verl skips": ("WARN: rank 0 grad_norm is not finite: nan", FailureKind.NAN_LOSS, "not finite"),
    "a step that Ray prints again": (
        f"{STEP}\n(raylet) The node with node id: ff has been marked dead because it is silent.\n{STEP}",
        FailureKind.NODE_LOST,
        "marked dead",
    ),
    "a worker that dies after the last step": (f"{STEP}\n{LAST}\n{RAYLET}", FailureKind.TEARDOWN, "A worker died"),
    "an exit code after the last step": (
        f"{LAST}\nERROR: Job 1 failed with return code list: [1]",
        FailureKind.TEARDOWN,
        "[1]",
    ),
    "a full disk after the last step": (
        f"{LAST}\nOSError: [Errno 28] No space left on device",
        FailureKind.DISK_FULL,
        "No space",
    ),
    "a setup whose command says why": (
        f"{COMPLAINT}\nERROR: Job 1's setup failed with return code list: [1]",
        FailureKind.RUNTIME_ERROR,
        "error: externally-managed",
    ),
    "an engine whose exit code says how it died": (
        f"{STEP}\n(S pid=2) Rank 0 scheduler is dead. Please check the logs.\n(S pid=2) Exit code: -9\n{PIPE}",
        FailureKind.KILLED,
        "Exit code: -9",
    ),
    "a merge after the last step": (
        f"{LAST}\n{MERGE}",
        FailureKind.TEARDOWN,
        "Sizes of tensors",
    ),
    "rollouts that ended with an error, and a trainer that goes on as if they were done": (
        f"{STEP}\n{ROLLOUTER}",
        FailureKind.ROLLOUT_FAILED,
        "Streaming process exception: 'acme'",
    ),
    "Ray's own crash before the death that follows": (
        f"(W pid=5) [2026-09-01 10:00:00,052 C 5 5] acme.cc:219:  Check failed: is_whole \n{DRIVER}",
        FailureKind.CRASHED,
        "Check failed: is_whole",
    ),
    "GPUs that Ray waits for": (AUTOSCALER, FailureKind.UNSCHEDULABLE, "No available node types"),
    "NCCL's shared memory": (NCCL_SHARED_MEMORY, FailureKind.SHARED_MEMORY, "posix_fallocate"),
    "a second training after a complete one": (
        f"{LAST}\n(TaskRunner pid=2) Total training steps: 9\n{RAYLET}",
        FailureKind.WORKER_DIED,
        "A worker died",
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_the_cause_counts_and_not_what_follows_from_it(name: str) -> None:
    log, kind, part = STORIES[name]
    failure = diagnose(log)
    assert failure is not None
    assert failure.kind is kind
    assert part in failure.error


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(f"{SURVIVED}\n{STEP}", id="a rollout that verl goes on without"),
        pytest.param(f"(TaskRunner pid=1) Error in reward_fn: 'acc'\n{STEP}", id="a reward's remark"),
        pytest.param(f"{OOM}\n{LAST}", id="an error before the last step"),
        pytest.param("error: no such remote\nmkdir: cannot create folder", id="complaints without a death"),
        pytest.param(
            f"error: no such remote\n{STEP}\nERROR: Job 1 failed with return code list: [1]", id="a complaint survived"
        ),
        pytest.param("INFO 09-01 10:00:00 [x.py:7] port: EADDRINUSE, trying the next", id="a remark of an engine"),
    ],
)
def test_what_a_training_survives_is_no_failure(log: str) -> None:
    assert diagnose(log) is None


@pytest.mark.parametrize(
    ("log", "node"),
    [
        pytest.param(
            "(head, rank=0, pid=1) (raylet) The node with node id: ff and address: 10.0.0.7 and node name: x has been "
            "marked dead because the detector has missed too many heartbeats from it.",
            1,
            id="the node that Ray marks",
        ),
        pytest.param(
            f"(head, rank=0, pid=1) {DRIVER.splitlines()[2]}\n(head, rank=0, pid=1) \tip: 10.0.0.7", 1, id="details"
        ),
        pytest.param("(VllmWorker rank=1 pid=7) RuntimeError: CUDA error: unspecified launch failure", None, id="vLLM"),
    ],
)
def test_the_node_is_the_one_that_the_lines_name(log: str, node: int | None) -> None:
    failure = diagnose(f"(worker1, rank=1, pid=2, ip=10.0.0.7) joined\n{log}", nodes=2)
    assert failure is not None
    assert failure.node == node


def test_texts_are_in_lower_case_and_none_is_empty() -> None:
    texts = [
        text
        for group in (FIRST_TEXTS, CONSEQUENCE_TEXTS, LAST_TEXTS)
        for row in group
        for text in row.texts.split(" | ")
    ]
    assert [text for text in texts if text != text.lower() or not text.strip("^ …")] == []
