from collections.abc import Iterator
from datetime import timedelta
from threading import Event

import pytest

from bot.app.process_health import Clock
from bot.app.scheduler import Scheduler
from tests.waiting import SECONDS

HOUR = timedelta(hours=1)


class Job:
    """Counts its runs, and runs as long as it is held."""

    def __init__(self, wants: timedelta | None = None) -> None:
        self.wants = wants
        self.runs = 0
        self.began = Event()
        self.held = Event()
        self.held.set()

    def __call__(self) -> timedelta | None:
        self.runs += 1
        self.began.set()
        assert self.held.wait(SECONDS)
        return self.wants

    def next_run(self) -> None:
        """Wait until it runs once more."""
        assert self.began.wait(SECONDS)
        self.began.clear()


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    found = Scheduler(Clock().now)
    found.start()
    yield found
    if found._scheduler.running:
        found.stop()


def test_a_job_runs_at_once_and_then_when_it_is_woken(scheduler: Scheduler) -> None:
    job = Job()
    scheduler.add_job("tick", HOUR, job)
    job.next_run()
    scheduler.wake("tick")
    job.next_run()
    assert job.runs == 2


def test_a_job_that_is_woken_while_it_runs_runs_once_more(scheduler: Scheduler) -> None:
    job = Job()
    job.held.clear()
    scheduler.add_job("tick", HOUR, job)
    job.next_run()
    for _ in range(5):
        scheduler.wake("tick")
    job.held.set()
    job.next_run()
    scheduler.stop()
    assert job.runs == 2


def test_a_job_says_when_it_wants_to_run_again(scheduler: Scheduler) -> None:
    job = Job(wants=timedelta(milliseconds=1))
    scheduler.add_job("tick", HOUR, job)
    for _ in range(3):
        job.next_run()


def test_a_job_that_fails_runs_again(scheduler: Scheduler, caplog: pytest.LogCaptureFixture) -> None:
    ran = Event()

    def fails() -> None:
        ran.set()
        raise ZeroDivisionError

    scheduler.add_job("tick", HOUR, fails)
    for _ in range(2):
        assert ran.wait(SECONDS)
        ran.clear()
        scheduler.wake("tick")
    assert "tick failed" in caplog.text


def test_however_often_it_is_woken_a_job_pauses(scheduler: Scheduler) -> None:
    job = Job()
    scheduler.add_job("tick", HOUR, job, pause=HOUR)
    job.next_run()
    assert not scheduler._running
    for _ in range(5):
        scheduler.wake("tick")
    other = Job()
    scheduler.add_job("other", HOUR, other)
    other.next_run()
    assert job.runs == 1


def test_stopping_waits_for_a_job_that_wants_more(scheduler: Scheduler) -> None:
    """APScheduler waits with its lock held; a job that asked it for anything then would wait for ever."""
    job = Job(wants=timedelta())
    scheduler.add_job("tick", HOUR, job)
    for _ in range(50):
        job.next_run()
    scheduler.stop()


def test_once_it_is_closed_nothing_begins_and_what_runs_runs_on(scheduler: Scheduler) -> None:
    running, other = Job(), Job()
    running.held.clear()
    scheduler.add_job("tick", HOUR, running)
    scheduler.add_job("other", HOUR, other)
    running.next_run()
    other.next_run()
    scheduler.close()
    scheduler.wake("other")
    scheduler.wake("tick")
    running.held.set()
    scheduler.stop()
    assert (running.runs, other.runs) == (1, 1)
