"""Detectors of a sick policy: too far from its reference, without exploration, or limited by clipping."""

from statistics import median

from bot.core.health.finding import Severity
from bot.core.health.window import Symptom, Window, number, percent
from bot.core.row import ENTROPY
from bot.language import say

FROM_REFERENCE = ("actor/kl_loss", "actor/reward_kl_penalty", "critic/kl")
OF_UPDATE = ("actor/ppo_kl",)
CLIPPED = ("actor/pg_clipfrac",)

EXPLORE = (
    "Raise `actor_rollout_ref.actor.clip_ratio_high` to 0.28 with `actor_rollout_ref.actor.clip_ratio_low` at 0.2, set"
    " `actor_rollout_ref.actor.policy_loss.loss_mode=kl_cov`, or give `actor_rollout_ref.actor.entropy_coeff` 0.001."
)


def ratio(above: float, below: float) -> float:
    """Return how many times `above` is `below`, at most 1000; with nothing below, it is 1000.

    >>> ratio(3.0, 2.0), ratio(1.0, 0.0), ratio(0.0, 0.0)
    (1.5, 1000.0, 0.0)
    """
    return min(above / below, 1000.0) if below > 0 else 1000.0 if above > 0 else 0.0


def kl_blow_up(window: Window) -> Symptom | None:
    """Measure the KL divergence to the reference and of one update, and return the worse of the two."""
    known = [found for found in (from_reference(window), of_update(window)) if found]
    return max(known, key=lambda symptom: symptom.level, default=None)


def from_reference(window: Window) -> Symptom | None:
    """Measure the KL divergence to the reference, and how fast it has grown."""
    rules, now = window.rules, window.middle(FROM_REFERENCE, 5)
    if now is None or window.newest.first(FROM_REFERENCE) is None:
        return None
    back = min(max(50, window.judged // 3), 250)
    before = window.middle(FROM_REFERENCE, 5, back)
    grown = 0.0 if before is None else min(ratio(now, rules.kl_high), ratio(now, 2 * max(before, 0.0)))
    level = max(grown, ratio(now, rules.kl_extreme))
    if level < 1:
        return Symptom(level)
    return Symptom(
        level,
        Severity.WARNING,
        say("The model has run away from its reference: what it could do before is at risk."),
        say("KL to the reference is {now}.", now=number(now))
        if before is None
        else say(
            "KL to the reference is {now}, {before} {steps} steps ago.",
            now=number(now),
            before=number(before),
            steps=back,
        ),
        say(
            "Raise `actor_rollout_ref.actor.kl_loss_coef` (with `actor_rollout_ref.actor.use_kl_loss=True`) or"
            " `algorithm.kl_ctrl.kl_coef` (with `algorithm.use_kl_in_reward=True`), or lower"
            " `actor_rollout_ref.actor.optim.lr`; take the checkpoint before the rise."
        ),
    )


def of_update(window: Window) -> Symptom | None:
    """Measure the KL divergence of single updates."""
    rules, values = window.rules, [abs(value) for value in window.values(OF_UPDATE, 5)]
    if window.newest.first(OF_UPDATE) is None or len(values) < 3:
        return None
    now = median(values)
    level = now / rules.ppo_kl_high
    if level < 1:
        return Symptom(level)
    return Symptom(
        level,
        Severity.WARNING,
        say("Single updates move the model too far for what was sampled to hold."),
        say("`actor/ppo_kl` is {now}; about 0.01 is usual.", now=number(now)),
        say(
            "Lower `actor_rollout_ref.actor.optim.lr` or `actor_rollout_ref.actor.ppo_epochs`, or raise"
            " `actor_rollout_ref.actor.ppo_mini_batch_size`."
        ),
    )


def entropy_collapse(window: Window) -> Symptom | None:
    """Measure whether exploration is gone, or falls fast once little is left.

    Entropy falls in every run that learns, so that neither a fall nor a trend is a sickness by itself.
    """
    rules, start, now = window.rules, window.start.get("entropy"), window.middle(ENTROPY, 10)
    if start is None or start <= 0 or now is None or window.newest.first(ENTROPY) is None:
        return None
    now = max(now, 1e-9)
    falls = min(rules.entropy_low_share * start / now, fall(window, 60, now) / rules.entropy_fall)
    cliff = min(fall(window, 20, now) * rules.entropy_cliff_share, start / now / 2)
    level = max(rules.entropy_dead_share * start / now, falls, cliff)
    if level < 1:
        return Symptom(level)
    return Symptom(
        level,
        Severity.WARNING,
        say("The model has nearly stopped exploring: its answers to a prompt are about the same."),
        say(
            "Entropy is {now}, {share} of the {start} at the start; {before} 60 steps ago.",
            now=number(now),
            share=percent(now / start),
            start=number(start),
            before=number(now * fall(window, 60, now)),
        ),
        say(EXPLORE),
    )


def fall(window: Window, steps: int, now: float) -> float:
    """Return how many times as much entropy there was so many steps ago, or as far back as the rows reach."""
    before = window.middle(ENTROPY, 10, back=min(steps, max(0, len(window.rows) - 10)))
    return 1.0 if before is None else before / now


def clip_saturation(window: Window) -> Symptom | None:
    """Measure the share of tokens whose gradient clipping removes."""
    now = window.middle(CLIPPED, 20)
    if now is None or window.newest.first(CLIPPED) is None:
        return None
    level = now / window.rules.clip_share_high
    if level < 1:
        return Symptom(level)
    return Symptom(
        level,
        Severity.WARNING,
        say("Much of every update is thrown away by clipping."),
        say("Clipping takes the gradient of {share} of the tokens.", share=percent(now)),
        say(
            "Lower `actor_rollout_ref.actor.optim.lr` or `actor_rollout_ref.actor.ppo_epochs`, raise"
            " `actor_rollout_ref.actor.ppo_mini_batch_size`, and with asynchronous rollouts let them lag less."
        ),
    )
