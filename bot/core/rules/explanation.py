"""Why a run is as it is: facts of its record, its metrics, its log and earlier runs of its recipe. Pure.

Nothing is guessed: each fact names the step, the steps or the number of runs that it rests on, and what is not known is
None.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from statistics import median

from bot.core.model.failure import FailureSummary
from bot.core.model.finding import Finding
from bot.core.model.history import MetricsHistory
from bot.core.model.metrics import StepMetrics
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, Summary
from bot.core.model.training_framework import MetricKeys
from bot.core.rules.costs import compute_efficiency
from bot.core.rules.downsample import interpolate
from bot.core.rules.failure_diagnosis import diagnose
from bot.core.rules.report_content import take_snapshot

TIMED_STEPS = 16
"""Last steps whose parts are summed: enough that a validation or a checkpoint does not count for too much."""

MAX_EARLIER_RUNS = 20
"""Newest earlier runs of a recipe that are compared: older ones tell of other code."""


@dataclass(frozen=True, slots=True)
class RunsValue:
    """A number of a run beside the same number of earlier runs.

    Attributes:
        value: of the run; middle: the median of the earlier ones; low, high: their extremes; count: how many they are.
    """

    value: float
    middle: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class RecipeComparison:
    """A run beside the earlier runs of its recipe.

    Attributes:
        runs: number of earlier runs that made steps; 0 if there are none.
        step: the last step that the run and an earlier one reached.
        reward: at that step; pace: seconds per step; cost: dollars per step. Pace and cost are compared only with runs
            on as many nodes with the same GPUs. None where nothing compares.
    """

    runs: int
    step: int | None = None
    reward: RunsValue | None = None
    pace: RunsValue | None = None
    cost: RunsValue | None = None


@dataclass(frozen=True, slots=True)
class StepShares:
    """Where the time of the last steps went.

    Attributes:
        shares: the training's own keys with their share of the steps' time, the largest first.
        first, last: the steps that were summed.
    """

    shares: Sequence[tuple[str, float]]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class RunExplanation:
    """What is known of why a run is as it is.

    Attributes:
        change: its progress since the last summary; None where no step was made since the first.
        findings: the open ones that no person muted, the gravest first.
        logged_error: the error that a live run's last lines show; None where they show none, or the run has finished.
        log: the last stored lines of its log.
    """

    run: Run
    comparison: RecipeComparison
    change: Summary | None = None
    findings: Sequence[Finding] = ()
    step_shares: StepShares | None = None
    logged_error: FailureSummary | None = None
    log: str = ""


def build_explanation(
    run: Run, history: MetricsHistory, log: str, earlier_runs: Iterable[Run], keys: MetricKeys, now: datetime
) -> RunExplanation:
    """Return what is known of a run.

    Args:
        earlier_runs: of any recipe; the newest `MAX_EARLIER_RUNS` that were launched before this one with the same
            recipe and made steps are compared.
    """
    return RunExplanation(
        run,
        compare_with_earlier(run, earlier_runs, now),
        find_change(run, now),
        list_findings(run),
        sum_step_parts(history.rows, keys),
        None if run.is_finished else diagnose(log, run.plan.nodes),
        log,
    )


def compare_with_earlier(run: Run, earlier_runs: Iterable[Run], now: datetime) -> RecipeComparison:
    """Return the run beside earlier runs of its recipe."""
    others = select_earlier(run, earlier_runs)
    alike = [other for other in others if has_same_machines(run, other)]
    step = find_shared_step(run, others)
    return RecipeComparison(
        len(others),
        step,
        compare_numbers(run, others, lambda other: find_reward_at(other, step)),
        compare_numbers(run, alike, lambda other: other.training.progress.seconds_per_step),
        compare_numbers(run, alike, lambda other: compute_efficiency(other, now).per_step),
    )


def select_earlier(run: Run, candidates: Iterable[Run]) -> list[Run]:
    """Return the newest runs of the same recipe that were launched before and made steps."""
    earlier = [
        other
        for other in candidates
        if other.recipe == run.recipe and other.created_at < run.created_at
        if other.training.progress.step is not None
    ]
    return sorted(earlier, key=lambda other: other.created_at, reverse=True)[:MAX_EARLIER_RUNS]


def has_same_machines(run: Run, other: Run) -> bool:
    """Return whether two runs have as many nodes with the same GPUs: only then pace and cost compare."""
    return (run.plan.nodes, run.plan.gpus) == (other.plan.nodes, other.plan.gpus)


def find_shared_step(run: Run, others: Iterable[Run]) -> int | None:
    """Return the last step with a reward that the run and one of the others reached; None where there is none."""
    own = run.training.progress.rewards.points
    reached = [points[-1][0] for other in others if (points := other.training.progress.rewards.points)]
    return min(own[-1][0], max(reached)) if own and reached else None


def find_reward_at(run: Run, step: int | None) -> float | None:
    """Return the reward at a step, between the points that the record keeps; None where they do not reach it."""
    points = run.training.progress.rewards.points
    if step is None or not points or not points[0][0] <= step <= points[-1][0]:
        return None
    return interpolate(points, step)


def compare_numbers(run: Run, others: Iterable[Run], read: Callable[[Run], float | None]) -> RunsValue | None:
    """Return a finite number of the run beside those of others; None where the run, or each other, has none."""
    own = read(run)
    numbers = [number for other in others if (number := read(other)) is not None and isfinite(number)]
    if own is None or not isfinite(own) or not numbers:
        return None
    return RunsValue(own, median(numbers), min(numbers), max(numbers), len(numbers))


def find_change(run: Run, now: datetime) -> Summary | None:
    """Return the progress since the last summary in the thread, or within it where no step was made since."""
    summary = run.training.summary
    if summary is None:
        return None
    current = take_snapshot(run, now)
    before = summary.before if summary.now.step == current.step else summary.now
    return None if before.step == current.step else Summary(summary.number, before, current)


def list_findings(run: Run) -> list[Finding]:
    """Return the open findings that no person muted, the gravest first; none of a run that succeeded."""
    if run.reason is Reason.SUCCEEDED:
        return []
    heard = [finding for finding in run.training.health.open_findings if not run.requests.is_muted(finding.name)]
    return sorted(heard, key=lambda finding: -finding.severity.rank)


def sum_step_parts(rows: Sequence[StepMetrics], keys: MetricKeys) -> StepShares | None:
    """Return the shares of a step's parts in the last steps; None where the log does not time both.

    A part may overlap another, so the shares need not add up to one.
    """
    timed = [(row, seconds) for row in rows[-TIMED_STEPS:] if (seconds := keys.find_seconds(row))]
    total = sum(seconds for _, seconds in timed)
    sums = {key: sum(max(row.find_first((key,)) or 0.0, 0.0) for row, _ in timed) for key in keys.step_parts}
    shares = [(key, min(seconds / total, 1.0)) for key, seconds in sums.items() if seconds > 0]
    if not shares:
        return None
    return StepShares(sorted(shares, key=lambda share: -share[1]), timed[0][0].step, timed[-1][0].step)
