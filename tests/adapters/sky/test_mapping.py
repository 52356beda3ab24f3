"""SkyPilot's words for a managed job, and what they mean to the bot."""

import pytest

from bot.adapters.sky.mapping import compute_job_bill, is_done, map_absent_cluster, map_managed_job
from bot.adapters.sky.sky_records import (
    ClusterCosts,
    LaunchRecord,
    ManagedJobCosts,
    ManagedJobRecord,
    ManagedJobSnapshot,
)
from bot.core.model.cluster import ClusterState, Ending, JobState, Observation, RequestState
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.actions import BeginTeardown, ReconcileTimings
from bot.core.rules.decide import decide
from tests.builders import NOON, launching, running

NOTHING = ManagedJobSnapshot({}, {})


def meaning(status: str, schedule_state: str = "ALIVE", costs: ManagedJobCosts | None = None) -> Observation:
    one = ManagedJobRecord(7, "verl-x", status, is_done(status, schedule_state), error="The reason.")
    return map_managed_job(one, "verl-x", NOTHING, costs, NOON)


@pytest.mark.parametrize(
    ("status", "schedule_state", "request_", "cluster", "job", "ending"),
    [
        pytest.param(
            "PENDING", "WAITING", RequestState.LIVE, ClusterState.INIT, None, None, id="waits for a controller",
        ),
        pytest.param("STARTING", "ALIVE", RequestState.LIVE, ClusterState.INIT, None, None, id="gets its machines"),
        pytest.param("RUNNING", "ALIVE", RequestState.SUCCEEDED, ClusterState.UP, JobState.RUNNING, None, id="runs"),
        pytest.param(
            "RECOVERING", "ALIVE", RequestState.LIVE, ClusterState.INIT, JobState.PENDING, None, id="recovers",
        ),
        pytest.param(
            "CANCELLING", "ALIVE", RequestState.LIVE, ClusterState.AUTOSTOPPING, None, None, id="is being cancelled",
        ),
        pytest.param(
            "SUCCEEDED", "ALIVE", RequestState.SUCCEEDED, ClusterState.AUTOSTOPPING, JobState.SUCCEEDED, None,
            id="its cluster goes",
        ),
        pytest.param(
            "SUCCEEDED", "DONE", RequestState.SUCCEEDED, ClusterState.ABSENT, JobState.SUCCEEDED, Ending.DOWNED,
            id="has succeeded",
        ),
        pytest.param(
            "FAILED", "DONE", RequestState.SUCCEEDED, ClusterState.ABSENT, JobState.FAILED, Ending.DOWNED,
            id="has failed",
        ),
        pytest.param(
            "CANCELLED", "WAITING", RequestState.SUCCEEDED, ClusterState.ABSENT, JobState.CANCELLED, Ending.DOWNED,
            id="never taken up",
        ),
        pytest.param(
            "FAILED_NO_RESOURCE", "DONE", RequestState.FAILED, ClusterState.ABSENT, None, Ending.LOST,
            id="found no machines",
        ),
        pytest.param(
            "FAILED_PRECHECKS", "ALIVE", RequestState.FAILED, ClusterState.AUTOSTOPPING, None, None,
            id="cannot be launched",
        ),
        pytest.param(
            "FAILED_CONTROLLER", "DONE", RequestState.SUCCEEDED, ClusterState.ABSENT, JobState.FAILED_DRIVER,
            Ending.DOWNED, id="its controller failed",
        ),
    ],
)  # fmt: skip
def test_each_state_has_one_meaning(
    status: str,
    schedule_state: str,
    request_: RequestState,
    cluster: ClusterState,
    job: JobState | None,
    ending: Ending | None,
) -> None:
    seen = meaning(status, schedule_state)
    assert (seen.request, seen.cluster, seen.job, seen.ending) == (request_, cluster, job, ending)
    assert seen.is_empty == (ending is not None)  # only what its controller is done with is gone
    assert seen.recovering == (status == "RECOVERING")


def test_a_cluster_that_a_failed_controller_has_left_is_not_gone() -> None:
    assert meaning("FAILED_CONTROLLER", "DONE", ManagedJobCosts(1.0, 60.0, has_cluster=True)).is_empty is False
    assert meaning("FAILED_CONTROLLER", "DONE", ManagedJobCosts(1.0, 60.0, has_cluster=False)).ending is Ending.DOWNED


@pytest.mark.parametrize(
    ("run", "status", "reason"),
    [
        pytest.param(launching(managed=True), "FAILED_NO_RESOURCE", Reason.LAUNCH_FAILED, id="at first"),
        pytest.param(launching(managed=True), "FAILED_PRECHECKS", Reason.LAUNCH_FAILED, id="never"),
        pytest.param(running(managed=True), "FAILED_CONTROLLER", Reason.DRIVER_DIED, id="its controller failed"),
        pytest.param(running(managed=True), "CANCELLED", Reason.CANCELLED_EXTERNALLY, id="by others"),
        pytest.param(running(managed=True), "FAILED_SETUP", Reason.SETUP_FAILED, id="in its setup"),
    ],
)
def test_its_end_has_the_reason_that_a_cluster_of_its_own_would_have(run: Run, status: str, reason: Reason) -> None:
    assert decide(run, meaning(status), NOON, ReconcileTimings()) == BeginTeardown(reason, "The reason.")


@pytest.mark.parametrize(
    ("look", "seen"),
    [
        pytest.param(NOTHING, Observation(), id="nothing"),
        pytest.param(
            ManagedJobSnapshot({}, {}, has_unclaimed_launches=True),
            Observation(request=RequestState.LIVE),
            id="somebody's launch",
        ),
        pytest.param(
            ManagedJobSnapshot({}, {"verl-x": LaunchRecord("1", RequestState.FAILED, "Why.")}),
            Observation(request=RequestState.FAILED, error="Why."),
            id="its own launch failed",
        ),
        pytest.param(
            ManagedJobSnapshot({}, {}, controller_stopped=True),
            Observation(),
            id="the controller sleeps, and it never had a job",
        ),
    ],
)
def test_a_name_without_a_job(look: ManagedJobSnapshot, seen: Observation) -> None:
    assert map_managed_job(None, "verl-x", look, None, NOON) == seen


def test_a_controller_that_has_stopped_itself_has_no_jobs_left() -> None:
    look = ManagedJobSnapshot({}, {}, controller_stopped=True, names_with_job=frozenset({"verl-x"}))
    seen = map_managed_job(None, "verl-x", look, None, NOON)
    assert (seen.ending, seen.is_empty) == (Ending.LOST, True)
    assert "only when the controller runs again" in str(seen.error or "")


def test_what_is_not_priced_has_no_bill() -> None:
    assert compute_job_bill(ManagedJobCosts(0.0, 600.0, has_cluster=True), NOON) is None
    assert compute_job_bill(None, NOON) is None


def test_a_run_that_is_being_cancelled_by_others_goes_on_until_it_is() -> None:
    assert decide(launching(managed=True), meaning("CANCELLING"), NOON, ReconcileTimings()) is not None
    assert launching(managed=True).record_observation(meaning("CANCELLING"), NOON).status is RunStatus.LAUNCHING


@pytest.mark.parametrize(
    ("events", "is_named"),
    [
        pytest.param((), True, id="no event: a record that was deleted by hand looks the same"),
        pytest.param(("All nodes up.",), True, id="no event of an end"),
        pytest.param(("Cluster was terminated by user ana (request ID: 1).",), False, id="a person removed it"),
        pytest.param(("Cluster is autodowning.",), False, id="autostop removed it"),
    ],
)
def test_an_end_that_only_an_absence_shows_names_what_to_look_at_by_hand(
    events: tuple[str, ...], is_named: bool
) -> None:
    costs = ClusterCosts(exists=False, dollars=1.0, seconds=60.0, events=events)
    seen = map_absent_cluster(None, costs, NOON, "server", "verl-ppo-7f3a")
    assert seen is not None
    assert ("look for `verl-ppo-7f3a` at the provider" in str(seen.error or "")) is is_named
