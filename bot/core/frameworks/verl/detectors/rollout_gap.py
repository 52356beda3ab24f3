"""Detector of a rollout that samples from other probabilities than training computes for the same tokens.

verl logs the gap with `actor_rollout_ref.rollout.calculate_log_probs=True`. The bounds are those of verl's FAQ and of
its guide to rollout correction.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bot.core.model.finding import HealthRules, Severity
from bot.core.model.measurement import Measurement, RowWindow, format_number
from bot.phrase import N_, Phrase

GAP_PREFIXES = ("rollout_corr/", "actor/rollout_corr/", "mismatch/", "mismatch/mismatch_")
"""Beginnings of the keys of verl's guide, newest first: 0.7 and later, in bypass mode, and 0.6."""

PROBABILITY_GAP = ("training/rollout_probs_diff_mean",)
CORRELATION = ("training/rollout_actor_probs_pearson_corr",)
IS_VALID = "training/rollout_probs_diff_valid"
"""verl logs 0 here where it compared no token."""


def list_gap_keys(name: str) -> tuple[str, ...]:
    """Return the keys of one of the guide's metrics, newest first.

    >>> list_gap_keys("kl")[:2]
    ('rollout_corr/kl', 'actor/rollout_corr/kl')
    """
    return tuple(f"{prefix}{name}" for prefix in GAP_PREFIXES)


SAMPLE_SIZE = list_gap_keys("rollout_is_eff_sample_size")

ROLLOUT_GAP_ADVICE = N_(
    "Give rollout and training the same precision (`actor_rollout_ref.rollout.dtype`,"
    " `actor_rollout_ref.actor.fsdp_config.dtype`), and with vLLM up to 0.10 set"
    " `+actor_rollout_ref.rollout.engine_kwargs.vllm.disable_cascade_attn=True`. Or correct for it:"
    " `algorithm.rollout_correction.rollout_is=token`, `algorithm.rollout_correction.rollout_is_threshold=2.0`."
)


@dataclass(frozen=True, slots=True)
class GapSign:
    """One metric of the gap.

    Attributes:
        keys: of the metric, newest first.
        bound: the value at which it is unhealthy.
        level: returns a value as a share of its bound.
    """

    keys: tuple[str, ...]
    bound: Callable[[HealthRules], float]
    level: Callable[[float, float], float]


def compare_above(value: float, bound: float) -> float:
    return abs(value) / bound


def compare_below(value: float, bound: float) -> float:
    return min(bound / value, 1e3) if value > 0 else 1e3


def compare_weight(value: float, bound: float) -> float:
    return max(value, min(1 / value, 1e3) if value > 0 else 1e3) / bound


def compare_correlation(value: float, bound: float) -> float:
    return (1 - value) / (1 - bound) if bound < 1 else 0.0


GAP_SIGNS = (
    GapSign(PROBABILITY_GAP, lambda rules: rules.gap_note, compare_above),
    GapSign(CORRELATION, lambda rules: rules.gap_correlation_low, compare_correlation),
    GapSign(list_gap_keys("kl"), lambda rules: rules.gap_kl_nats, compare_above),
    GapSign(list_gap_keys("chi2_token"), lambda rules: rules.gap_chi2_high, compare_above),
    GapSign(SAMPLE_SIZE, lambda rules: rules.gap_sample_size_low, compare_below),
    GapSign(list_gap_keys("rollout_is_mean"), lambda rules: rules.gap_weight_high, compare_weight),
    GapSign(list_gap_keys("rollout_rs_masked_fraction"), lambda rules: rules.gap_rejected_share, compare_above),
    GapSign(list_gap_keys("rollout_is_veto_fraction"), lambda rules: rules.gap_veto_share, compare_above),
)
"""The mean difference comes first: verl's FAQ looks at it before all others."""

GAP_KEYS = tuple(key for sign in GAP_SIGNS for key in sign.keys)


def detect_rollout_gap(window: RowWindow) -> Measurement | None:
    """Measure how far the probabilities of rollout and training are apart: the worst sign speaks."""
    rules = window.rules
    if window.newest.values.get(IS_VALID) == 0 or window.newest.find_first(GAP_KEYS) is None:
        return None
    values = {sign.keys: window.compute_median(sign.keys, min(5, len(window.rows))) for sign in GAP_SIGNS}
    measured = [(sign, value) for sign in GAP_SIGNS if (value := values[sign.keys]) is not None]
    if not measured:
        return None
    worst, value = max(measured, key=lambda item: item[0].level(item[1], item[0].bound(rules)))
    level = worst.level(value, worst.bound(rules))
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        rate_gap(window, value if worst.keys == PROBABILITY_GAP else None, values[SAMPLE_SIZE]),
        Phrase("Rollout and training disagree on the probabilities of the same tokens: training is off-policy."),
        Phrase(
            "`{key}` is {value}, beyond its bound of {bound}.",
            key=find_logged_key(window, worst.keys),
            value=format_number(value),
            bound=format_number(find_crossed_bound(worst, value, rules)),
        ),
        Phrase(ROLLOUT_GAP_ADVICE),
        explains=("gradient-spikes", "clip-saturation"),
    )


def rate_gap(window: RowWindow, mean_difference: float | None, sample_size: float | None) -> Severity:
    """Return how grave a gap is: a note below the higher bound, or where importance weights correct for it."""
    rules = window.rules
    is_corrected = sample_size is not None and sample_size > rules.gap_sample_size_low
    is_small = mean_difference is not None and mean_difference <= rules.gap_warning
    return Severity.NOTE if is_corrected or is_small else Severity.WARNING


def find_crossed_bound(sign: GapSign, value: float, rules: HealthRules) -> float:
    """Return the bound that a value has crossed: the mean difference has two."""
    is_grave = sign.keys == PROBABILITY_GAP and value > rules.gap_warning
    return rules.gap_warning if is_grave else sign.bound(rules)


def find_logged_key(window: RowWindow, keys: tuple[str, ...]) -> str:
    """Return the key under which the newest row logs a metric."""
    return next((key for key in keys if key in window.newest.values), keys[0])
