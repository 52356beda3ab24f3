"""The ledger under a crowd: what is held is weighed in the very step in which it is taken."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC

import pytest
from redis import Redis

from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.ledger import Ledger, RecentLaunch, build_reservation
from bot.core.model.policy import Caps, Policy
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunLimit
from bot.core.model.sent_message import SentMessage
from bot.core.rules.admission import admit_run
from bot.errors import UserError
from tests.builders import NOON, a_run, at, launching
from tests.examples import thorough

TASK = {"run": "true"}


def admit(policy: Policy) -> Callable[[Run, Ledger], Run]:
    return lambda run, ledger: admit_run(run, ledger, policy, NOON, UTC)


def test_what_a_run_holds_is_there_with_it_and_goes_with_its_end(store: RedisStore) -> None:
    run = launching()
    store.add(run, TASK)
    recent = {run.id: RecentLaunch(run.requester, run.created_at.timestamp(), 48.0)}
    assert store.get_ledger() == Ledger((build_reservation(run),), recent_launches=recent)  # type: ignore[arg-type]  # it is open
    store.update(run.id, lambda run: run.change_limit(RunLimit.BUDGET, 250.0, "U0ANA", at(9)))
    assert [one.dollars for one in store.get_ledger().reservations] == [250.0]
    store.update(run.id, lambda run: run.close(Reason.STOPPED, at(3600)))
    store.update(
        run.id,
        lambda run: replace(run, messages=run.messages.record_sent("ended", SentMessage("1.2", "", "", at(3601)))),
    )  # any change after its end
    assert store.get_ledger().reservations == ()
    assert store.get_ledger().recent_launches[run.id].dollars == 4.0
    assert store.get_ledger().spent_dollars == {
        f"2026-01 {purse}": 4.0 for purse in ("person:U0ANA", "team:C0TRAIN", "workspace")
    }


def test_a_run_that_is_refused_leaves_nothing(store: RedisStore, redis: Redis) -> None:
    with pytest.raises(UserError):
        store.add(a_run(), TASK, "wish", admit=admit(Policy(person=Caps(runs=0))))
    assert redis.keys("*") == []


def test_a_change_that_is_refused_leaves_the_run_as_it_was(store: RedisStore) -> None:
    store.add(a_run(), TASK)
    with pytest.raises(UserError):
        store.update(
            "ppo-7f3a",
            lambda run: run.change_limit(RunLimit.BUDGET, 900.0, "U0ANA", at(9)),
            admit(Policy(person=Caps(dollars_per_month=500))),
        )
    assert store.get("ppo-7f3a") == a_run()


@pytest.mark.slow
@pytest.mark.timeout(400)  # ten thousand take most of a minute on two busy cores
@pytest.mark.parametrize("launches", thorough((1_000, 10_000), usual=1))
@pytest.mark.long
def test_of_thousands_of_launches_from_fifty_threads_never_one_too_many_is_taken(redis: Redis, launches: int) -> None:
    """Two bots on one store, as neither can count for the other; runs end while others are launched."""
    policy = Policy(person=Caps(runs=15), team=Caps(gpus=200), workspace=Caps(runs=40, dollars_per_month=1_000_000))
    stores = [RedisStore(redis) for _ in range(2)]
    most: list[int] = []
    open_runs: deque[str] = deque()

    def launch(number: int) -> bool:
        store, run_id = stores[number // 2 % 2], f"ppo-{number}"
        if number % 4 == 0 and (done := ending(open_runs)):
            store.update(done, lambda run: run.close(Reason.STOPPED, at(60)))
        run = a_run(id=run_id, requester=f"U{number % 4}", channel=f"C{number % 2}", gpus="H100:4", budget_dollars=10.0)
        try:
            store.add(run, TASK, admit=admit(policy))
        except UserError:
            return False
        open_runs.append(run_id)
        most.append(worst(store.get_ledger()))
        return True

    with ThreadPoolExecutor(50) as pool:
        launched = sum(pool.map(launch, range(launches)))
    assert launched > launches / 10
    assert max(most) == 0, "filled to the brim, and never beyond"
    assert {one.run_id for one in stores[0].get_ledger().reservations} == set(open_runs)


def ending(open_runs: deque[str]) -> str | None:
    """One of them, which no other thread takes."""
    try:
        return open_runs.popleft()
    except IndexError:
        return None


def worst(ledger: Ledger) -> int:
    """How far the fullest cap is passed, in places."""
    people = [sum(one.person == f"U{number}" for one in ledger.reservations) - 15 for number in range(4)]
    teams = [sum(one.gpus for one in ledger.reservations if one.team == f"C{number}") - 200 for number in range(2)]
    return max(*people, *teams, len(ledger.reservations) - 40)
