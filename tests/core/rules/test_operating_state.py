"""What is counted of the runs."""

from dataclasses import replace

from bot.core.model.finding import Finding, Severity
from bot.core.model.run_state import RunStatus
from bot.core.rules.operating_state import count_state
from tests.builders import a_run, launching, running


def test_runs_count_by_state_and_those_with_a_cluster_by_price() -> None:
    runs = [
        a_run(id="a", status=RunStatus.PENDING),  # its estimated price is not spent yet
        launching(id="b"),
        running(id="c"),
        running(id="d", rate=None),
        running(id="e", status=RunStatus.ENDED),
    ]
    found = count_state(runs, unreadable_runs=2, orphans=3)
    assert found.runs == {
        RunStatus.AWAITING_APPROVAL: 0,
        RunStatus.PENDING: 1,
        RunStatus.LAUNCHING: 1,
        RunStatus.RUNNING: 2,
        RunStatus.STOPPING: 0,
        RunStatus.ENDED: 1,
    }
    assert (found.dollars_per_hour, found.unpriced_runs) == (8.0, 1)
    assert (found.unreadable_runs, found.orphans) == (2, 3)


def test_findings_count_by_severity_until_the_run_has_ended() -> None:
    finding = Finding("stall", Severity.WARNING, 3, 0.0, "It stalls.", "0 steps.", "Look.", "a page")
    run = running()
    sick = replace(run, training=replace(run.training, health=run.training.health.with_finding(finding)))
    found = count_state([sick, replace(sick, status=RunStatus.ENDED)], 0, 0)
    assert found.findings == {Severity.NOTE: 0, Severity.WARNING: 1, Severity.STOP: 0}
