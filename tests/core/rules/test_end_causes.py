"""What ends a run: a request, a limit, the job's end, a launch that failed, a cluster that stopped."""

from datetime import timedelta

import pytest

from bot.core.model.cluster import ClusterState, Ending, JobState, Observation, RequestState
from bot.core.model.money import BudgetOverrun
from bot.core.model.run import Run
from bot.core.model.run_state import PolicyHit, Reason
from bot.core.rules.actions import BeginTeardown, ReconcileTimings
from bot.core.rules.end_causes import (
    find_autostop_drift,
    find_cluster_stop,
    find_job_end,
    find_launch_failure,
    find_policy_hit,
    find_requested_end,
    to_reason,
)
from tests.builders import a_run, at, launching, running, up

MONTH_RULE = "person.dollars_per_month"
OVERRUN = BudgetOverrun(MONTH_RULE, "person:U0ANA", 9.0, 8.0, at(600))
LEASED = running(lease=timedelta(hours=1))
POOR = running(budget_dollars=1.0)


@pytest.mark.parametrize(
    ("run", "seconds", "report_only", "reason"),
    [
        pytest.param(running(), 60, (), None, id="within its limits"),
        pytest.param(running(stop_requested_by="U0BEN"), 60, (), Reason.STOPPED, id="a person stops it"),
        pytest.param(LEASED, 3599, (), None, id="a second before its lease ends"),
        pytest.param(LEASED, 3600, (), Reason.LEASE_EXPIRED, id="its lease ends"),
        pytest.param(LEASED, 3600, ("lease",), None, id="its lease ends, report only"),
        pytest.param(POOR, 900, (), None, id="its budget is spent to the cent"),
        pytest.param(POOR, 901, (), Reason.BUDGET_EXCEEDED, id="more than its budget is spent"),
        pytest.param(running(budget_overruns=(OVERRUN,)), 599, (), None, id="a month is spent, for a while yet"),
        pytest.param(
            running(budget_overruns=(OVERRUN,)), 600, (), Reason.MONTHLY_BUDGET_EXCEEDED, id="a month is spent"
        ),
        pytest.param(a_run(lease=timedelta(0)), 9999, (), None, id="nothing was requested yet"),
    ],
)
def test_a_request_and_the_limits_end_a_run(
    run: Run, seconds: float, report_only: tuple[str, ...], reason: Reason | None
) -> None:
    end = find_requested_end(run, at(seconds), report_only)
    assert end == (BeginTeardown(reason) if reason else None)


def test_a_report_only_rule_is_recorded_once() -> None:
    timings = ReconcileTimings(report_only=("lease",))
    hit = find_policy_hit(LEASED, at(3600), timings)
    assert hit is not None
    assert hit.rule == "lease"
    recorded = LEASED.record_policy_hit(PolicyHit("lease", at(3600), None, ends=True))
    assert find_policy_hit(recorded, at(3700), timings) is None


def test_an_enforced_rule_is_not_recorded_as_report_only() -> None:
    assert find_policy_hit(LEASED, at(3600), ReconcileTimings()) is None


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (JobState.INIT, None),
        (JobState.PENDING, None),
        (JobState.SETTING_UP, None),
        (JobState.RUNNING, None),
        (None, None),
        (JobState.SUCCEEDED, Reason.SUCCEEDED),
        (JobState.FAILED, Reason.FAILED),
        (JobState.FAILED_SETUP, Reason.SETUP_FAILED),
        (JobState.FAILED_DRIVER, Reason.DRIVER_DIED),
        (JobState.CANCELLED, Reason.CANCELLED_EXTERNALLY),
    ],
)
def test_the_jobs_state_ends_a_run(job: JobState | None, reason: Reason | None) -> None:
    end = find_job_end(up(job))
    assert (end.reason if end else None) is reason


@pytest.mark.parametrize(
    ("job", "reason"), [(JobState.FAILED, Reason.CLUSTER_LOST), (JobState.SUCCEEDED, Reason.SUCCEEDED)]
)
def test_a_job_that_fails_on_a_broken_cluster_did_not_fail_by_itself(job: JobState, reason: Reason) -> None:
    end = find_job_end(up(job, unhealthy="A node is gone."))
    assert end is not None
    assert end.reason is reason


@pytest.mark.parametrize(
    ("run", "seen", "reason"),
    [
        pytest.param(launching(), Observation(request=RequestState.FAILED), Reason.LAUNCH_FAILED, id="it failed"),
        pytest.param(
            launching(), Observation(request=RequestState.CANCELLED), Reason.CANCELLED_EXTERNALLY, id="it was cancelled"
        ),
        pytest.param(launching(), Observation(request=RequestState.LIVE), None, id="it is under way"),
        pytest.param(launching(), up(request=RequestState.FAILED), None, id="its job runs all the same"),
        pytest.param(running(), Observation(request=RequestState.FAILED), None, id="it has been launched"),
    ],
)
def test_a_launch_that_fails_ends_a_run_unless_there_is_a_job(
    run: Run, seen: Observation, reason: Reason | None
) -> None:
    end = find_launch_failure(run, seen)
    assert (end.reason if end else None) is reason


def test_a_stopped_cluster_ends_a_run() -> None:
    end = find_cluster_stop(Observation(cluster=ClusterState.STOPPED))
    assert end is not None
    assert end.reason is Reason.CANCELLED_EXTERNALLY
    assert find_cluster_stop(up()) is None


@pytest.mark.parametrize(
    ("run", "seen", "is_repaired"),
    [
        pytest.param(running(requested_autostop_minutes=15), up(autostop_minutes=15), False, id="as requested"),
        pytest.param(running(requested_autostop_minutes=15), up(autostop_minutes=60), True, id="another one"),
        pytest.param(running(requested_autostop_minutes=15), up(), True, id="none"),
        pytest.param(running(), up(autostop_minutes=60), False, id="none was requested"),
        pytest.param(launching(requested_autostop_minutes=15), up(), False, id="its job was not observed before"),
        pytest.param(
            running(requested_autostop_minutes=15), up(request=RequestState.LIVE), False, id="a request is under way"
        ),
    ],
)
def test_an_autostop_that_is_not_as_requested_is_set_again(run: Run, seen: Observation, is_repaired: bool) -> None:
    assert (find_autostop_drift(run, seen, at(60), ReconcileTimings()) is not None) is is_repaired


def test_every_way_in_which_a_cluster_goes_has_a_reason_of_its_own() -> None:
    assert {ending: to_reason(ending) for ending in Ending} == {
        Ending.DOWNED: Reason.DOWNED_EXTERNALLY,
        Ending.AUTODOWNED: Reason.AUTODOWNED,
        Ending.LOST: Reason.CLUSTER_LOST,
    }
