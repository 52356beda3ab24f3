"""A failure in a few words, and the patterns that failures are known by."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Patterns of failure that have a likely cause (facts of verl: how runs die)."""

    GPU_MEMORY = "gpu_memory"
    NODE_MEMORY = "node_memory"
    NCCL_TIMEOUT = "nccl_timeout"
    NCCL_ERROR = "nccl_error"
    WORKER_DIED = "worker_died"
    DISK_FULL = "disk_full"
    HUGGING_FACE = "hugging_face"
    WANDB = "wandb"
    DATA_MISSING = "data_missing"
    OVERRIDE = "override"
    BATCH_SIZE = "batch_size"
    KILLED = "killed"
    CRASHED = "crashed"


MARKS = {
    kind: re.compile(pattern, re.IGNORECASE)
    for kind, pattern in {
        Kind.NODE_MEMORY: r"ray\.exceptions\.OutOfMemoryError|node running low on memory|killed due to memory pressure",
        Kind.GPU_MEMORY: r"CUDA out of memory|torch(\.cuda)?\.OutOfMemoryError|CUDA error: out of memory",
        Kind.NCCL_TIMEOUT: r"watchdog caught collective operation timeout",
        Kind.NCCL_ERROR: r"NCCL error\b|ncclSystemError|ncclUnhandledCudaError|ncclInternalError",
        Kind.DISK_FULL: r"no space left on device",
        Kind.HUGGING_FACE: r"401 Client Error|GatedRepoError|access to model .* is restricted",
        Kind.WANDB: r"wandb: ERROR|wandb\.\S*Error\b",
        Kind.DATA_MISSING: r"(FileNotFoundError|no such file or directory)\b.*\.parquet",
        Kind.OVERRIDE: r"ConfigCompositionException|could not override '|OverrideParseException",
        Kind.BATCH_SIZE: r"AssertionError.*(batch_size|batch size|equal chunk|DataProto|divisible)",
        Kind.WORKER_DIED: r"ActorDiedError|WorkerCrashedError|RayActorError|a worker died or was killed",
    }.items()
}
"""The first that is found counts, so what says more stands before what says less."""


@dataclass(frozen=True, slots=True)
class Digest:
    """A failure in a few words.

    Attributes:
        error: its line in the log, such as `torch.OutOfMemoryError: CUDA out of memory. …`.
        kind: the pattern that it is known by; None where nobody knows more than the line.
        node: the number of the node that it was on, where there are several and it tells.
        address: that node's IP, where only that tells.
        rank: of the process among all that train, where torch tells.
        excerpt: what the same process printed around it, oldest first.
    """

    error: str
    kind: Kind | None = None
    node: int | None = None
    address: str | None = None
    rank: int | None = None
    excerpt: tuple[str, ...] = ()
