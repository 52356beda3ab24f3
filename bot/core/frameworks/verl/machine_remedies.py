"""What to try after a failure of GPUs, memory, nodes, Ray and engines, in verl's option names (0.9.1)."""

from collections.abc import Mapping

from bot.core.model.failure import FailureKind
from bot.core.model.training_framework import Remedy, SettingChange
from bot.phrase import N_

MACHINE_REMEDIES: Mapping[FailureKind, Remedy] = {
    FailureKind.GPU_MEMORY: Remedy(
        N_(
            "Lower `actor_rollout_ref.actor.ppo_max_token_len_per_gpu` (without dynamic batches "
            "`actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu`), or "
            "`actor_rollout_ref.rollout.gpu_memory_utilization`."
        ),
    ),
    FailureKind.LOG_PROB_MEMORY: Remedy(
        N_(
            "Lower `actor_rollout_ref.rollout.log_prob_max_token_len_per_gpu` and "
            "`actor_rollout_ref.ref.log_prob_max_token_len_per_gpu` (without dynamic batches "
            "`actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu` and "
            "`actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu`), or "
            "`actor_rollout_ref.rollout.gpu_memory_utilization`."
        ),
    ),
    FailureKind.SAVE_MEMORY: Remedy(
        N_(
            "Lower `actor_rollout_ref.rollout.gpu_memory_utilization`, keep weights in main memory "
            "(`actor_rollout_ref.actor.fsdp_config.param_offload=True`), or save less: "
            "`actor_rollout_ref.actor.checkpoint.save_contents`."
        ),
        (SettingChange("actor_rollout_ref.rollout.gpu_memory_utilization=0.4", 0.8),),
    ),
    FailureKind.CRITIC_MEMORY: Remedy(
        N_(
            "Lower `critic.ppo_max_token_len_per_gpu` (without dynamic batches "
            "`critic.ppo_micro_batch_size_per_gpu`), or keep its weights in main memory: "
            "`critic.fsdp.param_offload=True`."
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
            "To see why, set `NCCL_DEBUG: INFO` among the `envs` of the recipe: NCCL then prints the reason. An admin "
            "can also launch it with `+ray_kwargs.ray_init.runtime_env.env_vars.NCCL_DEBUG=INFO`."
        ),
    ),
    FailureKind.NCCL_NETWORK: Remedy(
        N_(
            "Launch it again or resume it. If it happens again, set `NCCL_SOCKET_IFNAME` (the interface of the nodes' "
            "network) and `NCCL_DEBUG: INFO` among the `envs` of the recipe."
        ),
    ),
    FailureKind.NCCL_USAGE: Remedy(
        N_(
            "Make `trainer.n_gpus_per_node` the number of GPUs of a node, and let `NCCL_SOCKET_IFNAME` among the "
            "`envs` of the recipe name an interface that every node has."
        ),
    ),
    FailureKind.MESSAGE_SIZE: Remedy(
        N_(
            "Lower `data.train_batch_size`, `actor_rollout_ref.rollout.n` or `data.max_response_length`; images in a "
            "batch count too. Or set a larger `RAY_max_grpc_message_size` (in bytes) among the `envs` of the recipe."
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
    FailureKind.DEVICE_ASSERT: Remedy(
        N_(
            "Check that the tokenizer is the model's own (`actor_rollout_ref.model.path`, "
            "`actor_rollout_ref.model.tokenizer_path`), and that no data has token ids outside the vocabulary; "
            "`CUDA_LAUNCH_BLOCKING: 1` among the `envs` of the recipe shows the kernel."
        ),
    ),
    FailureKind.GPU_HARDWARE: Remedy(
        N_("Launch it again on other machines, and tell the provider which GPU it was."),
    ),
    FailureKind.GPU_UNSUPPORTED: Remedy(
        N_(
            "Use the recipe's own image, or GPUs of a newer type, or train without FlashAttention: "
            "`+actor_rollout_ref.model.override_config.attn_implementation=sdpa`."
        ),
        (SettingChange("+actor_rollout_ref.model.override_config.attn_implementation=sdpa"),),
    ),
    FailureKind.KERNEL_COMPILE: Remedy(
        N_(
            "Use the recipe's own image, or do without the kernel: `actor_rollout_ref.actor.use_torch_compile=False`, "
            "`actor_rollout_ref.model.use_fused_kernels=False`, in the rollout "
            "`actor_rollout_ref.rollout.enforce_eager=True`."
        ),
        (SettingChange("actor_rollout_ref.actor.use_torch_compile=False"),),
    ),
    FailureKind.FORKED_CUDA: Remedy(
        N_(
            "Set `VLLM_WORKER_MULTIPROC_METHOD: spawn` among the `envs` of the recipe; where a reward function or a "
            "dataset uses the GPU, keep it on the CPU, and `data.dataloader_num_workers=0`."
        ),
    ),
    FailureKind.NO_GPU: Remedy(
        N_("Compare `trainer.n_gpus_per_node` with the GPUs of a node, and check `nvidia-smi` in the recipe's image."),
    ),
    FailureKind.DEVICE_MISMATCH: Remedy(
        N_(
            "Move both tensors to the same device in the code that the traceback names. If it is verl's, keep no "
            "weights in main memory: `actor_rollout_ref.actor.fsdp_config.param_offload=False`."
        ),
    ),
    FailureKind.NODE_LOST: Remedy(
        N_("Launch it again or resume it; `managed=true` lets SkyPilot replace lost machines by itself."),
    ),
    FailureKind.RUNTIME_ENV: Remedy(
        N_(
            "Keep data and checkpoints out of the folder from which the training starts, install packages in the "
            "recipe's `setup`, and check `ray_kwargs.ray_init.runtime_env`."
        ),
    ),
    FailureKind.RAY_UNREACHABLE: Remedy(
        N_(
            "Launch it again on fresh machines; if it happens again, check that the nodes reach port 6379 "
            "of the head, and that no older Ray runs there (`ray stop`)."
        ),
    ),
    FailureKind.UNSCHEDULABLE: Remedy(
        N_(
            "Use machines with more CPUs (verl 0.9 takes 9 CPUs, plus 3 for each GPU), or lower "
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
    FailureKind.CONTAINER: Remedy(
        N_(
            "Check the name of the image (`image_id` in the recipe), that the machine may fetch it, and that the image "
            "has `bash`."
        ),
    ),
    FailureKind.PORT_IN_USE: Remedy(
        N_("Launch it again on fresh machines, or end the processes that hold the port."),
    ),
}
