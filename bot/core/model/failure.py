"""A failure in a few words: what kind it is of, the line that shows it, and whether another try helps."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """Kinds of failure, by their cause (how runs die)."""

    GPU_MEMORY = "gpu_memory"
    LOG_PROB_MEMORY = "log_prob_memory"  # a GPU, while it computed probabilities
    SAVE_MEMORY = "save_memory"  # a GPU, while a checkpoint was saved
    CRITIC_MEMORY = "critic_memory"  # a GPU, in the critic
    ROLLOUT_MEMORY = "rollout_memory"  # the engine wants more of a GPU than is free
    CACHE_BLOCKS = "cache_blocks"  # no room for the KV cache
    NODE_MEMORY = "node_memory"
    SHARED_MEMORY = "shared_memory"  # /dev/shm
    OBJECT_STORE_FULL = "object_store_full"
    MESSAGE_SIZE = "message_size"  # more than gRPC sends
    NCCL_TIMEOUT = "nccl_timeout"
    NCCL_ERROR = "nccl_error"
    NCCL_NETWORK = "nccl_network"
    NCCL_USAGE = "nccl_usage"
    RENDEZVOUS = "rendezvous"  # not all ranks met
    CUDA_ERROR = "cuda_error"
    DEVICE_ASSERT = "device_assert"  # a kernel rejected an index
    GPU_HARDWARE = "gpu_hardware"
    GPU_UNSUPPORTED = "gpu_unsupported"
    KERNEL_COMPILE = "kernel_compile"  # of a GPU kernel, by Triton or torch.compile
    FORKED_CUDA = "forked_cuda"  # a forked process uses a GPU
    NO_GPU = "no_gpu"
    DEVICE_MISMATCH = "device_mismatch"
    NODE_LOST = "node_lost"
    RUNTIME_ENV = "runtime_env"  # of Ray's workers
    RAY_UNREACHABLE = "ray_unreachable"
    UNSCHEDULABLE = "unschedulable"  # Ray waits for CPUs or GPUs that the cluster lacks
    TOO_FEW_GPUS = "too_few_gpus"
    WORKER_DIED = "worker_died"
    KILLED = "killed"
    TERMINATED = "terminated"
    CRASHED = "crashed"
    ROLLOUT_FAILED = "rollout_failed"
    ROLLOUT_HANG = "rollout_hang"
    ROLLOUT_SETUP = "rollout_setup"  # the engine did not start
    ROLLOUT_CODE = "rollout_code"  # the engine raised an exception while it ran
    WEIGHT_SYNC = "weight_sync"  # from the trainer to the rollout engine
    CONTAINER = "container"  # it did not start
    PORT_IN_USE = "port_in_use"
    NETWORK = "network"
    DISK_FULL = "disk_full"
    PATH_TOO_LONG = "path_too_long"
    FILE_LOCKED = "file_locked"
    SAVE_FAILED = "save_failed"  # of a checkpoint
    MOUNT_LOST = "mount_lost"
    PROCESS_LIMIT = "process_limit"  # of open files, processes or threads
    PERMISSION_DENIED = "permission_denied"
    FILE_MISSING = "file_missing"
    DATA_MISSING = "data_missing"
    DATA_INVALID = "data_invalid"
    PROMPT_TOO_LONG = "prompt_too_long"
    IMAGE_TOKENS = "image_tokens"  # cut, or counted otherwise
    IMAGE_LIMIT = "image_limit"  # a prompt has more than the engine takes
    CONTEXT_LENGTH = "context_length"
    BATCHED_TOKENS = "batched_tokens"
    SEQUENCE_LIMIT = "sequence_limit"
    FILTERED_GROUPS = "filtered_groups"
    REWARD_FUNCTION = "reward_function"
    REWARD_CODE = "reward_code"  # it raised an exception
    REWARD_SERVER = "reward_server"  # that a reward function asks
    TOOL_SERVER = "tool_server"  # of tools, a search or an environment
    AGENT_SETUP = "agent_setup"  # an agent loop or a tool that verl does not know
    AGENT_CODE = "agent_code"  # an agent loop or a tool raised an exception
    HUGGING_FACE = "hugging_face"
    MODEL_UNKNOWN = "model_not_found"
    MODEL_UNSUPPORTED = "model_unsupported"
    REMOTE_CODE = "remote_code"
    FSDP_SETUP = "fsdp_setup"
    NOTHING_TO_TRAIN = "nothing_to_train"
    LORA_UNSUPPORTED = "lora_unsupported"  # by the rollout engine
    CHAT_TEMPLATE = "chat_template"
    TOKENIZATION = "tokenization"  # of a prompt or an image
    MODEL_CODE = "model_code"  # it raised an exception
    MEGATRON_CODE = "megatron_code"
    LOSS_CODE = "loss_code"  # advantages or loss of a batch
    WANDB = "wandb"
    TRACKER = "tracker"  # another one of metrics
    OVERRIDE = "override"
    CONFIG_KEY = "config_key"
    CONFIG_VALUE = "config_value"
    RECIPE_CHECK = "recipe_check"
    BATCH_SIZE = "batch_size"
    MICRO_BATCH = "micro_batch"
    TENSOR_PARALLEL = "tensor_parallel"
    MEGATRON_PARALLEL = "megatron_parallel"
    SEQUENCE_PARALLEL = "sequence_parallel"
    CHECKPOINT_MISSING = "checkpoint_missing"
    CHECKPOINT_MISMATCH = "checkpoint_mismatch"
    REFERENCE_CHECKPOINT = "reference_checkpoint"  # one that verl loads into the actor alone
    CHECKPOINT_CORRUPT = "checkpoint_corrupt"
    LIBRARY_MISMATCH = "library_mismatch"
    MISSING_MODULE = "missing_module"
    PACKAGE_UNAVAILABLE = "package_unavailable"
    PACKAGES_LOCKED = "packages_locked"  # by another package manager
    PACKAGES_MANAGED = "packages_managed"  # by the operating system (PEP 668)
    BUILD_FAILED = "build_failed"
    NAN_LOSS = "nan_loss"
    MERGE_FAILED = "merge_failed"  # of a checkpoint into Hugging Face's format
    FRAMEWORK_CODE = "framework_code"  # it raised an exception
    USER_CODE = "user_code"  # a team's own code raised an exception
    TEARDOWN = "teardown"  # after the last step
    NOTHING_TRAINED = "nothing_trained"  # a resumed training ended without an error and without a step
    DIVISION_BY_ZERO = "division_by_zero"
    TENSOR_SHAPE = "tensor_shape"
    ASSERTION = "assertion"
    CODE_ERROR = "code_error"
    RUNTIME_ERROR = "runtime_error"
    EXCEPTION = "exception"


UNKNOWN_CAUSES = frozenset(
    {FailureKind.ASSERTION, FailureKind.CODE_ERROR, FailureKind.RUNTIME_ERROR, FailureKind.EXCEPTION}
)
"""Kinds that name the class of an error and not its cause."""

GUESSED_CAUSES = frozenset(
    {
        FailureKind.ROLLOUT_SETUP,
        FailureKind.ROLLOUT_CODE,
        FailureKind.WEIGHT_SYNC,
        FailureKind.AGENT_CODE,
        FailureKind.TOKENIZATION,
        FailureKind.MODEL_CODE,
        FailureKind.MEGATRON_CODE,
        FailureKind.LOSS_CODE,
        FailureKind.MERGE_FAILED,
        FailureKind.FRAMEWORK_CODE,
        FailureKind.USER_CODE,
    }
)
"""Kinds that follow from the place of an error alone."""

VAGUE_CAUSES = UNKNOWN_CAUSES | GUESSED_CAUSES
"""Kinds that explain less than any other cause."""


class RetryEffect(StrEnum):
    """Whether the same launch may succeed at another try."""

    HELPS = "helps"
    DOES_NOT_HELP = "does_not_help"
    UNKNOWN = "unknown"
    NOT_NEEDED = "not_needed"  # the training was complete


@dataclass(frozen=True, slots=True)
class FailureCause:
    """What a kind of failure means.

    Attributes:
        sentence: the likely cause; key of a phrase without fields.
        retry: whether another try as it is helps.
    """

    sentence: str
    retry: RetryEffect


@dataclass(frozen=True, slots=True)
class FailureTexts:
    """Texts by which failures of a kind are known.

    Attributes:
        texts: in lower case, separated by ` | `. ` … ` is between parts that follow one another; `^` marks the
            beginning of a line.
        in_any_line: whether other lines than those of exceptions count.
    """

    kind: FailureKind
    texts: str
    in_any_line: bool = False


@dataclass(frozen=True, slots=True)
class FailurePlace:
    """Where in a program an error happened, which says more than its own line.

    Attributes:
        frames: texts of the lines of a traceback, or of Ray's line about a failed task, as in `FailureTexts`, with
            capitals.
        kinds: the kinds of failure that become more exact there, and what they become.
        is_innermost: whether only the frame that raised the error counts, not those that called it.
        errors: texts of the errors that count, as in `FailureTexts`; all where it is empty.
    """

    frames: str
    kinds: Mapping[FailureKind, FailureKind]
    is_innermost: bool = False
    errors: str = ""


def contains_in_order(line: str, text: str) -> bool:
    """Return whether a line in lower case contains the parts of a text of `FailureTexts` one after the other.

    >>> contains_in_order("access to model x is restricted", "access to model … is restricted")
    True
    >>> contains_in_order("not killed", "^killed")
    False
    """
    if text[0] == "^":
        beginning, _, text = text[1:].partition(" … ")
        return line.startswith(beginning) and (not text or contains_in_order(line, text))
    return text in line if "…" not in text else contains_parts(line, text.split(" … "))


def contains_parts(line: str, parts: Iterable[str]) -> bool:
    """Return whether a line contains texts one after the other."""
    end = 0
    for part in parts:
        end = line.find(part, end)
        if end < 0:
            return False
        end += len(part)
    return True


@dataclass(frozen=True, slots=True)
class FailureSummary:
    """A failure in a few words.

    Attributes:
        error: its line in the log, such as `torch.OutOfMemoryError: CUDA out of memory. …`.
        kind: what it is of; None if only Ray's line about a failed task is known.
        node: the number of the node that it was on, if there are several and the log says.
        address: that node's IP, if the log gives only that.
        rank: rank of the process among all that train, if torch gives it.
        excerpt: lines that the same process printed around it, oldest first.
        process: the process of Ray in whose own log it is, as `ProcessLog.process` names it; empty for the job's log.
        place: the line of code that raised it, of those that are neither torch's nor Ray's; empty if there is none.
    """

    error: str
    kind: FailureKind | None = None
    node: int | None = None
    address: str | None = None
    rank: int | None = None
    excerpt: tuple[str, ...] = ()
    process: str = ""
    place: str = ""


PROCESS_FILE = re.compile(r"[\w.-]{1,200}[-_](\d{1,9})\.(?:out|err|log)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ProcessLog:
    """The end of the log of one of Ray's processes.

    Attributes:
        node: the number of its node; name: that of its file.
    """

    node: int
    name: str
    text: str

    @property
    def pid(self) -> int | None:
        """Return the number of the process; None for Ray's own servers.

        >>> ProcessLog(0, "worker-5c1e-01000000-27499.err", "").pid, ProcessLog(0, "raylet.out", "").pid
        (27499, None)
        """
        match = PROCESS_FILE.fullmatch(self.name)
        return int(match[1]) if match else None

    @property
    def process(self) -> str:
        """Return the name by which Ray's users know the process.

        >>> ProcessLog(0, "worker-5c1e-01000000-27499.err", "").process, ProcessLog(0, "raylet.out", "").process
        ('worker 27499', 'raylet')
        """
        return self.name.partition(".")[0] if self.pid is None else f"worker {self.pid}"
