"""Detector of a critic that diverges: its values tell less of the returns than a constant would."""

from math import inf

from bot.core.model.finding import Severity
from bot.core.model.measurement import HEALTHY, Measurement, RowWindow, format_number
from bot.phrase import N_, Phrase

EXPLAINED, VALUE_LOSS = ("critic/vf_explained_var",), ("critic/vf_loss",)
HIGHEST_RETURN, LOWEST_RETURN = ("critic/returns/max",), ("critic/returns/min",)

CRITIC = (*EXPLAINED, *VALUE_LOSS)

CRITIC_STEPS = 20
"""Number of steps in one median: a batch scatters."""

CRITIC_ADVICE = N_(
    "Resume from a checkpoint before that step with a lower `critic.optim.lr`, or lower `critic.optim.clip_grad` and"
    " `critic.cliprange_value`; and look for rewards whose scale has changed (`trainer.rollout_data_dir`)."
)


def detect_diverging_critic(window: RowWindow) -> Measurement | None:
    """Measure how far the critic is below what it could do, by the explained variance or, in logs without it, by its
    loss.
    """
    if window.newest.find_first(EXPLAINED) is not None:
        return measure_explained_variance(window)
    if window.newest.find_first(VALUE_LOSS) is not None:
        return measure_value_loss(window)
    return None


def measure_explained_variance(window: RowWindow) -> Measurement | None:
    """Measure how far the share of the variance of the returns that the values explain has fallen, and below 0.

    A critic that has not learned yet is below 0 too, and no sickness.
    """
    rules, now = window.rules, window.compute_median(EXPLAINED, CRITIC_STEPS)
    best = max(window.compute_chunk_medians(EXPLAINED, CRITIC_STEPS), default=None)
    if now is None or best is None:
        return None
    if best <= rules.critic_explained_low:
        return HEALTHY
    level = min((best - now) / rules.critic_explained_fall, 1 + rules.critic_explained_low - now)
    if level < 1:
        return Measurement(max(level, 0.0))
    return report_divergence(
        level,
        Phrase(
            "The explained variance of its values is {now}, after {best}; below 0 a constant would predict better.",
            now=format_number(now),
            best=format_number(best),
        ),
    )


def measure_value_loss(window: RowWindow) -> Measurement | None:
    """Measure the loss beside that of the best constant, and beside the lowest that it had.

    verl's loss is half of the mean squared error, and no variance is larger than a quarter of the squared range
    (Popoviciu's inequality).
    """
    now = window.compute_median(VALUE_LOSS, CRITIC_STEPS)
    highest = window.compute_median(HIGHEST_RETURN, CRITIC_STEPS)
    lowest = window.compute_median(LOWEST_RETURN, CRITIC_STEPS)
    least = min(window.compute_chunk_medians(VALUE_LOSS, CRITIC_STEPS), default=None)
    if now is None or highest is None or lowest is None or least is None:
        return None
    bound = (highest - lowest) ** 2 / 8
    if not bound:
        return HEALTHY
    level = min(now / bound, now / (window.rules.critic_loss_rise * least) if least else inf)
    if level < 1:
        return Measurement(level)
    return report_divergence(
        level,
        Phrase(
            "The loss of its values is {now}, after {least}; a constant has at most {bound} for returns between"
            " {lowest} and {highest}.",
            now=format_number(now),
            least=format_number(least),
            bound=format_number(bound),
            lowest=format_number(lowest),
            highest=format_number(highest),
        ),
    )


def report_divergence(level: float, evidence: Phrase) -> Measurement:
    """Return the measurement of a critic that diverges."""
    return Measurement(
        level,
        Severity.WARNING,
        Phrase("The critic diverges: its values predict the returns worse than a constant."),
        evidence,
        Phrase(CRITIC_ADVICE),
    )
