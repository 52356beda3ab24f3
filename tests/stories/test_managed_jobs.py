"""Managed jobs, as people meet them: typed, refused, lost and found, ended."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.local.local_cloud import LocalCloud
from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.cluster import ClusterState, Ending, JobState, Observation, RequestState
from bot.core.model.managed_job import JobsController
from bot.core.model.money import Bill, Rate
from bot.core.model.run_state import RunStatus
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.builders import at
from tests.story import Bot

X = "verl-smoke-0001"
MANAGED = "launch smoke nodes=2 managed=true"
RECOVERING = {"job": JobState.PENDING, "request": RequestState.LIVE, "cluster": ClusterState.INIT, "recovering": True}
RECOVERED = {
    "job": JobState.RUNNING,
    "request": RequestState.SUCCEEDED,
    "cluster": ClusterState.UP,
    "recovering": False,
}
GONE = Observation(
    request=RequestState.SUCCEEDED, job=JobState.SUCCEEDED, job_id=1, ending=Ending.DOWNED, recoveries=1,
    keeps_log=True, bill=Bill(3.0, Rate(4.0, "SkyPilot's cost report, without interruptions"), at(0), is_closed=True),
)  # fmt: skip


@pytest.mark.parametrize(
    ("line", "why", "instead"),
    [
        pytest.param(
            "launch smoke spot=true",
            "reclaim a spot machine at any time",
            "Give `managed=true` too",
            id="spot alone",
        ),
        pytest.param(
            "launch smoke spot=true managed=false",
            "reclaim a spot machine at any time",
            "Give `managed=true` too",
            id="spot, and said not to be managed",
        ),
        pytest.param(
            "launch smoke controller=rent", "Only managed jobs have a controller.", "leave out", id="a controller alone"
        ),
        pytest.param(
            "launch smoke managed=true controller=buy",
            "`controller` must be `rent`, not `buy`.",
            "`rent`",
            id="another word",
        ),
        pytest.param(
            "launch smoke managed=perhaps",
            "`managed` must be `true` or `false`, not `perhaps`.",
            "`true` or `false`",
            id="no flag",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_type(bot: Bot, line: str, why: str, instead: str) -> None:
    said = bot.say(line)
    assert why in said
    assert instead in said
    assert bot.cloud.launches == []


def test_on_local_compute_it_is_refused_with_what_to_type_instead(
    store: RedisStore, playground: Playground, slack: PlaygroundClient, tmp_path: Path
) -> None:
    bot = Bot(store, playground, slack, machines=LocalCloud(tmp_path, secrets={}))
    assert "This machine runs no managed jobs: leave out `managed=true`." in bot.say(MANAGED)


def shows(bot: Bot, **fields: Any) -> None:
    """Let the next look show something else of it."""
    bot.cloud.seen[X] = replace(bot.cloud.seen[X], **fields)


def test_machines_that_go_away_are_told_once_and_counted_and_the_run_goes_on(bot: Bot) -> None:
    run_id = bot.running(MANAGED)
    assert "managed job" in bot.card()
    assert "model: on the job's machines only" in bot.card()
    assert "SkyPilot deletes the cluster when the job ends" in bot.reads()
    assert bot.run(run_id).plan.autostop_minutes is None

    shows(bot, **RECOVERING)
    bot.ticks(8, seconds=10)
    assert "*smoke-0001 is waiting for new machines*" in bot.card()
    assert bot.reads().count("smoke-0001 lost its machines at ") == 1
    assert bot.run(run_id).status is RunStatus.RUNNING

    shows(bot, **RECOVERED, recoveries=1)
    bot.ticks(8, seconds=10)
    assert "managed job, recovered 1 time" in bot.card()
    assert "is waiting for new machines" not in bot.card()
    assert bot.reads().count("smoke-0001 lost its machines at ") == 1  # the same message, which tells the rest now
    assert "It has had new ones since " in bot.reads()
    assert "and has restarted." in bot.reads()
    assert bot.cloud.launches == [X]
    assert bot.cloud.autostops == []


def test_recoveries_that_nobody_saw_are_told_of_all_the_same(bot: Bot) -> None:
    bot.running(MANAGED)
    shows(bot, recoveries=2)
    bot.ticks(4, seconds=10)
    assert "managed job, recovered 2 times" in bot.card()
    assert bot.reads().count("smoke-0001 lost its machines between two checks. By ") == 2


def test_its_end_is_told_with_its_log_and_what_it_cost_without_the_interruption(bot: Bot) -> None:
    run_id = bot.running(MANAGED)
    shows(bot, **RECOVERING)
    bot.tick()
    bot.cloud.print(X, "(job, pid=1) the last line")
    bot.cloud.seen[X] = GONE  # between two ticks, so that its recovery is heard of at its end
    bot.ticks(6, seconds=6)
    run = bot.run(run_id)
    assert (run.status, run.observed.recoveries.count, run.cost(bot.now())) == (RunStatus.ENDED, 1, 3.0)
    assert "the last line" in bot.store.get_log(run_id)
    assert "finished*" in bot.reads()
    assert "without interruptions" in bot.reads()
    assert bot.reads().count("smoke-0001 lost its machines at ") == 1
    assert bot.cloud.downs == []  # its controller has removed its cluster


def test_stopping_it_cancels_it_and_waits_for_its_controller(bot: Bot) -> None:
    run_id = bot.running(MANAGED)
    bot.cloud.removes = False
    bot.say(f"stop {run_id}")
    bot.ticks(3)
    assert bot.cloud.downs == [X]
    bot.cloud.seen[X] = Observation(
        request=RequestState.LIVE, cluster=ClusterState.AUTOSTOPPING, job_id=1
    )  # CANCELLING
    bot.ticks(4, seconds=10)
    assert bot.run(run_id).status is RunStatus.STOPPING
    bot.cloud.seen[X] = Observation(
        request=RequestState.SUCCEEDED, job=JobState.CANCELLED, ending=Ending.DOWNED, keeps_log=True
    )
    bot.ticks(6, seconds=6)
    assert "was stopped by" in bot.reads()
    assert bot.run(run_id).status is RunStatus.ENDED


def test_one_that_arrives_after_its_run_has_ended_is_cancelled_as_a_managed_job(bot: Bot) -> None:
    run_id = bot.running(MANAGED)
    running = bot.cloud.seen[X]
    bot.say(f"stop {run_id}")
    bot.ticks(6, seconds=6)
    assert bot.run(run_id).status is RunStatus.ENDED
    bot.cloud.seen[X] = running
    for _ in range(4):
        bot.sweep(minutes=1)
    assert bot.cloud.seen[X].is_empty


def test_no_machines_at_first_is_a_launch_that_failed_and_none_later_a_cluster_that_was_lost(bot: Bot) -> None:
    nowhere = Observation(request=RequestState.FAILED, ending=Ending.LOST, error="No such GPU.", keeps_log=True)
    bot.cloud.comes_up_at_once = False
    bot.say(MANAGED)
    bot.ticks(2)
    bot.cloud.seen[X] = nowhere
    bot.ticks(6, seconds=6)
    assert "*smoke-0001 could not be launched*" in bot.reads()
    assert "No such GPU." in bot.reads()

    bot.cloud.comes_up_at_once = True
    run_id = bot.running(MANAGED)
    bot.cloud.seen[f"verl-{run_id}"] = nowhere
    bot.ticks(8, seconds=6)
    assert f"*{run_id} lost its cluster*" in bot.reads()


def test_a_rehearsal_says_what_would_be_rented_first_and_what_to_type(bot: Bot) -> None:
    bot.cloud.needs_controller = JobsController(rate=Rate(0.25, "the price table"))
    bot.say(f"{MANAGED} --dry-run")
    told = bot.told()
    assert "would rent one first" in told
    assert "costs $0.25/h (the price table)" in told
    assert "launch with `controller=rent`" in told
    bot.say(f"{MANAGED} controller=rent --dry-run")
    assert "would rent one first" in bot.told()
    assert "launch with `controller=rent`" not in bot.told()
    bot.say("launch smoke --dry-run")
    assert "rent a machine" not in bot.told()
    bot.cloud.answers = False
    bot.say(f"{MANAGED} --dry-run")
    assert "I do not know whether a machine would have to be rented first." in bot.told()
