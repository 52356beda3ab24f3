"""No fault of SkyPilot's server, of the way to it or of the bot loses a run, doubles it or leaves it standing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.adapters.sky import sdk_clusters
from bot.adapters.sky.sdk_client import sdk_without_retries, translate_errors
from bot.adapters.sky.sky_records import JobRecord
from bot.core.model.cluster import Ending, JobState, Observation
from bot.core.model.recipe import Task
from bot.core.rules.actions import Close
from bot.errors import Unavailable
from tests.examples import thorough
from tests.schedules import RULES, Life

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("sky_here")]

RUNS_A_LIFE = 20
SCHEDULES = 300
FEW = 6
"""Runs in which each broken promise shows already."""


@pytest.mark.parametrize("first", thorough(range(0, SCHEDULES, RUNS_A_LIFE), usual=1))
def test_a_run_is_launched_once_ends_once_and_leaves_nothing(store: RedisStore, first: int) -> None:
    assert Life(store, range(first, first + RUNS_A_LIFE)).lived().wrong() == []


@pytest.mark.parametrize("first", thorough(range(0, SCHEDULES // 3, FEW), usual=1))
def test_a_server_that_has_forgotten_for_a_while_changes_nothing_of_that(store: RedisStore, first: int) -> None:
    assert Life(store, range(first, first + FEW), forgets=True).lived().wrong() == []


# Each promise is alive: what would break it is planted, and these lives notice.

Patch = pytest.MonkeyPatch


def never_ends(patch: Patch) -> None:
    patch.setattr("bot.core.rules.decide.decide_stopping", lambda *_: None)


def ends_whatever_stands(patch: Patch) -> None:
    patch.setattr("bot.core.rules.decide.decide_stopping", lambda run, *_: Close(run.reason))


def sees_no_job_end(patch: Patch) -> None:
    patch.setattr("bot.core.rules.decide.find_job_end", lambda *_: None)


def asks_once(patch: Patch) -> None:
    patch.setattr("tests.schedules.RULES", replace(RULES, max_launch_attempts=1))


def sends_again_what_was_not_answered(patch: Patch) -> None:
    asked_once = sdk_clusters.launch

    def launch(cluster: str, task: Task) -> str:
        try:
            return asked_once(cluster, task)
        except Unavailable:
            with translate_errors():
                return str(sdk_without_retries().launch(sdk_clusters.validate_task(task), cluster_name=cluster))

    patch.setattr(sdk_clusters, "launch", launch)


def believes_the_table(patch: Patch) -> None:
    patch.setattr("bot.adapters.sky.sky_cloud.map_absent_cluster", lambda *_: Observation(ending=Ending.LOST))


def believes_an_empty_memory(patch: Patch) -> None:
    patch.setattr("bot.core.model.run.is_forgotten", lambda *_: False)


def cancels_no_second_job(patch: Patch) -> None:
    def first(cluster: str, name: str | None) -> list[JobRecord]:
        with translate_errors():
            found = sdk_without_retries().get(sdk_without_retries().queue(cluster, all_users=True))
        return [JobRecord(one["job_id"], JobState(one["status"].value.lower())) for one in reversed(found)][:1]

    patch.setattr(sdk_clusters, "list_jobs", first)


def sets_no_autostop(patch: Patch) -> None:
    patch.setattr("bot.core.rules.decide.find_autostop_drift", lambda *_: None)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("mutant", "first", "promise"),
    [
        pytest.param(never_ends, 0, "lost: ", id="a run that is over is ended"),
        pytest.param(ends_whatever_stands, 0, "left standing: ", id="nothing is left standing"),
        pytest.param(sees_no_job_end, 0, "ended by stopped", id="the end of a job ends its run"),
        pytest.param(asks_once, 0, "never launched: ", id="a launch that was not heard is asked for again"),
        pytest.param(sends_again_what_was_not_answered, 0, "launched 2 times: ", id="it is launched once"),
        pytest.param(believes_the_table, 110, "ended while it stood: ", id="an end is confirmed"),
        pytest.param(believes_an_empty_memory, 0, "ended while it stood: ", id="a server that forgot ends nothing"),
        pytest.param(sets_no_autostop, 0, "without autostop for long: ", id="a cluster has its autostop"),
        pytest.param(cancels_no_second_job, 60, "two jobs for long: ", id="a cluster has one job"),
    ],
)
def test_a_promise_that_is_broken_is_noticed(
    store: RedisStore, monkeypatch: Patch, mutant: Callable[[Patch], None], first: int, promise: str
) -> None:
    mutant(monkeypatch)
    wrong = Life(store, range(first, first + FEW), forgets=mutant is believes_an_empty_memory).lived().wrong()
    assert [one for one in wrong if one.startswith(promise)]
