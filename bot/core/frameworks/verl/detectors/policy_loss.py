"""Detectors of a sick policy: too far from its reference, without exploration, or limited by clipping."""

from statistics import median

from bot.core.frameworks.verl.metric_keys import ENTROPY
from bot.core.model.finding import Severity
from bot.core.model.measurement import Measurement, RowWindow, format_number, format_percent
from bot.phrase import N_, Phrase

REFERENCE_KL = ("actor/kl_loss", "actor/reward_kl_penalty", "critic/kl")
UPDATE_KL = ("actor/ppo_kl",)
CLIPPED_TOKENS = ("actor/pg_clipfrac",)

EXPLORATION_ADVICE = N_(
    "Raise `actor_rollout_ref.actor.clip_ratio_high` to 0.28 with `actor_rollout_ref.actor.clip_ratio_low` at 0.2, set"
    " `actor_rollout_ref.actor.policy_loss.loss_mode=kl_cov`, or give `actor_rollout_ref.actor.entropy_coeff` 0.001."
)
ENTROPY_RISE_ADVICE = N_(
    "Set `actor_rollout_ref.actor.entropy_coeff=0`, lower `actor_rollout_ref.actor.optim.lr` or"
    " `actor_rollout_ref.actor.clip_ratio_high`, and read answers (`trainer.rollout_data_dir`): a model whose answers"
    " are noise does not recover by itself. Resume from a checkpoint before the rise."
)
REFERENCE_KL_ADVICE = N_(
    "Raise `actor_rollout_ref.actor.kl_loss_coef` (with `actor_rollout_ref.actor.use_kl_loss=True`) or"
    " `algorithm.kl_ctrl.kl_coef` (with `algorithm.use_kl_in_reward=True`), or lower"
    " `actor_rollout_ref.actor.optim.lr`; take the checkpoint before the rise."
)
UPDATE_KL_ADVICE = N_(
    "Lower `actor_rollout_ref.actor.optim.lr` or `actor_rollout_ref.actor.ppo_epochs`, or raise"
    " `actor_rollout_ref.actor.ppo_mini_batch_size`."
)
CLIP_SATURATION_ADVICE = N_(
    "Lower `actor_rollout_ref.actor.optim.lr` or `actor_rollout_ref.actor.ppo_epochs`, raise"
    " `actor_rollout_ref.actor.ppo_mini_batch_size`, and with asynchronous rollouts let them lag less."
)


def compute_ratio(above: float, below: float) -> float:
    """Return how many times `above` is `below`, at most 1000; with nothing below, it is 1000.

    >>> compute_ratio(3.0, 2.0), compute_ratio(1.0, 0.0), compute_ratio(0.0, 0.0)
    (1.5, 1000.0, 0.0)
    """
    return min(above / below, 1000.0) if below > 0 else 1000.0 if above > 0 else 0.0


def detect_kl_blow_up(window: RowWindow) -> Measurement | None:
    """Measure the KL divergence to the reference and of one update, and return the worse of the two."""
    measurements = [candidate for candidate in (measure_reference_kl(window), measure_update_kl(window)) if candidate]
    return max(measurements, key=lambda measurement: measurement.level, default=None)


def measure_reference_kl(window: RowWindow) -> Measurement | None:
    """Measure the KL divergence to the reference, and how fast it has grown."""
    rules, now = window.rules, window.compute_median(REFERENCE_KL, 5)
    if now is None or window.newest.find_first(REFERENCE_KL) is None:
        return None
    back = min(max(50, window.row_count // 3), 250)
    before = window.compute_median(REFERENCE_KL, 5, back)
    growth = 0.0 if before is None else min(compute_ratio(now, rules.kl_high), compute_ratio(now, 2 * max(before, 0.0)))
    level = max(growth, compute_ratio(now, rules.kl_extreme))
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.WARNING,
        Phrase("KL is very high: the model may be losing earlier abilities."),
        Phrase("KL to the reference is {now}.", now=format_number(now))
        if before is None
        else Phrase(
            "KL to the reference is {now}, {before} {steps} steps ago.",
            now=format_number(now),
            before=format_number(before),
            steps=back,
        ),
        Phrase(REFERENCE_KL_ADVICE),
    )


def measure_update_kl(window: RowWindow) -> Measurement | None:
    """Measure the KL divergence of single updates."""
    rules, values = window.rules, [abs(value) for value in window.get_values(UPDATE_KL, 5)]
    if window.newest.find_first(UPDATE_KL) is None or len(values) < 3:
        return None
    now = median(values)
    level = now / rules.ppo_kl_high
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.WARNING,
        Phrase("Updates are too large: sampled responses no longer match the model."),
        Phrase("`actor/ppo_kl` is {now}; about 0.01 is usual.", now=format_number(now)),
        Phrase(UPDATE_KL_ADVICE),
    )


def detect_entropy_collapse(window: RowWindow) -> Measurement | None:
    """Measure whether exploration is gone, or falls fast once little is left.

    Entropy falls in every run that learns, so that neither a fall nor a trend is a sickness by itself.
    """
    rules, start, now = window.rules, window.start.get("entropy"), window.compute_median(ENTROPY, 10)
    if start is None or start <= 0 or now is None or window.newest.find_first(ENTROPY) is None:
        return None
    now = max(now, 1e-9)
    falls = min(rules.entropy_low_share * start / now, measure_entropy_fall(window, 60, now) / rules.entropy_fall)
    cliff = min(measure_entropy_fall(window, 20, now) * rules.entropy_cliff_share, start / now / 2)
    level = max(rules.entropy_dead_share * start / now, falls, cliff)
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.WARNING,
        Phrase("Entropy has collapsed: answers to a prompt are nearly identical."),
        Phrase(
            "Entropy is {now} ({share} of the initial {start}; {before} 60 steps ago).",
            now=format_number(now),
            share=format_percent(now / start),
            start=format_number(start),
            before=format_number(now * measure_entropy_fall(window, 60, now)),
        ),
        Phrase(EXPLORATION_ADVICE),
    )


def detect_entropy_rise(window: RowWindow) -> Measurement | None:
    """Measure whether entropy runs away upwards: answers become noise. A moderate rise is exploration."""
    rules, start, now = window.rules, window.start.get("entropy"), window.compute_median(ENTROPY, 10)
    if start is None or start < 0 or now is None or window.newest.find_first(ENTROPY) is None:
        return None
    risen = now - start
    ratio = compute_ratio(now, rules.entropy_rise * start)
    level = max(min(ratio, risen / rules.entropy_rise_nats), risen / rules.entropy_runaway_nats)
    if level < 1:
        return Measurement(max(level, 0.0))
    return Measurement(
        level,
        Severity.WARNING,
        Phrase("Entropy is rising without limit: answers are turning into noise."),
        Phrase(
            "Entropy is {now}; it began at {start}, and was {before} 60 steps ago.",
            now=format_number(now),
            start=format_number(start),
            before=format_number(now * measure_entropy_fall(window, 60, max(now, 1e-9))),
        ),
        Phrase(ENTROPY_RISE_ADVICE),
        explains=("plateau", "clip-saturation"),
    )


def measure_entropy_fall(window: RowWindow, steps: int, now: float) -> float:
    """Return how many times as much entropy there was so many steps ago, or as far back as the rows reach."""
    before = window.compute_median(ENTROPY, 10, back=min(steps, max(0, len(window.rows) - 10)))
    return 1.0 if before is None else before / now


def detect_clip_saturation(window: RowWindow) -> Measurement | None:
    """Measure the share of tokens whose gradient clipping removes."""
    now = window.compute_median(CLIPPED_TOKENS, 20)
    if now is None or window.newest.find_first(CLIPPED_TOKENS) is None:
        return None
    level = now / window.rules.clip_share_high
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.WARNING,
        Phrase("Clipping discards much of every update."),
        Phrase("Clipping removes the gradient from {share} of the tokens.", share=format_percent(now)),
        Phrase(CLIP_SATURATION_ADVICE),
    )
