"""Detection of a stall: no new step within a multiple of the run's own pace, and whether the cluster, the log or only
the step is silent. By time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from statistics import median

from bot.core.frameworks import FRAMEWORK
from bot.core.model.finding import Finding, HealthRules, Severity
from bot.core.model.metrics import StepMetrics, TrainingPhase
from bot.core.model.training_framework import Framework, MetricKeys, StallAdvice
from bot.phrase import N_, Phrase, Text, describe_duration, join_sentences

PACE_STEPS = 20
"""Number of steps whose median is the pace: a checkpoint or validation among them does not move it."""

MAX_PACE_SECONDS = 7 * 86_400.0
"""Maximum seconds of a step, a validation or a checkpoint. A longer time is not believed: the bot would never report a
stall.
"""

STALL_REFERENCE = "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html"

UNREACHABLE_CLUSTER_ADVICE = N_(
    "Check the cluster directly: I cannot tell whether it is training, and it still costs money."
)
STALL_NAME = "stall"
STALL_SIGN = (
    "no new step for several times the run's own pace; compiling, validations and checkpoints are given longer. It says"
    " whether the cluster, the log or the steps went quiet"
)
"""What a stall looks like, in a few words for docs/findings.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LivenessSignals:
    """When the cluster, the log and the steps were last heard of, in Unix seconds.

    Attributes:
        began_at: when the bot first saw the job run.
        step_at: when the last step was read; None before the first.
        line_at: when the last line of the log was read; None if there is none.
        is_answering: whether the cluster answers.
        phase: what the last line is about.
    """

    began_at: float
    step_at: float | None = None
    line_at: float | None = None
    is_answering: bool = True
    phase: TrainingPhase = TrainingPhase.TRAINING


def detect_stall(
    rows: Sequence[StepMetrics],
    now: float,
    signals: LivenessSignals,
    rules: HealthRules,
    framework: Framework = FRAMEWORK,
) -> Finding | None:
    """Return a finding if no step has come for too long, else None. The next step resolves it.

    Args:
        rows: the last rows of the run, oldest first; empty before its first step.
        framework: whose metrics the rows hold.
    """
    since = signals.began_at if signals.step_at is None else signals.step_at
    waited_seconds, usual_seconds = now - since, measure_pace(rows, framework.keys)
    if waited_seconds <= compute_allowed_seconds(rows, usual_seconds, signals.phase, rules, framework.keys):
        return None
    is_silent = signals.line_at is None or now - signals.line_at > max(rules.stall_min_seconds, waited_seconds / 2)
    is_dead = (
        signals.is_answering
        and signals.step_at is not None
        and waited_seconds > compute_dead_seconds(usual_seconds, rules)
    )
    step = rows[-1].step if rows else 0
    return Finding(
        STALL_NAME,
        Severity.STOP if is_dead and is_silent else Severity.WARNING,
        step,
        since,
        describe_stall(signals, is_silent),
        describe_evidence(signals, now, waited_seconds, usual_seconds, step),
        choose_advice(signals, is_silent, framework.stall_advice),
        STALL_REFERENCE,
    )


def measure_pace(rows: Sequence[StepMetrics], keys: MetricKeys = FRAMEWORK.keys) -> float | None:
    """Return the seconds that a step usually takes; None before the second, because the first one compiles.

    >>> measure_pace([StepMetrics(step, {"timing_s/step": 60.0}) for step in range(9)])
    60.0
    """
    recent = [row for row in rows if keys.is_training_step(row)][-PACE_STEPS:]
    # Use the training's own timings if most steps have one, else the times between steps.
    timings = [seconds for seconds in map(keys.find_seconds, recent) if seconds and seconds <= MAX_PACE_SECONDS]
    intervals = [later.at - earlier.at for earlier, later in pairwise(recent) if later.at > earlier.at > 0]
    durations = timings if len(timings) * 2 > len(recent) else intervals
    return median(durations) if len(durations) > 1 else None


def compute_allowed_seconds(
    rows: Sequence[StepMetrics],
    usual_seconds: float | None,
    phase: TrainingPhase,
    rules: HealthRules,
    keys: MetricKeys,
) -> float:
    """Return the seconds that may pass without a step: more for the first, for a validation and for a checkpoint."""
    if usual_seconds is None:
        return rules.stall_first_step_seconds
    step_seconds = max(rules.stall_multiple * usual_seconds, rules.stall_min_seconds)
    match phase:
        case TrainingPhase.TRAINING:
            return step_seconds
        case TrainingPhase.VALIDATING:
            return step_seconds + compute_longest_seconds(
                rows, keys.validation_seconds, rules.stall_validation_seconds, rules
            )
        case TrainingPhase.SAVING:
            return step_seconds + compute_longest_seconds(
                rows, keys.checkpoint_seconds, rules.stall_checkpoint_seconds, rules
            )


def compute_longest_seconds(
    rows: Sequence[StepMetrics], keys: Sequence[str], default: float, rules: HealthRules
) -> float:
    """Return the seconds that such work may take: the same multiple of the longest timed one as for a step.

    Args:
        default: the result if none has been timed.
    """
    timings = [seconds for row in rows if 0 < (seconds := row.find_first(keys) or 0.0) <= MAX_PACE_SECONDS]
    return rules.stall_multiple * max(timings) if timings else default


def compute_dead_seconds(usual_seconds: float | None, rules: HealthRules) -> float:
    """Return the seconds after which a run that is silent is dead."""
    return max(rules.stall_dead_multiple * (usual_seconds or 0.0), rules.stall_dead_seconds)


def describe_stall(signals: LivenessSignals, is_silent: bool) -> Text:
    """Return a sentence on what is silent."""
    if not signals.is_answering:
        return Phrase("The cluster does not answer, and the last step was long ago.")
    if signals.step_at is None:
        return Phrase("The first step is overdue.")
    match signals.phase:
        case _ if not is_silent:
            return Phrase("The log continues, but no step completes.")
        case TrainingPhase.TRAINING:
            return Phrase("The log has gone silent: the training hangs.")
        case TrainingPhase.VALIDATING:
            return Phrase("The log has been silent since a validation began.")
        case TrainingPhase.SAVING:
            return Phrase("The log has been silent since the run began to save a checkpoint.")


def describe_evidence(
    signals: LivenessSignals, now: float, waited_seconds: float, usual_seconds: float | None, step: int
) -> Text:
    """Return sentences with the times of the last step and the last line."""
    return join_sentences(
        describe_missing_step(signals, waited_seconds, usual_seconds, step), describe_last_line(signals, now)
    )


def describe_missing_step(
    signals: LivenessSignals, waited_seconds: float, usual_seconds: float | None, step: int
) -> Text:
    """Return a sentence on how long no step has come."""
    if signals.step_at is None or usual_seconds is None:
        return Phrase("No step for {waited}.", waited=describe_duration(timedelta(seconds=waited_seconds)))
    return Phrase(
        "No step for {waited} since step {step}: {times} times the usual {seconds} s.",
        step=step,
        waited=describe_duration(timedelta(seconds=waited_seconds)),
        times=f"{waited_seconds / usual_seconds:.0f}",
        seconds=f"{usual_seconds:.0f}",
    )


def describe_last_line(signals: LivenessSignals, now: float) -> Text:
    """Return a sentence on when the last line of the log was read."""
    if signals.line_at is None:
        return Phrase("The log has no line yet.")
    return Phrase(
        "The last line of the log was read {ago} ago.", ago=describe_duration(timedelta(seconds=now - signals.line_at))
    )


def choose_advice(signals: LivenessSignals, is_silent: bool, advice: StallAdvice) -> Text:
    """Return the advice for what is silent."""
    if not signals.is_answering:
        return Phrase(UNREACHABLE_CLUSTER_ADVICE)
    if signals.step_at is None:
        return Phrase(advice.no_first_step)
    return Phrase(advice.silent_log if is_silent else advice.busy_log)
