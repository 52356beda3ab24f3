"""verl's own errors (0.1 to 0.9): how they are known, what follows from them, and what verl survives.

The texts are those of its assertions and checks (sources: `trainer/ppo/ray_trainer.py`, `trainer/ppo/v1`,
`workers/config`, `utils/config.py`, `utils/seqlen_balancing.py`, `utils/dataset`, `protocol.py` and the recipe DAPO).
"""

import re

from bot.core.frameworks.verl.failure_areas import AREAS
from bot.core.frameworks.verl.named_settings import find_settings
from bot.core.frameworks.verl.rollout_losses import ROLLOUT_MARK
from bot.core.model.failure import UNKNOWN_CAUSES, FailureKind, FailurePlace, FailureTexts
from bot.core.model.training_framework import FailureReading

CAUSES = (
    FailureTexts(
        FailureKind.RECIPE_CHECK,
        "^verl recipe: ",
    ),
    FailureTexts(
        FailureKind.FILTERED_GROUPS,
        "generated too many. please check | max_num_gen_batches",
    ),
    FailureTexts(
        FailureKind.TOO_FEW_GPUS,
        "total available gpus … less than total desired | cannot be satisfied in this ray cluster | "
        "no enough nodes for request | total available npus … less than total desired",
    ),
    FailureTexts(
        FailureKind.SEQUENCE_PARALLEL,
        "first dimension of the tensor should be divisible by tensor parallel size | "
        "when using sequence parallelism | divisible by ulysses | ulysses sequence size | "
        "sequence length … divisible by | seq_len … divisible by",
    ),
    FailureTexts(
        FailureKind.TENSOR_PARALLEL,
        "world_size … is not divisible by | divisible by infer_tp | "
        "n_gpus … must be divisible by model_parallel_size | "
        "gpus_per_node should be divisible by tensor_model_parallel_size | must be divisible by gpus_per_node | "
        "tensor parallel size should be less than or equal to the world size | "
        "megatron … world_size … divisible | expert_parallel_size must be equal | "
        "expert_parallel_size == self.tensor_model_parallel_size",
    ),
    FailureTexts(
        FailureKind.MICRO_BATCH,
        "please set at least one of … micro_batch_size | you have set both … micro_batch_size",
    ),
    FailureTexts(
        FailureKind.SEQUENCE_LIMIT,
        "max_token_len must be greater than the sequence length",
    ),
    FailureTexts(
        FailureKind.BATCH_SIZE,
        "train_batch_size | real_train_batch_size | mini_batch_size … must be | mini_batch_size … divisible | "
        "mini_batch_size … should be larger than | micro_batch_size … must be | micro_batch_size … should be | "
        "only support equal chunk | assertionerror … dataproto | divisible by chunks | "
        "divisible by force_group_size | batch size … must be divisible | batch_size … must be divisible | "
        "batch size … not divisible | must be divisible by … batch size | requires num_uid_groups | "
        "assertionerror: … % … != 0",
    ),
    FailureTexts(
        FailureKind.PROMPT_TOO_LONG,
        "sequence_length= … is larger than | prompt_length … is larger than | is longer than max_prompt_length",
    ),
    FailureTexts(
        FailureKind.CONTEXT_LENGTH,
        "model context length | maximum context length",
    ),
    # A reward function with other arguments than verl's
    FailureTexts(
        FailureKind.REWARD_CODE,
        "compute_score() got | compute_score() missing | compute_score() takes",
    ),
    FailureTexts(
        FailureKind.REWARD_FUNCTION,
        "reward function is not implemented | reward function … not found | reward function ' | "
        "compute_score()  | custom_reward_function",
    ),
    FailureTexts(
        FailureKind.DATA_INVALID,
        "keyerror: 'prompt' | keyerror: 'data_source' | keyerror: 'reward_model' | keyerror: 'ground_truth' | "
        "keyerror: 'extra_info' | keyerror: 'raw_prompt' | keyerror: 'pixel_values' | keyerror: 'image_grid_thw' | "
        "keyerror: 'multi_modal_inputs' | dataloader is empty!",
    ),
    FailureTexts(
        FailureKind.REFERENCE_CHECKPOINT,
        "checkpoint loading is only supported for actor or",
    ),
    FailureTexts(
        FailureKind.CHECKPOINT_MISSING,
        "filenotfounderror … global_step_ | no such file or directory … global_step_ | "
        "past a valid checkpoint path | must specify the global_steps | resume_from_path … does not exist | "
        "checkpoint path does not exist",
    ),
    FailureTexts(
        FailureKind.AGENT_SETUP,
        "agent loop … not registered | unknown tool parser | unsupported tool type | tool parser … not found",
    ),
    FailureTexts(
        FailureKind.REWARD_CODE,
        "compute_score timed out | len(sample_scores)",
    ),
    FailureTexts(
        FailureKind.CONFIG_KEY,
        "rollout mode 'sync' has been removed",
    ),
    FailureTexts(
        FailureKind.CONFIG_VALUE,
        "invalid loss_agg_mode | unsupported loss mode | must be one of | assertionerror: config. … must be | "
        "overlong_buffer | assertionerror: … must be larger than | assertionerror: … must be provided | "
        "assertionerror: … must be specified",
    ),
)
CONSEQUENCES = (
    # verl's V1 trainer, after every rollout of a step has raised
    FailureTexts(
        FailureKind.ROLLOUT_FAILED,
        "no materializable trajectories",
    ),
    # verl's fully asynchronous trainer ends as if it were complete, after the process of its rollouts has raised
    FailureTexts(
        FailureKind.ROLLOUT_FAILED,
        "streaming process exception:  | component failed with error: ",
        in_any_line=True,
    ),
)
GPU_KINDS = (FailureKind.GPU_MEMORY, FailureKind.ROLLOUT_MEMORY)
SERVER_KINDS = (FailureKind.NETWORK, FailureKind.ROLLOUT_HANG)
REWARD_CODE_KINDS = (FailureKind.TENSOR_SHAPE, FailureKind.CONFIG_VALUE)
REWARD_FRAMES = (
    " in compute_score | self.compute_score( | /reward_score/ | reward_fn( | compute_reward( | "
    "/reward_loop/ | get_custom_reward_fn | ::RewardLoopWorker | ::RewardManagerWorker"
)
PLACES = (
    # A reward function with other arguments than verl's
    FailurePlace(REWARD_FRAMES, {FailureKind.CONFIG_KEY: FailureKind.REWARD_CODE}, errors="^typeerror"),
    # A reward function that parses answers, or what a judge says of them
    FailurePlace(REWARD_FRAMES, {FailureKind.DATA_INVALID: FailureKind.REWARD_CODE}, errors="jsondecodeerror"),
    # Where verl calls the reward function, in the reward managers of all versions and in its own graders
    FailurePlace(
        REWARD_FRAMES,
        {
            **dict.fromkeys((*UNKNOWN_CAUSES, *REWARD_CODE_KINDS), FailureKind.REWARD_CODE),
            **dict.fromkeys(SERVER_KINDS, FailureKind.REWARD_SERVER),
        },
    ),
    # Where verl, its agent loops and the trainers built upon it ask tools, searches and environments
    FailurePlace(
        "/verl/tools/ | in execute_tool | in _call_tool | tool.execute( | batch_search | /retriev | env_manager | "
        "envs.step( | env.step( | envs.reset( | env.reset(",
        dict.fromkeys(SERVER_KINDS, FailureKind.TOOL_SERVER),
    ),
    FailurePlace(
        " in save_checkpoint | in _save_checkpoint | in save_dist_checkpointing | in save_pretrained",
        {
            **dict.fromkeys(GPU_KINDS, FailureKind.SAVE_MEMORY),
            **dict.fromkeys(UNKNOWN_CAUSES, FailureKind.SAVE_FAILED),
        },
    ),
    FailurePlace(
        "/verl/utils/tracking.py",
        dict.fromkeys((*UNKNOWN_CAUSES, FailureKind.CONFIG_VALUE), FailureKind.TRACKER),
    ),
    FailurePlace(
        " in load_checkpoint | in _load_checkpoint | in load_dist_checkpointing | in load_state_dict | "
        "in set_optimizer_state_dict | in set_model_state_dict",
        dict.fromkeys((*UNKNOWN_CAUSES, FailureKind.TENSOR_SHAPE), FailureKind.CHECKPOINT_MISMATCH),
    ),
    FailurePlace(" in apply_chat_template", dict.fromkeys(UNKNOWN_CAUSES, FailureKind.CHAT_TEMPLATE)),
    FailurePlace(
        "/vllm/lora/ | /srt/lora/ | in add_lora",
        dict.fromkeys((*UNKNOWN_CAUSES, FailureKind.TENSOR_SHAPE), FailureKind.LORA_UNSUPPORTED),
    ),
    # Where FSDP takes a model apart, not where it runs one
    FailurePlace(
        "/torch/distributed/fsdp/_flat_param.py | /torch/distributed/fsdp/_init_utils.py | "
        "/torch/distributed/fsdp/wrap | /torch/distributed/fsdp/_fully_shard | "
        "/torch/distributed/_composable/ | in get_fsdp_wrap_policy | "
        "in apply_fsdp2",
        dict.fromkeys(UNKNOWN_CAUSES, FailureKind.FSDP_SETUP),
        is_innermost=True,
        errors="^valueerror | ^assertionerror | ^notimplementederror | ^runtimeerror | ^exception",
    ),
    # The weights of an adapter, or of the layers below it, under names that the engine does not have
    FailurePlace(
        " in load_weights",
        dict.fromkeys(UNKNOWN_CAUSES, FailureKind.LORA_UNSUPPORTED),
        errors="lora_ | base_layer",
    ),
    # A model's weights in an engine, whose names for them differ from those of the trainer
    FailurePlace(
        " in load_weights | _load_w13 | _load_w2 | weight_loader",
        dict.fromkeys((*UNKNOWN_CAUSES, FailureKind.TENSOR_SHAPE), FailureKind.MODEL_UNSUPPORTED),
    ),
    # What verl makes of the extra values that a reward function returned
    FailurePlace(" in process_validation_metrics", dict.fromkeys(UNKNOWN_CAUSES, FailureKind.REWARD_CODE)),
    FailurePlace("/verl/utils/seqlen_balancing.py", {FailureKind.ASSERTION: FailureKind.BATCH_SIZE}, is_innermost=True),
    FailurePlace("/verl/utils/dataset/", {FailureKind.CODE_ERROR: FailureKind.DATA_INVALID}),
    FailurePlace("update_critic | compute_values", dict.fromkeys(GPU_KINDS, FailureKind.CRITIC_MEMORY)),
    FailurePlace("compute_log_prob | compute_ref_log_prob", dict.fromkeys(GPU_KINDS, FailureKind.LOG_PROB_MEMORY)),
    FailurePlace("update_actor | update_policy", dict.fromkeys(GPU_KINDS, FailureKind.GPU_MEMORY)),
    FailurePlace(
        " in wake_up | resume_memory_occupation | generate_sequences | /vllm/v1/worker/ | /sglang/srt/",
        {FailureKind.GPU_MEMORY: FailureKind.ROLLOUT_MEMORY},
    ),
)
SURVIVED = (
    ROLLOUT_MARK,
    "Error in reward_fn",
    "Error in extracting tool call",
    "Error when executing tool",
    "Error aborting request",
    "Failed to decode tool call",
    "Failed to parse",
)
"""What verl logs of a rollout, a reward or a tool that fails; the training goes on without it."""

COMPLETED_BAR = re.compile(
    r"(?:Training Progress|Running step|Epoch (?P<epoch>\d{1,9})/(?P<epochs>\d{1,9})): {1,3}\d{1,3}%\|[^|]{0,200}\|"
    r" {0,9}(?P<done>\d{1,9})/(?P<total>\d{1,9}) \["
)
"""tqdm's bar: verl's, EasyR1's, and that of one epoch of the SFT trainers."""


def find_completion(line: str) -> bool | None:
    """Return True where a line shows that all steps are done, False where a training begins, else None.

    verl 0.9.1 saves and validates the last step before either line is printed.

    >>> find_completion("Training Progress: 100%|###| 116/116 [2:53:01<00:00, 88.20s/it]")
    True
    >>> find_completion("Epoch 5/6: 100%|###| 62/62 [06:31<00:00, 6.3s/it]")
    >>> find_completion("Epoch 6/6: 100%|###| 62/62 [06:31<00:00, 6.3s/it]")
    True
    """
    if "Final validation metrics" in line:
        return True
    if "Total training steps:" in line:
        return False
    if "%|" not in line or (match := COMPLETED_BAR.search(line)) is None:
        return None
    done, total = int(match["done"]), int(match["total"])
    if 0 < done < total:
        return None
    is_whole = match["epoch"] == (match["epochs"] if done else "1") or match["epoch"] is None
    return done > 0 if is_whole else None


READING = FailureReading(CAUSES, CONSEQUENCES, SURVIVED, PLACES, find_completion, AREAS, find_settings)
