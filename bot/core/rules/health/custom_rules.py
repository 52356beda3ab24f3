"""Rules of health that a recipe or a team adds to the bot's own."""

import re
from dataclasses import replace
from math import isfinite

from bot.core.model.finding import HEALTHY, Detector, HealthRules, Measurement, MetricRule, RowWindow, format_number
from bot.core.model.recipe import Task
from bot.phrase import Phrase, Text, plural_phrase

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


def build_detector(rule: MetricRule) -> Detector:
    """Return the detector of a rule. It opens after as many steps as the rule says, and is resolved as any other."""
    return Detector(rule.name, "", lambda window: measure_rule(rule, window), max(rule.for_steps, 1))


def measure_rule(rule: MetricRule, window: RowWindow) -> Measurement | None:
    """Measure whether a metric is beyond the bound of a rule."""
    value = window.newest.values.get(rule.metric)
    if value is None or not isfinite(value) or window.newest.step < rule.after_step:
        return None
    is_above = rule.above is not None and value > rule.above
    is_below = rule.below is not None and value < rule.below
    if not is_above and not is_below:
        return HEALTHY
    return Measurement(
        1.0,
        rule.severity,
        rule.what or Phrase("`{metric}` is out of the bounds that the team has set.", metric=rule.metric),
        describe_violation(rule, value, is_above),
        rule.advice,
    )


def describe_violation(rule: MetricRule, value: float, is_above: bool) -> Text:
    """Return a sentence on which bound a metric exceeds, and for how many steps."""
    fields = {"metric": rule.metric, "value": format_number(value)}
    if is_above:
        return plural_phrase(
            "`{metric}` is {value}, above {bound} for {count} step.",
            "`{metric}` is {value}, above {bound} for {count} steps.",
            rule.for_steps,
            **fields,
            bound=format_number(rule.above or 0.0),
        )
    return plural_phrase(
        "`{metric}` is {value}, below {bound} for {count} step.",
        "`{metric}` is {value}, below {bound} for {count} steps.",
        rule.for_steps,
        **fields,
        bound=format_number(rule.below or 0.0),
    )
