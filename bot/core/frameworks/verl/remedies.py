"""What to try after a failure, in verl's option names (0.9.1)."""

from collections.abc import Mapping

from bot.core.model.failure import FailureKind
from bot.core.model.training_framework import Remedy, SettingChange
from bot.phrase import N_

REMEDIES: Mapping[FailureKind, Remedy] = {
    FailureKind.GPU_MEMORY: Remedy(
        N_(
            "Lower `actor_rollout_ref.actor.ppo_max_token_len_per_gpu` (without dynamic batches "
            "`actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu`), or "
            "`actor_rollout_ref.rollout.gpu_memory_utilization`."
        ),
    ),
    FailureKind.ROLLOUT_MEMORY: Remedy(
        N_(
            "Lower `actor_rollout_ref.rollout.gpu_memory_utilization`, and check with `nvidia-smi` which "
            "process holds the rest."
        ),
        (SettingChange("actor_rollout_ref.rollout.gpu_memory_utilization=0.4", 0.8),),
    ),
    FailureKind.CACHE_BLOCKS: Remedy(
        N_(
            "Raise `actor_rollout_ref.rollout.gpu_memory_utilization`, or lower "
            "`actor_rollout_ref.rollout.max_model_len` (`data.max_prompt_length` plus "
            "`data.max_response_length`)."
        ),
        (SettingChange("actor_rollout_ref.rollout.gpu_memory_utilization=0.8", 1.2, most=0.95),),
    ),
    FailureKind.NODE_MEMORY: Remedy(
        N_(
            "Use machines with more memory (`memory` in the recipe), or keep weights on the GPUs: "
            "`actor_rollout_ref.actor.fsdp_config.param_offload=False`."
        ),
        (SettingChange("actor_rollout_ref.actor.fsdp_config.param_offload=False"),),
    ),
    FailureKind.SHARED_MEMORY: Remedy(
        N_(
            "Lower `data.dataloader_num_workers`, or give the container more shared memory (`--shm-size`, "
            "on Kubernetes an `emptyDir` of medium `Memory`)."
        ),
        (SettingChange("data.dataloader_num_workers=0"),),
    ),
    FailureKind.OBJECT_STORE_FULL: Remedy(
        N_(
            "Lower `data.train_batch_size`, `actor_rollout_ref.rollout.n` or `data.max_response_length`, "
            "or use machines with more memory: Ray's store is in `/dev/shm`."
        ),
    ),
    FailureKind.NCCL_TIMEOUT: Remedy(
        N_(
            "Check what the other ranks printed: `/verl logs {run} grep=error`. verl 0.9 waits ten "
            "minutes, which no setting changes; a step that takes longer needs a smaller "
            "`data.train_batch_size`."
        ),
    ),
    FailureKind.NCCL_ERROR: Remedy(
        N_(
            "NCCL prints why with `NCCL_DEBUG: INFO` among the `envs` of the recipe. An admin can also "
            "launch it with `+ray_kwargs.ray_init.runtime_env.env_vars.NCCL_DEBUG=INFO`."
        ),
    ),
    FailureKind.RENDEZVOUS: Remedy(
        N_("Launch it again on fresh machines; if it happens again, check that the nodes reach one another's ports."),
    ),
    FailureKind.CUDA_ERROR: Remedy(
        N_(
            "If it fails at the same step again, check for token ids outside the vocabulary and try "
            "`actor_rollout_ref.rollout.enforce_eager=True`; else launch it on other machines."
        ),
        (SettingChange("actor_rollout_ref.rollout.enforce_eager=True"),),
    ),
    FailureKind.GPU_HARDWARE: Remedy(
        N_("Launch it again on other machines, and tell the provider which GPU it was."),
    ),
    FailureKind.GPU_UNSUPPORTED: Remedy(
        N_(
            "Use the recipe's own image, or GPUs of a newer type; without FlashAttention: "
            "`+actor_rollout_ref.model.override_config.attn_implementation=sdpa`."
        ),
        (SettingChange("+actor_rollout_ref.model.override_config.attn_implementation=sdpa"),),
    ),
    FailureKind.NO_GPU: Remedy(
        N_("Compare `trainer.n_gpus_per_node` with the GPUs of a node, and check `nvidia-smi` in the recipe's image."),
    ),
    FailureKind.DEVICE_MISMATCH: Remedy(
        N_("Move both tensors to the same device in the code that the traceback names."),
    ),
    FailureKind.NODE_LOST: Remedy(
        N_("Launch it again or resume it; `managed=true` lets SkyPilot replace lost machines by itself."),
    ),
    FailureKind.RAY_UNREACHABLE: Remedy(
        N_(
            "Launch it again on fresh machines; if it happens again, check that the nodes reach port 6379 "
            "of the head, and that no older Ray runs there (`ray stop`)."
        ),
    ),
    FailureKind.UNSCHEDULABLE: Remedy(
        N_(
            "Use machines with more CPUs (verl 0.9 takes 9, and 3 for each GPU), or lower "
            "`trainer.n_gpus_per_node` and `trainer.nnodes`."
        ),
    ),
    FailureKind.TOO_FEW_GPUS: Remedy(
        N_(
            "Make `trainer.nnodes` × `trainer.n_gpus_per_node` the number of GPUs of the cluster, and "
            "check that every node joined Ray: `/verl logs {run} grep=joined`."
        ),
    ),
    FailureKind.WORKER_DIED: Remedy(
        N_(
            "Check what it printed before: `/verl logs {run} lines=500`. Or use machines with more memory "
            "(`memory` in the recipe)."
        ),
    ),
    FailureKind.KILLED: Remedy(
        N_(
            "Use machines with more memory (`memory` in the recipe), or keep fewer weights in it: "
            "`actor_rollout_ref.actor.fsdp_config.optimizer_offload=False`."
        ),
        (SettingChange("actor_rollout_ref.actor.fsdp_config.optimizer_offload=False"),),
    ),
    FailureKind.TERMINATED: Remedy(
        N_("Launch it again or resume it; on spot machines use `managed=true`."),
    ),
    FailureKind.CRASHED: Remedy(
        N_("Launch it with the recipe's own image, or on other machines."),
    ),
    FailureKind.ROLLOUT_FAILED: Remedy(
        N_("Read what the engine printed before: `/verl logs {run} grep=ERROR lines=500`."),
    ),
    FailureKind.ROLLOUT_HANG: Remedy(
        N_(
            "Launch it again; if it hangs again, try `actor_rollout_ref.rollout.enforce_eager=True` and a "
            "shorter `data.max_response_length`."
        ),
        (SettingChange("actor_rollout_ref.rollout.enforce_eager=True"),),
    ),
    FailureKind.PORT_IN_USE: Remedy(
        N_("Launch it again on fresh machines, or end the processes that hold the port."),
    ),
    FailureKind.NETWORK: Remedy(
        N_("Launch it again in a few minutes; an `HF_TOKEN` raises the limits of Hugging Face."),
    ),
    FailureKind.DISK_FULL: Remedy(
        N_("Keep fewer checkpoints, `trainer.max_actor_ckpt_to_keep=1`, or write them to a `volume=` or `bucket=`."),
        (SettingChange("trainer.max_actor_ckpt_to_keep=1"),),
    ),
    FailureKind.PERMISSION_DENIED: Remedy(
        N_(
            "Choose a folder that the job's user may write (`trainer.default_local_dir`), or give the job the "
            "rights of the volume, the bucket or the repository."
        ),
    ),
    FailureKind.FILE_MISSING: Remedy(
        N_("Check the path in the line; the recipe's setup must put the file on every node."),
    ),
    FailureKind.DATA_MISSING: Remedy(
        N_(
            "`data.train_files` and `data.val_files` say where they are; the recipe's setup must put them "
            "on every node."
        ),
    ),
    FailureKind.DATA_INVALID: Remedy(
        N_(
            "Check the files of `data.train_files` and `data.val_files`: columns `prompt` "
            "(`data.prompt_key`), `data_source` and `reward_model`, and at least `data.train_batch_size` "
            "rows."
        ),
    ),
    FailureKind.PROMPT_TOO_LONG: Remedy(
        N_(
            "Leave such prompts out, `data.filter_overlong_prompts=True`, shorten them, "
            "`data.truncation=left`, or raise `data.max_prompt_length` (and "
            "`actor_rollout_ref.rollout.max_model_len`)."
        ),
        (SettingChange("data.filter_overlong_prompts=True"),),
    ),
    FailureKind.CONTEXT_LENGTH: Remedy(
        N_(
            "Lower `data.max_prompt_length`, `data.max_response_length` or "
            "`actor_rollout_ref.rollout.max_model_len` until they fit the model."
        ),
    ),
    FailureKind.BATCHED_TOKENS: Remedy(
        N_(
            "Set `actor_rollout_ref.rollout.max_num_batched_tokens` to at least `data.max_prompt_length` "
            "plus `data.max_response_length`."
        ),
    ),
    FailureKind.SEQUENCE_LIMIT: Remedy(
        N_(
            "Set `actor_rollout_ref.actor.ppo_max_token_len_per_gpu` to at least `data.max_prompt_length` "
            "plus `data.max_response_length`, and `critic.ppo_max_token_len_per_gpu` too."
        ),
    ),
    FailureKind.FILTERED_GROUPS: Remedy(
        N_("Choose other data, or allow more batches: `algorithm.filter_groups.max_num_gen_batches=0` sets no limit."),
        (SettingChange("algorithm.filter_groups.max_num_gen_batches=0"),),
    ),
    FailureKind.REWARD_FUNCTION: Remedy(
        N_(
            "Set `reward.custom_reward_function.path` and `reward.custom_reward_function.name`, or a "
            "`data_source` in the data that verl knows."
        ),
    ),
    FailureKind.HUGGING_FACE: Remedy(
        N_("Accept its terms on its page, and give the bot an `HF_TOKEN`."),
    ),
    FailureKind.MODEL_UNKNOWN: Remedy(
        N_(
            "Check `actor_rollout_ref.model.path` (and `critic.model.path`); for a private model give the "
            "bot an `HF_TOKEN`."
        ),
    ),
    FailureKind.MODEL_UNSUPPORTED: Remedy(
        N_("Use an image with newer transformers and vLLM, or another `actor_rollout_ref.model.path`."),
    ),
    FailureKind.REMOTE_CODE: Remedy(
        N_(
            "If you trust its authors: `actor_rollout_ref.model.trust_remote_code=True` and "
            "`data.trust_remote_code=True`."
        ),
    ),
    FailureKind.CHAT_TEMPLATE: Remedy(
        N_("Use an instruction-tuned model, or set `actor_rollout_ref.model.custom_chat_template`."),
    ),
    FailureKind.WANDB: Remedy(
        N_("Check the bot's `WANDB_API_KEY`, or do without: `trainer.logger=[console,file]`."),
        (SettingChange("trainer.logger=[console,file]"),),
    ),
    FailureKind.OVERRIDE: Remedy(
        N_("Check the spelling; a `+` before the key adds a key that verl's config does not have."),
    ),
    FailureKind.CONFIG_KEY: Remedy(
        N_(
            "Remove the setting that the line names, or add it with a `+` before the key; take the "
            "options of the recipe's verl (0.9.1)."
        ),
    ),
    FailureKind.RECIPE_CHECK: Remedy(
        N_("Change the parameter that the line names."),
    ),
    FailureKind.BATCH_SIZE: Remedy(
        N_(
            "Make `data.train_batch_size` a multiple of `actor_rollout_ref.actor.ppo_mini_batch_size`, and "
            "`actor_rollout_ref.actor.ppo_mini_batch_size` × `actor_rollout_ref.rollout.n` a multiple of the number of "
            "GPUs."
        ),
    ),
    FailureKind.MICRO_BATCH: Remedy(
        N_(
            "Set one of them, `actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu`, "
            "`actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu`, or use "
            "`actor_rollout_ref.actor.use_dynamic_bsz=True`."
        ),
        (SettingChange("actor_rollout_ref.actor.use_dynamic_bsz=True"),),
    ),
    FailureKind.TENSOR_PARALLEL: Remedy(
        N_(
            "Make the number of GPUs (`trainer.nnodes` × `trainer.n_gpus_per_node`) a multiple of "
            "`actor_rollout_ref.rollout.tensor_model_parallel_size` (2 by default), and the model's "
            "attention heads too; 1 always fits."
        ),
        (SettingChange("actor_rollout_ref.rollout.tensor_model_parallel_size=1"),),
    ),
    FailureKind.SEQUENCE_PARALLEL: Remedy(
        N_(
            "With Megatron pad sequences to a multiple of "
            "`actor_rollout_ref.actor.megatron.tensor_model_parallel_size`, or lower it; with FSDP set "
            "`actor_rollout_ref.model.use_remove_padding=True` and lower "
            "`actor_rollout_ref.actor.ulysses_sequence_parallel_size`."
        ),
        (SettingChange("actor_rollout_ref.model.use_remove_padding=True"),),
    ),
    FailureKind.CHECKPOINT_MISSING: Remedy(
        N_(
            "Resume from another step (`trainer.resume_from_path`), use as many GPUs as the run that "
            "wrote it, or start over: `trainer.resume_mode=disable`."
        ),
    ),
    FailureKind.CHECKPOINT_MISMATCH: Remedy(
        N_(
            "Launch it with the model and the number of GPUs of the run that wrote it, or start over: "
            "`trainer.resume_mode=disable`."
        ),
        (SettingChange("trainer.resume_mode=disable"),),
    ),
    FailureKind.CHECKPOINT_CORRUPT: Remedy(
        N_(
            "Resume from an earlier step (`trainer.resume_from_path`), or delete the download and fetch "
            "the model again."
        ),
    ),
    FailureKind.LIBRARY_MISMATCH: Remedy(
        N_("Use the recipe's own image, or install a build for the installed torch, CUDA and Python."),
    ),
    FailureKind.MISSING_MODULE: Remedy(
        N_("Install it in the recipe's `setup`, on every node, or use the recipe's own image."),
    ),
    FailureKind.PACKAGE_UNAVAILABLE: Remedy(
        N_("Check the name and the versions in the recipe's `setup`."),
    ),
    FailureKind.BUILD_FAILED: Remedy(
        N_(
            "Install torch first and the package with `--no-build-isolation`, choose a ready wheel for "
            "this torch, CUDA and Python, or use the recipe's own image."
        ),
    ),
    FailureKind.NAN_LOSS: Remedy(
        N_(
            "Resume from a checkpoint before it, with a lower `actor_rollout_ref.actor.optim.lr` or "
            "`actor_rollout_ref.actor.optim.clip_grad`."
        ),
        (SettingChange("actor_rollout_ref.actor.optim.lr=5e-7", 0.5),),
    ),
    FailureKind.TEARDOWN: Remedy(
        N_("`/verl artifacts {run}` shows where the model is."),
    ),
    FailureKind.DIVISION_BY_ZERO: Remedy(
        N_("Look at the code that the traceback names, often a mean over an empty list."),
    ),
    FailureKind.ASSERTION: Remedy(
        N_("Read the traceback around the line: `/verl logs {run} lines=500`."),
    ),
    FailureKind.RUNTIME_ERROR: Remedy(
        N_("Read the traceback around the line: `/verl logs {run} lines=500`."),
    ),
    FailureKind.EXCEPTION: Remedy(
        N_("Read the traceback around the line: `/verl logs {run} lines=500`."),
    ),
}
