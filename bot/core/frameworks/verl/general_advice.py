"""Advice for programs and machines that the settings in verl's usual advice do not fit: the same in general words."""

from collections.abc import Mapping

from bot.core.frameworks.verl.detectors import DETECTORS
from bot.core.frameworks.verl.options import BUSY_LOG_ADVICE, NO_FIRST_STEP_ADVICE, SILENT_LOG_ADVICE
from bot.core.frameworks.verl.remedies import REMEDIES
from bot.core.model.failure import FailureKind
from bot.phrase import N_

MORE_GPU_MEMORY = N_("Use GPUs with more memory, or smaller batches.")
MORE_MEMORY = N_("Use machines with more memory (`memory` in the recipe).")
CHECK_DATA = N_("Check the files of the data that the line names; the recipe's setup must put them on every node.")
SHORTER_DATA = N_("Leave such rows out of the data, or shorten them.")
CHECK_SERVER = N_("Check that the server in the line runs and that every node reaches it, then launch it again.")
OTHER_STEP = N_("Resume from another checkpoint, or launch it without `resume=`.")
CHECK_TOKENS = N_(
    "Check that the tokenizer is the model's own, and that no data has token ids outside the vocabulary; else launch "
    "it on other machines."
)
OTHER_VERSION = N_("Use the recipe's own image, or another version of the library that the line names.")
LOWER_RATE = N_("Resume from a checkpoint before it, with a lower learning rate, and check the data of those steps.")
CHECK_STEPS = N_("Read the log of those steps, and check the data and the reward.")

GENERAL_REMEDIES: Mapping[FailureKind, str] = {
    FailureKind.GPU_MEMORY: MORE_GPU_MEMORY,
    FailureKind.LOG_PROB_MEMORY: MORE_GPU_MEMORY,
    FailureKind.SAVE_MEMORY: MORE_GPU_MEMORY,
    FailureKind.CRITIC_MEMORY: MORE_GPU_MEMORY,
    FailureKind.ROLLOUT_MEMORY: MORE_GPU_MEMORY,
    FailureKind.CACHE_BLOCKS: MORE_GPU_MEMORY,
    FailureKind.NODE_MEMORY: MORE_MEMORY,
    FailureKind.KILLED: MORE_MEMORY,
    FailureKind.OBJECT_STORE_FULL: MORE_MEMORY,
    FailureKind.MESSAGE_SIZE: N_(
        "Use smaller batches, or set a larger `RAY_max_grpc_message_size` (in bytes) among the `envs` of the recipe."
    ),
    FailureKind.SHARED_MEMORY: N_(
        "Give the container more shared memory (`--shm-size`, on Kubernetes an `emptyDir` of medium `Memory`)."
    ),
    FailureKind.NCCL_TIMEOUT: N_("Check what the other ranks printed: `/verl logs {run} grep=error`."),
    FailureKind.NCCL_ERROR: N_(
        "To see why, set `NCCL_DEBUG: INFO` among the `envs` of the recipe: NCCL then prints the reason."
    ),
    FailureKind.CUDA_ERROR: CHECK_TOKENS,
    FailureKind.DEVICE_ASSERT: CHECK_TOKENS,
    FailureKind.GPU_UNSUPPORTED: N_("Use the recipe's own image, or GPUs of a newer type."),
    FailureKind.KERNEL_COMPILE: N_("Use the recipe's own image, or GPUs of another type."),
    FailureKind.FORKED_CUDA: N_("Start processes by `spawn`, and use no GPU before."),
    FailureKind.NO_GPU: N_("Check `nvidia-smi` in the recipe's image."),
    FailureKind.UNSCHEDULABLE: N_("Use machines with more CPUs."),
    FailureKind.TOO_FEW_GPUS: N_("Check that every node joined Ray: `/verl logs {run} grep=joined`."),
    FailureKind.ROLLOUT_HANG: N_("Launch it again on other machines."),
    FailureKind.NETWORK: N_("Launch it again in a few minutes, and check that the server in the line answers."),
    FailureKind.DISK_FULL: N_(
        "Write checkpoints to a `volume=` or `bucket=`, or set a larger `disk_size` in the recipe."
    ),
    FailureKind.PATH_TOO_LONG: N_(
        "Where the path is Ray's, set a short `RAY_TMPDIR` (such as `/tmp`) among the `envs` of the recipe."
    ),
    FailureKind.PROCESS_LIMIT: N_("Raise the limits in the recipe's `run` (`ulimit -n 65536`, `ulimit -u unlimited`)."),
    FailureKind.PERMISSION_DENIED: N_(
        "Give the job the rights of the folder, the volume, the bucket or the repository that the line names."
    ),
    FailureKind.DATA_MISSING: CHECK_DATA,
    FailureKind.DATA_INVALID: CHECK_DATA,
    FailureKind.PROMPT_TOO_LONG: SHORTER_DATA,
    FailureKind.IMAGE_TOKENS: SHORTER_DATA,
    FailureKind.IMAGE_LIMIT: SHORTER_DATA,
    FailureKind.CONTEXT_LENGTH: SHORTER_DATA,
    FailureKind.REWARD_CODE: N_(
        "Fix the function at the line that the traceback names: it must return a score for every answer."
    ),
    FailureKind.REWARD_SERVER: CHECK_SERVER,
    FailureKind.TOOL_SERVER: CHECK_SERVER,
    FailureKind.AGENT_SETUP: N_("Check the names of agent loops and tools in the settings and the data."),
    FailureKind.FSDP_SETUP: N_("Check how the code wraps the model, and which of its weights are frozen."),
    FailureKind.LORA_UNSUPPORTED: N_("Check which modules of the model the adapter changes."),
    FailureKind.RUNTIME_ENV: N_(
        "Keep data and checkpoints out of the folder from which the program starts, and install packages in the "
        "recipe's `setup`."
    ),
    FailureKind.ROLLOUT_SETUP: OTHER_VERSION,
    FailureKind.ROLLOUT_CODE: OTHER_VERSION,
    FailureKind.WEIGHT_SYNC: OTHER_VERSION,
    FailureKind.MODEL_CODE: OTHER_VERSION,
    FailureKind.MEGATRON_CODE: OTHER_VERSION,
    FailureKind.MERGE_FAILED: OTHER_VERSION,
    FailureKind.AGENT_CODE: N_("Fix the agent loop or the tool at the line that the traceback names."),
    FailureKind.TOKENIZATION: N_("Check the form of the prompts, and that images and videos are readable."),
    FailureKind.LOSS_CODE: N_("Check that no answer or mask is empty."),
    FailureKind.SAVE_FAILED: N_("Check the space and the rights of the folder of the checkpoints."),
    FailureKind.TRACKER: N_("Check its address and key."),
    FailureKind.NOTHING_TO_TRAIN: N_("Check which of the model's weights are frozen."),
    FailureKind.MODEL_UNKNOWN: N_("Check the model's name; for a private model give the bot an `HF_TOKEN`."),
    FailureKind.MODEL_UNSUPPORTED: N_("Use an image with a newer version of transformers, or another model."),
    FailureKind.REMOTE_CODE: N_("If you trust its authors, allow its code to run; otherwise use another model."),
    FailureKind.CHAT_TEMPLATE: N_("Use an instruction-tuned model."),
    FailureKind.WANDB: N_("Check the bot's `WANDB_API_KEY`."),
    FailureKind.NOTHING_TRAINED: N_("Train more epochs, or start from a checkpoint within an epoch."),
    FailureKind.CHECKPOINT_MISSING: OTHER_STEP,
    FailureKind.CHECKPOINT_MISMATCH: OTHER_STEP,
    FailureKind.CHECKPOINT_CORRUPT: OTHER_STEP,
    FailureKind.MISSING_MODULE: N_("Install it in the recipe's `setup`, on every node, or use the recipe's own image."),
    FailureKind.NAN_LOSS: LOWER_RATE,
    FailureKind.TENSOR_SHAPE: N_("Look at the code that the traceback names."),
}
"""What to try after a failure, where the run's program lacks the settings of the remedy."""

GENERAL_STALLS: Mapping[str, str] = {
    SILENT_LOG_ADVICE: N_(
        "Run `py-spy dump` to see what each process is waiting for, and check that all machines answer."
    ),
    BUSY_LOG_ADVICE: N_("Check the code that runs in a step: this step takes longer than any before."),
    NO_FIRST_STEP_ADVICE: N_("Check the log for a hanging download, a wait for machines, or a long first validation."),
}

GENERAL_FINDINGS: Mapping[str, str] = {
    "not-a-number": LOWER_RATE,
    "reward-collapse": LOWER_RATE,
    "kl-blow-up": LOWER_RATE,
    "entropy-rise": LOWER_RATE,
    "gradient-spikes": LOWER_RATE,
    "memory-growth": N_(
        "Something keeps data in main memory: look for caches in the code, and save and resume before it is full. "
        "Machines with more memory (`memory` in the recipe) only put it off."
    ),
    "slow-steps": N_("Compare the log with that of the first steps; a machine that throttles is a usual cause."),
    "validation-falls": N_("Check the data and the reward, and keep the checkpoint of the best validation."),
}
"""By the name of the finding; other findings say `CHECK_STEPS`."""

GENERAL_ADVICE: Mapping[str, str] = {
    **{
        advice: GENERAL_FINDINGS.get(detector.name, CHECK_STEPS) for detector in DETECTORS for advice in detector.advice
    },
    **{REMEDIES[kind].sentence: general for kind, general in GENERAL_REMEDIES.items()},
    **GENERAL_STALLS,
}
"""The advice in general words, by the advice that names settings."""
