"""One run that fails hides no other, and its failure is in the log once."""

from collections.abc import Callable

import pytest

from bot.core.model.run import Run
from bot.errors import Unavailable
from bot.runtime.failure_isolation import (
    MAX_REPORTED_FAILURES,
    ReportedFailures,
    render_each,
    report_once,
    skip_failing_runs,
)
from tests.builders import a_run

RUNS = [a_run(id="ppo-1"), a_run(id="ppo-2"), a_run(id="ppo-3")]


def show(run: Run) -> str:
    if run.id == "ppo-2":
        raise ValueError("a bug")
    return run.id


def test_a_run_that_cannot_be_shown_is_replaced_and_the_others_are_shown(caplog: pytest.LogCaptureFixture) -> None:
    assert render_each(RUNS, show, lambda run: f"? {run.id}") == ["ppo-1", "? ppo-2", "ppo-3"]
    assert "run ppo-2: it cannot be shown" in caplog.text
    assert "ValueError: a bug" in caplog.text


def test_a_run_that_cannot_be_reckoned_with_is_named(caplog: pytest.LogCaptureFixture) -> None:
    failed: list[str] = []
    assert [run.id for run in skip_failing_runs(RUNS, show, failed)] == ["ppo-1", "ppo-3"]
    assert failed == ["ppo-2"]


def ask(_: Run) -> str:
    raise Unavailable("SkyPilot does not answer.")


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda: render_each(RUNS, ask, lambda run: run.id), id="shown"),
        pytest.param(lambda: list(skip_failing_runs(RUNS, ask, [])), id="probed"),
    ],
)
def test_a_store_or_a_cloud_that_is_away_is_no_failure_of_one_run(work: Callable[[], object]) -> None:
    with pytest.raises(Unavailable):
        work()


def test_the_same_failure_at_the_same_place_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        render_each(RUNS, show, lambda run: run.id)
    assert caplog.text.count("it cannot be shown") == 1


def test_another_failure_at_the_same_run_is_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    for error in (ValueError("a"), ValueError("b"), TypeError("c")):
        report_once("run ppo-1: it fails", error, about="a line")
    assert caplog.text.count("run ppo-1: it fails: a line") == 2


def test_the_failures_that_are_remembered_are_bounded_and_the_oldest_is_forgotten() -> None:
    failures = ReportedFailures()
    assert all(failures.is_new(str(number)) for number in range(MAX_REPORTED_FAILURES + 1))
    assert not failures.is_new("1")
    assert failures.is_new("0")
