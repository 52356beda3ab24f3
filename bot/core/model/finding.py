"""What looks sick in a training.

A finding, the rules of its detector, the rows that it judges, and the findings of a run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from math import sqrt
from statistics import median

from bot.core.model.metrics import MetricWord, StepMetrics
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
            steps: the two logs, below that share, fall to 0.60 at most.
        entropy_dead_share: share of the start, however it got there; the two logs end at 0.10 and 0.12.
        entropy_cliff_share: share of the entropy 20 steps earlier; the two logs fall to 0.52 at most.
        clip_share_high: share of tokens without gradient because of clipping (rldoctor's bound; the two logs reach
            0.009).
        spike_ratio: ratio to the median, and beyond four standard deviations of the logarithm.
        spike_count, spike_steps: so many spikes within so many steps; the two logs have one each.
        vanished_gradient_share: share of the gradient at the start.
        zero_gradient_share: share of steps whose gradient is exactly 0.
        dead_groups_note, dead_groups_warning: share of groups whose answers all score alike, which teach nothing:
            at 0.6, 2.5 answers are paid for each one that counts.
        hopeless_after_steps: the two logs score below 0.02 for 25 steps before they learn.
        parts_share: share of the reward's variance from step to step, by a part that is not the task.
        parts_after_steps: such parts saturate in the first dozens of steps of every run (both: rldoctor, which
            takes drift for variance).
        length_growth: ratio of the mean response length to that at the start.
        length_earned_share: the minimum by which validation must have risen for each growth of 1 (both: rldoctor).
        cut_note, cut_warning: share of responses at full length, if it has risen there by cut_rise.
        cut_rise: rise of that share above its lowest.
        cut_high: the same without a rise, if the share does not fall: healthy runs begin with responses that are
            cut, and unlearn it.
        validation_drop_share: share of the best validation, lost while the reward rose.
        validation_drop_min: and at least so much, and four times the scatter; the two logs lose 0.07 of the best single
            one at most.
        silent_tool_steps: steps without a call of a tool.
        plateau_steps, plateau_gain_share: steps in which the reward gains less than this share of all that it has
            gained.

        stall_multiple: multiple of the run's own pace.
        stall_min_seconds: shorter silences are never reported.
        stall_first_step_seconds: time to load weights, compile, capture graphs and validate before training.
        stall_validation_seconds, stall_checkpoint_seconds: used if no validation or checkpoint has been timed yet.
        stall_dead_multiple, stall_dead_seconds: both at once; NCCL's own watchdog has given up by then
            (`actor_rollout_ref.nccl_timeout` is 600 s).
    """

    team_rules: tuple[MetricRule, ...] = ()
    disabled: tuple[str, ...] = ()
    group_size: int | None = None
    expects_tools: bool = False

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
    entropy_low_share: float = 0.15
    entropy_fall: float = 2.0
    entropy_dead_share: float = 0.05
    entropy_cliff_share: float = 0.25
    clip_share_high: float = 0.2
    spike_ratio: float = 10.0
    spike_count: int = 3
    spike_steps: int = 200
    vanished_gradient_share: float = 0.02
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
    validation_drop_min: float = 0.05
    silent_tool_steps: int = 20
    plateau_steps: int = 100
    plateau_gain_share: float = 0.03

    stall_multiple: float = 4.0
    stall_min_seconds: float = 300.0
    stall_first_step_seconds: float = 2400.0
    stall_validation_seconds: float = 1800.0
    stall_checkpoint_seconds: float = 900.0
    stall_dead_multiple: float = 10.0
    stall_dead_seconds: float = 2700.0


START_WORDS = {
    "entropy": MetricWord.ENTROPY,
    "gradient": MetricWord.GRADIENT,
    "length": MetricWord.LENGTH,
    "reward": MetricWord.REWARD,
}
"""Metrics whose first values are remembered as the start of a run, because its first rows are not kept."""

REWARD_STEPS = 20
"""Number of steps whose median is the reward at a validation, and now."""

SMOOTHED_VALIDATIONS = 3
"""Number of validations in one median, because a single one scatters."""


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """One validation, kept apart from the rows, because runs may validate less often than rows are kept.

    Attributes:
        at: Unix seconds when it was read.
        reward: the median reward of the twenty steps up to it, None if too few have one.
        key: the training's own name of the value; empty in records of older versions.
    """

    step: int
    at: float
    value: float
    reward: float | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """How healthy a run looks to one detector at its newest row.

    Attributes:
        level: the measured value as a share of its threshold; unhealthy from 1 on.
        what, evidence, advice: sentences, if it is unhealthy.
        since: the row that showed it first, if that is not the first of these in a row.
    """

    level: float
    severity: Severity = Severity.WARNING
    what: Text = ""
    evidence: Text = ""
    advice: Text = ""
    since: StepMetrics | ValidationResult | None = None


HEALTHY = Measurement(0.0)


@dataclass(frozen=True, slots=True)
class RowWindow:
    """The last rows of a run, oldest first.

    Attributes:
        row_count: how many rows the run has had, including those that are no longer kept.
        start: medians of its first rows, by the names of `START_WORDS`; and of its first validations, as `validation`.
        validations: the last ones, oldest first.
    """

    rows: Sequence[StepMetrics]
    rules: HealthRules = field(default_factory=HealthRules)
    row_count: int = 0
    start: Mapping[str, float] = field(default_factory=dict)
    validations: Sequence[ValidationResult] = ()

    @property
    def newest(self) -> StepMetrics:
        """Return the newest row."""
        return self.rows[-1]

    def get_values(self, keys: Sequence[str], last: int, back: int = 0) -> list[float]:
        """Return the values of a metric in the last rows, or in those up to `back` rows ago; a row without it has
        none.

        >>> RowWindow([StepMetrics(step, {"a": float(step)}) for step in range(9)]).get_values(("a",), last=2, back=3)
        [4.0, 5.0]
        """
        end = len(self.rows) - back
        all_values = [row.find_first(keys) for row in self.rows[max(0, end - last) : max(0, end)]]
        return [value for value in all_values if value is not None]

    def compute_median(self, keys: Sequence[str], last: int, back: int = 0) -> float | None:
        """Return the median of these values; None if fewer than half of the rows have one, or
        there are too few rows."""
        values = self.get_values(keys, last, back)
        return median(values) if len(values) * 2 >= last else None

    def compute_chunk_medians(self, keys: Sequence[str], size: int) -> list[float]:
        """Return medians of so many values each, oldest first; the newest chunk is complete."""
        values = self.get_values(keys, len(self.rows))
        return [median(values[end - size : end]) for end in range(len(values) % size + size, len(values) + 1, size)]


@dataclass(frozen=True, slots=True)
class Detector:
    """One way in which a run can be sick.

    Attributes:
        measure: returns None if the newest row says nothing about it.
        persist_steps: unhealthy steps before a finding opens, in place of the usual number.
        sign: what it looks for, in a few words for docs/findings.md.
        thresholds: the names of its attributes of `HealthRules`.
        advice: the phrases that its findings advise.
    """

    name: str
    reference: str
    measure: Callable[[RowWindow], Measurement | None]
    persist_steps: int | None = None
    sign: str = ""
    thresholds: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    def get_persist_steps(self, rules: HealthRules) -> int:
        """Return how many unhealthy rows in a row open a finding."""
        return self.persist_steps or rules.persist_steps


def measure_scatter(values: Sequence[float]) -> float:
    """Return the standard deviation about a slow drift, from the differences of neighbours; outliers have no effect.

    >>> measure_scatter([1.0, 2.1, 2.9, 4.0, 500.0]) < 0.2
    True
    """
    steps = [later - earlier for earlier, later in pairwise(values)]
    centre = median(steps) if steps else 0.0
    return 1.4826 / sqrt(2) * median([abs(step - centre) for step in steps]) if steps else 0.0


def format_number(value: float) -> str:
    """Return a number with about three digits.

    >>> format_number(0.12345), format_number(1234.5), format_number(12.0), format_number(3.4e38)
    ('0.123', '1234', '12', '3.4e+38')
    """
    return f"{value:.0f}" if 100 <= abs(value) < 1e9 else f"{value:.3g}"


def format_percent(share: float) -> str:
    """Return a share in percent.

    >>> format_percent(0.256), format_percent(0.004)
    ('26%', '0.4%')
    """
    return f"{share * 100:.0f}%" if share >= 0.01 or not share else f"{share * 100:.1g}%"
