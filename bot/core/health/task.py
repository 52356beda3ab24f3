"""What a task says about how its metrics are judged: with groups or without, with tools or without, and by which
findings.
"""

import re
from dataclasses import replace

from bot.core.health.rules import HealthRules
from bot.core.recipe import Task

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
    disabled = ((task.get("_metadata") or {}).get("verlbot") or {}).get("findings_off") or ()
    return replace(
        rules,
        disabled=(*rules.disabled, *disabled),
        group_size=int(size) if is_grouped else None,
        expects_tools=find_last_value(TOOLS_SETTING, script) not in EMPTY_VALUES,
    )


def find_last_value(pattern: re.Pattern[str], script: str) -> str:
    """Return the last value of a setting; empty if it is not set."""
    values = pattern.findall(script)
    return values[-1] if values else ""
