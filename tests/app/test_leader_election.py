from datetime import timedelta

import pytest
from redis import Redis

from bot.adapters.redis.connection import create_client
from bot.adapters.redis.redis_store import RedisStore
from bot.app.leader_election import LeaderElection
from bot.config.settings import Settings
from bot.errors import Unavailable

LEASE = timedelta(seconds=10)


class Candidate:
    """One bot of two on a store."""

    def __init__(self, redis: Redis, owner: str) -> None:
        self.store = RedisStore(redis)
        self.checks: list[str] = []
        self.takeovers: list[str] = []
        self.follows: list[str] = []
        self.election = LeaderElection(
            self.store,
            owner,
            LEASE,
            lambda: self.checks.append(owner),
            lambda: self.takeovers.append(owner),
            lambda: self.follows.append(owner),
        )


@pytest.fixture
def first(redis: Redis) -> Candidate:
    return Candidate(redis, "first")


@pytest.fixture
def second(redis: Redis) -> Candidate:
    return Candidate(redis, "second")


def test_one_of_two_leads_and_checks_the_store(first: Candidate, second: Candidate) -> None:
    assert first.election()
    assert not second.election()
    assert (first.election.leads, second.election.leads) == (True, False)
    assert (first.checks, second.checks) == (["first"], [])
    assert (first.follows, second.follows) == ([], ["second"])


def test_a_bot_that_leads_from_its_start_on_has_taken_nothing_over(first: Candidate) -> None:
    """Its jobs run at its start anyway."""
    first.election.renew()
    first.election.renew()
    assert first.takeovers == []


def test_a_bot_that_follows_a_silent_leader_takes_over_once(redis: Redis, first: Candidate, second: Candidate) -> None:
    first.election.renew()
    second.election.renew()
    redis.delete("verl:leader")  # its lease has ended
    for _ in range(3):
        second.election.renew()
    assert second.takeovers == ["second"]
    assert not first.election()


def test_a_takeover_whose_store_cannot_be_checked_is_one_once_it_can(
    redis: Redis, first: Candidate, second: Candidate
) -> None:
    def fail() -> None:
        raise Unavailable("The store does not answer.")

    first.election.renew()
    second.election.renew()
    redis.delete("verl:leader")
    second.election.check_store = fail
    second.election.renew()
    assert (second.election.leads, second.takeovers) == (False, [])
    second.election.check_store = lambda: None
    second.election.renew()
    assert second.takeovers == ["second"]


def test_a_leader_that_stops_is_followed_at_once(first: Candidate, second: Candidate) -> None:
    first.election.renew()
    second.election.renew()
    first.election.release()
    assert second.election()


def test_a_bot_that_does_not_lead_releases_nothing(first: Candidate, second: Candidate) -> None:
    first.election.renew()
    second.election.release()
    assert not second.election()


def test_a_leader_is_followed_within_fifteen_seconds_by_the_default_lease(first: Candidate) -> None:
    lease = timedelta(seconds=Settings(slack_bot_token="xoxb-a").leader_lease_seconds)
    election = LeaderElection(first.store, "first", lease)
    assert lease + election.period <= timedelta(seconds=15)


def test_a_store_that_does_not_answer_has_no_leader_and_its_return_is_a_takeover(first: Candidate) -> None:
    first.election.renew()
    silent = RedisStore(create_client("redis://127.0.0.1:1", answer_seconds=5))
    first.election.store, kept = silent, first.election.store
    first.election.renew()
    first.election.release()
    assert first.election.leads is False
    with pytest.raises(Unavailable):
        first.election()
    first.election.store = kept
    first.election.renew()
    assert first.takeovers == ["first"]
