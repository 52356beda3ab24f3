"""Nobody's flood holds up another person."""

from collections.abc import Callable, Iterator
from threading import Event

import pytest

from bot.slack.inbound.delivery_queue import MAX_WAITING_PER_PERSON
from bot.slack.inbound.fair_queue import FairPool, FairQueue, PoolFull
from tests.waiting import SECONDS, eventually


def waiting_for(event: Event) -> Callable[[], None]:
    """Work that takes until the event comes, and longer than anything else is waited for."""

    def wait() -> None:
        event.wait(2 * SECONDS)

    return wait


@pytest.fixture
def pool() -> Iterator[FairPool]:
    found = FairPool(threads=2, max_tasks=8, max_tasks_each=5, max_running_each=1, name="test")
    yield found
    found.stop()


def test_one_persons_slow_questions_hold_up_no_other(pool: FairPool) -> None:
    let_go = Event()
    try:
        for _ in range(4):
            pool.submit("ana", waiting_for(let_go))
        for who in ("zoe", "ben"):  # the second one finds a thread free, and Ana first in line
            done = Event()
            pool.submit(who, done.set)
            assert done.wait(SECONDS)
    finally:
        let_go.set()


def test_too_many_of_one_person_are_refused_and_anothers_are_not(pool: FairPool) -> None:
    let_go = Event()
    try:
        for _ in range(5):
            pool.submit("ana", waiting_for(let_go))
        with pytest.raises(PoolFull):
            pool.submit("ana", lambda: None)
        pool.submit("ben", lambda: None)
    finally:
        let_go.set()


def test_people_take_turns() -> None:
    pool = FairPool(threads=1, max_tasks=9, max_tasks_each=9, max_running_each=1, name="test")
    begun, let_go, order = Event(), Event(), list[str]()

    def hold() -> None:
        begun.set()
        let_go.wait(SECONDS)

    pool.submit("zoe", hold)
    assert begun.wait(SECONDS)
    for who in ("ana", "ana", "ana", "ben"):
        pool.submit(who, lambda who=who: order.append(who))  # type: ignore[misc]
    let_go.set()
    eventually(lambda: len(order) == 4)
    pool.stop()
    assert order == ["ana", "ben", "ana", "ana"]


def test_deliveries_are_taken_in_turns_too() -> None:
    line, order = FairQueue(9), list[str]()
    for who in ("ana", "ana", "ana", "ben"):
        line.add(who, lambda who=who: order.append(who))  # type: ignore[misc]
    while taken := line.take():
        taken[1]()
    assert order == ["ana", "ben", "ana", "ana"]


def test_so_many_deliveries_of_one_person_wait_and_no_more() -> None:
    line = FairQueue(MAX_WAITING_PER_PERSON)
    assert all(line.add("ana", lambda: None) for _ in range(MAX_WAITING_PER_PERSON))
    assert not line.add("ana", lambda: None)
    assert line.add("ben", lambda: None)
