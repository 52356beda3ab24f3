"""Detectors for a team's own rules."""

from math import isfinite

from bot.core.health.rules import MetricRule
from bot.core.health.window import HEALTHY, Detector, Measurement, RowWindow, format_number
from bot.language import ngettext, translate


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
        rule.what or translate("`{metric}` is out of the bounds that the team has set.", metric=rule.metric),
        describe_violation(rule, value, is_above),
        rule.advice,
    )


def describe_violation(rule: MetricRule, value: float, is_above: bool) -> str:
    """Return a sentence on which bound a metric exceeds, and for how many steps."""
    fields = {"metric": rule.metric, "value": format_number(value)}
    if is_above:
        return ngettext(
            "`{metric}` is {value}, above {bound} for {count} step.",
            "`{metric}` is {value}, above {bound} for {count} steps.",
            rule.for_steps,
            **fields,
            bound=format_number(rule.above or 0.0),
        )
    return ngettext(
        "`{metric}` is {value}, below {bound} for {count} step.",
        "`{metric}` is {value}, below {bound} for {count} steps.",
        rule.for_steps,
        **fields,
        bound=format_number(rule.below or 0.0),
    )
