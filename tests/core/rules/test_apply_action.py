"""What an action changes in a run's record, and that a person's answer in the meantime counts."""

from datetime import timedelta

import pytest

from bot.core.model.cluster import JobState
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.actions import (
    BeginTeardown,
    Close,
    NoteMemoryLoss,
    ReconcileTimings,
    RecordObservation,
    RecordPolicyHit,
    RequestTeardown,
    SaveLog,
)
from bot.core.rules.apply_action import apply_action, requeue_after
from tests.builders import at, launching, running, up

TIMINGS = ReconcileTimings(teardown_confirm=timedelta(seconds=7))
LEASED = running(lease=timedelta(hours=1))


def test_an_observation_is_recorded() -> None:
    run = apply_action(launching(), RecordObservation(up(JobState.RUNNING)), at(9), TIMINGS)
    assert (run.status, run.running_at) == (RunStatus.RUNNING, at(9))


def test_a_memory_loss_is_recorded() -> None:
    assert apply_action(running(), NoteMemoryLoss(), at(9), TIMINGS).observed.memory.is_lost


@pytest.mark.parametrize(
    ("run", "seconds", "reason"),
    [
        pytest.param(LEASED, 3600, Reason.LEASE_EXPIRED, id="the lease is over"),
        pytest.param(running(), 3600, None, id="a person has extended it in the meantime"),
        pytest.param(
            running(stop_requested_by="U0BEN"), 3600, Reason.STOPPED, id="a person has extended and stopped it"
        ),
    ],
)
def test_a_limit_that_a_person_has_raised_in_the_meantime_ends_nothing(
    run: Run, seconds: float, reason: Reason | None
) -> None:
    assert apply_action(run, BeginTeardown(Reason.LEASE_EXPIRED), at(seconds), TIMINGS).reason is reason


def test_what_has_happened_ends_a_run_with_its_detail() -> None:
    run = apply_action(running(), BeginTeardown(Reason.FAILED, "code 3"), at(9), TIMINGS)
    assert (run.status, run.reason, run.detail) == (RunStatus.STOPPING, Reason.FAILED, "code 3")


def test_what_a_report_only_rule_would_have_done_is_recorded_with_its_cost() -> None:
    run = apply_action(LEASED, RecordPolicyHit("lease"), at(3600), TIMINGS)
    (hit,) = run.policy_hits
    assert (run.reason, hit.rule, hit.ends, hit.at) == (None, "lease", True, at(3600))


def test_a_closed_run_has_ended() -> None:
    run = running().begin_teardown(Reason.SUCCEEDED, None, at(9))
    closed = apply_action(run, Close(Reason.SUCCEEDED), at(20), TIMINGS)
    assert (closed.status, closed.closed_at) == (RunStatus.ENDED, at(20))


def test_what_was_only_recorded_is_followed_at_once_and_a_request_to_the_cloud_after_a_while() -> None:
    assert requeue_after(SaveLog(), TIMINGS) == timedelta()
    assert requeue_after(BeginTeardown(Reason.STOPPED), TIMINGS) == timedelta()
    assert requeue_after(RequestTeardown(), TIMINGS) == timedelta(seconds=7)
