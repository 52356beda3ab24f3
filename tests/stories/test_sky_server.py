"""A bot on SkyPilot's client whose server hangs, is down, comes back or has too much to tell: people do not notice."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.adapters.sky.sdk_worker import SdkWorker
from bot.adapters.sky.sky_cloud import SkyCloud
from bot.core.model.cluster import ClusterState, Ending, JobState, Observation, RequestState
from bot.core.model.launch_plan import ClusterRef, LaunchOrder
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.actions import BeginTeardown
from bot.core.rules.end_causes import find_job_end
from bot.errors import Unavailable, UserError
from slack_playground.client import PlaygroundClient
from slack_playground.faults import Trouble
from slack_playground.server import Playground
from tests.adapters.beds import A_LOOK_SECONDS, client_environment
from tests.doubles import sky_world
from tests.doubles.sky_server import SkyServer
from tests.doubles.sky_world import Machines, Pace, World
from tests.live import ENDLESS, Live
from tests.story import Bot
from tests.waiting import eventually

T = TypeVar("T")
pytestmark = pytest.mark.slow

PACE = Pace(record=0.2, up=0.4, submitted=0.5, running=0.6, removed=0.3)
LINES = ("status", "list", "help", "describe ppo", "launch ppo nodes=2 --dry-run", "launch smoke nodes=2", "logs {run}")


@pytest.fixture
def server() -> Iterator[SkyServer]:
    found = SkyServer(World(time.time, pace=PACE))
    yield found
    found.stop()


@pytest.fixture
def live(tmp_path: Path, server: SkyServer) -> Iterator[Live]:
    found = Live(
        tmp_path,
        HOME=str(tmp_path),
        SKYPILOT_API_SERVER_ENDPOINT=server.url,
        VERLBOT_SKY_CALL_SECONDS="5",
        VERLBOT_SKY_JOB_SECONDS="0.5",
        VERLBOT_SKY_LOG_SECONDS="0.5",
        VERLBOT_LOCAL_DOLLARS_PER_NODE_HOUR="",
    )
    found.start()
    yield found
    found.stop()


def hang(server: SkyServer) -> None:
    server.trouble("*", Trouble.SLOW, times=None, seconds=60)


def refuse(server: SkyServer) -> None:
    server.trouble("*", Trouble.BROKEN, times=None)


def restart(server: SkyServer) -> None:
    server.world.restart()
    server.stop()
    server.start()


@pytest.mark.alone
@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(hang, id="hangs"),
        pytest.param(refuse, marks=pytest.mark.thorough, id="503"),
        pytest.param(SkyServer.stop, marks=pytest.mark.thorough, id="is down"),
        pytest.param(restart, marks=pytest.mark.thorough, id="restarts"),
    ],
)
def test_every_command_is_acknowledged_and_the_run_goes_on_afterwards(
    live: Live, server: SkyServer, happens: Callable[[SkyServer], None]
) -> None:
    run_id = live.launch(f"nodes=2 {ENDLESS}")
    live.sees_card("running")
    happens(server)
    before = len(live.slack.record("delivery"))
    for line in LINES:
        live.ana.says(f"/verl {line.format(run=run_id)}")
    eventually(lambda: len(live.slack.record("delivery")) >= before + len(LINES))
    answered = live.slack.record("delivery")[before:]
    assert [entry["outcome"] for entry in answered] == ["ok"] * len(LINES)
    seconds = sorted(entry["seconds"] for entry in answered)
    assert seconds[len(seconds) // 2] < 0.1  # ten times what it takes; one may meet a busy moment of this machine
    assert seconds[-1] < 1

    server.calm()
    if happens is SkyServer.stop:
        server.start()
    for known in live.told_ids():
        live.ana.says(f"/verl stop {known}")
    eventually(lambda: len(live.ended()) == len(live.told_ids()), live.log, 90)
    assert server.world.standing() == []
    assert server.world.launched[f"verl-{run_id}"] == 1


@pytest.mark.long
def test_its_absence_is_said_once_and_its_return_once(
    tmp_path: Path, server: SkyServer, store: RedisStore, playground: Playground, slack: PlaygroundClient
) -> None:
    """By the clock of a story, because it is said after minutes; with one run that trains and one that waits."""
    worker = SdkWorker(client_environment(tmp_path, server.url), seconds=30)
    machines = SkyCloud(worker, lambda: bot.moment, secrets={}, job_period=timedelta(seconds=1))
    bot = Bot(store, playground, slack, machines=machines)
    server.world.now = lambda: bot.now().timestamp()
    bot.say("launch smoke")
    bot.ticks(6)
    assert "running" in bot.card()

    server.stop()
    bot.say("launch smoke")
    bot.ticks(8, seconds=40)
    told = bot.reads()
    assert told.count("smoke-0001: no status since") == 1
    assert told.count("SkyPilot has not answered since") == 2  # on its card, and once in its thread
    assert "status came back" not in told

    server.start()
    bot.ticks(8, seconds=40)
    told = bot.reads()
    assert told.count("smoke-0001: no status since") == 1
    assert told.count(": status came back at") == 2  # once in each thread
    assert [run.status for run in bot.service.queries.list_active()] == [RunStatus.RUNNING] * 2
    machines.stop()


# What the double can do at will, as the port shows it.


def shown(found: Callable[[], T]) -> T:
    """What a look shows sooner or later."""
    return eventually(found, seconds=90, pause_seconds=A_LOOK_SECONDS)


@pytest.fixture
def cloud(tmp_path: Path, server: SkyServer) -> Iterator[SkyCloud]:
    worker = SdkWorker(client_environment(tmp_path, server.url), seconds=30)
    found = SkyCloud(worker, lambda: datetime.now(UTC), secrets={}, job_period=timedelta(seconds=0.2))
    yield found
    found.stop()


X = ClusterRef("verl-x", job_name="job")
ORDER = LaunchOrder(
    "verl-x", {"name": "job", "run": "true", "resources": {"autostop": {"idle_minutes": 5, "down": True}}}
)


@pytest.mark.parametrize("trouble", [Trouble.LOST, Trouble.BROKEN_AFTER])
def test_a_launch_whose_reply_is_lost_is_found_and_not_sent_again(
    cloud: SkyCloud, server: SkyServer, trouble: Trouble
) -> None:
    server.trouble("/launch", trouble)
    with pytest.raises(Unavailable):
        cloud.launch(ORDER)
    cloud.launch(ORDER)
    shown(lambda: cloud.observe([X])["verl-x"].job is JobState.RUNNING)
    assert server.world.launched == {"verl-x": 1}


@pytest.mark.long
def test_a_request_that_is_forgotten_leaves_a_cluster_that_is_found_by_its_name(
    cloud: SkyCloud, server: SkyServer
) -> None:
    cloud.launch(ORDER)
    shown(lambda: cloud.observe([X])["verl-x"].job is JobState.RUNNING)
    restart(server)
    seen = cloud.observe([X])["verl-x"]
    assert (seen.cluster, seen.job) == (ClusterState.UP, JobState.RUNNING)
    assert cloud.launch(ORDER) == ""
    assert server.world.launched == {"verl-x": 1}


def test_a_launch_that_comes_after_the_launch_of_another_leader_is_withdrawn(
    cloud: SkyCloud, server: SkyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This leader is paused just before its request, and the one that takes over launches meanwhile."""
    launch = server.world.launch

    def launch_after_another(cluster: str, task: dict[str, Any]) -> sky_world.Ask:
        launch(cluster, task)
        return launch(cluster, task)

    monkeypatch.setattr(server.world, "launch", launch_after_another)
    request_id = cloud.launch(ORDER)
    shown(lambda: cloud.observe([X])["verl-x"].job is JobState.RUNNING)
    first, second = (ask for ask in server.world.asks if ask.name == "sky.launch")
    assert (request_id, first.status, second.status) == (first.id, "SUCCEEDED", "CANCELLED")
    assert server.world.launched == {"verl-x": 1}


@pytest.mark.long
def test_a_launch_whose_server_dies_leaves_a_cluster_without_a_job(cloud: SkyCloud, server: SkyServer) -> None:
    server.world.pace = Pace(record=0.2, up=60, submitted=60, running=60)
    cloud.launch(ORDER)
    shown(lambda: cloud.observe([X])["verl-x"].cluster is ClusterState.INIT)
    restart(server)
    seen = shown(lambda: [one for one in [cloud.observe([X])["verl-x"]] if one.request is not RequestState.LIVE])[0]
    assert (seen.request, seen.cluster, seen.job, seen.autostop_minutes) == (
        RequestState.NONE,
        ClusterState.UP,
        None,
        None,
    )


@pytest.mark.long
@pytest.mark.parametrize("broken", [None, "One or more nodes terminated."])
def test_a_job_that_fails_on_a_broken_cluster_is_told_from_one_that_fails_by_itself(
    cloud: SkyCloud, server: SkyServer, broken: str | None
) -> None:
    cloud.launch(ORDER)
    shown(lambda: cloud.observe([X])["verl-x"].job is JobState.RUNNING)
    server.world.clusters["verl-x"].broken = broken
    server.world.finish("verl-x", "FAILED")

    def look() -> BeginTeardown | None:
        cloud._job_poller.poll_now("verl-x")  # each time: a question that was under way has seen the job before its end
        return find_job_end(cloud.observe([X])["verl-x"])

    over = shown(look)
    assert over is not None
    if broken is None:
        assert (over.reason, over.detail) == (Reason.FAILED, None)
    else:
        assert over.reason is Reason.CLUSTER_LOST
        assert str(over.detail).startswith(f"{broken} The provider took machines back, or they failed. Continue from")


@pytest.mark.long
def test_how_a_launch_ended_is_asked_once(cloud: SkyCloud, server: SkyServer) -> None:
    server.world.fails["verl-x"] = ("ResourcesUnavailableError", "No room for H100.", 0.4)
    cloud.launch(ORDER)
    shown(lambda: cloud.observe([X])["verl-x"].request is RequestState.FAILED)
    server.calls.clear()
    assert cloud.observe([X])["verl-x"].request is RequestState.FAILED
    assert server.calls["/api/status"] == 1


@pytest.mark.long
def test_a_launch_that_waits_for_room_is_under_way_until_it_is_removed(cloud: SkyCloud, server: SkyServer) -> None:
    server.world.waits.add("verl-x")
    cloud.launch(ORDER)
    assert cloud.observe([X])["verl-x"].request is RequestState.LIVE
    cloud.tear_down(X)
    shown(lambda: cloud.observe([X])["verl-x"].is_empty)


def test_a_launch_that_fails_after_it_has_provisioned_shows_what_is_left_and_why(
    cloud: SkyCloud, server: SkyServer
) -> None:
    server.world.fails["verl-x"] = ("ResourcesUnavailableError", "No room for H100.", 0.4)
    cloud.launch(ORDER)
    shown(lambda: cloud.observe([X])["verl-x"].request is RequestState.FAILED)
    seen = cloud.observe([X])["verl-x"]
    assert (seen.cluster, "No room for H100" in str(seen.error or "")) == (ClusterState.INIT, True)


@pytest.mark.long
def test_a_record_that_is_dropped_is_no_absence(cloud: SkyCloud, server: SkyServer) -> None:
    cloud.launch(ORDER)
    shown(lambda: cloud.observe([X])["verl-x"].job is JobState.RUNNING)
    server.world.clusters["verl-x"].hidden = True
    assert cloud.observe([X]) == {}
    server.world.clusters["verl-x"].hidden = False
    assert shown(lambda: cloud.observe([X]).get("verl-x", Observation()).job is JobState.RUNNING)


@pytest.mark.long
def test_a_cluster_that_went_long_ago_is_gone_and_not_forgotten(cloud: SkyCloud, server: SkyServer) -> None:
    day = 86_400
    asked_at = datetime.now(UTC) - timedelta(days=20)
    went = Machines("verl-x", 1, time.time() - 20 * day, gone_at=time.time() - 19 * day)
    server.world.graves.append(went)
    seen = cloud.observe([replace(X, launch_requested_at=asked_at)])["verl-x"]
    assert (seen.is_empty, seen.ending, seen.cluster_id) == (True, Ending.LOST, went.hash)
    assert list(cloud.find_gone_clusters([went.hash])) == [went.hash]


@pytest.mark.parametrize("status", [500, 403])
@pytest.mark.long
def test_a_server_that_does_not_say_who_it_is_is_not_taken_for_another(
    cloud: SkyCloud, server: SkyServer, status: int
) -> None:
    server.users_status = status
    if status == 500:
        assert cloud.observe([X]) == {}  # it may be another: nothing is seen
    else:
        assert cloud.observe([X])["verl-x"] == Observation()


@pytest.mark.long
def test_a_second_job_is_cancelled(cloud: SkyCloud, server: SkyServer) -> None:
    cloud.launch(ORDER)
    shown(lambda: cloud.observe([X])["verl-x"].job is JobState.RUNNING)
    server.world.submit("verl-x", {"name": "job"})
    server.world.submit("verl-x", {"name": "somebody-looks-around"})
    cloud._job_poller.poll_now("verl-x")
    shown(lambda: cloud.observe([X]) and server.world.clusters["verl-x"].jobs[1].status == "CANCELLED")
    assert [job.status for job in server.world.clusters["verl-x"].jobs] == ["RUNNING", "CANCELLED", "PENDING"]


@pytest.mark.long
def test_an_autostop_that_is_gone_is_shown_as_gone(cloud: SkyCloud, server: SkyServer) -> None:
    cloud.launch(ORDER)
    shown(lambda: cloud.observe([X])["verl-x"].autostop_minutes == 5)
    server.world.reset_autostop("verl-x")
    assert cloud.observe([X])["verl-x"].autostop_minutes is None


@pytest.mark.long
def test_an_infra_that_can_have_no_autostop_refuses_it_for_good(cloud: SkyCloud, server: SkyServer) -> None:
    cloud.launch(ORDER)
    shown(lambda: cloud.observe([X])["verl-x"].job is JobState.RUNNING)
    server.world.cannot_autostop = "Autodown is not supported on Hyperbolic."
    with pytest.raises(UserError, match="Autodown is not supported on Hyperbolic"):
        cloud.set_autostop(X, 5)
    with pytest.raises(Unavailable, match="does not exist"):
        cloud.set_autostop(ClusterRef("verl-y"), 5)


@pytest.mark.long
def test_a_task_that_the_server_refuses_was_never_launched(cloud: SkyCloud, server: SkyServer) -> None:
    server.world.refuses = ("ResourcesUnavailableError", "Catalog does not contain H200.")
    with pytest.raises(UserError, match="H200"):
        cloud.launch(ORDER)
    assert server.world.launched == {}


@pytest.mark.long
def test_ten_thousand_clusters_of_others_cost_the_look_at_one_nothing(cloud: SkyCloud, server: SkyServer) -> None:
    for number in range(10_000):
        server.world.clusters[f"other-{number}"] = Machines(f"other-{number}", 1, time.time(), status="UP")
    server.world.clusters["verl-x"] = Machines(
        "verl-x", 1, time.time(), status="UP", jobs=[sky_world.Job(1, "job", "RUNNING")]
    )
    shown(lambda: cloud.observe([X])["verl-x"].job is JobState.RUNNING)
    server.calls.clear()
    server.records = 0
    cloud.observe([X])
    assert (server.calls["/status"], server.records) == (1, 1)


@pytest.mark.long
def test_a_cost_report_that_fails_hides_no_cluster_that_stands(cloud: SkyCloud, server: SkyServer) -> None:
    cloud.launch(ORDER)
    shown(lambda: cloud.observe([X])["verl-x"].job is JobState.RUNNING)
    server.trouble("/cost_report", Trouble.BROKEN, times=None)
    seen = cloud.observe([X, ClusterRef("verl-y")])
    assert (set(seen), seen["verl-x"].job) == ({"verl-x"}, JobState.RUNNING)


@pytest.mark.long
def test_a_removal_that_failed_is_asked_for_again_with_why(cloud: SkyCloud, server: SkyServer) -> None:
    cloud.launch(ORDER)
    shown(lambda: cloud.observe([X])["verl-x"].job is JobState.RUNNING)
    server.world.refuses_removal = ("CloudUserIdentityError", "The credentials have expired.")
    assert cloud.tear_down(X) is None
    server.world.refuses_removal = None
    why = shown(lambda: cloud.tear_down(X))
    assert "The credentials have expired" in str(why)
    shown(lambda: cloud.observe([X])["verl-x"].is_empty)


# what guards against forgotten machines


@pytest.fixture
def sweeping(tmp_path: Path, server: SkyServer) -> Iterator[Live]:
    found = Live(
        tmp_path,
        HOME=str(tmp_path),
        SKYPILOT_API_SERVER_ENDPOINT=server.url,
        VERLBOT_SKY_CALL_SECONDS="20",
        VERLBOT_SKY_JOB_SECONDS="0.5",
        VERLBOT_SKY_LOG_SECONDS="0.5",
        VERLBOT_LOCAL_DOLLARS_PER_NODE_HOUR="",
        VERLBOT_SWEEP_MINUTES="0.02",
        VERLBOT_TEARDOWN_RETRY_SECONDS="5",
        VERLBOT_OPS_CHANNEL="C0TRAIN",
    )
    found.start()
    yield found
    found.stop()


@pytest.mark.thorough
def test_an_autostop_that_is_cancelled_in_skypilot_is_set_again_with_who_cancelled_it(
    sweeping: Live, server: SkyServer
) -> None:
    run_id = sweeping.launch(f"nodes=2 {ENDLESS}")
    sweeping.sees_card("running")
    sweeping.ana.can_see("autostop after 5 idle min")
    server.world.autostop(f"verl-{run_id}", -1, down=False, user="ben")
    eventually(lambda: server.world.clusters[f"verl-{run_id}"].autostop == 5, sweeping.log, 30)
    sweeping.ana.can_see("According to SkyPilot, `ben` did this. I set it to 5 idle min.", 30)
    server.world.reset_autostop(f"verl-{run_id}")
    sweeping.ana.can_see("SkyPilot does not say who did this", 60)
    assert server.calls["/autostop"] == 2


@pytest.mark.thorough
def test_a_cluster_launched_by_hand_is_told_of_and_removed_by_a_button_and_no_other(
    sweeping: Live, server: SkyServer
) -> None:
    run_id = sweeping.launch(f"nodes=2 {ENDLESS}")
    sweeping.sees_card("running")
    server.world.clusters["dev-box"] = Machines("dev-box", 2, time.time() - 3600, status="UP")
    server.world.clusters["sky-jobs-controller-1"] = Machines("sky-jobs-controller-1", 1, time.time(), status="UP")
    sweeping.ana.can_see("`dev-box` was launched outside verlbot", 30)
    sweeping.ana.can_see("so far at $4.00/h", 30)
    message = sweeping.ana.sees_message(lambda one: "dev-box" in one["text"])
    sweeping.ana.clicks("remove_orphan", message["ts"], confirmed=True)
    eventually(lambda: server.world.standing() == ["sky-jobs-controller-1", f"verl-{run_id}"], sweeping.log, 30)
    sweeping.ana.can_see("`dev-box`: machines confirmed gone.", 90)
    assert "sky-jobs-controller" not in sweeping.ana.reads()


@pytest.mark.thorough
def test_a_worker_that_launches_after_the_end_of_its_run_leaves_nothing(sweeping: Live, server: SkyServer) -> None:
    run_id = sweeping.launch(ENDLESS)
    sweeping.sees_card("running")
    sweeping.ana.says(f"/verl stop {run_id}")
    sweeping.sees_end("stopped")
    server.world.clusters[f"verl-{run_id}"] = Machines(f"verl-{run_id}", 1, time.time(), status="UP", set_up=False)
    sweeping.ana.can_see("is still up, although its run has ended", 90)
    eventually(lambda: server.world.standing() == [], sweeping.log, 30)
