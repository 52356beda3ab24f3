"""Detectors for a team's own rules."""

from math import isfinite

from bot.core.health.rules import Rule
from bot.core.health.window import WELL, Detector, Symptom, Window, number
from bot.language import say, say_many


def detector(rule: Rule) -> Detector:
    """Return the detector of a rule. It opens after as many steps as the rule says, and is resolved as any other."""
    return Detector(rule.name, "", lambda window: beyond(rule, window), max(rule.for_steps, 1))


def beyond(rule: Rule, window: Window) -> Symptom | None:
    """Measure whether a metric is beyond the bound of a rule."""
    value = window.newest.values.get(rule.metric)
    if value is None or not isfinite(value) or window.newest.step < rule.after_step:
        return None
    over = rule.above is not None and value > rule.above
    under = rule.below is not None and value < rule.below
    if not over and not under:
        return WELL
    return Symptom(
        1.0,
        rule.severity,
        rule.what or say("`{metric}` is out of the bounds that the team has set.", metric=rule.metric),
        beyond_bound(rule, value, over),
        rule.advice,
    )


def beyond_bound(rule: Rule, value: float, over: bool) -> str:
    """Return a sentence on which bound a metric exceeds, and for how many steps."""
    fields = {"metric": rule.metric, "value": number(value)}
    if over:
        return say_many(
            "`{metric}` is {value}, above {bound} for {count} step.",
            "`{metric}` is {value}, above {bound} for {count} steps.",
            rule.for_steps,
            **fields,
            bound=number(rule.above or 0.0),
        )
    return say_many(
        "`{metric}` is {value}, below {bound} for {count} step.",
        "`{metric}` is {value}, below {bound} for {count} steps.",
        rule.for_steps,
        **fields,
        bound=number(rule.below or 0.0),
    )
