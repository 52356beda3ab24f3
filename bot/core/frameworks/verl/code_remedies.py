"""What to try after an error in the code of a part of the training, in verl's option names (0.9.1)."""

from collections.abc import Mapping

from bot.core.model.failure import FailureKind
from bot.core.model.training_framework import Remedy, SettingChange
from bot.phrase import N_

CODE_REMEDIES: Mapping[FailureKind, Remedy] = {
    FailureKind.ROLLOUT_SETUP: Remedy(
        N_(
            "Use the recipe's own image, whose engine fits verl, and a model that the engine knows. Or try "
            "`actor_rollout_ref.rollout.enforce_eager=True`, the other engine (`actor_rollout_ref.rollout.name`), or "
            "fewer of its options (`actor_rollout_ref.rollout.engine_kwargs`)."
        ),
        (SettingChange("actor_rollout_ref.rollout.enforce_eager=True"),),
    ),
    FailureKind.ROLLOUT_CODE: Remedy(
        N_(
            "Try `actor_rollout_ref.rollout.enforce_eager=True`, "
            "`actor_rollout_ref.rollout.enable_prefix_caching=False`, "
            "`actor_rollout_ref.rollout.enable_chunked_prefill=False` or the other engine "
            "(`actor_rollout_ref.rollout.name`), or use an image with another version of it."
        ),
        (SettingChange("actor_rollout_ref.rollout.enforce_eager=True"),),
    ),
    FailureKind.WEIGHT_SYNC: Remedy(
        N_(
            "Use the recipe's own image, whose engine fits verl. Or try "
            "`actor_rollout_ref.rollout.load_format=safetensors`, with LoRA `actor_rollout_ref.model.lora.merge=True`, "
            "or a larger `actor_rollout_ref.rollout.checkpoint_engine.update_weights_bucket_megabytes`."
        ),
    ),
    FailureKind.AGENT_CODE: Remedy(
        N_(
            "Fix the agent loop or the tool at the line that the traceback names "
            "(`actor_rollout_ref.rollout.agent.agent_loop_config_path`, "
            "`actor_rollout_ref.rollout.multi_turn.tool_config_path`). Check "
            "`actor_rollout_ref.rollout.multi_turn.format`, the columns of the data, and that malformed calls of the "
            "model are answered instead of raised."
        ),
    ),
    FailureKind.TOKENIZATION: Remedy(
        N_(
            "Check that `data.prompt_key` holds lists of messages with `role` and `content`, that images and videos "
            "(`data.image_key`, `data.video_key`) are readable, and that the installed transformers knows the "
            "model's own processor."
        ),
    ),
    FailureKind.MODEL_CODE: Remedy(
        N_(
            "Use the version of transformers in the recipe's own image. Or try "
            "`actor_rollout_ref.model.use_remove_padding=False`, "
            "`actor_rollout_ref.actor.ulysses_sequence_parallel_size=1`, "
            "`actor_rollout_ref.model.use_fused_kernels=False`, `actor_rollout_ref.model.use_liger=False` or "
            "`+actor_rollout_ref.model.override_config.attn_implementation=sdpa`."
        ),
        (SettingChange("actor_rollout_ref.model.use_remove_padding=False"),),
    ),
    FailureKind.MEGATRON_CODE: Remedy(
        N_(
            "Use the recipe's own image, with the Megatron that verl names. Or turn on "
            "`actor_rollout_ref.actor.megatron.use_mbridge`, or try sizes of 1 for its parallel groups, fewer "
            "entries in "
            "`actor_rollout_ref.actor.megatron.override_transformer_config`, or FSDP "
            "(`actor_rollout_ref.actor.strategy`)."
        ),
    ),
    FailureKind.LOSS_CODE: Remedy(
        N_(
            "Check that `algorithm.adv_estimator`, `actor_rollout_ref.rollout.n` and "
            "`actor_rollout_ref.actor.policy_loss.loss_mode` go together, and that no answer or mask is empty."
        ),
    ),
    FailureKind.REFERENCE_CHECKPOINT: Remedy(
        N_(
            "Install the verl version that the program was written for in the recipe's `setup`. Or let it copy the "
            "weights of the actor in another way: verl refuses this load since its worker for the actor, the rollout "
            "and the reference checks its role."
        ),
    ),
    FailureKind.MERGE_FAILED: Remedy(
        N_(
            "Convert it with the verl and the number of shards that wrote it (`python -m verl.model_merger merge`); or "
            "let the training write this format: add `hf_model` to `actor_rollout_ref.actor.checkpoint.save_contents`."
        ),
    ),
    FailureKind.FRAMEWORK_CODE: Remedy(
        N_(
            "Undo the newest change of the settings, and search verl's issues for the line: another version may "
            "have fixed it. The traceback has more: `/verl logs {run} lines=500`."
        ),
    ),
    FailureKind.USER_CODE: Remedy(
        N_("Fix the code at the line that the traceback names: `/verl logs {run} lines=500`."),
    ),
}
