"""What looks sick in a training: a finding, and the rules by which detectors judge."""

from dataclasses import dataclass
from enum import StrEnum

from bot.phrase import Text


class Severity(StrEnum):
    """How grave a finding is, which decides who hears of it."""

    NOTE = "note"  # shown in the thread
    WARNING = "warning"  # shown in the thread and the channel
    STOP = "stop"  # shown in the channel: the training is dead; advice to people, the bot stops nothing

    @property
    def rank(self) -> int:
        """Return the position in the order of severity.

        >>> Severity.STOP.rank > Severity.WARNING.rank > Severity.NOTE.rank
        True
        """
        return list(Severity).index(self)


class FindingAction(StrEnum):
    """What the bot does about a finding, besides posting it."""

    TELL = "tell"
    REPORT_ONLY = "report_only"  # say what would have been done, when, and what the run has cost since
    STOP = "stop"  # stop the run; its checkpoint is kept as at any other end
    RESUME = "resume"  # stop it, then resume once from the last checkpoint before the finding with a changed setting


FINDING_RULE_PREFIX = "findings."


def finding_rule(name: str) -> str:
    """Return the name of the rule that acts on a finding.

    >>> finding_rule("not-a-number")
    'findings.not-a-number'
    """
    return f"{FINDING_RULE_PREFIX}{name}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One open finding. It reports what was measured, never a prediction.

    Attributes:
        name: a slug such as `entropy-collapse`.
        since_step: the first step that showed it.
        since_at: Unix seconds when that step was read, 0.0 if unknown.
        what: a sentence; evidence: a sentence with the numbers; advice: a sentence with the framework's options.
        reference: the address of the source of the advice.
    """

    name: str
    severity: Severity
    since_step: int
    since_at: float
    what: Text
    evidence: Text
    advice: Text
    reference: str

    @property
    def key(self) -> str:
        """Return a key that stays the same as long as it is the same finding, even if its numbers change."""
        return f"{self.name}:{self.since_step}:{self.severity}:{self.since_at:.0f}"


@dataclass(frozen=True, slots=True)
class MetricRule:
    """A team's own finding: a metric beyond a bound.

    Attributes:
        name: the slug of the finding.
        metric: the training's own key of the metric.
        above, below: the metric is sick beyond this; one of the two is enough.
        for_steps: for so many steps in a row.
        after_step: and not before this step.
        what, advice: sentences of the team's own, shown unchanged.
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
        team_rules: findings of the team's own.
        disabled: names of findings that are switched off.
        group_size: `actor_rollout_ref.rollout.n` of an algorithm that compares answers to the same prompt (GRPO, RLOO);
            None if there are no such groups, or if it is unknown.
        expects_tools: the run is meant to call tools. Without it, only a count of calls shows that there are none,
            because verl's agent loop reports two turns for every single question and answer.
        batch_prompts: `data.train_batch_size`, None if unknown.
        host_memory_gigabytes: the memory of one machine as the task asks for it, None if unknown.

        persist_steps: a finding opens after so many sick steps in a row.
        heal_steps: a finding is resolved after so many healthy steps in a row.
        healthy_below: below this share of its threshold a number is healthy again; between this and 1 nothing changes.
        cooldown_steps: a resolved finding does not open again for so many steps, unless its severity is STOP.
        start_steps: the first steps, whose medians are the start of the run.

        nan_steps_to_stop: verl skips an update whose gradient is not finite; three in a row are no accident.
        reward_lost_share: this share of the gained reward is gone.
        reward_lost_steps_to_stop: for so many steps.
        kl_high: nats per token, if the KL also doubled within 50 steps or a third of the run.
        kl_extreme: nats per token, however it got there (both: rldoctor's bounds; healthy runs of its simulator reach
            0.37, the two logs 0.35).
        ppo_kl_high: of one update, ten times the 0.01 at which PPO implementations stop early (Spinning Up,
            `target_kl`).
        entropy_low_share, entropy_fall: share of the start, if the entropy also falls by so many times within 60
            steps: the two logs, below that share, fall to 0.60 at most; rldoctor speaks of a share of 0.1.
        entropy_dead_share: share of the start, however it got there; the two logs end at 0.10 and 0.12.
        entropy_cliff_share: share of the entropy 20 steps earlier; the two logs fall to 0.52 at most.
        entropy_rise, entropy_rise_nats: multiple of the start, if the entropy is also so many nats per token above it;
            healthy runs of DAPO rise to twice the start. No paper sets a bound, so that both are ours; the authors of
            DeepCoder call a rise harmless that stays below 1 nat (rllm-org/rllm, issue 116).
        entropy_runaway_nats: nats above the start, however it got there: a run that came to 2 answered worse (the same
            issue).
        gap_note, gap_warning: mean difference of a token's probability in rollout and in training. verl's FAQ calls
            less than 0.005 normal, and more than 0.01 a fault of the inference engine.
        gap_correlation_low: Pearson's correlation of the two; healthy runs of verl 0.9.1 have 0.997.
        gap_kl_nats: KL divergence of the two per token, either way.
        gap_chi2_high: chi-squared divergence of the two per token.
        gap_sample_size_low: effective share of the samples under importance weights.
        gap_weight_high: mean importance weight, or its inverse.
        gap_rejected_share: share of tokens that rejection sampling leaves out (ours: no document sets a bound).
        gap_veto_share: share of sequences that a catastrophic token rules out (these five: the guide to verl's
            rollout correction).
        stale_versions_note, stale_versions_warning: mean number of versions of the weights between an answer and the
            training on it: a quarter and a half of the 8 at which verl 0.9 drops answers. Papers disagree on how many
            do harm (arXiv 2505.24298, 2510.01161), so that these shares are ours.
        stale_samples_share: stale samples that wait, as a share of those that one version of the weights trains on;
            verl's guide advises to stay below 1.
        evicted_share_note, evicted_share_warning: share of the generated samples that are dropped because they are
            too old; drops of 0.0003 are reported of healthy runs. No document sets a bound: these are ours, for what
            is dropped was paid for.
        evicted_groups_note, evicted_groups_warning: such groups a step, where the number of generated ones is unknown.
        clip_share_high: share of tokens without gradient because of clipping (rldoctor's bound; the two logs reach
            0.009).
        spike_ratio: ratio to the median, and beyond four standard deviations of the logarithm.
        spike_count, spike_steps: so many spikes within so many steps; the two logs have one each.
        critic_explained_low: explained variance of the returns, below which a constant predicts better (by its
            definition, and the documentation of Stable-Baselines3's logger).
        critic_explained_fall: and so much below the best of the kept steps: a critic that has not learned yet is below
            0 too. No document sets a bound, so that this one is ours.
        critic_loss_rise: in logs without it: multiple of the lowest loss, if a constant has less (Popoviciu's
            inequality); the two logs scatter by 2 (ours).
        gradient_clip: `actor_rollout_ref.actor.optim.clip_grad`; verl's default, unless the task sets another.
        clipped_note, clipped_warning: multiple of the clip, exceeded in 19 of 20 steps: Pascanu et al. advise a clip of
            half the usual norm or more, but the two logs have a third and a quarter of it, and succeeded. No document
            sets a bound on the norm, so that both are ours.
        clipped_steps: of the last so many steps.
        vanished_gradient_share: share of the gradient at the start.
        zero_gradient_share: share of steps whose gradient is exactly 0.
        dead_groups_note, dead_groups_warning: share of groups whose answers all score alike, which teach nothing:
            at 0.6, 2.5 answers are paid for each one that counts.
        same_score_spread: spread of the advantages of a step, or of the scores, up to which all answers score the same.
        hopeless_after_steps: the two logs score below 0.02 for 25 steps before they learn.
        parts_share: share of the reward's variance from step to step, by a part that is not the task.
        parts_after_steps: such parts saturate in the first dozens of steps of every run (the share: rldoctor, which
            takes drift for variance, and waits for 150 steps).
        length_growth: ratio of the mean response length to that at the start.
        length_earned_share: the minimum by which validation must have risen for each growth of 1 (both: rldoctor).
        cut_note, cut_warning: share of responses at full length, if it has risen there by cut_rise.
        cut_rise: rise of that share above its lowest.
        cut_high: the same without a rise, if the share does not fall: healthy runs begin with responses that are
            cut, and unlearn it.
        cut_at_start, cut_all: the same in the first steps: a note, and a warning if no answer scores or none ends by
            itself; the two logs begin at 0.6 at most.
        cut_soon_share, cut_soon_steps: a note from this share on, while responses grow by a quarter, if the rise of the
            last 40 steps carries it to cut_warning within so many more: rldoctor's run reaches 0.1 after 200 steps.
        length_shrunk_share: share of the mean response length at the start, if the reward has not risen meanwhile.
        length_gone_share, length_gone_tokens: the same whatever the reward; the two logs end at 0.6.
        zero_rate_steps: steps in a row with a learning rate of 0; a warm-up from 0 has one.
        aborted_note, aborted_warning: share of responses without a single token.
        failed_rollout_steps: steps of the last five in which rollouts raised an error.
        padded_note, padded_warning: share of the samples of the last five steps that verl made up.
        validation_drop_share: share of the best validation, lost while the reward rose.
        validation_drop_min: and at least so much, and three times the scatter; the two logs lose 0.07 of the best
            single one at most.
        silent_tool_steps: steps without a call of a tool.
        tools_lost_share: share of the turns, or of the calls, that a model once took, and takes no more.
        tools_used_turns, tools_used_calls: and it took more of them than this for five steps; one question and one
            answer are 2 turns.
        plateau_steps, plateau_gain_share: steps in which the reward gains less than this share of all that it has
            gained.

        memory_full_share: share of the memory of a machine at which Ray kills workers (`RAY_memory_usage_threshold`).
        memory_forecast_steps: a warning if the growth of the last steps fills it within so many more. No document sets
            a bound: at a minute a step this is a working day, enough to save and to resume elsewhere.
        memory_growth_share: growth within the last sixty steps that counts as growth at all; ours too: caches fill
            within the first dozens of steps, and then rest.
        memory_doubled: where the memory of the machine is unknown: a warning at this multiple of the lowest (ours).
        step_time_note, step_time_warning: multiple of the seconds of a step at the start, beyond what longer
            responses account for. verl sets no bound; NVIDIA's straggler detection calls a rank slow from 1.33 times
            its own best time on (0.75), and steps of RL scatter more than those of pretraining.

        stall_multiple: multiple of the run's own pace.
        stall_min_seconds: shorter silences are never reported.
        stall_first_step_seconds: time to load weights, compile, capture graphs and validate before training.
        stall_validation_seconds, stall_checkpoint_seconds: used if no validation or checkpoint has been timed yet.
        stall_dead_multiple, stall_dead_seconds: both at once; NCCL's own watchdog has given up by then
            (torch's default is 600 s).
    """

    team_rules: tuple[MetricRule, ...] = ()
    disabled: tuple[str, ...] = ()
    group_size: int | None = None
    expects_tools: bool = False
    batch_prompts: int | None = None
    host_memory_gigabytes: float | None = None

    persist_steps: int = 5
    heal_steps: int = 5
    healthy_below: float = 0.8
    cooldown_steps: int = 50
    start_steps: int = 10

    nan_steps_to_stop: int = 3
    reward_lost_share: float = 0.9
    reward_lost_steps_to_stop: int = 30
    kl_high: float = 0.5
    kl_extreme: float = 2.0
    ppo_kl_high: float = 0.1
    entropy_low_share: float = 0.18
    entropy_fall: float = 2.0
    entropy_dead_share: float = 0.05
    entropy_cliff_share: float = 0.25
    entropy_rise: float = 3.0
    entropy_rise_nats: float = 0.5
    entropy_runaway_nats: float = 2.0
    gap_note: float = 0.005
    gap_warning: float = 0.01
    gap_correlation_low: float = 0.9
    gap_kl_nats: float = 0.1
    gap_chi2_high: float = 1.0
    gap_sample_size_low: float = 0.3
    gap_weight_high: float = 2.0
    gap_rejected_share: float = 0.5
    gap_veto_share: float = 0.1
    stale_versions_note: float = 2.0
    stale_versions_warning: float = 4.0
    stale_samples_share: float = 1.0
    evicted_share_note: float = 0.05
    evicted_share_warning: float = 0.15
    evicted_groups_note: float = 1.0
    evicted_groups_warning: float = 8.0
    clip_share_high: float = 0.2
    spike_ratio: float = 10.0
    spike_count: int = 3
    spike_steps: int = 200
    critic_explained_low: float = 0.0
    critic_explained_fall: float = 0.3
    critic_loss_rise: float = 3.0
    gradient_clip: float = 1.0
    clipped_note: float = 10.0
    clipped_warning: float = 50.0
    clipped_steps: int = 20
    vanished_gradient_share: float = 0.02
    zero_gradient_share: float = 0.5
    dead_groups_note: float = 0.5
    dead_groups_warning: float = 0.6
    same_score_spread: float = 1e-6
    hopeless_after_steps: int = 50
    parts_share: float = 0.9
    parts_after_steps: int = 120
    length_growth: float = 1.5
    length_earned_share: float = 0.25
    length_shrunk_share: float = 0.25
    length_gone_share: float = 0.1
    length_gone_tokens: float = 8.0
    zero_rate_steps: int = 10
    aborted_note: float = 0.05
    aborted_warning: float = 0.1
    failed_rollout_steps: int = 4
    padded_note: float = 0.05
    padded_warning: float = 0.1
    cut_note: float = 0.05
    cut_warning: float = 0.1
    cut_rise: float = 0.04
    cut_high: float = 0.3
    cut_at_start: float = 0.9
    cut_all: float = 0.99
    cut_soon_share: float = 0.02
    cut_soon_steps: int = 250
    validation_drop_share: float = 0.1
    validation_drop_min: float = 0.05
    silent_tool_steps: int = 20
    tools_lost_share: float = 0.9
    tools_used_turns: float = 2.3
    tools_used_calls: float = 0.2
    plateau_steps: int = 100
    plateau_gain_share: float = 0.03

    memory_full_share: float = 0.95
    memory_forecast_steps: int = 500
    memory_growth_share: float = 0.1
    memory_doubled: float = 1.5
    step_time_note: float = 1.5
    step_time_warning: float = 2.0

    stall_multiple: float = 4.0
    stall_min_seconds: float = 300.0
    stall_first_step_seconds: float = 2400.0
    stall_validation_seconds: float = 1800.0
    stall_checkpoint_seconds: float = 900.0
    stall_dead_multiple: float = 10.0
    stall_dead_seconds: float = 2700.0
