"""What to try after a failure, in verl's option names (0.9.1)."""

from collections.abc import Mapping

from bot.core.frameworks.verl.code_remedies import CODE_REMEDIES
from bot.core.frameworks.verl.machine_remedies import MACHINE_REMEDIES
from bot.core.model.failure import FailureKind
from bot.core.model.training_framework import Remedy, SettingChange
from bot.phrase import N_

REMEDIES: Mapping[FailureKind, Remedy] = {
    **MACHINE_REMEDIES,
    **CODE_REMEDIES,
    FailureKind.NETWORK: Remedy(
        N_(
            "Launch it again in a few minutes, and check that the server in the line answers. An `HF_TOKEN` "
            "raises the limits of Hugging Face; `trainer.logger=[console,file]` does without W&B."
        ),
    ),
    FailureKind.DISK_FULL: Remedy(
        N_(
            "Keep fewer checkpoints (`trainer.max_actor_ckpt_to_keep=1`), write them to a `volume=` or `bucket=`, or "
            "set a larger `disk_size` in the recipe."
        ),
        (SettingChange("trainer.max_actor_ckpt_to_keep=1"),),
    ),
    FailureKind.PATH_TOO_LONG: Remedy(
        N_(
            "Where the path is Ray's, set a short `RAY_TMPDIR` (such as `/tmp`) among the `envs` of the recipe; else "
            "shorten `trainer.default_local_dir` or `trainer.experiment_name`."
        ),
    ),
    FailureKind.FILE_LOCKED: Remedy(
        N_(
            "Launch it again; if it happens again, set `HF_HOME` among the `envs` of the recipe to a folder on the "
            "machine's own disk."
        ),
    ),
    FailureKind.SAVE_FAILED: Remedy(
        N_(
            "Check the space and the rights of `trainer.default_local_dir`; write checkpoints to a `volume=` or "
            "`bucket=`, or keep fewer (`trainer.max_actor_ckpt_to_keep=1`)."
        ),
        (SettingChange("trainer.max_actor_ckpt_to_keep=1"),),
    ),
    FailureKind.PROCESS_LIMIT: Remedy(
        N_(
            "Raise the limits in the recipe's `run` (`ulimit -n 65536`, `ulimit -u unlimited`), or lower "
            "`data.dataloader_num_workers` and `actor_rollout_ref.rollout.agent.num_workers`."
        ),
        (SettingChange("data.dataloader_num_workers=0"),),
    ),
    FailureKind.MOUNT_LOST: Remedy(
        N_(
            "Launch it again or resume it on other machines; if it happens again, write checkpoints to another "
            "`volume=` or `bucket=`."
        ),
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
            "Leave such prompts out (`data.filter_overlong_prompts=True`), shorten them "
            "(`data.truncation=left`), or raise `data.max_prompt_length` (and "
            "`actor_rollout_ref.rollout.max_model_len`)."
        ),
        (SettingChange("data.filter_overlong_prompts=True"),),
    ),
    FailureKind.IMAGE_TOKENS: Remedy(
        N_(
            "Raise `data.max_prompt_length`, or leave such prompts out with `data.filter_overlong_prompts=True`; and "
            "use the same limits of image sizes for rollout and training (`data.mm_processor_kwargs`)."
        ),
        (SettingChange("data.filter_overlong_prompts=True"),),
    ),
    FailureKind.IMAGE_LIMIT: Remedy(
        N_(
            "Allow as many as a prompt of the data has, such as `+actor_rollout_ref.rollout.limit_images=8`, or leave "
            "such prompts out."
        ),
    ),
    FailureKind.CONTEXT_LENGTH: Remedy(
        N_(
            "Lower `data.max_prompt_length`, `data.max_response_length` or "
            "`actor_rollout_ref.rollout.max_model_len` until they fit the model."
        ),
    ),
    FailureKind.BATCHED_TOKENS: Remedy(
        N_(
            "Raise `actor_rollout_ref.rollout.max_num_batched_tokens` to at least `data.max_prompt_length` "
            "plus `data.max_response_length`."
        ),
    ),
    FailureKind.SEQUENCE_LIMIT: Remedy(
        N_(
            "Raise `actor_rollout_ref.actor.ppo_max_token_len_per_gpu` to at least `data.max_prompt_length` "
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
    FailureKind.REWARD_CODE: Remedy(
        N_(
            "Fix the function (`reward.custom_reward_function.path`) at the line that the traceback names: it must "
            "take `data_source`, `solution_str`, `ground_truth` and `extra_info`, and return a score for every answer, "
            "an empty or malformed one too."
        ),
    ),
    FailureKind.REWARD_SERVER: Remedy(
        N_(
            "Check that the server in the line runs, that its address, key and quota are right, and that every node "
            "reaches it; then launch it again or resume it. Let the reward function "
            "(`reward.custom_reward_function.path`) try again, and send fewer requests at once (`reward.num_workers`)."
        ),
    ),
    FailureKind.TOOL_SERVER: Remedy(
        N_(
            "Check that the server in the line runs, that its address "
            "(`actor_rollout_ref.rollout.multi_turn.tool_config_path`) is right, and that every node reaches it; then "
            "launch it again or resume it. Let the tool answer with an error instead of raising one."
        ),
    ),
    FailureKind.AGENT_SETUP: Remedy(
        N_(
            "Check `actor_rollout_ref.rollout.agent.default_agent_loop` and the column `agent_name` of the data, "
            "register agent loops of your own with `actor_rollout_ref.rollout.agent.agent_loop_config_path`, and tools "
            "with `actor_rollout_ref.rollout.multi_turn.tool_config_path`; "
            "`actor_rollout_ref.rollout.multi_turn.format` is how the model writes calls."
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
    FailureKind.FSDP_SETUP: Remedy(
        N_(
            "Name the model's layer class "
            "(`+actor_rollout_ref.actor.fsdp_config.wrap_policy.transformer_layer_cls_to_wrap`); with frozen parts or "
            "LoRA set `actor_rollout_ref.actor.fsdp_config.use_orig_params=True`, or use "
            "`actor_rollout_ref.actor.strategy=fsdp2`."
        ),
        (SettingChange("actor_rollout_ref.actor.fsdp_config.use_orig_params=True"),),
    ),
    FailureKind.NOTHING_TO_TRAIN: Remedy(
        N_(
            "Check `actor_rollout_ref.model.lora_rank` and `actor_rollout_ref.model.target_modules`, and what the "
            "model freezes; with LoRA also try `actor_rollout_ref.model.enable_gradient_checkpointing=False`."
        ),
    ),
    FailureKind.LORA_UNSUPPORTED: Remedy(
        N_(
            "Leave embeddings and `lm_head` out of `actor_rollout_ref.model.target_modules` (`all-linear` fits most "
            "models), lower `actor_rollout_ref.model.lora_rank`, or let the rollout have merged weights: "
            "`actor_rollout_ref.model.lora.merge=True`."
        ),
        (SettingChange("actor_rollout_ref.model.lora.merge=True"),),
    ),
    FailureKind.CHAT_TEMPLATE: Remedy(
        N_("Use an instruction-tuned model, or set `actor_rollout_ref.model.custom_chat_template`."),
    ),
    FailureKind.WANDB: Remedy(
        N_("Check the bot's `WANDB_API_KEY`, or do without: `trainer.logger=[console,file]`."),
        (SettingChange("trainer.logger=[console,file]"),),
    ),
    FailureKind.TRACKER: Remedy(
        N_("Check its address and key, or do without: `trainer.logger=[console,file]`."),
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
    FailureKind.CONFIG_VALUE: Remedy(
        N_("Change the setting, or the variable among the `envs` of the recipe, that the line names."),
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
            "Set `actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu` and "
            "`actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu`, and not the same names without `_per_gpu`; "
            "or use "
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
    FailureKind.MEGATRON_PARALLEL: Remedy(
        N_(
            "Choose sizes that divide the model: `actor_rollout_ref.actor.megatron.tensor_model_parallel_size` must "
            "divide its heads, `actor_rollout_ref.actor.megatron.pipeline_model_parallel_size` its layers, and "
            "`actor_rollout_ref.actor.megatron.expert_model_parallel_size` its experts. Set the same sizes in "
            "`actor_rollout_ref.ref.megatron`."
        ),
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
        N_(
            "Use the recipe's own image on every node, or install versions that fit one another, such as a build for "
            "the installed torch, CUDA and Python."
        ),
    ),
    FailureKind.MISSING_MODULE: Remedy(
        N_(
            "Install it in the recipe's `setup`, on every node, or use the recipe's own image. To train without "
            "flash-attn: `+actor_rollout_ref.model.override_config.attn_implementation=sdpa`."
        ),
    ),
    FailureKind.PACKAGE_UNAVAILABLE: Remedy(
        N_("Check the name and the versions in the recipe's `setup`."),
    ),
    FailureKind.PACKAGES_LOCKED: Remedy(
        N_("Launch it again, and let the recipe's `setup` wait: `apt-get -o DPkg::Lock::Timeout=600 install …`."),
    ),
    FailureKind.PACKAGES_MANAGED: Remedy(
        N_(
            "Make an environment in the recipe's `setup` (`python3 -m venv ~/venv`, then `~/venv/bin/pip install …`), "
            "and use its Python in `run` too; or use the recipe's own image."
        ),
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
        finding="not-a-number",
    ),
    FailureKind.NOTHING_TRAINED: Remedy(
        N_(
            "Raise `trainer.total_epochs` by one or more (`/verl retry {run} trainer.total_epochs=…`): verl then "
            "trains the epoch after the skipped one. Or start from a checkpoint within an epoch: "
            "`/verl retry {run} resume_from=RUN/global_step_N`."
        ),
    ),
    FailureKind.TEARDOWN: Remedy(
        N_("`/verl artifacts {run}` shows where the model is."),
    ),
    FailureKind.DIVISION_BY_ZERO: Remedy(
        N_("Look at the code that the traceback names, often a mean over an empty list."),
    ),
    FailureKind.TENSOR_SHAPE: Remedy(
        N_(
            "Look at the code that the traceback names. If it is verl's, check that the model and the settings suit "
            "its version (0.9.1), such as `actor_rollout_ref.model.use_remove_padding` and "
            "`actor_rollout_ref.actor.fsdp_config.dtype`."
        ),
    ),
    FailureKind.CODE_ERROR: Remedy(
        N_("Read the traceback around the line: `/verl logs {run} lines=500`."),
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
