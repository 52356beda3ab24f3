"""Detection of a stall: no new step within a multiple of the run's own pace, and whether the cluster, the log or only
the step is silent. By time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median

from bot.core.health.finding import Finding, Severity
from bot.core.health.rules import HealthRules
from bot.core.row import Row
from bot.language import mark, say, together

VALIDATED_IN = ("timing_s/testing", "timing/testing")
SAVED_IN = ("timing_s/save_checkpoint", "timing/save_checkpoint")
"""Keys under which verl reports how long a validation and a checkpoint took."""

PACED = 20
"""Number of steps whose median is the pace: a checkpoint or validation among them does not move it."""

LONGEST_PACE_SECONDS = 7 * 86_400.0
"""Maximum seconds of a step, a validation or a checkpoint. A longer time is not believed: the bot would never report a
stall.
"""

REFERENCE = "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html"

SILENT = mark(
    "Look with `py-spy dump` at what every rank waits for, and at `nvidia-smi`; set `NCCL_DEBUG=INFO` for the next"
    " start. verl gives up a collective call after `actor_rollout_ref.nccl_timeout` seconds."
)
BUSY = mark(
    "Look at the reward function and the tools (`reward.custom_reward_function.path`,"
    " `actor_rollout_ref.rollout.multi_turn.max_assistant_turns`) and at responses without end"
    " (`data.max_response_length`): they take longer than a step ever did."
)
UNBEGUN = mark(
    "Look at the log for a download that hangs, Ray that waits for machines (`trainer.nnodes`,"
    " `trainer.n_gpus_per_node`), or a first validation that is long (`trainer.val_before_train=False`)."
)
UNSEEN = mark("Look at the cluster itself: whether it trains cannot be told from here, and it goes on billing.")


class Doing(StrEnum):
    """What the last line of the log is about: validating and saving take longer than steps do."""

    TRAINING = "training"
    VALIDATING = "validating"
    SAVING = "saving"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
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
    answers: bool = True
    doing: Doing = Doing.TRAINING


def stalled(rows: Sequence[Row], now: float, quiet: Quiet, rules: HealthRules) -> Finding | None:
    """Return a finding if no step has come for too long, else None. The next step resolves it.

    Args:
        rows: the last rows of the run, oldest first; empty before its first step.
    """
    since = quiet.began_at if quiet.step_at is None else quiet.step_at
    waited, usual = now - since, pace(rows)
    if waited <= patience(rows, usual, quiet.doing, rules):
        return None
    silent = quiet.line_at is None or now - quiet.line_at > max(rules.stall_least_seconds, waited / 2)
    dead = quiet.answers and quiet.step_at is not None and waited > dead_after(usual, rules)
    step = rows[-1].step if rows else 0
    return Finding(
        "stall",
        Severity.STOP if dead and silent else Severity.WARNING,
        step,
        since,
        what(quiet, silent),
        evidence(quiet, now, waited, usual, step),
        advice(quiet, silent),
        REFERENCE,
    )


def pace(rows: Sequence[Row]) -> float | None:
    """Return the seconds that a step usually takes; None before the second, because the first one compiles.

    >>> pace([Row(step, {"timing_s/step": 60.0}) for step in range(9)])
    60.0
    """
    recent = [row for row in rows if row.trains][-PACED:]
    # Use verl's own timings if most steps have one, else the times between steps.
    told = [seconds for row in recent if (seconds := row.seconds) is not None and seconds <= LONGEST_PACE_SECONDS]
    between = [later.at - earlier.at for earlier, later in pairwise(recent) if later.at > earlier.at > 0]
    known = told if len(told) * 2 > len(recent) else between
    return median(known) if len(known) > 1 else None


def patience(rows: Sequence[Row], usual: float | None, doing: Doing, rules: HealthRules) -> float:
    """Return the seconds that may pass without a step: more for the first, for a validation and for a checkpoint."""
    if usual is None:
        return rules.stall_first_step_seconds
    most = max(rules.stall_multiple * usual, rules.stall_least_seconds)
    match doing:
        case Doing.TRAINING:
            return most
        case Doing.VALIDATING:
            return most + longest(rows, VALIDATED_IN, rules.stall_validation_seconds, rules)
        case Doing.SAVING:
            return most + longest(rows, SAVED_IN, rules.stall_checkpoint_seconds, rules)


def longest(rows: Sequence[Row], keys: Sequence[str], otherwise: float, rules: HealthRules) -> float:
    """Return the seconds that such work may take: the same multiple of the longest timed one as for a step.

    Args:
        default: the result if none has been timed.
    """
    timed = [seconds for row in rows if 0 < (seconds := row.first(keys) or 0.0) <= LONGEST_PACE_SECONDS]
    return rules.stall_multiple * max(timed) if timed else otherwise


def dead_after(usual: float | None, rules: HealthRules) -> float:
    """Return the seconds after which a run that is silent is dead."""
    return max(rules.stall_dead_multiple * (usual or 0.0), rules.stall_dead_seconds)


def what(quiet: Quiet, silent: bool) -> str:
    """Return a sentence on what is silent."""
    if not quiet.answers:
        return say("The cluster does not answer, and the last step was long ago.")
    if quiet.step_at is None:
        return say("The first step does not come.")
    match quiet.doing:
        case _ if not silent:
            return say("The log goes on, but no step comes.")
        case Doing.TRAINING:
            return say("The log is silent: the training hangs.")
        case Doing.VALIDATING:
            return say("The log is silent since a validation began.")
        case Doing.SAVING:
            return say("The log is silent since a checkpoint was begun.")


def evidence(quiet: Quiet, now: float, waited: float, usual: float | None, step: int) -> str:
    """Return sentences with the times of the last step and the last line."""
    return together(no_step(quiet, waited, usual, step), last_line(quiet, now))


def no_step(quiet: Quiet, waited: float, usual: float | None, step: int) -> str:
    """Return a sentence on how long no step has come."""
    if quiet.step_at is None or usual is None:
        return say("No step for {waited}.", waited=minutes(waited))
    return say(
        "No step after {step} for {waited}, {times} times the usual {seconds} s.",
        step=step,
        waited=minutes(waited),
        times=f"{waited / usual:.0f}",
        seconds=f"{usual:.0f}",
    )


def last_line(quiet: Quiet, now: float) -> str:
    """Return a sentence on when the last line of the log was read."""
    if quiet.line_at is None:
        return say("The log has no line yet.")
    return say("The last line of the log was read {ago} ago.", ago=minutes(now - quiet.line_at))


def minutes(seconds: float) -> str:
    return say("{count} min", count=round(seconds / 60))


def advice(quiet: Quiet, silent: bool) -> str:
    """Return the advice for what is silent."""
    if not quiet.answers:
        return say(UNSEEN)
    if quiet.step_at is None:
        return say(UNBEGUN)
    return say(SILENT if silent else BUSY)
