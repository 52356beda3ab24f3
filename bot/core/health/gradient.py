"""Detectors of sick gradients: not a number, spikes, and vanished."""

from collections.abc import Sequence
from math import exp, isfinite, log
from statistics import median

from bot.core.health.finding import Severity
from bot.core.health.window import WELL, Symptom, Window, number, percent
from bot.core.row import GRADIENT, REWARD, SCORE, Row
from bot.language import listing, say, say_many

VITAL = (
    *GRADIENT,
    *REWARD,
    *SCORE,
    "actor/pg_loss",
    "actor/loss",
    "actor/kl_loss",
    "actor/entropy",
    "critic/grad_norm",
    "critic/vf_loss",
    "critic/advantages/mean",
)
"""Keys that are never not-a-number in a healthy run. Validation keys are: verl uses it there as padding."""


def lost(row: Row) -> list[str]:
    """Return the vital keys of a row whose values are infinite or not a number."""
    return [key for key in VITAL if not isfinite(row.values.get(key, 0.0))]


def not_a_number(window: Window) -> Symptom | None:
    """Measure whether vital metrics are finite, and for how many steps in a row they are not."""
    if not any(key in window.newest.values for key in VITAL):
        return None
    keys = lost(window.newest)
    if not keys:
        return WELL
    streak = next((count for count, row in enumerate(reversed(window.rows)) if not lost(row)), len(window.rows))
    dead = streak >= window.rules.nan_steps_to_stop
    return Symptom(
        1.0,
        Severity.STOP if dead else Severity.WARNING,
        say("The training computes numbers that are not finite: the model learns no more.")
        if dead
        else say("One update was not finite; verl leaves such an update out."),
        say_many(
            "{keys}: {value} at step {step}.",
            "{keys}: {value} at step {step}, not finite for {count} steps in a row.",
            streak,
            keys=listing(f"`{key}`" for key in keys),
            value=window.newest.values[keys[0]],
            step=window.newest.step,
        ),
        say(
            "Resume from a checkpoint before that step (`trainer.resume_mode=resume_path`,"
            " `trainer.resume_from_path`) with a lower `actor_rollout_ref.actor.optim.lr`, and look for rewards that"
            " are not finite."
        ),
        window.rows[-streak],
    )


def gradient_spikes(window: Window) -> Symptom | None:
    """Measure how many recent steps have a gradient norm many times the usual; verl clips a single one, which has no
    effect.
    """
    rules = window.rules
    seen = [(row, row.first(GRADIENT)) for row in window.rows[-rules.spike_steps :]]
    values = [value for _, value in seen if value is not None]
    if window.newest.first(GRADIENT) is None or len(values) < rules.start_steps:
        return None
    usual = median(values)
    ratio = max(rules.spike_ratio, spread(values) ** 4)
    spikes = [(row, value) for row, value in seen if value is not None and value > ratio * usual > 0]
    level = len(spikes) / rules.spikes
    if level < 1:
        return Symptom(level)
    worst, highest = max(spikes, key=lambda spike: spike[1])
    return Symptom(
        level,
        Severity.WARNING,
        say("The gradient leaps: single batches throw the model far from where it was."),
        say(
            "{count} of the last {steps} steps have a gradient norm above {ratio} times the median {usual}; the highest"
            " is {highest} at step {step}.",
            count=len(spikes),
            steps=len(values),
            ratio=number(ratio),
            usual=number(usual),
            highest=number(highest),
            step=worst.step,
        ),
        say(
            "Lower `actor_rollout_ref.actor.grad_clip` or `actor_rollout_ref.actor.optim.lr`, and read the answers of"
            " those steps (`trainer.rollout_data_dir`): a few prompts or an extreme reward are the usual cause."
        ),
        spikes[0][0],
    )


def spread(values: Sequence[float]) -> float:
    """Return the factor by which values usually differ from their median: the standard deviation of their logarithms.

    >>> spread([1.0, 2.0, 4.0, 1000.0]) > 2
    True
    """
    logs = [log(value) for value in values if value > 0]
    centre = median(logs) if logs else 0.0
    return exp(min(1.4826 * median([abs(one - centre) for one in logs]), 50.0)) if logs else 1.0


def gradient_vanished(window: Window) -> Symptom | None:
    """Measure how much of the initial gradient is left, and how many recent steps have a gradient of exactly 0."""
    rules, start = window.rules, window.start.get("gradient")
    now, values = window.middle(GRADIENT, 20), window.values(GRADIENT, 50)
    if window.newest.first(GRADIENT) is None or now is None or start is None or len(values) < 20:
        return None
    still = sum(value == 0 for value in values) / len(values)
    level = max(rules.vanished_share * start / now if now else 1.0, still / rules.zero_gradient_share)
    if level < 1:
        return Symptom(level)
    return Symptom(
        level,
        Severity.WARNING,
        say("Hardly any gradient is left: steps are paid for that change nothing."),
        say(
            "The gradient norm is {now}, {start} at the start; exactly 0 in {share} of the last {steps} steps.",
            now=number(now),
            start=number(start),
            share=percent(still),
            steps=len(values),
        ),
        say(
            "Look whether all answers to a prompt score alike, and then sample again until they do not"
            " (`algorithm.filter_groups.enable=True` of verl's DAPO trainer), or whether"
            " `actor_rollout_ref.actor.optim.lr` has run out."
        ),
    )
