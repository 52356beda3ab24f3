"""verl's options: what they say of the runs of a task, and advice that names them."""

import re
from collections.abc import Mapping
from dataclasses import replace

from bot.core.model.finding import HealthRules
from bot.core.model.parameter import parse_number
from bot.core.model.recipe import Task
from bot.core.model.training_framework import StallAdvice
from bot.phrase import N_

CHECKPOINT_INTERVAL_OPTION, VALIDATION_INTERVAL_OPTION = "trainer.save_freq", "trainer.test_freq"
"""How often verl saves and validates; zero, a negative number or null means never."""

SILENT_LOG_ADVICE = N_(
    "Run `py-spy dump` to see what each rank is waiting for, and check `nvidia-smi`; set `NCCL_DEBUG=INFO` for the "
    "next start. torch aborts a collective call that hangs: after 10 minutes in verl's RL trainers, after 10 hours in "
    "its SFT trainer."
)
"""verl 0.9.1 leaves the time to torch (10 minutes for NCCL) in `engine_workers.py`; `utils/distributed.py` has 36,000 s
for SFT. No code of it reads `actor_rollout_ref.nccl_timeout`."""

BUSY_LOG_ADVICE = N_(
    "Check the reward function and the tools (`reward.custom_reward_function.path`, "
    "`actor_rollout_ref.rollout.multi_turn.max_assistant_turns`), and for endless responses "
    "(`data.max_response_length`): this step takes longer than any before."
)
NO_FIRST_STEP_ADVICE = N_(
    "Check the log for a hanging download, Ray waiting for machines (`trainer.nnodes`, `trainer.n_gpus_per_node`), "
    "or a long first validation (`trainer.val_before_train=False`)."
)
STALL_ADVICE = StallAdvice(SILENT_LOG_ADVICE, BUSY_LOG_ADVICE, NO_FIRST_STEP_ADVICE)

GROUP_SIZE_SETTING = re.compile(r"\bactor_rollout_ref\.rollout\.n=[\"'{$]*+(\w{1,64})")
BATCH_SETTING = re.compile(r"\bdata\.train_batch_size=[\"'{$]*+(\w{1,64})")
CLIP_SETTING = re.compile(r"\bactor_rollout_ref\.actor\.(?:optim\.clip_grad|grad_clip)=[\"'{$]*+([\w.]{1,64})")
"""verl calls it `grad_clip` up to 0.6."""

ESTIMATOR_SETTING = re.compile(r"\balgorithm\.adv_estimator=[\"']?(\w+)")
TOOLS_SETTING = re.compile(r"\brollout\.multi_turn\.(?:function_tool_path|tool_config_path)=[\"']?([^\s\"']*)")
GROUPED_ESTIMATORS = ("grpo", "rloo", "reinforce_plus_plus_baseline")
"""Estimators that compare answers to the same prompt."""

EMPTY_VALUES = ("", "null", "None")

MAX_GROUP_SIZE_DIGITS = 9
"""Maximum digits of a group's size, and of a batch's."""

MEMORY_REQUEST = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(?:GB)?\+?", re.IGNORECASE)
"""What a task asks of a machine's memory, in gigabytes; SkyPilot gives it that much or more."""


def adapt_rules(task: Task, rules: HealthRules) -> HealthRules:
    """Return the rules for the runs of a task. If a setting is given twice, the last one counts, as with Hydra.

    >>> run = 'algorithm.adv_estimator=grpo actor_rollout_ref.rollout.n="$GROUP_SIZE"'
    >>> found = adapt_rules({"run": run, "envs": {"GROUP_SIZE": "8"}}, HealthRules())
    >>> found.group_size, found.expects_tools
    (8, False)
    """
    script = str(task.get("run") or "")
    size = find_last_number(GROUP_SIZE_SETTING, script, task)
    is_grouped = find_last_value(ESTIMATOR_SETTING, script) in GROUPED_ESTIMATORS and (size or 0) > 1
    return replace(
        rules,
        group_size=size if is_grouped else None,
        expects_tools=find_last_value(TOOLS_SETTING, script) not in EMPTY_VALUES,
        batch_prompts=find_last_number(BATCH_SETTING, script, task) or None,
        host_memory_gigabytes=find_memory(task),
        gradient_clip=find_clip(script, task, rules.gradient_clip),
    )


def find_last_number(pattern: re.Pattern[str], script: str, task: Task) -> int | None:
    """Return the last value of a setting, which may be the name of a variable of the task; None if it is no number."""
    name = find_last_value(pattern, script)
    value = str((task.get("envs") or {}).get(name, name))
    return int(value) if len(value) <= MAX_GROUP_SIZE_DIGITS and value.isdecimal() else None


def find_clip(script: str, task: Task, usual: float) -> float:
    """Return the norm to which gradients are clipped; 0 where none is, and the usual one where no setting is known.

    >>> setting = "actor_rollout_ref.actor.optim.clip_grad"
    >>> [find_clip(f"{setting}={value}", {"envs": {"CLIP": "2"}}, 1.0) for value in ("0.5", '"$CLIP"', "null", "$X")]
    [0.5, 2.0, 0.0, 1.0]
    """
    name = find_last_value(CLIP_SETTING, script)
    value = str((task.get("envs") or {}).get(name, name))
    if name and value in EMPTY_VALUES:
        return 0.0
    number = parse_number(value)
    return usual if number is None else float(number)


def find_memory(task: Task) -> float | None:
    """Return the gigabytes of memory that a task asks of each machine; None if it does not say.

    >>> find_memory({"resources": {"memory": "128+"}}), find_memory({"resources": {"memory": 64}}), find_memory({})
    (128.0, 64.0, None)
    """
    resources = task.get("resources")
    request = resources.get("memory") if isinstance(resources, Mapping) else None
    match = MEMORY_REQUEST.fullmatch(str(request or "").strip())
    return float(match[1]) or None if match else None


def find_last_value(pattern: re.Pattern[str], script: str) -> str:
    """Return the last value of a setting; empty if it is not set."""
    values = pattern.findall(script)
    return values[-1] if values else ""


SFT_OPTIONS: Mapping[str, str] = {
    "actor_rollout_ref.actor.optim.lr": "optim.lr",
    "actor_rollout_ref.actor.optim.lr_warmup_steps_ratio": "optim.lr_warmup_steps_ratio",
    "actor_rollout_ref.actor.optim.clip_grad": "optim.clip_grad",
    "actor_rollout_ref.actor.ppo_mini_batch_size": "data.train_batch_size",
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu": "data.micro_batch_size_per_gpu",
    "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": "data.max_token_len_per_gpu",
    "actor_rollout_ref.actor.fsdp_config.param_offload": "engine.param_offload",
    "actor_rollout_ref.actor.fsdp_config.optimizer_offload": "engine.optimizer_offload",
    "actor_rollout_ref.actor.fsdp_config.dtype": "engine.dtype",
    "actor_rollout_ref.actor.ulysses_sequence_parallel_size": "engine.ulysses_sequence_parallel_size",
    "actor_rollout_ref.model.path": "model.path",
    "actor_rollout_ref.model.custom_chat_template": "model.custom_chat_template",
    "actor_rollout_ref.model.tokenizer_path": "model.tokenizer_path",
    "actor_rollout_ref.model.trust_remote_code": "model.trust_remote_code",
    "actor_rollout_ref.model.use_remove_padding": "model.use_remove_padding",
    "actor_rollout_ref.model.enable_gradient_checkpointing": "model.enable_gradient_checkpointing",
    "data.max_prompt_length": "data.max_length",
    "data.max_response_length": "data.max_length",
    "data.dataloader_num_workers": "data.num_workers",
    "trainer.max_actor_ckpt_to_keep": "trainer.max_ckpt_to_keep",
}
"""What verl's SFT trainer (0.9.1) calls the settings of PPO's that advice names."""
