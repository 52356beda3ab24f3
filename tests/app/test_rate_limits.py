"""How much one person may ask for in a minute: that person alone is refused, and told when to try again."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bot.app import rate_limits
from bot.app.rate_limits import RateLimitKind, RateLimits
from bot.core.model.policy import UNRESTRICTED, Fairness, Policy
from bot.errors import UserError
from tests.builders import NOON


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def limits(clock: Clock, policy: Callable[[], Policy]) -> RateLimits:
    return RateLimits(policy, clock)


def three_launches() -> Policy:
    return Policy(fairness=Fairness(launches_per_minute=3, questions_per_minute=60))


def taken(found: RateLimits, user: str, kind: RateLimitKind, times: int) -> int:
    """Return how many of so many requests are granted."""
    granted = 0
    for _ in range(times):
        try:
            found.count_request(user, kind)
        except UserError:
            continue
        granted += 1
    return granted


def test_without_a_limit_nothing_is_refused() -> None:
    assert taken(limits(Clock(), lambda: UNRESTRICTED), "U0ANA", RateLimitKind.LAUNCH, 1_000) == 1_000


def test_one_too_many_is_refused_with_when_to_try_again() -> None:
    found = limits(Clock(), three_launches)
    assert taken(found, "U0ANA", RateLimitKind.LAUNCH, 3) == 3
    with pytest.raises(UserError, match="more than 3 runs within a minute") as refused:
        found.count_request("U0ANA", RateLimitKind.LAUNCH)
    assert str(refused.value.hint) == "Try again in 21 s."


def test_a_flood_costs_neither_others_nor_other_things_that_the_person_asks_for() -> None:
    found = limits(Clock(), three_launches)
    taken(found, "U0ANA", RateLimitKind.LAUNCH, 100)
    assert taken(found, "U0BEN", RateLimitKind.LAUNCH, 3) == 3
    assert taken(found, "U0ANA", RateLimitKind.QUESTION, 60) == 60


def test_who_is_refused_waits_no_longer_for_having_tried() -> None:
    clock = Clock()
    found = limits(clock, three_launches)
    assert taken(found, "U0ANA", RateLimitKind.LAUNCH, 500) == 3
    clock.now += timedelta(seconds=21)
    assert taken(found, "U0ANA", RateLimitKind.LAUNCH, 500) == 1
    clock.now += timedelta(hours=1)
    assert taken(found, "U0ANA", RateLimitKind.LAUNCH, 500) == 3


def test_another_limit_in_the_policy_counts_at_once() -> None:
    most = [1]
    found = limits(Clock(), lambda: Policy(fairness=Fairness(launches_per_minute=most[0])))
    assert taken(found, "U0ANA", RateLimitKind.LAUNCH, 9) == 1
    most[0] = 5
    assert taken(found, "U0ANA", RateLimitKind.LAUNCH, 9) == 5


def test_of_ever_so_many_people_only_the_latest_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_PEOPLE", 10)
    found = limits(Clock(), three_launches)
    for number in range(100):
        found.count_request(f"U{number}", RateLimitKind.QUESTION)
    assert [user for user, _ in found.buckets] == [f"U{number}" for number in range(90, 100)]
