"""Judgement of a run's health: when a finding opens and when it is resolved, online, one row at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Self

from bot.core.health.detectors import DETECTORS
from bot.core.health.finding import Finding, Severity
from bot.core.health.rules import HealthRules
from bot.core.health.team import detector
from bot.core.health.validation import SMOOTHED, noted
from bot.core.health.window import STARTS, Detector, Symptom, Validated, Window
from bot.core.row import Row

MOST_HEALED = 16
"""Maximum resolved findings that are remembered."""


@dataclass(frozen=True, slots=True)
class Streak:
    """How long one detector has reported the same.

    Attributes:
        unhealthy_rows, healthy_rows: rows in a row.
        since_step, since_at: step and time of the first unhealthy one.
        resolved_at_row: how many rows the run had when the finding was resolved; None if it never was.
    """

    sick: int = 0
    well: int = 0
    since_step: int = 0
    since_at: float = 0.0
    healed: int | None = None


@dataclass(frozen=True, slots=True)
class Healed:
    """A finding that was resolved at that step."""

    finding: Finding
    step: int
    at: float


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known of a run's health between its rows.

    Attributes:
        step, at: step and time of the newest judged row.
        row_count: how many rows have been judged.
        start: how the run began, by the names of `START_KEYS`.
        validations: the last ones, oldest first.
        streaks: by the names of detectors.
        open_findings: the findings that are open now, oldest first.
        resolved_findings: the last few resolved ones, the newest last.
    """

    step: int | None = None
    at: float = 0.0
    judged: int = 0
    start: Mapping[str, float] = field(default_factory=dict)
    validations: tuple[Validated, ...] = ()
    streaks: Mapping[str, Streak] = field(default_factory=dict)
    open: tuple[Finding, ...] = ()
    healed: tuple[Healed, ...] = ()

    def has(self, row: Row) -> bool:
        """Return whether a row was judged before.

        A run that resumed from a checkpoint reports earlier steps again, at a later time.
        """
        return self.step is not None and row.step <= self.step and (row.step == self.step or row.at <= self.at)

    def found(self, name: str) -> Finding | None:
        """Return the open finding of this name, or None."""
        return next((finding for finding in self.open if finding.name == name), None)

    def said(self, finding: Finding) -> Self:
        """Return the state with a finding open, in place of a milder one of the same name."""
        stands = tuple(finding if one.name == finding.name else one for one in self.open)
        return replace(self, open=stands if self.found(finding.name) else (*stands, finding))

    def taken_back(self, finding: Finding, row: Row) -> Self:
        """Return the state with an open finding resolved at this row."""
        healed = (*self.healed, Healed(finding, row.step, row.at))[-MOST_HEALED:]
        return replace(self, open=tuple(one for one in self.open if one != finding), healed=healed)


def judge(rows: Sequence[Row], watch: Watch, rules: HealthRules, others: Iterable[Finding] = ()) -> Watch:
    """Return the state after one more row; judging a row twice changes nothing.

    Args:
        rows: the last rows of the run, about 512 of them, oldest first; the newest is judged.
        others: findings of plugins at this row; they open at once, and are resolved as any other.
    """
    if not rows or watch.has(rows[-1]):
        return watch
    row, judged = rows[-1], max(watch.judged + 1, len(rows))
    validations = noted(watch.validations, rows, watch.at)
    start = beginning(rows, watch.start, judged, rules)
    if "validation" not in start and len(validations) >= SMOOTHED:
        start = {**start, "validation": median(one.value for one in validations[:SMOOTHED])}
    watch = replace(watch, step=row.step, at=row.at, judged=judged, start=start, validations=validations)
    window = Window(rows, rules, judged, start, validations)
    for one in (*DETECTORS, *map(detector, rules.team)):
        if one.name not in rules.off and (symptom := one.measure(window)) is not None:
            watch = weighed(watch, one, symptom, window)
    return with_others(watch, {finding.name: finding for finding in others}, window)


def beginning(rows: Sequence[Row], known: Mapping[str, float], judged: int, rules: HealthRules) -> Mapping[str, float]:
    """Return how the run began, once there are enough rows, and as long as its first rows are among them."""
    if judged > len(rows) or len(rows) < rules.start_steps:
        return known
    return known if known.keys() >= STARTS.keys() else {**middles(rows[: rules.start_steps]), **known}


def middles(rows: Sequence[Row]) -> Mapping[str, float]:
    """Return the medians of the first rows that are remembered as the start of a run."""
    found = {name: [row.first(keys) for row in rows] for name, keys in STARTS.items()}
    known = {name: [value for value in values if value is not None] for name, values in found.items()}
    return {name: median(values) for name, values in known.items() if values}


def weighed(watch: Watch, one: Detector, symptom: Symptom, window: Window) -> Watch:
    """Return the state after the measurement of one detector: between unhealthy and healthy, nothing changes."""
    if symptom.level >= 1:
        return sicker(watch, one, symptom, window)
    return better(watch, one, symptom.level < window.rules.healed_below, window)


def sicker(watch: Watch, one: Detector, symptom: Symptom, window: Window) -> Watch:
    """Return the state after an unhealthy row: with a longer streak, and an open finding if it is due."""
    streak, stands = watch.streaks.get(one.name, Streak()), watch.found(one.name)
    if not streak.sick:
        since = symptom.since or window.newest
        streak = replace(streak, since_step=since.step, since_at=since.at)
    streak = replace(streak, sick=streak.sick + 1, well=0)
    watch = replace(watch, streaks={**watch.streaks, one.name: streak})
    # A graver finding replaces a milder one of the same name at once.
    if stands and symptom.severity.rank > stands.severity.rank:
        return watch.said(worded(one, symptom, stands.since_step, stands.since_at))
    if not stands and due(streak, one, symptom, watch, window.rules):
        return watch.said(worded(one, symptom, streak.since_step, streak.since_at))
    return watch


def due(streak: Streak, one: Detector, symptom: Symptom, watch: Watch, rules: HealthRules) -> bool:
    """Return whether a streak is long enough for a finding that was not resolved only just now."""
    lasted = streak.sick >= one.patience(rules)
    rested = streak.healed is None or watch.judged - streak.healed >= rules.cooldown_steps
    return lasted and (rested or symptom.severity is Severity.STOP)


def better(watch: Watch, one: Detector, well: bool, window: Window) -> Watch:
    """Return the state after a row that is not unhealthy.

    If no finding is open, the streak is dropped, except for when the last finding was resolved.
    """
    name, streak, stands = one.name, watch.streaks.get(one.name), watch.found(one.name)
    if streak is None:
        return watch
    streak = replace(streak, sick=0, well=streak.well + 1 if well else 0)
    if stands and streak.well >= max(window.rules.heal_steps, one.patience(window.rules)):
        watch, stands, streak = watch.taken_back(stands, window.newest), None, Streak(healed=watch.judged)
    kept = {other: seen for other, seen in watch.streaks.items() if other != name}
    if stands:
        kept[name] = streak
    elif streak.healed is not None:
        kept[name] = Streak(healed=streak.healed)
    return replace(watch, streaks=kept)


def worded(one: Detector, symptom: Symptom, since_step: int, since_at: float) -> Finding:
    """Return the finding of a detector and its measurement."""
    return Finding(
        one.name, symptom.severity, since_step, since_at, symptom.what, symptom.evidence, symptom.advice, one.reference
    )


def with_others(watch: Watch, others: Mapping[str, Finding], window: Window) -> Watch:
    """Return the state after the findings of plugins: each stays open as long as the plugin reports it."""
    known = {one.name for one in (*DETECTORS, *map(detector, window.rules.team))}
    names = [*others, *(one.name for one in watch.open if one.name not in known and one.name not in others)]
    for name in names:
        one, finding = Detector(name, "", lambda _: None, persist_steps=1), others.get(name)
        symptom = (
            Symptom(1.0, finding.severity, finding.what, finding.evidence, finding.advice) if finding else Symptom(0.0)
        )
        watch = weighed(watch, replace(one, reference=finding.reference if finding else ""), symptom, window)
    return watch
