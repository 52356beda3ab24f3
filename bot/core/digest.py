"""A failure in a few words, and the patterns by which failures are known."""

import re
from collections.abc import Iterable, Mapping, Sequence
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


MARKS: Mapping[Kind, Sequence[tuple[str, ...]]] = {
    Kind.NODE_MEMORY: [
        (r"ray\.exceptions\.OutOfMemoryError|node running low on memory|killed due to memory pressure",)
    ],
    Kind.GPU_MEMORY: [(r"CUDA out of memory|torch(\.cuda)?\.OutOfMemoryError|CUDA error: out of memory",)],
    Kind.NCCL_TIMEOUT: [(r"watchdog caught collective operation timeout",)],
    Kind.NCCL_ERROR: [(r"NCCL error\b|ncclSystemError|ncclUnhandledCudaError|ncclInternalError",)],
    Kind.DISK_FULL: [(r"no space left on device",)],
    Kind.HUGGING_FACE: [(r"401 Client Error|GatedRepoError",), (r"access to model ", r" is restricted")],
    Kind.WANDB: [(r"wandb: ERROR|wandb\.\S{0,60}?Error\b",)],
    Kind.DATA_MISSING: [(r"(FileNotFoundError|no such file or directory)\b", r"\.parquet")],
    Kind.OVERRIDE: [(r"ConfigCompositionException|could not override '|OverrideParseException",)],
    Kind.BATCH_SIZE: [(r"AssertionError", r"batch_size|batch size|equal chunk|DataProto|divisible")],
    Kind.WORKER_DIED: [(r"ActorDiedError|WorkerCrashedError|RayActorError|a worker died or was killed",)],
}
"""For each kind the expressions that its line matches: all of one sequence, one after the other. The first match
counts, so the more specific come first. The text between two expressions belongs to neither, because it would be
matched again from each place where the first of them may begin."""

COMPILED = [
    (kind, [[re.compile(one, re.IGNORECASE) for one in sequence] for sequence in sequences])
    for kind, sequences in MARKS.items()
]


def kind_of(text: str) -> Kind | None:
    """Return the failure pattern that a line matches; None if it matches none.

    >>> kind_of("AssertionError: only support equal chunk."), kind_of("only support equal chunk: AssertionError")
    (<Kind.BATCH_SIZE: 'batch_size'>, None)
    """
    for kind, sequences in COMPILED:
        if any(follow_each_other(sequence, text) for sequence in sequences):
            return kind
    return None


def follow_each_other(patterns: Iterable[re.Pattern[str]], text: str) -> bool:
    """Return whether the text contains the patterns one after the other."""
    end = 0
    for pattern in patterns:
        found = pattern.search(text, end)
        if found is None:
            return False
        end = found.end()
    return True


@dataclass(frozen=True, slots=True)
class Digest:
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
    kind: Kind | None = None
    node: int | None = None
    address: str | None = None
    rank: int | None = None
    excerpt: tuple[str, ...] = ()
