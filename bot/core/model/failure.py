"""A failure in a few words, and the patterns by which failures are known."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """Patterns of failure that have a likely cause (how runs die)."""

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


PATTERNS_BY_KIND: Mapping[FailureKind, Sequence[tuple[str, ...]]] = {
    FailureKind.NODE_MEMORY: [
        (r"ray\.exceptions\.OutOfMemoryError|node running low on memory|killed due to memory pressure",)
    ],
    FailureKind.GPU_MEMORY: [(r"CUDA out of memory|torch(\.cuda)?\.OutOfMemoryError|CUDA error: out of memory",)],
    FailureKind.NCCL_TIMEOUT: [(r"watchdog caught collective operation timeout",)],
    FailureKind.NCCL_ERROR: [(r"NCCL error\b|ncclSystemError|ncclUnhandledCudaError|ncclInternalError",)],
    FailureKind.DISK_FULL: [(r"no space left on device",)],
    FailureKind.HUGGING_FACE: [(r"401 Client Error|GatedRepoError",), (r"access to model ", r" is restricted")],
    FailureKind.WANDB: [(r"wandb: ERROR|wandb\.\S{0,60}?Error\b",)],
    FailureKind.DATA_MISSING: [(r"(FileNotFoundError|no such file or directory)\b", r"\.parquet")],
    FailureKind.OVERRIDE: [(r"ConfigCompositionException|could not override '|OverrideParseException",)],
    FailureKind.BATCH_SIZE: [(r"AssertionError", r"batch_size|batch size|equal chunk|DataProto|divisible")],
    FailureKind.WORKER_DIED: [(r"ActorDiedError|WorkerCrashedError|RayActorError|a worker died or was killed",)],
}
"""For each kind the expressions that its line matches: all of one sequence, one after the other. The first match
counts, so the more specific come first. The text between two expressions belongs to neither, because it would be
matched again from each place where the first of them may begin."""

COMPILED_PATTERNS = [
    (kind, [[re.compile(pattern, re.IGNORECASE) for pattern in sequence] for sequence in sequences])
    for kind, sequences in PATTERNS_BY_KIND.items()
]


def classify_failure(text: str) -> FailureKind | None:
    """Return the failure pattern that a line matches; None if it matches none.

    >>> (classify_failure("AssertionError: only support equal chunk."),
    ...  classify_failure("only support equal chunk: AssertionError"))
    (<FailureKind.BATCH_SIZE: 'batch_size'>, None)
    """
    for kind, sequences in COMPILED_PATTERNS:
        if any(occur_in_order(sequence, text) for sequence in sequences):
            return kind
    return None


def occur_in_order(patterns: Iterable[re.Pattern[str]], text: str) -> bool:
    """Return whether the text contains the patterns one after the other."""
    end = 0
    for pattern in patterns:
        matched = pattern.search(text, end)
        if matched is None:
            return False
        end = matched.end()
    return True


@dataclass(frozen=True, slots=True)
class FailureSummary:
    """A failure in a few words.

    Attributes:
        error: its line in the log, such as `torch.OutOfMemoryError: CUDA out of memory. …`.
        kind: the pattern that it matches; None if only the line is known.
        node: the number of the node that it was on, if there are several and the log says.
        address: that node's IP, if the log gives only that.
        rank: rank of the process among all that train, if torch gives it.
        excerpt: lines that the same process printed around it, oldest first.
    """

    error: str
    kind: FailureKind | None = None
    node: int | None = None
    address: str | None = None
    rank: int | None = None
    excerpt: tuple[str, ...] = ()
