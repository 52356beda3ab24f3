"""Detectors of sick gradients: not a number, spikes, always clipped, and vanished."""

from collections.abc import Sequence
from math import exp, isfinite, log
from statistics import median

from bot.core.frameworks.verl.metric_keys import GRADIENT, REWARD, SCORE
from bot.core.model.finding import Severity
from bot.core.model.measurement import HEALTHY, Measurement, RowWindow, format_number, format_percent
from bot.core.model.metrics import StepMetrics
from bot.phrase import N_, Phrase, join_list, plural_phrase

VITAL_KEYS = (
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

NOT_FINITE_ADVICE = N_(
    "Resume from a checkpoint before that step (`trainer.resume_mode=resume_path`,"
    " `trainer.resume_from_path`) with a lower `actor_rollout_ref.actor.optim.lr`, and look for rewards that"
    " are not finite."
)
NEVER_FINITE_ADVICE = N_(
    "It was never finite, so no checkpoint is sound: this is a fault of the configuration. Try another attention"
    " kernel (`+actor_rollout_ref.model.override_config.attn_implementation=sdpa`), another precision"
    " (`actor_rollout_ref.actor.fsdp_config.dtype`), smaller micro-batches without padding"
    " (`actor_rollout_ref.model.use_remove_padding=True`), and check the batch for rewards that are not finite."
)
GRADIENT_SPIKES_ADVICE = N_(
    "Lower `actor_rollout_ref.actor.optim.clip_grad` or `actor_rollout_ref.actor.optim.lr`, and read the answers of"
    " those steps (`trainer.rollout_data_dir`): a few prompts or an extreme reward are the usual cause."
)
CLIPPED_GRADIENT_ADVICE = N_(
    "Check the scale of the loss and of the advantages (`actor_rollout_ref.actor.loss_agg_mode`,"
    " `algorithm.norm_adv_by_std_in_grpo`). If the gradient is as large as it should be, raise"
    " `actor_rollout_ref.actor.optim.clip_grad`."
)
VANISHED_GRADIENT_ADVICE = N_(
    "Check whether all answers to a prompt score the same; if so, resample until they differ "
    "(`algorithm.filter_groups.enable=True`). Or check whether "
    "`actor_rollout_ref.actor.optim.lr` has decayed to 0."
)


NAN_EXPLAINS = (
    "reward-collapse", "kl-blow-up", "entropy-collapse", "entropy-rise", "clip-saturation", "gradient-spikes",
    "gradient-vanished", "no-variance", "saturated-groups", "hopeless-groups", "reward-parts", "validation-falls",
    "length-growth", "length-collapse", "aborted-responses", "truncation", "silent-tools", "plateau",
    "rollout-mismatch", "critic-diverges", "gradient-clipped",
)  # fmt: skip
"""Whatever a training does whose weights are not numbers follows from that."""


def list_non_finite_keys(row: StepMetrics) -> list[str]:
    """Return the vital keys of a row whose values are infinite or not a number."""
    return [key for key in VITAL_KEYS if not isfinite(row.values.get(key, 0.0))]


def detect_not_a_number(window: RowWindow) -> Measurement | None:
    """Measure whether vital metrics are finite, and for how many steps in a row they are not."""
    if not any(key in window.newest.values for key in VITAL_KEYS):
        return None
    keys = list_non_finite_keys(window.newest)
    if not keys:
        return HEALTHY
    streak = next(
        (count for count, row in enumerate(reversed(window.rows)) if not list_non_finite_keys(row)), len(window.rows)
    )
    dead = streak >= window.rules.nan_steps_to_stop
    return Measurement(
        1.0,
        Severity.STOP if dead else Severity.WARNING,
        Phrase("Training produces NaN or infinite values; the model has stopped learning.")
        if dead
        else Phrase("One update was not finite; verl skipped it."),
        plural_phrase(
            "{keys}: {value} at step {step}.",
            "{keys}: {value} at step {step}, not finite for {count} steps in a row.",
            streak,
            keys=join_list(f"`{key}`" for key in keys),
            value=str(window.newest.values[keys[0]]),
            step=window.newest.step,
        ),
        Phrase(NEVER_FINITE_ADVICE if was_never_finite(window, streak) else NOT_FINITE_ADVICE),
        window.rows[-streak],
        explains=NAN_EXPLAINS if dead else (),
    )


def was_never_finite(window: RowWindow, streak: int) -> bool:
    """Return whether no step before the last `streak` ones had a finite gradient, from the first step of the run on."""
    before = window.rows[: len(window.rows) - streak]
    return window.rows[0].step <= 1 and all(row.find_first(GRADIENT) is None for row in before)


def detect_gradient_spikes(window: RowWindow) -> Measurement | None:
    """Measure how many recent steps have a gradient norm many times the usual; verl clips a single one, which has no
    effect.
    """
    rules = window.rules
    recent = [(row, row.find_first(GRADIENT)) for row in window.rows[-rules.spike_steps :]]
    values = [value for _, value in recent if value is not None]
    if window.newest.find_first(GRADIENT) is None or len(values) < rules.start_steps:
        return None
    usual_norm = median(values)
    ratio = max(rules.spike_ratio, measure_log_spread(values) ** 4)
    spikes = [(row, value) for row, value in recent if value is not None and value > ratio * usual_norm > 0]
    level = len(spikes) / rules.spike_count
    if level < 1:
        return Measurement(level)
    worst, highest = max(spikes, key=lambda spike: spike[1])
    return Measurement(
        level,
        Severity.WARNING,
        Phrase("Gradient spikes: single batches change the model abruptly."),
        Phrase(
            "{count} of the last {steps} steps have a gradient norm above {ratio} times the median {usual}; the highest"
            " is {highest} at step {step}.",
            count=len(spikes),
            steps=len(values),
            ratio=format_number(ratio),
            usual=format_number(usual_norm),
            highest=format_number(highest),
            step=worst.step,
        ),
        Phrase(GRADIENT_SPIKES_ADVICE),
        spikes[0][0],
    )


def measure_log_spread(values: Sequence[float]) -> float:
    """Return the factor by which values usually differ from their median: the standard deviation of their logarithms.

    >>> measure_log_spread([1.0, 2.0, 4.0, 1000.0]) > 2
    True
    """
    logs = [log(value) for value in values if value > 0]
    centre = median(logs) if logs else 0.0
    return exp(min(1.4826 * median([abs(logarithm - centre) for logarithm in logs]), 50.0)) if logs else 1.0


def detect_vanished_gradient(window: RowWindow) -> Measurement | None:
    """Measure how much of the initial gradient is left, and how many recent steps have a gradient of exactly 0."""
    rules, start = window.rules, window.start.get("gradient")
    now, values = window.compute_median(GRADIENT, 20), window.get_values(GRADIENT, 50)
    if window.newest.find_first(GRADIENT) is None or now is None or start is None or len(values) < 20:
        return None
    zero_share = sum(value == 0 for value in values) / len(values)
    level = max(rules.vanished_gradient_share * start / now if now else 1.0, zero_share / rules.zero_gradient_share)
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.WARNING,
        Phrase("The gradient has vanished; steps cost money and change nothing."),
        Phrase(
            "Gradient norm is {now} ({start} at the start), and exactly 0 in {share} of the last {steps} steps.",
            now=format_number(now),
            start=format_number(start),
            share=format_percent(zero_share),
            steps=len(values),
        ),
        Phrase(VANISHED_GRADIENT_ADVICE),
        explains=("plateau",),
    )


def detect_clipped_gradient(window: RowWindow) -> Measurement | None:
    """Measure how far above the clip the gradient norm always is; unknown where nothing is clipped.

    One step in twenty may be below: a batch whose answers all score the same has no gradient.
    """
    rules = window.rules
    norms, clip = sorted(window.get_values(GRADIENT, rules.clipped_steps)), rules.gradient_clip
    if window.newest.find_first(GRADIENT) is None or len(norms) < rules.clipped_steps or clip <= 0:
        return None
    least = norms[len(norms) // 20]
    level = least / (rules.clipped_note * clip)
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.WARNING if least >= rules.clipped_warning * clip else Severity.NOTE,
        Phrase("The gradient is always far above the clip: every step has the same size, whatever its batch says."),
        Phrase(
            "{share} of the last {steps} gradient norms are {least} or more (median {usual}); verl scales them down to"
            " {clip}.",
            share=format_percent(1 - (len(norms) // 20) / len(norms)),
            steps=len(norms),
            least=format_number(least),
            usual=format_number(median(norms)),
            clip=format_number(clip),
        ),
        Phrase(CLIPPED_GRADIENT_ADVICE),
    )
