"""What each kind of failure means, and whether the same launch may succeed at another try."""

from collections.abc import Mapping

from bot.core.model.failure import FailureCause, FailureKind, RetryEffect
from bot.phrase import N_

CAUSES_BY_KIND: Mapping[FailureKind, FailureCause] = {
    FailureKind.GPU_MEMORY: FailureCause(N_("A GPU ran out of memory."), RetryEffect.DOES_NOT_HELP),
    FailureKind.LOG_PROB_MEMORY: FailureCause(
        N_("A GPU ran out of memory while it computed the probabilities of answers."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.SAVE_MEMORY: FailureCause(
        N_("A GPU ran out of memory while a checkpoint was saved."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.CRITIC_MEMORY: FailureCause(N_("A GPU ran out of memory in the critic."), RetryEffect.DOES_NOT_HELP),
    FailureKind.ROLLOUT_MEMORY: FailureCause(
        N_("The rollout engine wants more GPU memory than is free: the training or another process holds the rest."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.CACHE_BLOCKS: FailureCause(
        N_("The rollout engine has no GPU memory left for its KV cache."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.NODE_MEMORY: FailureCause(N_("A node ran out of main memory."), RetryEffect.DOES_NOT_HELP),
    FailureKind.SHARED_MEMORY: FailureCause(
        N_("The shared memory (`/dev/shm`) of a node is too small."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.OBJECT_STORE_FULL: FailureCause(
        N_("Ray's object store is too small for a batch."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.MESSAGE_SIZE: FailureCause(
        N_("A message between two processes is larger than gRPC sends, with Ray 512 MB."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.NCCL_TIMEOUT: FailureCause(
        N_("A GPU stopped responding, and NCCL timed out waiting for it."), RetryEffect.UNKNOWN
    ),
    FailureKind.NCCL_ERROR: FailureCause(N_("The GPUs could not communicate with each other."), RetryEffect.UNKNOWN),
    FailureKind.NCCL_NETWORK: FailureCause(
        N_("A connection between GPUs broke: the network failed, or another process ended."), RetryEffect.HELPS
    ),
    FailureKind.NCCL_USAGE: FailureCause(
        N_("NCCL cannot work with this setup: two processes on one GPU, or no network interface."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.RENDEZVOUS: FailureCause(
        N_("Some processes of the training did not find the others in time."), RetryEffect.HELPS
    ),
    FailureKind.CUDA_ERROR: FailureCause(
        N_("A CUDA kernel failed: an index out of range, a faulty kernel or a faulty GPU."), RetryEffect.UNKNOWN
    ),
    FailureKind.DEVICE_ASSERT: FailureCause(
        N_("A CUDA kernel was given an index out of range, such as a token that the model does not have."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.GPU_HARDWARE: FailureCause(
        N_("A GPU of this machine or its driver is faulty, or another process holds the GPU."), RetryEffect.HELPS
    ),
    FailureKind.GPU_UNSUPPORTED: FailureCause(
        N_("The installed libraries do not support this type of GPU."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.KERNEL_COMPILE: FailureCause(
        N_(
            "A GPU kernel could not be compiled: Triton or torch does not fit this type of GPU, or the kernel is too "
            "big."
        ),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.FORKED_CUDA: FailureCause(
        N_("A process that had used a GPU was forked, and the copy cannot use it."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.NO_GPU: FailureCause(
        N_("A process found no GPU that it can use, or the driver is too old."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.DEVICE_MISMATCH: FailureCause(N_("The code mixes tensors of two devices."), RetryEffect.DOES_NOT_HELP),
    FailureKind.NODE_LOST: FailureCause(
        N_("A node was lost: preempted, restarted or cut off from the network."), RetryEffect.HELPS
    ),
    FailureKind.RUNTIME_ENV: FailureCause(
        N_("Ray could not set up the environment of its workers: its folder is too big, or a package is missing."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.RAY_UNREACHABLE: FailureCause(
        N_("A node could not reach Ray's head, or Ray did not start there."), RetryEffect.HELPS
    ),
    FailureKind.UNSCHEDULABLE: FailureCause(
        N_("Ray waited for more CPUs or GPUs than the cluster has."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.TOO_FEW_GPUS: FailureCause(
        N_("Ray has fewer GPUs than the settings ask for: a node did not join, or the numbers do not fit."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.WORKER_DIED: FailureCause(
        N_("A worker died, and the log does not say why; most likely the node ran out of memory."), RetryEffect.UNKNOWN
    ),
    FailureKind.KILLED: FailureCause(
        N_("The machine killed the process (SIGKILL, exit code 137), most likely because its memory was full."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.TERMINATED: FailureCause(
        N_("Something outside the training ended it (SIGTERM, exit code 143): a preemption, a time limit or a person."),
        RetryEffect.HELPS,
    ),
    FailureKind.CRASHED: FailureCause(
        N_(
            "The process crashed outside Python, most likely because of an incompatible driver or "
            "library; this is not about memory."
        ),
        RetryEffect.UNKNOWN,
    ),
    FailureKind.ROLLOUT_FAILED: FailureCause(
        N_("The rollout engine failed, and the log does not show why."), RetryEffect.UNKNOWN
    ),
    FailureKind.ROLLOUT_HANG: FailureCause(
        N_("A worker or the rollout engine did not answer in time."), RetryEffect.UNKNOWN
    ),
    FailureKind.ROLLOUT_SETUP: FailureCause(
        N_("The rollout engine did not start: most likely it does not fit this model or these settings."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.ROLLOUT_CODE: FailureCause(
        N_("The rollout engine raised an error while it ran: most likely a bug of its version, or an unusual request."),
        RetryEffect.UNKNOWN,
    ),
    FailureKind.WEIGHT_SYNC: FailureCause(
        N_("The trainer could not hand its weights to the rollout engine: most likely the two do not fit each other."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.CONTAINER: FailureCause(
        N_("The machine could not start the container: it cannot fetch the image, or the image is unfit."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.PORT_IN_USE: FailureCause(
        N_("A port is already in use: an earlier run left a process there, or two servers want the same port."),
        RetryEffect.HELPS,
    ),
    FailureKind.NETWORK: FailureCause(
        N_("A server could not be reached, or refused too many requests."), RetryEffect.HELPS
    ),
    FailureKind.DISK_FULL: FailureCause(N_("A disk is full."), RetryEffect.DOES_NOT_HELP),
    FailureKind.PATH_TOO_LONG: FailureCause(
        N_("The path of a file or a socket is longer than the system allows."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.FILE_LOCKED: FailureCause(
        N_("The lock of a file was not free in time: another process holds it, or the volume has no locks."),
        RetryEffect.UNKNOWN,
    ),
    FailureKind.SAVE_FAILED: FailureCause(
        N_("A checkpoint could not be written; the cause is unknown, most often a disk, a quota or a mount."),
        RetryEffect.UNKNOWN,
    ),
    FailureKind.PROCESS_LIMIT: FailureCause(
        N_("The machine allows fewer open files, processes or threads than the training needs."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.MOUNT_LOST: FailureCause(
        N_("The machine lost the connection to a volume, a bucket or a disk."), RetryEffect.HELPS
    ),
    FailureKind.PERMISSION_DENIED: FailureCause(
        N_("The process is not allowed to read or write a path, a bucket or a repository."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.FILE_MISSING: FailureCause(N_("A file is missing."), RetryEffect.DOES_NOT_HELP),
    FailureKind.DATA_MISSING: FailureCause(N_("A data file is missing."), RetryEffect.DOES_NOT_HELP),
    FailureKind.DATA_INVALID: FailureCause(
        N_("The data files are empty or damaged, or a column is missing."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.PROMPT_TOO_LONG: FailureCause(N_("A prompt is longer than the limit."), RetryEffect.DOES_NOT_HELP),
    FailureKind.IMAGE_TOKENS: FailureCause(
        N_("A prompt has another number of image tokens than its images need; most often it was cut."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.IMAGE_LIMIT: FailureCause(
        N_("A prompt has more images or videos than the rollout engine takes."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.CONTEXT_LENGTH: FailureCause(
        N_("The model's context is shorter than prompt plus response."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.BATCHED_TOKENS: FailureCause(
        N_("One sequence has more tokens than the rollout engine may put into a batch."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.SEQUENCE_LIMIT: FailureCause(
        N_("A sequence is longer than the limit of tokens for a GPU."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.FILTERED_GROUPS: FailureCause(
        N_("Nearly all groups were filtered out: the prompts are too hard or too easy for the model."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.REWARD_CODE: FailureCause(N_("The reward function raised an exception."), RetryEffect.DOES_NOT_HELP),
    FailureKind.REWARD_SERVER: FailureCause(
        N_("The server that the reward function asks, such as a judge or a sandbox, did not answer or refused."),
        RetryEffect.UNKNOWN,
    ),
    FailureKind.TOOL_SERVER: FailureCause(
        N_("A tool server, such as a search or an environment, did not answer or refused."),
        RetryEffect.UNKNOWN,
    ),
    FailureKind.AGENT_SETUP: FailureCause(
        N_(
            "verl does not know the agent loop, the tool or the format of tool calls that the settings or the data "
            "name."
        ),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.AGENT_CODE: FailureCause(
        N_(
            "An agent loop or a tool raised an error: most likely it did not expect this answer or this row of "
            "the data."
        ),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.REWARD_FUNCTION: FailureCause(
        N_("verl found no reward function for the data."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.HUGGING_FACE: FailureCause(
        N_("Hugging Face denied access to a model or dataset."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.MODEL_UNKNOWN: FailureCause(
        N_("Hugging Face does not know the model: its name is misspelt, or it is private."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.MODEL_UNSUPPORTED: FailureCause(
        N_("The installed libraries do not know this model's architecture."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.REMOTE_CODE: FailureCause(
        N_("The model comes with code of its own, which is not allowed to run."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.FSDP_SETUP: FailureCause(
        N_("FSDP cannot split this model as it is set up."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.NOTHING_TO_TRAIN: FailureCause(
        N_("The settings leave nothing to train: LoRA found no modules, or the weights are frozen."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.LORA_UNSUPPORTED: FailureCause(
        N_("The rollout engine cannot use the LoRA adapter: its modules, its rank or its kind are not supported."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.CHAT_TEMPLATE: FailureCause(
        N_("The tokenizer's chat template is missing, or rejects the prompts."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.TOKENIZATION: FailureCause(
        N_(
            "The tokenizer or the processor of images could not read a prompt: most likely its form does not fit "
            "the model."
        ),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.MODEL_CODE: FailureCause(
        N_("The code of the model raised an error: most likely transformers or attention do not fit this model."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.MEGATRON_CODE: FailureCause(
        N_("Megatron raised an error: most likely it does not support this model with these settings."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.LOSS_CODE: FailureCause(
        N_("Advantages or loss could not be computed: most likely the batch does not fit the chosen algorithm."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.WANDB: FailureCause(N_("Weights & Biases refused the request."), RetryEffect.DOES_NOT_HELP),
    FailureKind.TRACKER: FailureCause(
        N_("The tracker of metrics, such as MLflow or SwanLab, refused the request or is not set up."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.OVERRIDE: FailureCause(N_("Hydra rejected one of the overrides."), RetryEffect.DOES_NOT_HELP),
    FailureKind.CONFIG_KEY: FailureCause(
        N_("A setting does not exist in this version of verl: the script and verl do not fit."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.CONFIG_VALUE: FailureCause(
        N_("A setting has a value that the program does not accept."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.RECIPE_CHECK: FailureCause(
        N_("The recipe rejected its parameters before the training."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.BATCH_SIZE: FailureCause(
        N_("The batch size does not divide evenly among the GPUs."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.MICRO_BATCH: FailureCause(N_("No micro-batch size is set, or two are."), RetryEffect.DOES_NOT_HELP),
    FailureKind.TENSOR_PARALLEL: FailureCause(
        N_(
            "The number of GPUs, or the model, cannot be divided by the size of a parallel group; this is "
            "not about the batch."
        ),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.MEGATRON_PARALLEL: FailureCause(
        N_("Megatron cannot divide the model's heads, layers or experts by the size of a parallel group."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.SEQUENCE_PARALLEL: FailureCause(
        N_("Sequence parallelism cannot split the sequences or heads evenly; this is not about the batch."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.CHECKPOINT_MISSING: FailureCause(
        N_("The checkpoint to resume from is missing or incomplete, or another number of GPUs wrote it."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.CHECKPOINT_MISMATCH: FailureCause(
        N_("The checkpoint is of another model, or of another parallel layout."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.REFERENCE_CHECKPOINT: FailureCause(
        N_("verl loads checkpoints into the actor alone; this program loads one into the reference (such as SPIN)."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.CHECKPOINT_CORRUPT: FailureCause(
        N_("A file of weights is damaged or only half written."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.LIBRARY_MISMATCH: FailureCause(
        N_("Two installed libraries do not fit each other, such as flash-attn built for another torch."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.MISSING_MODULE: FailureCause(
        N_("A Python package or a program is not installed."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.PACKAGE_UNAVAILABLE: FailureCause(
        N_("A package or a repository was not found, or no version of it fits the others."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.PACKAGES_LOCKED: FailureCause(
        N_("Another process on the machine, such as an update at startup, holds the lock of the package manager."),
        RetryEffect.HELPS,
    ),
    FailureKind.PACKAGES_MANAGED: FailureCause(
        N_("The Python of the operating system takes no packages from pip (PEP 668)."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.BUILD_FAILED: FailureCause(N_("pip could not build a package."), RetryEffect.DOES_NOT_HELP),
    FailureKind.NAN_LOSS: FailureCause(N_("The loss is not a number (NaN)."), RetryEffect.DOES_NOT_HELP),
    FailureKind.MERGE_FAILED: FailureCause(
        N_("The checkpoint could not be converted into the format of Hugging Face; the checkpoint itself remains."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.FRAMEWORK_CODE: FailureCause(
        N_(
            "The code of verl raised an error: most likely a bug of its version, or settings that do not fit "
            "each other."
        ),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.USER_CODE: FailureCause(
        N_("Code that belongs neither to verl nor to a library raised an error."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.NOTHING_TRAINED: FailureCause(
        N_(
            "It trained nothing: it resumed and ended without an error before its first step. Most likely the "
            "checkpoint is of the last step, or of the end of an epoch, where the saved place in the data has no batch "
            "left, and verl skips the next epoch."
        ),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.TEARDOWN: FailureCause(
        N_("All steps were done: the training was complete, then a process failed while it shut down."),
        RetryEffect.NOT_NEEDED,
    ),
    FailureKind.DIVISION_BY_ZERO: FailureCause(N_("The code divided by zero."), RetryEffect.DOES_NOT_HELP),
    FailureKind.TENSOR_SHAPE: FailureCause(
        N_("The code combines tensors whose shapes or types do not fit."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.CODE_ERROR: FailureCause(
        N_("The code raised an error at the place that the traceback names; its cause is unknown."),
        RetryEffect.DOES_NOT_HELP,
    ),
    FailureKind.ASSERTION: FailureCause(
        N_("A check in the code failed; its cause is unknown."), RetryEffect.DOES_NOT_HELP
    ),
    FailureKind.RUNTIME_ERROR: FailureCause(N_("The cause of this error is unknown."), RetryEffect.UNKNOWN),
    FailureKind.EXCEPTION: FailureCause(N_("The cause of this exception is unknown."), RetryEffect.UNKNOWN),
}
