"""When a number is sick: every threshold of the findings, with where it comes from."""

from dataclasses import dataclass

from bot.core.health.finding import Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """A team's own finding: a metric beyond a bound.

    Attributes:
        name: its slug; metric: verl's key of it.
        above, below: sick beyond this; one of the two is enough.
        for_steps: so many steps in a row; after_step: and not before this step.
        what, advice: sentences of the team's own, shown as they are.
    """

    name: str
    metric: str
    above: float | None = None
    below: float | None = None
    for_steps: int = 5
    after_step: int = 0
    severity: Severity = Severity.WARNING
    what: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRules:
    """Thresholds. "The two logs" are verl's public PPO runs of Qwen2.5-0.5B on GSM8K, both of which succeeded.

    Attributes:
        team: findings of the team's own; off: names of those that are not looked for.
        group_size: `actor_rollout_ref.rollout.n` of an algorithm that compares answers to the same prompt (GRPO, RLOO);
            None where there are no such groups, or nobody knows.
        expects_tools: the run is meant to call tools. Without it only a count of calls tells that none is called,
            because verl's agent loop says two turns for every single question and answer.

        persist_steps: a sickness of so many steps in a row is said; heal_steps: of so many healthy ones taken back.
        healed_below: of its threshold a number counts as healthy again; between this and 1 nothing changes.
        cooldown_steps: once taken back, a finding is not said again for so long, unless it says stop.
        start_steps: the first steps, whose median is how the run began.

        nan_steps_to_stop: verl leaves out an update whose gradient is not finite; three in a row are no accident.
        reward_lost_share: so much of what the reward had gained is gone; reward_lost_steps_to_stop: for so long.
        kl_high: nats a token, and doubled within 50 steps or a third of the run; kl_extreme: however it came
            (rldoctor's bounds; healthy runs of its simulator reach 0.37, the two logs 0.35). ppo_kl_high: of one
            update, ten times the 0.01 at which PPO implementations stop early (Spinning Up, `target_kl`).
        entropy_low_share: of the start, while it also falls by entropy_fall times within 60 steps: the two logs, below
            that share, fall to 0.60 at most. entropy_dead_share: of the start, however it came; the two logs end at
            0.10 and 0.12. entropy_cliff_share: of 20 steps earlier; the two logs fall to 0.52 at most.
        clip_share_high: of tokens that clipping leaves without gradient (rldoctor's bound; the two logs reach 0.009).
        spike_ratio: to the median, and beyond four standard deviations of the logarithm; spikes: so many of them
            within spike_steps: the two logs have one each.
        vanished_share: of the gradient at the start. zero_gradient_share: of steps whose gradient is exactly 0.
        dead_groups_note, dead_groups_warning: share of groups whose answers all scored alike, which teach nothing:
            at 0.6, 2.5 answers are paid for one that counts. hopeless_after_steps: the two logs score below 0.02 for
            25 steps before they learn.
        parts_share: of the reward's variance from step to step, by a part that is not the task. parts_after_steps: such
            parts saturate in the first dozens of steps of every run (both: rldoctor, which takes drift for variance).
        length_growth: the mean response against that at the start. length_earned_share: the least that validation must
            have risen for each growth of 1 (both: rldoctor).
        cut_note, cut_warning: share of responses at full length that has risen there by cut_rise; cut_high: without
            a rise, where it does not fall: healthy runs begin with responses that are cut, and unlearn it.
        validation_drop_share: of the best validation, lost while the reward rose; validation_drop_least: and at least
            so much, and four times the scatter; the two logs lose 0.07 of the best single one at most.
        silent_steps: without a call of a tool.
        plateau_steps: over which the reward gains less than plateau_gain_share of all that it has gained.

        stall_multiple: of the run's own pace. stall_least_seconds: shorter silences are nobody's business.
            stall_first_step_seconds: to load weights, compile, capture graphs and validate before training.
            stall_validation_seconds, stall_checkpoint_seconds: where none has been timed yet.
            stall_dead_multiple, stall_dead_seconds: both at once; NCCL's own watchdog has given up by then
            (`actor_rollout_ref.nccl_timeout` is 600 s).
    """

    team: tuple[Rule, ...] = ()
    off: tuple[str, ...] = ()
    group_size: int | None = None
    expects_tools: bool = False

    persist_steps: int = 5
    heal_steps: int = 5
    healed_below: float = 0.8
    cooldown_steps: int = 50
    start_steps: int = 10

    nan_steps_to_stop: int = 3
    reward_lost_share: float = 0.9
    reward_lost_steps_to_stop: int = 30
    kl_high: float = 0.5
    kl_extreme: float = 2.0
    ppo_kl_high: float = 0.1
    entropy_low_share: float = 0.15
    entropy_fall: float = 2.0
    entropy_dead_share: float = 0.05
    entropy_cliff_share: float = 0.25
    clip_share_high: float = 0.2
    spike_ratio: float = 10.0
    spikes: int = 3
    spike_steps: int = 200
    vanished_share: float = 0.02
    zero_gradient_share: float = 0.5
    dead_groups_note: float = 0.5
    dead_groups_warning: float = 0.6
    hopeless_after_steps: int = 50
    parts_share: float = 0.9
    parts_after_steps: int = 150
    length_growth: float = 1.5
    length_earned_share: float = 0.25
    cut_note: float = 0.05
    cut_warning: float = 0.1
    cut_rise: float = 0.04
    cut_high: float = 0.3
    validation_drop_share: float = 0.1
    validation_drop_least: float = 0.05
    silent_steps: int = 20
    plateau_steps: int = 100
    plateau_gain_share: float = 0.03

    stall_multiple: float = 4.0
    stall_least_seconds: float = 300.0
    stall_first_step_seconds: float = 2400.0
    stall_validation_seconds: float = 1800.0
    stall_checkpoint_seconds: float = 900.0
    stall_dead_multiple: float = 10.0
    stall_dead_seconds: float = 2700.0
