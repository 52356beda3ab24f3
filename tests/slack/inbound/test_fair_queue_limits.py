"""Threads that people share: nobody's many slow questions hold up another's."""

from collections.abc import Iterator
from functools import partial
from threading import Event, Lock

import pytest

from bot.slack.inbound.fair_queue import FairPool, PoolFull
from tests.waiting import eventually


class Slow:
    """Tasks that end when the test says so; and who was served, in order."""

    def __init__(self, pool: FairPool) -> None:
        self.pool = pool
        self.begun: list[str] = []
        self.gate = Event()
        self.lock = Lock()

    def ask(self, who: str) -> None:
        def work() -> None:
            with self.lock:
                self.begun.append(who)
            self.gate.wait(10)

        self.pool.submit(who, work)


def wait_for(event: Event) -> None:
    event.wait(10)


@pytest.fixture
def slow() -> Iterator[Slow]:
    found = Slow(FairPool(threads=3, max_tasks=12, max_tasks_each=6, max_running_each=2, name="test"))
    yield found
    found.gate.set()
    found.pool.stop()


def test_one_person_is_never_served_by_all_threads(slow: Slow) -> None:
    for _ in range(6):
        slow.ask("ana")
    eventually(lambda: len(slow.begun) >= 2)
    slow.ask("ben")
    eventually(lambda: len(slow.begun) >= 3)
    assert slow.begun == ["ana", "ana", "ben"]


def test_people_take_turns() -> None:
    pool = FairPool(threads=1, max_tasks=20, max_tasks_each=9, max_running_each=1, name="test")
    slow = Event()
    served: list[str] = []
    pool.submit("first", lambda: wait_for(slow))
    for who in ("ana", "ana", "ana", "ben", "eva"):
        pool.submit(who, partial(served.append, who))
    slow.set()
    eventually(lambda: len(served) == 5)
    assert served == ["ana", "ben", "eva", "ana", "ana"]
    pool.stop()


def test_too_many_of_one_person_and_too_many_of_all_are_refused(slow: Slow) -> None:
    for _ in range(6):
        slow.ask("ana")
    with pytest.raises(PoolFull):
        slow.ask("ana")
    for _ in range(6):
        slow.ask("ben")
    with pytest.raises(PoolFull):
        slow.ask("eva")


def test_a_task_that_fails_costs_no_thread_and_no_place(slow: Slow, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError("a mistake")

    for _ in range(6):
        slow.pool.submit("ana", fail)
    eventually(lambda: caplog.text.count("a task in the background failed") == 6)
    eventually(lambda: not slow.pool._running_counts)
    slow.ask("ana")
    eventually(lambda: slow.begun == ["ana"])


def test_a_pool_that_is_stopped_begins_and_takes_nothing_more(slow: Slow) -> None:
    for _ in range(6):
        slow.ask("ana")
    eventually(lambda: len(slow.begun) == 2)
    slow.pool.stop()
    slow.gate.set()
    for thread in slow.pool._threads:
        thread.join(10)
        assert not thread.is_alive()
    assert slow.begun == ["ana", "ana"]
    with pytest.raises(PoolFull):
        slow.ask("ben")
