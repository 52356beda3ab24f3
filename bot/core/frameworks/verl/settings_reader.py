"""What verl's settings in a task say of its runs, by verl's option names."""

import re
from dataclasses import replace

from bot.core.model.finding import HealthRules
from bot.core.model.recipe import Task
from bot.core.model.training_framework import StallAdvice
from bot.phrase import N_

CHECKPOINT_INTERVAL_OPTION, VALIDATION_INTERVAL_OPTION = "trainer.save_freq", "trainer.test_freq"
"""How often verl saves and validates; zero, a negative number or null means never."""

SILENT_LOG_ADVICE = N_(
    "Look with `py-spy dump` at what every rank waits for, and at `nvidia-smi`; set `NCCL_DEBUG=INFO` for the next"
    " start. verl gives up a collective call after `actor_rollout_ref.nccl_timeout` seconds."
)
BUSY_LOG_ADVICE = N_(
    "Look at the reward function and the tools (`reward.custom_reward_function.path`,"
    " `actor_rollout_ref.rollout.multi_turn.max_assistant_turns`) and at responses without end"
    " (`data.max_response_length`): they take longer than a step ever did."
)
NO_FIRST_STEP_ADVICE = N_(
    "Look at the log for a download that hangs, Ray that waits for machines (`trainer.nnodes`,"
    " `trainer.n_gpus_per_node`), or a first validation that is long (`trainer.val_before_train=False`)."
)
STALL_ADVICE = StallAdvice(SILENT_LOG_ADVICE, BUSY_LOG_ADVICE, NO_FIRST_STEP_ADVICE)

GROUP_SIZE_SETTING = re.compile(r"\bactor_rollout_ref\.rollout\.n=[\"'{$]*+(\w{1,64})")
ESTIMATOR_SETTING = re.compile(r"\balgorithm\.adv_estimator=[\"']?(\w+)")
TOOLS_SETTING = re.compile(r"\brollout\.multi_turn\.(?:function_tool_path|tool_config_path)=[\"']?([^\s\"']*)")
GROUPED_ESTIMATORS = ("grpo", "rloo", "reinforce_plus_plus_baseline")
"""Estimators that compare answers to the same prompt."""

EMPTY_VALUES = ("", "null", "None")

MAX_GROUP_SIZE_DIGITS = 9
"""Maximum digits of a group's size."""


def adapt_rules(task: Task, rules: HealthRules) -> HealthRules:
    """Return the rules for the runs of a task. If a setting is given twice, the last one counts, as with Hydra.

    >>> run = 'algorithm.adv_estimator=grpo actor_rollout_ref.rollout.n="$GROUP_SIZE"'
    >>> found = adapt_rules({"run": run, "envs": {"GROUP_SIZE": "8"}}, HealthRules())
    >>> found.group_size, found.expects_tools
    (8, False)
    """
    script = str(task.get("run") or "")
    sizes = GROUP_SIZE_SETTING.findall(script)
    size = str((task.get("envs") or {}).get(sizes[-1], sizes[-1])) if sizes else ""
    is_grouped = (
        find_last_value(ESTIMATOR_SETTING, script) in GROUPED_ESTIMATORS
        and len(size) <= MAX_GROUP_SIZE_DIGITS
        and size.isdecimal()
        and int(size) > 1
    )
    return replace(
        rules,
        group_size=int(size) if is_grouped else None,
        expects_tools=find_last_value(TOOLS_SETTING, script) not in EMPTY_VALUES,
    )


def find_last_value(pattern: re.Pattern[str], script: str) -> str:
    """Return the last value of a setting; empty if it is not set."""
    values = pattern.findall(script)
    return values[-1] if values else ""
