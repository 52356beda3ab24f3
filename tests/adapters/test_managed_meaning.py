"""SkyPilot's words for a managed job, and what they mean to the bot."""

import pytest

from bot.adapters.sky.managed_meaning import bill, is_done, seen_managed
from bot.adapters.sky.records import Costs, LaunchRecord, ManagedLook, ManagedRecord
from bot.core.action import Finish
from bot.core.decide import decide
from bot.core.rules import Rules
from bot.core.run import Run
from bot.core.seen import Cluster, Ending, Job, Request, Seen
from bot.core.status import Reason, Status
from tests.builders import NOON, launching, running

NOTHING = ManagedLook({}, {})


def meaning(status: str, schedule_state: str = "ALIVE", costs: Costs | None = None) -> Seen:
    one = ManagedRecord(7, "verl-x", status, is_done(status, schedule_state), error="The reason.")
    return seen_managed(one, "verl-x", NOTHING, costs, NOON)


@pytest.mark.parametrize(
    ("status", "schedule_state", "request_", "cluster", "job", "ending"),
    [
        pytest.param("PENDING", "WAITING", Request.LIVE, Cluster.INIT, None, None, id="waits for a controller"),
        pytest.param("STARTING", "ALIVE", Request.LIVE, Cluster.INIT, None, None, id="gets its machines"),
        pytest.param("RUNNING", "ALIVE", Request.SUCCEEDED, Cluster.UP, Job.RUNNING, None, id="runs"),
        pytest.param("RECOVERING", "ALIVE", Request.LIVE, Cluster.INIT, Job.PENDING, None, id="recovers"),
        pytest.param("CANCELLING", "ALIVE", Request.LIVE, Cluster.AUTOSTOPPING, None, None, id="is being cancelled"),
        pytest.param(
            "SUCCEEDED", "ALIVE", Request.SUCCEEDED, Cluster.AUTOSTOPPING, Job.SUCCEEDED, None, id="its cluster goes"
        ),
        pytest.param(
            "SUCCEEDED", "DONE", Request.SUCCEEDED, Cluster.ABSENT, Job.SUCCEEDED, Ending.DOWNED, id="has succeeded"
        ),
        pytest.param("FAILED", "DONE", Request.SUCCEEDED, Cluster.ABSENT, Job.FAILED, Ending.DOWNED, id="has failed"),
        pytest.param(
            "CANCELLED", "WAITING", Request.SUCCEEDED, Cluster.ABSENT, Job.CANCELLED, Ending.DOWNED, id="never taken up"
        ),
        pytest.param(
            "FAILED_NO_RESOURCE", "DONE", Request.FAILED, Cluster.ABSENT, None, Ending.LOST, id="found no machines"
        ),
        pytest.param(
            "FAILED_PRECHECKS", "ALIVE", Request.FAILED, Cluster.AUTOSTOPPING, None, None, id="cannot be launched"
        ),
        pytest.param(
            "FAILED_CONTROLLER", "DONE", Request.SUCCEEDED, Cluster.ABSENT, Job.FAILED_DRIVER, Ending.DOWNED,
            id="its controller failed",
        ),
    ],
)  # fmt: skip
def test_each_state_has_one_meaning(
    status: str, schedule_state: str, request_: Request, cluster: Cluster, job: Job | None, ending: Ending | None
) -> None:
    seen = meaning(status, schedule_state)
    assert (seen.request, seen.cluster, seen.job, seen.ending) == (request_, cluster, job, ending)
    assert seen.nothing == (ending is not None)  # only what its controller is done with is gone
    assert seen.recovering == (status == "RECOVERING")


def test_a_cluster_that_a_failed_controller_has_left_is_not_gone() -> None:
    assert meaning("FAILED_CONTROLLER", "DONE", Costs(1.0, 60.0, stands=True)).nothing is False
    assert meaning("FAILED_CONTROLLER", "DONE", Costs(1.0, 60.0, stands=False)).ending is Ending.DOWNED


@pytest.mark.parametrize(
    ("run", "status", "reason"),
    [
        pytest.param(launching(managed=True), "FAILED_NO_RESOURCE", Reason.LAUNCH_FAILED, id="at first"),
        pytest.param(launching(managed=True), "FAILED_PRECHECKS", Reason.LAUNCH_FAILED, id="never"),
        pytest.param(running(managed=True), "FAILED_CONTROLLER", Reason.DRIVER_DIED, id="its controller failed"),
        pytest.param(running(managed=True), "CANCELLED", Reason.CANCELLED_OUTSIDE, id="by others"),
        pytest.param(running(managed=True), "FAILED_SETUP", Reason.SETUP_FAILED, id="in its setup"),
    ],
)
def test_its_end_has_the_reason_that_a_cluster_of_its_own_would_have(run: Run, status: str, reason: Reason) -> None:
    assert decide(run, meaning(status), NOON, Rules()) == Finish(reason, "The reason.")


@pytest.mark.parametrize(
    ("look", "seen"),
    [
        pytest.param(NOTHING, Seen(), id="nothing"),
        pytest.param(ManagedLook({}, {}, unclaimed=True), Seen(request=Request.LIVE), id="somebody's launch"),
        pytest.param(
            ManagedLook({}, {"verl-x": LaunchRecord("1", Request.FAILED, "Why.")}),
            Seen(request=Request.FAILED, error="Why."),
            id="its own launch failed",
        ),
        pytest.param(ManagedLook({}, {}, stopped=True), Seen(), id="the controller sleeps, and it never had a job"),
    ],
)
def test_a_name_without_a_job(look: ManagedLook, seen: Seen) -> None:
    assert seen_managed(None, "verl-x", look, None, NOON) == seen


def test_a_controller_that_has_stopped_itself_has_no_jobs_left() -> None:
    look = ManagedLook({}, {}, stopped=True, known=frozenset({"verl-x"}))
    seen = seen_managed(None, "verl-x", look, None, NOON)
    assert (seen.ending, seen.nothing) == (Ending.LOST, True)
    assert "it tells when it is started again" in (seen.error or "")


def test_what_is_not_priced_has_no_bill() -> None:
    assert bill(Costs(0.0, 600.0, stands=True), NOON) is None
    assert bill(None, NOON) is None


def test_a_run_that_is_being_cancelled_by_others_goes_on_until_it_is() -> None:
    assert decide(launching(managed=True), meaning("CANCELLING"), NOON, Rules()) is not None
    assert launching(managed=True).looked(meaning("CANCELLING"), NOON).status is Status.LAUNCHING
