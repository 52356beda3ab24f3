"""How much one person may ask for in a minute."""

from datetime import timedelta

import pytest

from bot import rate_limits
from bot.core.policy import Fairness, Policy
from bot.errors import UserError
from bot.rate_limits import Kind, RateLimits
from tests.builders import NOON, refusal_of

POLICY = Policy(fairness=Fairness(launches_per_minute=2, questions_per_minute=3))


def test_one_too_many_is_refused_with_when_to_try_again_and_only_to_that_person() -> None:
    moment = NOON
    limits = RateLimits(lambda: POLICY, lambda: moment)
    for kind, most in ((Kind.LAUNCH, 2), (Kind.QUESTION, 3)):
        for _ in range(most):
            limits.take("U0ANA", kind)
        with pytest.raises(UserError, match="within a minute"):
            limits.take("U0ANA", kind)
        limits.take("U0BEN", kind)
    refused = refusal_of(lambda: limits.take("U0ANA", Kind.LAUNCH))
    assert refused is not None
    assert refused.hint == "Try again in 31 s."
    moment += timedelta(seconds=31)
    limits.take("U0ANA", Kind.LAUNCH)


def test_a_refusal_costs_no_turn() -> None:
    moment = NOON
    limits = RateLimits(lambda: POLICY, lambda: moment)
    for _ in range(2):
        limits.take("U0ANA", Kind.LAUNCH)
    for _ in range(50):
        assert refusal_of(lambda: limits.take("U0ANA", Kind.LAUNCH))
    moment += timedelta(seconds=30)
    limits.take("U0ANA", Kind.LAUNCH)


def test_of_many_people_who_asked_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MOST_PEOPLE", 10)
    limits = RateLimits(lambda: POLICY, lambda: NOON)
    for number in range(50):
        limits.take(f"U{number}", Kind.QUESTION)
    assert len(limits.buckets) == 10
