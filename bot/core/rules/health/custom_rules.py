"""Rules of health that a recipe or a team adds to the bot's own."""

from dataclasses import replace
from math import isfinite

from bot.core.frameworks import FRAMEWORK
from bot.core.model.finding import HealthRules, MetricRule
from bot.core.model.measurement import HEALTHY, Detector, Measurement, RowWindow, format_number
from bot.core.model.recipe import Task
from bot.core.model.training_framework import Framework
from bot.phrase import Phrase, Text, plural_phrase


def adapt_rules(task: Task, rules: HealthRules, framework: Framework = FRAMEWORK) -> HealthRules:
    """Return the rules for the runs of a task: by its settings, and without the findings that its recipe switches
    off.
    """
    disabled = ((task.get("_metadata") or {}).get("verlbot") or {}).get("findings_off") or ()
    return framework.adapt_rules(task, replace(rules, disabled=(*rules.disabled, *disabled)))


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
        rule.what or Phrase("`{metric}` is outside the bounds that the team has set.", metric=rule.metric),
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
