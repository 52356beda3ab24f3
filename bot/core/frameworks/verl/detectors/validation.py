"""Detector of reward that rises while validation falls: the model learns the grader, not the task."""

from collections.abc import Sequence
from statistics import median

from bot.core.frameworks.verl.metric_keys import REWARD, VERL_KEYS
from bot.core.model.finding import Severity
from bot.core.model.measurement import (
    HEALTHY,
    REWARD_STEPS,
    SMOOTHED_VALIDATIONS,
    Measurement,
    RowWindow,
    ValidationResult,
    format_number,
    measure_scatter,
)
from bot.core.model.metrics import StepMetrics
from bot.phrase import N_, Phrase

SCATTER_VALIDATIONS = 12
"""Number of the last validations from which the scatter is measured."""

VALIDATION_FALL_ADVICE = N_(
    "Read answers of high reward (`trainer.rollout_data_dir`), check the reward function"
    " (`reward.custom_reward_function.path`), and keep the checkpoint of the best validation"
    " (`trainer.save_freq`)."
)


def has_validation(rows: Sequence[StepMetrics]) -> bool:
    """Return whether the newest row has a validation, or the one before has one by now.

    verl may report a validation after its step.
    """
    return any(VERL_KEYS.find_validation(row.values) is not None for row in rows[-2:])


def smooth_validations(validations: Sequence[ValidationResult]) -> list[tuple[ValidationResult, float]]:
    """Return each validation with the median of itself and the two before it."""
    ends = range(SMOOTHED_VALIDATIONS, len(validations) + 1)
    return [
        (validations[end - 1], median(validation.value for validation in validations[end - SMOOTHED_VALIDATIONS : end]))
        for end in ends
    ]


def measure_gains(window: RowWindow) -> tuple[float, float] | None:
    """Return by how much validation has risen since the start, at most and at least, as shares of its start.

    Return None as long as that is unknown. The two differ by how much validation scatters.
    """
    first, values = window.start.get("validation"), [validation.value for validation in window.validations]
    if len(values) < 2 * SMOOTHED_VALIDATIONS or first is None:
        return None
    gain, noise, scale = (
        median(values[-SMOOTHED_VALIDATIONS:]) - first,
        2 * measure_scatter(values[-SCATTER_VALIDATIONS:]),
        max(abs(first), 0.05),
    )
    return (gain + noise) / scale, gain / scale


def detect_validation_fall(window: RowWindow) -> Measurement | None:
    """Measure how much validation has fallen while the reward rose; None for rows without a validation."""
    rules = window.rules
    if not has_validation(window.rows):
        return None
    smoothed_validations = smooth_validations(window.validations)
    if len(smoothed_validations) < SMOOTHED_VALIDATIONS:
        return None
    (peak, best), now = max(smoothed_validations, key=lambda item: item[1]), smoothed_validations[-1][1]
    noise = measure_scatter([item.value for item in window.validations[-SCATTER_VALIDATIONS:]])
    level = (best - now) / max(rules.validation_drop_share * abs(best), rules.validation_drop_min, 3 * noise)
    before, reward = peak.reward, window.compute_median(REWARD, REWARD_STEPS)
    if before is None or reward is None or reward - before < 0.5 * measure_scatter(window.get_values(REWARD, 100)):
        return HEALTHY
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.WARNING,
        Phrase("The reward rises while validation falls: the model may be learning the grader, not the task."),
        Phrase(
            "Validation is {now}, after {best} at step {step}; since then the reward went from {before} to {reward}.",
            now=format_number(now),
            best=format_number(best),
            step=peak.step,
            before=format_number(before),
            reward=format_number(reward),
        ),
        Phrase(VALIDATION_FALL_ADVICE),
        peak,
    )
