"""Detector of asynchronous training on answers of outdated weights, and of answers that are dropped because of it."""

from bot.core.model.finding import Severity
from bot.core.model.measurement import Measurement, RowWindow, format_number, format_percent
from bot.phrase import N_, Phrase, Text

STALE_VERSIONS = ("training/off_policy/trajectory_staleness/mean",)
WAITING_STALE = ("fully_async/count/staleness_samples", "count/staleness_samples")
REQUIRED = ("fully_async/static/required_samples", "static/required_samples")
DROPPED = ("fully_async/count/dropped_stale_samples", "count/dropped_stale_samples")
"""Counts of the whole run, of the fully asynchronous trainer."""
GENERATED = ("fully_async/count/total_generated_samples", "count/total_generated_samples")
GENERATED_IN_STEP = ("fully_async/rollouter/step_generated_samples",)
EVICTED = ("training/off_policy/evicted_samples",)
"""Groups that a step of verl 0.9's trainer dropped; a step that drops none may not log it."""

STALENESS_KEYS = (*STALE_VERSIONS, *WAITING_STALE, *DROPPED, *EVICTED)
STALENESS_STEPS = 20

STALE_SAMPLES_ADVICE = N_(
    "Synchronize the weights more often (`async_training.trigger_parameter_sync_step`), allow fewer old samples"
    " (`async_training.staleness_threshold`, `trainer.v1.sampler.max_off_policy_threshold`), or move GPUs from rollout"
    " to training."
)
EVICTION_ADVICE = N_(
    "Rollout generates more than training uses, and pays for what it drops: move GPUs from rollout to training, or"
    " lower `async_training.staleness_threshold` (verl 0.9: raise `trainer.v1.sampler.max_off_policy_threshold`, or set"
    " `trainer.v1.sampler.max_off_policy_strategy=wait`)."
)
STALE_WORDS = N_("Training lags behind its rollout: it learns from answers of outdated weights.")
DROPPED_WORDS = N_("Rollouts are paid for and dropped, because they are too old to train on.")


def detect_stale_samples(window: RowWindow) -> Measurement | None:
    """Measure how old the answers are that training learns from, and how many are dropped; the worst speaks."""
    if window.newest.find_first(STALENESS_KEYS) is None:
        return None
    measured = (measure_versions(window), measure_waiting(window), measure_dropped(window), measure_evicted(window))
    return max((one for one in measured if one), key=lambda one: one.level, default=None)


def measure_versions(window: RowWindow) -> Measurement | None:
    """Measure by how many versions of the weights the answers are behind."""
    rules, versions = window.rules, window.compute_median(STALE_VERSIONS, STALENESS_STEPS)
    if versions is None:
        return None
    evidence = Phrase("Answers come from weights that are {versions} versions old.", versions=format_number(versions))
    is_grave = versions >= rules.stale_versions_warning
    return report_staleness(versions / rules.stale_versions_note, is_grave, STALE_WORDS, evidence, STALE_SAMPLES_ADVICE)


def measure_waiting(window: RowWindow) -> Measurement | None:
    """Measure the stale samples that wait, as a share of what one version of the weights trains on."""
    rules = window.rules
    waiting = window.compute_median(WAITING_STALE, STALENESS_STEPS)
    required = window.compute_median(REQUIRED, STALENESS_STEPS)
    if waiting is None or not required or required < 0:
        return None
    evidence = Phrase(
        "{waiting} stale samples wait, and one version of the weights trains on {required}.",
        waiting=format_number(waiting),
        required=format_number(required),
    )
    level = waiting / required / rules.stale_samples_share
    return report_staleness(level, True, STALE_WORDS, evidence, STALE_SAMPLES_ADVICE)


def measure_dropped(window: RowWindow) -> Measurement | None:
    """Measure the share of the samples that the fully asynchronous trainer has dropped in the last steps."""
    dropped = window.get_values(DROPPED, STALENESS_STEPS)
    if len(dropped) < STALENESS_STEPS // 2:
        return None
    count = max(dropped[-1] - dropped[0], 0.0)
    generated = count_generated(window)
    if generated is None:
        return measure_groups(window, count / (len(dropped) - 1))
    return measure_dropped_share(window, count, generated)


def count_generated(window: RowWindow) -> float | None:
    """Return how many samples the last steps have generated; None if it is unknown."""
    totals, steps = window.get_values(GENERATED, STALENESS_STEPS), window.get_values(GENERATED_IN_STEP, STALENESS_STEPS)
    generated = totals[-1] - totals[0] if len(totals) > 1 else sum(steps[1:])
    return generated if generated > 0 else None


def measure_evicted(window: RowWindow) -> Measurement | None:
    """Measure the groups that verl 0.9's trainer has dropped in the last steps."""
    rows = window.rows[-STALENESS_STEPS:]
    if len(rows) < STALENESS_STEPS // 2 or not any(key in row.values for row in rows for key in EVICTED):
        return None
    count = sum(row.find_first(EVICTED) or 0.0 for row in rows)
    if window.rules.batch_prompts is None:
        return measure_groups(window, count / len(rows))
    return measure_dropped_share(window, count, count + window.rules.batch_prompts * len(rows))


def measure_dropped_share(window: RowWindow, count: float, generated: float) -> Measurement:
    """Measure dropped samples among all that were generated."""
    rules, share = window.rules, count / generated
    evidence = Phrase(
        "{share} of the samples of the last {steps} steps were dropped ({count} of {all}).",
        share=format_percent(share),
        steps=STALENESS_STEPS,
        count=format_number(count),
        all=format_number(generated),
    )
    is_grave = share >= rules.evicted_share_warning
    return report_staleness(share / rules.evicted_share_note, is_grave, DROPPED_WORDS, evidence, EVICTION_ADVICE)


def measure_groups(window: RowWindow, groups: float) -> Measurement:
    """Measure dropped groups a step, where the number of generated ones is unknown."""
    rules = window.rules
    evidence = Phrase("Each step drops {groups} groups of samples.", groups=format_number(groups))
    is_grave = groups >= rules.evicted_groups_warning
    return report_staleness(groups / rules.evicted_groups_note, is_grave, DROPPED_WORDS, evidence, EVICTION_ADVICE)


def report_staleness(level: float, is_grave: bool, what: str, evidence: Text, advice: str) -> Measurement:
    """Return the measurement with its words, or only its level where it is healthy."""
    if level < 1:
        return Measurement(level)
    severity = Severity.WARNING if is_grave else Severity.NOTE
    return Measurement(level, severity, Phrase(what), evidence, Phrase(advice), explains=("rollout-mismatch",))
