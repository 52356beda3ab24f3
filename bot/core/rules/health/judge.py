"""Judgement of a run's health: when a finding opens and when it is resolved, online, one row at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

from bot.core.frameworks import FRAMEWORK
from bot.core.model.finding import Finding, HealthRules, Severity
from bot.core.model.health_state import HealthState, Streak
from bot.core.model.measurement import (
    SMOOTHED_VALIDATIONS,
    START_WORDS,
    Detector,
    Measurement,
    RowWindow,
    format_number,
)
from bot.core.model.metrics import StepMetrics
from bot.core.model.training_framework import Framework, MetricKeys
from bot.core.rules.health.custom_rules import build_detector
from bot.core.rules.health.validation_history import add_validations
from bot.phrase import Phrase, Text, join_list, join_sentences

MAX_NAMED_METRICS = 4
"""Maximum metrics that one finding names with their values."""


def judge(
    rows: Sequence[StepMetrics], state: HealthState, rules: HealthRules, framework: Framework = FRAMEWORK
) -> HealthState:
    """Return the state after one more row; judging a row twice changes nothing.

    Args:
        rows: the last rows of the run, about 512 of them, oldest first; the newest is judged.
        framework: whose metrics the rows hold.
    """
    if not rows or state.has_judged(rows[-1]):
        return state
    row, row_count = rows[-1], max(state.row_count + 1, len(rows))
    validations = add_validations(state.validations, rows, state.at, framework.keys)
    start = measure_start(rows, state.start, row_count, rules, framework.keys)
    if "validation" not in start and len(validations) >= SMOOTHED_VALIDATIONS:
        start = {**start, "validation": median(item.value for item in validations[:SMOOTHED_VALIDATIONS])}
    state = replace(state, step=row.step, at=row.at, row_count=row_count, start=start, validations=validations)
    window = RowWindow(rows, rules, row_count, start, validations)
    detectors = (*framework.detectors, *map(build_detector, rules.team_rules))
    measured = [
        (item, measurement)
        for item in detectors
        if item.name not in rules.disabled and (measurement := item.measure(window)) is not None
    ]
    silent = find_consequences(measured, state, rules)
    for item, measurement in measured:
        is_silent = measurement.severity.rank <= silent.get(item.name, -1)
        state = update_streak(state, item, measurement, window, is_silent)
    return heal_abandoned_findings(state, detectors, window)


def find_consequences(
    measured: Sequence[tuple[Detector, Measurement]], state: HealthState, rules: HealthRules
) -> Mapping[str, int]:
    """Return the findings that others explain, each with the rank of the gravest cause: only what is graver is said."""
    ranks: dict[str, int] = {}
    for detector, measurement in measured:
        streak = state.streaks.get(detector.name, Streak())
        is_long_enough = streak.unhealthy_rows + 1 >= detector.get_persist_steps(rules)
        if measurement.level >= 1 and (is_long_enough or state.find_open(detector.name)):
            rank = measurement.severity.rank
            ranks.update((name, max(rank, ranks.get(name, -1))) for name in measurement.explains)
    return ranks


def measure_start(
    rows: Sequence[StepMetrics], start: Mapping[str, float], row_count: int, rules: HealthRules, keys: MetricKeys
) -> Mapping[str, float]:
    """Return how the run began, once there are enough rows, and as long as its first rows are among them."""
    if row_count > len(rows) or len(rows) < rules.start_steps:
        return start
    return (
        start if start.keys() >= START_WORDS.keys() else {**compute_medians(rows[: rules.start_steps], keys), **start}
    )


def compute_medians(rows: Sequence[StepMetrics], keys: MetricKeys) -> Mapping[str, float]:
    """Return the medians of the first rows that are remembered as the start of a run."""
    values_by_name = {name: [keys.find(row, word) for row in rows] for name, word in START_WORDS.items()}
    present_by_name = {
        name: [value for value in values if value is not None] for name, values in values_by_name.items()
    }
    return {name: median(values) for name, values in present_by_name.items() if values}


def update_streak(
    state: HealthState, detector: Detector, measurement: Measurement, window: RowWindow, is_silent: bool
) -> HealthState:
    """Return the state after the measurement of one detector: between unhealthy and healthy, nothing changes.

    Args:
        is_silent: whether another finding explains what was measured.
    """
    if measurement.level >= 1:
        return on_unhealthy(state, detector, measurement, window, is_silent)
    return on_healthy(state, detector, measurement.level < window.rules.healthy_below, window)


def on_unhealthy(
    state: HealthState, detector: Detector, measurement: Measurement, window: RowWindow, is_silent: bool
) -> HealthState:
    """Return the state after an unhealthy row: with a longer streak, and an open finding if it is due."""
    streak, open_finding = state.streaks.get(detector.name, Streak()), state.find_open(detector.name)
    if not streak.unhealthy_rows:
        since = measurement.since or window.newest
        streak = replace(streak, since_step=since.step, since_at=since.at)
    streak = replace(streak, unhealthy_rows=streak.unhealthy_rows + 1, healthy_rows=0)
    state = replace(state, streaks={**state.streaks, detector.name: streak})
    # A graver finding replaces a milder one of the same name at once.
    if open_finding and measurement.severity.rank > open_finding.severity.rank:
        return state.with_finding(
            to_finding(detector, measurement, open_finding.since_step, open_finding.since_at, window.newest)
        )
    if not open_finding and not is_silent and is_due(streak, detector, measurement, state, window.rules):
        return state.with_finding(to_finding(detector, measurement, streak.since_step, streak.since_at, window.newest))
    return state


def is_due(
    streak: Streak, detector: Detector, measurement: Measurement, state: HealthState, rules: HealthRules
) -> bool:
    """Return whether a streak is long enough for a finding that was not resolved only just now."""
    is_long_enough = streak.unhealthy_rows >= detector.get_persist_steps(rules)
    has_rested = streak.resolved_at_row is None or state.row_count - streak.resolved_at_row >= rules.cooldown_steps
    return is_long_enough and (has_rested or measurement.severity is Severity.STOP)


def on_healthy(state: HealthState, detector: Detector, is_healthy: bool, window: RowWindow) -> HealthState:
    """Return the state after a row that is not unhealthy.

    If no finding is open, the streak is dropped, except for when the last finding was resolved.
    """
    name, streak, open_finding = detector.name, state.streaks.get(detector.name), state.find_open(detector.name)
    if streak is None:
        return state
    streak = replace(streak, unhealthy_rows=0, healthy_rows=streak.healthy_rows + 1 if is_healthy else 0)
    if open_finding and streak.healthy_rows >= max(window.rules.heal_steps, detector.get_persist_steps(window.rules)):
        state, open_finding, streak = (
            state.without_finding(open_finding, window.newest),
            None,
            Streak(resolved_at_row=state.row_count),
        )
    streaks = {other: other_streak for other, other_streak in state.streaks.items() if other != name}
    if open_finding:
        streaks[name] = streak
    elif streak.resolved_at_row is not None:
        streaks[name] = Streak(resolved_at_row=streak.resolved_at_row)
    return replace(state, streaks=streaks)


def to_finding(
    detector: Detector, measurement: Measurement, since_step: int, since_at: float, row: StepMetrics
) -> Finding:
    """Return the finding of a detector and its measurement at a row."""
    return Finding(
        detector.name,
        measurement.severity,
        since_step,
        since_at,
        measurement.what,
        join_sentences(measurement.evidence, name_metrics(detector, row)),
        measurement.advice,
        detector.reference,
    )


def name_metrics(detector: Detector, row: StepMetrics) -> Text:
    """Return a sentence with the metrics that a detector judges and their values at a row; empty without any."""
    named = [f"`{key}` {format_number(row.values[key])}" for key in detector.metrics if key in row.values]
    if not named:
        return ""
    return Phrase("At step {step}: {metrics}.", step=row.step, metrics=join_list(named[:MAX_NAMED_METRICS]))


def heal_abandoned_findings(state: HealthState, detectors: Sequence[Detector], window: RowWindow) -> HealthState:
    """Return the state after a healthy row of each open finding that no detector looks for any more: the team took its
    rule out of the file.
    """
    names = {detector.name for detector in detectors}
    for finding in state.open_findings:
        if finding.name not in names:
            state = on_healthy(state, Detector(finding.name, "", lambda _: None, persist_steps=1), True, window)
    return state
