"""Managed jobs by SkyPilot's client on the double of its server, which does what SkyPilot does at its worst."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.sky.sdk_worker import SdkWorker
from bot.adapters.sky.sky_cloud import SkyCloud
from bot.core.model.cluster import ClusterState, Ending, JobState, Observation, RequestState, is_forgotten
from bot.core.model.launch_plan import ClusterRef, LaunchOrder
from bot.core.model.managed_job import JobsController
from bot.core.model.money import Rate
from bot.errors import ClusterNameInUse, Unavailable, UserError
from slack_playground.faults import Trouble
from tests.adapters.beds import A_LOOK_SECONDS, MANAGED, client_environment
from tests.doubles.sky_server import SkyServer
from tests.doubles.sky_world import Pace, World
from tests.waiting import eventually

pytestmark = pytest.mark.slow

ASKED = datetime.now(UTC)
X, Y = (ClusterRef(name, launch_requested_at=ASKED, is_managed=True) for name in ("verl-x", "verl-y"))


def order(name: str = "verl-x", is_retry: bool = False, **own: Any) -> LaunchOrder:
    metadata = {"verlbot": MANAGED["verlbot"] | own}
    resources = {"autostop": {"idle_minutes": 5, "down": True}}
    task = {"name": "job", "run": "true", "resources": resources, "_metadata": metadata}
    return LaunchOrder(name, task, tags={"run": "x"}, is_retry=is_retry)


def by(asked: str) -> LaunchOrder:
    """An order of the bot that asked then."""
    return replace(order(), tags={"run": "x", "asked": asked})


@pytest.fixture
def server() -> Iterator[SkyServer]:
    found = SkyServer(World(time.time, pace=Pace(record=0.2, up=0.4, submitted=0.5, running=0.6, removed=0.3)))
    yield found
    found.stop()


@pytest.fixture
def cloud(tmp_path: Path, server: SkyServer) -> Iterator[SkyCloud]:
    worker = SdkWorker(client_environment(tmp_path, server.url), seconds=15)
    table = {"controller": {"node": 0.25}}
    found = SkyCloud(worker, lambda: datetime.now(UTC), secrets={}, price_table=table, bill_period=timedelta(hours=1))
    yield found
    found.stop()


def until(cloud: SkyCloud, holds: Callable[[Observation], Any], watched: ClusterRef = X) -> Observation:
    found: list[Observation] = []

    def seen() -> Any:
        found[:] = [cloud.observe([watched])[watched.cluster]]
        return holds(found[0])

    eventually(seen, lambda: found, pause_seconds=A_LOOK_SECONDS)
    return found[0]


@pytest.mark.parametrize("trouble", [Trouble.LOST, Trouble.BROKEN_AFTER])
@pytest.mark.long
def test_a_launch_whose_reply_is_lost_is_found_by_its_name_and_not_sent_again(
    cloud: SkyCloud, server: SkyServer, trouble: Trouble
) -> None:
    server.trouble("/jobs/launch", trouble)
    server.world.waits.add("verl-x")
    with pytest.raises(Unavailable):
        cloud.launch(order())
    server.calm()
    with pytest.raises(Unavailable, match="whether it is this one"):
        cloud.launch(order(is_retry=True))  # a launch is under way, and may be the one
    assert cloud.observe([X])["verl-x"].request is RequestState.LIVE
    server.world.waits.clear()
    until(cloud, lambda seen: seen.job is JobState.RUNNING)
    assert cloud.launch(order(is_retry=True)) == ""
    assert server.world.jobs.launched == {"verl-x": 1}
    assert server.calls["/jobs/launch"] == 1


def test_its_task_has_no_autostop_of_ours_and_tells_whose_it_is(cloud: SkyCloud, server: SkyServer) -> None:
    cloud.launch(order())
    until(cloud, lambda seen: seen.job_id)
    task = server.world.jobs.job("verl-x").task
    assert "autostop" not in task["resources"]
    assert task["resources"]["labels"] == {"verlbot-run": "x"}


@pytest.mark.long
def test_one_read_shows_all_of_them_and_names_that_contain_others_are_told_apart(
    cloud: SkyCloud, server: SkyServer
) -> None:
    for name in ("verl-x", "verl-x2", "verl-y"):
        cloud.launch(order(name))
    until(cloud, lambda seen: seen.job is JobState.RUNNING, Y)
    before = server.world.jobs.reads
    seen = cloud.observe([X, Y])
    assert server.world.jobs.reads == before + 1
    assert [seen[name].job_id for name in ("verl-x", "verl-y")] == [1, 3]
    known = [ClusterRef(one.cluster, job_id=number, is_managed=True) for one, number in ((X, 1), (Y, 3))]
    assert cloud.observe(known) == seen
    assert server.world.jobs.reads == before + 2


@pytest.mark.long
def test_a_second_job_of_its_name_is_cancelled_and_the_first_one_counts(cloud: SkyCloud, server: SkyServer) -> None:
    cloud.launch(order())
    until(cloud, lambda seen: seen.job is JobState.RUNNING)
    second = server.world.jobs.submit("verl-x", {})
    assert until(cloud, lambda seen: second.status == "CANCELLED").job_id == 1
    assert until(cloud, lambda seen: True).job is JobState.RUNNING


def test_a_launch_that_fails_is_told_with_why(cloud: SkyCloud, server: SkyServer) -> None:
    server.world.fails["verl-x"] = ("ValueError", "No such thing.", 0.0)
    request_id = cloud.launch(order())
    watched = ClusterRef("verl-x", request_id, launch_requested_at=ASKED, is_managed=True)
    seen = until(cloud, lambda seen: seen.request is RequestState.FAILED, watched)
    assert "No such thing." in str(seen.error or "")
    assert server.world.jobs.launched == {}


@pytest.mark.long
def test_without_a_controller_nothing_is_rented_until_somebody_agrees(cloud: SkyCloud, server: SkyServer) -> None:
    server.world.jobs.consolidated = False
    priced = Rate(0.25, "the price table")
    assert cloud.find_missing_controller(order().task) == JobsController(rate=priced)
    assert cloud.find_missing_controller({"run": "true"}) is None
    seen = cloud.observe([ClusterRef("verl-x", is_managed=True)])["verl-x"]
    assert seen == Observation(server="1 skypilot-system")  # so that it can be asked for
    with pytest.raises(UserError, match=r"would rent one first.*\$0\.25/h") as refusal:
        cloud.launch(order())
    assert "`controller=rent`" in str(refusal.value.hint or "")
    assert server.calls["/jobs/launch"] == 0

    cloud.launch(order(controller="rent"))
    until(cloud, lambda seen: seen.job is JobState.RUNNING)
    assert cloud.find_missing_controller(order().task) is None
    server.world.jobs.stopped = True
    assert cloud.find_missing_controller(order().task) == JobsController(is_stopped=True, rate=priced)
    assert cloud.observe([ClusterRef("verl-x", job_id=1, is_managed=True)])["verl-x"].ending is Ending.LOST
    assert cloud.tear_down(X) is None  # there is nothing left to cancel


def test_one_that_nobody_has_taken_up_is_cancelled_and_gone(cloud: SkyCloud, server: SkyServer) -> None:
    server.world.jobs.busy = True
    cloud.launch(order())
    until(cloud, lambda seen: seen.job_id)
    cloud.tear_down(X)
    assert until(cloud, lambda seen: seen.ending).is_empty
    assert server.world.jobs.job("verl-x").schedule_state == "WAITING"


@pytest.mark.long
def test_nothing_is_billed_while_its_machines_are_away(cloud: SkyCloud, server: SkyServer) -> None:
    cloud.launch(order())
    bill = until(cloud, lambda seen: seen.job is JobState.RUNNING).bill
    assert bill
    assert (bill.is_closed, round(bill.rate.dollars_per_hour)) == (False, 2)
    server.world.jobs.preempt("verl-x")
    seen = until(cloud, lambda seen: seen.recovering)
    assert seen.bill
    assert seen.bill.is_closed
    assert cloud.tail_log(X, 10) == ""  # at once: SkyPilot would answer only once it runs


@pytest.mark.long
def test_a_cluster_that_a_failed_controller_leaves_is_said_to_stand_and_removed(
    cloud: SkyCloud, server: SkyServer
) -> None:
    cloud.launch(order())
    until(cloud, lambda seen: seen.job is JobState.RUNNING)
    server.world.jobs.leaves = True
    server.world.jobs.finish("verl-x", "FAILED_CONTROLLER", "It was killed.")
    seen = until(cloud, lambda seen: seen.cluster is not ClusterState.AUTOSTOPPING and seen.job)
    assert (seen.cluster, seen.job, seen.error) == (ClusterState.UP, JobState.FAILED_DRIVER, "It was killed.")
    assert str(cloud.tear_down(X)) == "It was killed."
    assert until(cloud, lambda seen: seen.ending).is_empty
    assert cloud.teardown_command(X) == "sky jobs cancel -n verl-x"


@pytest.mark.long
def test_clusters_are_seen_though_managed_jobs_are_not_and_the_other_way_round(
    cloud: SkyCloud, server: SkyServer
) -> None:
    plain = ClusterRef("verl-y", launch_requested_at=ASKED)
    cloud.launch(order())
    cloud.launch(LaunchOrder("verl-y", {"name": "job", "run": "true"}))
    until(cloud, lambda seen: seen.job is JobState.RUNNING)
    server.trouble("/jobs/queue/v2", Trouble.BROKEN, times=None)
    assert set(cloud.observe([X, plain])) == {"verl-y"}
    server.calm()
    server.trouble("/status", Trouble.BROKEN, times=None)
    assert set(cloud.observe([X, plain])) == {"verl-x"}
    server.trouble("/jobs/queue/v2", Trouble.BROKEN, times=None)
    with pytest.raises(Unavailable):
        cloud.observe([X, plain])


@pytest.mark.long
def test_jobs_of_our_names_are_listed_until_they_are_over_and_their_clusters_are_not(
    cloud: SkyCloud, server: SkyServer
) -> None:
    for name in ("verl-x", "somebody-verl-else"):
        cloud.launch(order(name))
    until(cloud, lambda seen: seen.job is JobState.RUNNING)
    (found,) = cloud.list_clusters()
    assert (found.name, found.is_managed, found.status, found.run_id) == ("verl-x", True, ClusterState.UP, "x")
    server.trouble("/jobs/queue/v2", Trouble.BROKEN, times=None)
    assert cloud.list_clusters() == [found]  # a silence is no end
    server.calm()
    cloud.tear_down(ClusterRef(found.name, is_managed=found.is_managed))
    until(cloud, lambda seen: seen.ending)
    assert cloud.list_clusters() == []


def test_a_name_that_another_bot_has_used_is_neither_taken_over_nor_launched(
    cloud: SkyCloud, server: SkyServer
) -> None:
    cloud.launch(by("7"))
    until(cloud, lambda seen: seen.job_id)
    assert cloud.launch(by("7")) == ""
    with pytest.raises(ClusterNameInUse, match="of another bot exists"):
        cloud.launch(by("8"))
    assert server.world.jobs.launched == {"verl-x": 1}


@pytest.mark.long
def test_a_job_that_its_controller_does_not_know_any_more_is_forgotten_and_not_gone(
    cloud: SkyCloud, server: SkyServer
) -> None:
    cloud.launch(order())
    seen = until(cloud, lambda seen: seen.job is JobState.RUNNING)
    server.world.forget()
    lost = until(cloud, lambda seen: seen.is_empty, replace(X, job_id=seen.job_id, was_shown=True))
    assert (lost.ending, is_forgotten(True, "", lost), is_forgotten(False, "1 skypilot-system", lost)) == (
        None,
        True,
        True,
    )
    assert list(cloud.find_gone_clusters([seen.cluster_id])) == []
    server.world.forget()
    assert until(cloud, lambda seen: seen.job is JobState.RUNNING).cluster_id == seen.cluster_id
    cloud.tear_down(X)
    until(cloud, lambda seen: seen.ending)
    assert list(cloud.find_gone_clusters([seen.cluster_id])) == [seen.cluster_id]
