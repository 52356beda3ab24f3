"""The bot's kinds of failure as the labels of the corpus gpualert-eval, for a comparison of both."""

from collections.abc import Mapping

from bot.core.model.failure import FailureKind, FailureSummary

KINDS_BY_LABEL: Mapping[str, tuple[FailureKind, ...]] = {
    "cuda_oom": (
        FailureKind.GPU_MEMORY,
        FailureKind.LOG_PROB_MEMORY,
        FailureKind.CRITIC_MEMORY,
        FailureKind.ROLLOUT_MEMORY,
        FailureKind.CACHE_BLOCKS,
    ),
    "ram_oom": (FailureKind.NODE_MEMORY, FailureKind.SHARED_MEMORY, FailureKind.OBJECT_STORE_FULL),
    "oom_killer": (FailureKind.KILLED, FailureKind.WORKER_DIED),
    "cuda_runtime": (
        FailureKind.CUDA_ERROR,
        FailureKind.DEVICE_ASSERT,
        FailureKind.GPU_HARDWARE,
        FailureKind.GPU_UNSUPPORTED,
        FailureKind.NO_GPU,
    ),
    "nccl": (
        FailureKind.NCCL_TIMEOUT,
        FailureKind.NCCL_ERROR,
        FailureKind.NCCL_NETWORK,
        FailureKind.NCCL_USAGE,
        FailureKind.RENDEZVOUS,
    ),
    "segfault": (FailureKind.CRASHED,),
    "device_mismatch": (FailureKind.DEVICE_MISMATCH,),
    "div_zero": (FailureKind.DIVISION_BY_ZERO,),
    "file_not_found": (FailureKind.FILE_MISSING, FailureKind.DATA_MISSING, FailureKind.CHECKPOINT_MISSING),
    "missing_module": (FailureKind.MISSING_MODULE,),
    "permission": (FailureKind.PERMISSION_DENIED,),
    "nan_loss": (FailureKind.NAN_LOSS,),
    "assertion": (
        FailureKind.ASSERTION,
        FailureKind.BATCH_SIZE,
        FailureKind.SEQUENCE_LIMIT,
        FailureKind.TENSOR_PARALLEL,
        FailureKind.SEQUENCE_PARALLEL,
    ),
    "runtime_error": (
        FailureKind.RUNTIME_ERROR,
        FailureKind.TENSOR_SHAPE,
        FailureKind.LIBRARY_MISMATCH,
        FailureKind.CHECKPOINT_MISMATCH,
        FailureKind.CHECKPOINT_CORRUPT,
        FailureKind.ROLLOUT_FAILED,
    ),
}
OTHER_LABEL = "traceback"
"""The corpus's label of every other exception."""


def label_failure(failure: FailureSummary | None) -> str:
    """Return the corpus's label of a diagnosis; empty for no failure."""
    if failure is None:
        return ""
    labels = (label for label, kinds in KINDS_BY_LABEL.items() if failure.kind in kinds)
    return next(labels, OTHER_LABEL)
