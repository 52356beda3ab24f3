"""What the queues of clusters are taken to say, and how often they are asked."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Event

import pytest

from bot.adapters.sky.job_poller import BACKOFF_PERIODS, JobPoller
from bot.adapters.sky.sky_records import JobRecord
from bot.core.model.cluster import JobState
from bot.errors import Unavailable
from tests.builders import NOON
from tests.waiting import eventually

NAME = "verl-x"
Answer = list[JobRecord] | None | Exception


class Asked:
    """A cluster that answers as it is told, a clock, and the queues that ask it each ten seconds."""

    def __init__(self) -> None:
        self.answer: Answer = []
        self.times = 0
        self.order: list[str] = []
        self.now = NOON
        ten = timedelta(seconds=10)
        self.queues = JobPoller(self._ask, self._now, period=ten, stale_after=timedelta(seconds=60), wait_seconds=5)

    def look(self, seconds: float = 0, launching: bool = False) -> None:
        self.now += timedelta(seconds=seconds)
        self.queues.poll({NAME: "job"}, {NAME} if launching else ())

    def _now(self) -> datetime:
        return self.now

    def _ask(self, cluster: str, name: str | None) -> list[JobRecord] | None:
        self.times += 1
        self.order.append(cluster)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def asked() -> Iterator[Asked]:
    found = Asked()
    yield found
    found.queues.stop()


def job(state: JobState) -> JobRecord:
    return JobRecord(1, state)


def test_no_job_says_something_once_the_launch_is_over(asked: Asked) -> None:
    asked.look(launching=True)
    assert (asked.times, asked.queues.has_answered(NAME)) == (1, False)
    asked.look(1)  # asked again at once
    assert (asked.times, asked.queues.has_answered(NAME), asked.queues.job(NAME)) == (2, True, None)


def test_a_job_says_something_at_any_time(asked: Asked) -> None:
    asked.answer = [job(JobState.SETTING_UP)]
    asked.look(launching=True)
    assert (asked.queues.has_answered(NAME), asked.queues.job(NAME)) == (True, job(JobState.SETTING_UP))


@pytest.mark.parametrize(
    ("state", "seconds", "times"),
    [
        pytest.param(JobState.SETTING_UP, 9, 1, id="not yet"),
        pytest.param(JobState.SETTING_UP, 10, 2, id="after a period"),
        pytest.param(JobState.RUNNING, 10 * BACKOFF_PERIODS - 1, 1, id="a job that runs is asked for rarely"),
        pytest.param(JobState.RUNNING, 10 * BACKOFF_PERIODS, 2, id="but it is"),
    ],
)
def test_how_often_a_cluster_is_asked(asked: Asked, state: JobState, seconds: float, times: int) -> None:
    asked.answer = [job(state)]
    asked.look()
    asked.look(seconds)
    assert asked.times == times


def test_a_log_that_has_ended_makes_it_due(asked: Asked) -> None:
    asked.answer = [job(JobState.RUNNING)]
    asked.look()
    asked.queues.poll_now(NAME)
    asked.look(1)
    assert asked.times == 2


def test_it_is_asked_before_all_that_have_waited_longer(asked: Asked) -> None:
    asked.answer = [job(JobState.RUNNING)]
    names = {f"verl-{number}": "job" for number in range(9)}
    for _ in names:
        asked.queues.poll(names)
    asked.now += timedelta(hours=1)
    asked.order.clear()
    asked.queues.poll_now("verl-8")
    asked.queues.poll(names)
    assert asked.order[0] == "verl-8"


def test_a_cluster_that_was_never_set_up_has_no_job(asked: Asked) -> None:
    asked.answer = None
    asked.look()
    assert (asked.queues.has_answered(NAME), asked.queues.job(NAME), asked.queues.is_stale(NAME)) == (True, None, False)


@pytest.mark.parametrize("silence", [None, Unavailable("ssh: no route"), ValueError("odd")], ids=repr)
def test_a_cluster_that_answers_no_more_keeps_its_job_until_patience_ends(asked: Asked, silence: Answer) -> None:
    asked.answer = [job(JobState.RUNNING)]
    asked.look()
    asked.answer = silence
    asked.look(100)
    assert (asked.queues.job(NAME), asked.queues.is_stale(NAME)) == (job(JobState.RUNNING), False)
    asked.look(61)
    assert asked.queues.is_stale(NAME)
    asked.answer = [job(JobState.RUNNING)]
    asked.look(10)
    assert not asked.queues.is_stale(NAME)


def test_what_a_question_found_that_came_back_after_its_cluster_was_seen_broken_counts_on() -> None:
    """A question takes seconds, and makes SkyPilot notice that the cluster is broken before it answers."""
    answers, failed = Event(), JobRecord(1, JobState.FAILED, cluster_problem="One or more nodes terminated.")

    def ask(cluster: str, name: str | None) -> list[JobRecord]:
        assert answers.wait(5)
        return [failed]

    ten = timedelta(seconds=10)
    queues = JobPoller(ask, lambda: NOON, period=ten, stale_after=ten, wait_seconds=0.01)

    def look_at_broken() -> JobRecord | None:
        queues.poll({}, broken={NAME})
        return queues.job(NAME)

    queues.poll({NAME: "job"})
    assert look_at_broken() is None
    answers.set()
    assert eventually(look_at_broken) == failed
    assert look_at_broken() == failed
    queues.poll({})
    assert queues.job(NAME) is None
    queues.stop()


def test_what_was_known_of_a_job_that_runs_does_not_count_once_its_cluster_is_broken(asked: Asked) -> None:
    asked.answer = [job(JobState.RUNNING)]
    asked.look()
    asked.queues.poll({}, broken={NAME})
    assert asked.queues.job(NAME) is None
