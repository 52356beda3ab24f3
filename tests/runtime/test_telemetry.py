"""Operations: traces that belong together, durations, outcomes."""

import pytest

from bot.core.model.run import Run
from bot.errors import BeingStopped, Unavailable, UserError
from bot.runtime.telemetry import (
    CURRENT_RUN,
    CURRENT_SPAN,
    OperationKind,
    OperationRecord,
    Outcome,
    Telemetry,
    TracedThreadPool,
)
from tests.builders import a_run

JOB, CLOUD = OperationKind.JOB, OperationKind.CLOUD


def recording() -> tuple[Telemetry, list[OperationRecord]]:
    found: list[OperationRecord] = []
    telemetry = Telemetry()
    telemetry.recorders.append(found.append)
    return telemetry, found


def test_an_operation_within_another_is_a_part_of_its_trace() -> None:
    telemetry, found = recording()
    with telemetry.observe(JOB, "tick"), telemetry.observe(CLOUD, "observe"):
        pass
    call, job = found
    assert (call.kind, call.name, job.kind, job.name) == (CLOUD, "observe", JOB, "tick")
    assert call.span.trace_id == job.span.trace_id
    assert (call.span.parent_id, job.span.parent_id) == (job.span.span_id, "")
    assert (len(job.span.trace_id), len(job.span.span_id)) == (32, 16)
    assert CURRENT_SPAN.get() is None


def test_operations_beside_each_other_have_traces_of_their_own() -> None:
    telemetry, found = recording()
    for _ in range(2):
        with telemetry.observe(JOB, "tick"):
            pass
    assert found[0].span.trace_id != found[1].span.trace_id


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        pytest.param(Unavailable("no answer"), Outcome.UNANSWERED, id="no answer"),
        pytest.param(UserError("no"), Outcome.REFUSED, id="a refusal"),
        pytest.param(BeingStopped("later"), Outcome.STOPPED, id="the bot stops"),
        pytest.param(ValueError("oh"), Outcome.FAILED, id="a mistake"),
    ],
)
def test_a_failure_passes_through_and_is_the_outcome(error: Exception, outcome: Outcome) -> None:
    telemetry, found = recording()
    with pytest.raises(type(error)), telemetry.observe(CLOUD, "launch"):
        raise error
    assert [record.outcome for record in found] == [outcome]


def test_work_in_another_thread_is_a_part_of_the_trace_and_about_its_run() -> None:
    telemetry, found = recording()

    def act(run: Run, what: str) -> str:
        with telemetry.observe(CLOUD, what):
            return CURRENT_RUN.get()

    with TracedThreadPool(1) as pool, telemetry.observe(JOB, "tick"):
        assert pool.submit(act, a_run(id="ppo-1"), "launch").result() == "ppo-1"
        assert pool.submit(act, a_run(id="ppo-2"), "launch").result() == "ppo-2"
        assert pool.submit(CURRENT_RUN.get).result() == ""
    first, second, job = found
    assert {first.span.parent_id, second.span.parent_id} == {job.span.span_id}
    assert (first.run_id, second.run_id, job.run_id) == ("ppo-1", "ppo-2", "")
