"""What is known of why a run is as it is, and that nothing is made up where it is not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.frameworks import FRAMEWORK
from bot.core.model.finding import Finding, Severity
from bot.core.model.health_state import HealthState
from bot.core.model.history import MetricsHistory
from bot.core.model.metrics import StepMetrics
from bot.core.model.progress import Progress, Sparkline, StepTime
from bot.core.model.run import Run
from bot.core.model.run_state import Mute, ProgressSnapshot, Reason, Summary
from bot.core.rules.explanation import (
    MAX_EARLIER_RUNS,
    RunsValue,
    build_explanation,
    compare_with_earlier,
    find_change,
    list_findings,
    sum_step_parts,
)
from tests.builders import NOON, at, change_run, running

NO_HISTORY = MetricsHistory()


def trained(steps: int, reward: float, seconds: float = 60.0, *, day: int = 0, **changes: object) -> Run:
    """A run whose reward was the same at each of its steps, launched this many days ago."""
    progress = Progress(
        steps,
        100,
        reward=reward,
        rewards=Sparkline(((1, reward), (steps, reward))),
        step_times=(StepTime(seconds), StepTime(seconds)),
    )
    run = change_run(running(), progress=progress, created_at=NOON - timedelta(days=day), id=f"ppo-{day:04x}")
    return change_run(run, **changes)


def test_a_run_is_compared_at_the_last_step_that_an_earlier_one_reached_too() -> None:
    found = compare_with_earlier(trained(40, 0.2), [trained(30, 0.5, day=1), trained(20, 0.7, day=2)], NOON)
    assert (found.runs, found.step) == (2, 30)
    assert found.reward == RunsValue(0.2, 0.5, 0.5, 0.5, 1)
    assert found.pace == RunsValue(60.0, 60.0, 60.0, 60.0, 2)


def test_of_several_runs_it_is_the_median_with_the_extremes() -> None:
    others = [trained(50, reward, day=day) for day, reward in enumerate((0.3, 0.9, 0.5), 1)]
    found = compare_with_earlier(trained(40, 0.2), others, NOON)
    assert found.reward == RunsValue(0.2, 0.5, 0.3, 0.9, 3)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(trained(50, 0.5, day=1, recipe="grpo"), id="another recipe"),
        pytest.param(trained(50, 0.5, day=-1), id="a later run"),
        pytest.param(trained(50, 0.5), id="itself"),
        pytest.param(trained(50, 0.5, day=1, progress=Progress()), id="no step"),
    ],
)
def test_other_runs_do_not_compare(other: Run) -> None:
    assert compare_with_earlier(trained(40, 0.2), [other], NOON).runs == 0


def test_pace_and_cost_are_compared_on_the_same_machines_alone() -> None:
    found = compare_with_earlier(trained(40, 0.2), [trained(50, 0.5, day=1, gpus="H100:8")], NOON)
    assert found.reward is not None
    assert found.pace is found.cost is None


def test_only_the_newest_earlier_runs_count() -> None:
    others = [trained(50, 0.5, day=day) for day in range(1, MAX_EARLIER_RUNS + 9)]
    assert compare_with_earlier(trained(40, 0.2), others, NOON).runs == MAX_EARLIER_RUNS


def snapshot(step: int) -> ProgressSnapshot:
    return ProgressSnapshot(NOON, step, 0.5, None, 1.0)


@pytest.mark.parametrize(
    ("summary", "before"),
    [
        pytest.param(None, None, id="no step yet"),
        pytest.param(Summary(2, snapshot(10), snapshot(30)), 30, id="since the last summary"),
        pytest.param(Summary(2, snapshot(10), snapshot(40)), 10, id="within it, as no step was made since"),
        pytest.param(Summary(0, snapshot(40), snapshot(40)), None, id="only the first step"),
    ],
)
def test_the_change_begins_at_the_last_summary(summary: Summary | None, before: int | None) -> None:
    change = find_change(change_run(trained(40, 0.2), summary=summary), at(60))
    assert (change.before.step if change else None) == before


def finding(name: str, severity: Severity) -> Finding:
    return Finding(name, severity, 3, 0.0, "What.", "Evidence.", "Advice.", "")


def test_findings_are_the_open_ones_that_people_hear_of_the_gravest_first() -> None:
    health = HealthState(
        open_findings=(finding("a", Severity.NOTE), finding("b", Severity.STOP), finding("c", Severity.STOP))
    )
    run = change_run(trained(40, 0.2), health=health)
    run = replace(run, requests=run.requests.mute_finding(Mute("c", "U0ANA", NOON)))
    assert [found.name for found in list_findings(run)] == ["b", "a"]
    assert list_findings(replace(run, reason=Reason.SUCCEEDED)) == []


def test_the_time_of_the_last_steps_is_shared_among_their_parts() -> None:
    rows = [StepMetrics(step, {"timing_s/gen": 30.0, "timing_s/adv": 0.6, "timing_s/step": 60.0}) for step in (7, 8)]
    found = sum_step_parts(rows, FRAMEWORK.keys)
    assert found is not None
    assert (found.first, found.last) == (7, 8)
    assert found.shares == [("timing_s/gen", 0.5), ("timing_s/adv", pytest.approx(0.01))]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"timing_s/step": 60.0}, id="only the step"),
        pytest.param({"critic/rewards/mean": 0.5}, id="nothing"),
        pytest.param({"timing_s/gen": float("nan"), "timing_s/step": 60.0}, id="not a number"),
    ],
)
def test_without_timed_parts_there_are_no_shares(values: dict[str, float]) -> None:
    assert sum_step_parts([StepMetrics(1, values)], FRAMEWORK.keys) is None


def test_a_live_run_is_explained_by_the_error_that_its_log_shows_now() -> None:
    log = "Traceback (most recent call last):\nValueError: bad value\n"
    live = build_explanation(trained(40, 0.2), NO_HISTORY, log, [], FRAMEWORK.keys, NOON)
    assert live.logged_error is not None
    assert live.logged_error.error == "ValueError: bad value"
    over = build_explanation(trained(40, 0.2, reason=Reason.STOPPED), NO_HISTORY, log, [], FRAMEWORK.keys, NOON)
    assert over.logged_error is None
