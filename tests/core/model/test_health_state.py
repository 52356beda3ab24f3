"""What is known of a run's health between its rows: open findings, resolved ones, and which rows were judged."""

import pytest

from bot.core.model.finding import Finding, Severity
from bot.core.model.health_state import MAX_RESOLVED_FINDINGS, HealthState
from bot.core.model.metrics import StepMetrics


def a_finding(name: str, severity: Severity = Severity.WARNING) -> Finding:
    return Finding(name, severity, 3, 0.0, "What.", "Evidence.", "Advice.", "")


def row(step: int, at: float = 0.0) -> StepMetrics:
    return StepMetrics(step, {}, at)


@pytest.mark.parametrize(
    ("step", "at", "is_judged"),
    [
        pytest.param(10, 100.0, True, id="the newest row"),
        pytest.param(9, 90.0, True, id="an earlier one"),
        pytest.param(11, 110.0, False, id="the next one"),
        pytest.param(5, 200.0, False, id="an earlier step after a resume"),
        pytest.param(10, 200.0, True, id="the same step, read again"),
    ],
)
def test_a_row_is_judged_once_and_again_after_a_resume(step: int, at: float, is_judged: bool) -> None:
    assert HealthState(step=10, at=100.0).has_judged(row(step, at)) is is_judged


def test_a_new_run_has_judged_nothing() -> None:
    assert not HealthState().has_judged(row(0))


def test_a_graver_finding_takes_the_place_of_a_milder_one() -> None:
    first, second, grave = a_finding("a"), a_finding("b"), a_finding("a", Severity.STOP)
    health = HealthState().with_finding(first).with_finding(second).with_finding(grave)
    assert health.open_findings == (grave, second)
    assert health.find_open("a") == grave
    assert health.find_open("c") is None


def test_a_resolved_finding_is_remembered_with_its_step() -> None:
    finding, other = a_finding("a"), a_finding("b")
    health = HealthState().with_finding(finding).with_finding(other).without_finding(finding, row(40, 400.0))
    assert health.open_findings == (other,)
    (resolved,) = health.resolved_findings
    assert (resolved.finding, resolved.step, resolved.at) == (finding, 40, 400.0)


def test_only_the_last_resolved_findings_are_remembered() -> None:
    health = HealthState()
    for step in range(MAX_RESOLVED_FINDINGS + 3):
        health = health.without_finding(a_finding(f"finding-{step}"), row(step))
    assert [resolved.step for resolved in health.resolved_findings] == list(range(3, MAX_RESOLVED_FINDINGS + 3))
