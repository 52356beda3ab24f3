"""What a task says about how its metrics are judged: with groups or without, with tools or without, and by which
findings.
"""

import re
from dataclasses import replace

from bot.core.health.rules import HealthRules
from bot.core.recipe import Task

GROUP = re.compile(r"\bactor_rollout_ref\.rollout\.n=[\"'{$]*+(\w{1,64})")
ESTIMATOR = re.compile(r"\balgorithm\.adv_estimator=[\"']?(\w+)")
TOOLS = re.compile(r"\brollout\.multi_turn\.(?:function_tool_path|tool_config_path)=[\"']?([^\s\"']*)")
GROUPED = ("grpo", "rloo", "reinforce_plus_plus_baseline")
"""Estimators that compare answers to the same prompt."""

NONE = ("", "null", "None")

LONGEST_SIZE = 9
"""Maximum digits of a group's size."""


def rules_for(task: Task, rules: HealthRules) -> HealthRules:
    """Return the rules for the runs of a task. If a setting is given twice, the last one counts, as with Hydra.

    >>> run = 'algorithm.adv_estimator=grpo actor_rollout_ref.rollout.n="$GROUP_SIZE"'
    >>> found = rules_for({"run": run, "envs": {"GROUP_SIZE": "8"}}, HealthRules())
    >>> found.group_size, found.expects_tools
    (8, False)
    """
    script = str(task.get("run") or "")
    sizes = GROUP.findall(script)
    size = str((task.get("envs") or {}).get(sizes[-1], sizes[-1])) if sizes else ""
    grouped = last(ESTIMATOR, script) in GROUPED and len(size) <= LONGEST_SIZE and size.isdecimal() and int(size) > 1
    off = ((task.get("_metadata") or {}).get("verlbot") or {}).get("findings_off") or ()
    return replace(
        rules,
        off=(*rules.off, *off),
        group_size=int(size) if grouped else None,
        expects_tools=last(TOOLS, script) not in NONE,
    )


def last(pattern: re.Pattern[str], script: str) -> str:
    """Return the last value of a setting; empty if it is not set."""
    found = pattern.findall(script)
    return found[-1] if found else ""
