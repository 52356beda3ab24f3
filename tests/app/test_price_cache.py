"""Prices for SkyPilot's admin policy: asked for once, waited for shortly, and never a reason to refuse."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest

from bot.app.price_cache import PRICE_LIFETIME, PriceCache, price_key
from bot.core.model.money import Rate
from bot.core.model.recipe import Task
from bot.errors import Unavailable
from tests.builders import NOON

TASK: dict[str, Any] = {
    "num_nodes": 2,
    "resources": {"infra": "k8s", "accelerators": "H100:8"},
    "secrets": {"HF_TOKEN": "hf_secret"},
    "run": "train",
}


class Catalogue:
    """A cloud's prices: what it was asked, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[Task] = []
        self.answer: Rate | Exception | None = Rate(40.0, "SkyPilot")
        self.may_answer = Event()
        self.may_answer.set()

    def find_rate(self, task: Task) -> Rate | None:
        self.asked.append(task)
        self.may_answer.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(catalogue: Catalogue, clock: Clock) -> Iterator[PriceCache]:
    cache = PriceCache(catalogue.find_rate, clock)
    yield cache
    catalogue.may_answer.set()
    cache.stop()


def test_a_price_is_asked_for_once_in_its_lifetime(cache: PriceCache, catalogue: Catalogue, clock: Clock) -> None:
    assert [cache.dollars_per_hour(TASK) for _ in range(3)] == [40.0] * 3
    clock.now += PRICE_LIFETIME - timedelta(seconds=1)
    assert cache.dollars_per_hour(TASK) == 40.0
    assert len(catalogue.asked) == 1
    clock.now += timedelta(seconds=1)
    catalogue.answer = Rate(50.0, "SkyPilot")
    assert cache.dollars_per_hour(TASK) == 50.0


def test_the_cloud_gets_the_machines_and_nothing_else_of_the_task(cache: PriceCache, catalogue: Catalogue) -> None:
    cache.dollars_per_hour(TASK)
    assert catalogue.asked == [{"num_nodes": 2, "resources": {"infra": "k8s", "accelerators": "H100:8"}}]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="no price"),
        pytest.param(Unavailable("SkyPilot does not answer."), id="no answer"),
    ],
)
def test_an_unknown_price_is_zero(cache: PriceCache, catalogue: Catalogue, answer: Rate | Exception | None) -> None:
    catalogue.answer = answer
    assert cache.dollars_per_hour(TASK) == 0.0


def test_a_failed_request_is_made_again(cache: PriceCache, catalogue: Catalogue) -> None:
    catalogue.answer = Unavailable("SkyPilot does not answer.")
    assert cache.dollars_per_hour(TASK) == 0.0
    catalogue.answer = Rate(40.0, "SkyPilot")
    assert cache.dollars_per_hour(TASK) == 40.0


def test_an_answer_that_is_late_is_there_for_the_next_call(catalogue: Catalogue) -> None:
    catalogue.may_answer.clear()
    cache = PriceCache(catalogue.find_rate, lambda: NOON, patience_seconds=0.01)
    assert cache.dollars_per_hour(TASK) == 0.0
    catalogue.may_answer.set()
    cache._patience_seconds = 10.0
    assert cache.dollars_per_hour(TASK) == 40.0
    assert len(catalogue.asked) == 1
    cache.stop()


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        pytest.param({"run": "other", "secrets": {}}, True, id="another program"),
        pytest.param({"num_nodes": 3}, False, id="another node"),
        pytest.param({"resources": {"infra": "k8s", "accelerators": "H100:4"}}, False, id="fewer GPUs"),
        pytest.param({"resources": {"infra": "k8s", "accelerators": "L4:8"}}, False, id="other GPUs"),
        pytest.param({"resources": {"infra": "aws", "accelerators": "H100:8"}}, False, id="another cloud"),
        pytest.param(
            {"resources": {"infra": "k8s", "accelerators": "H100:8", "use_spot": True}}, False, id="spot machines"
        ),
    ],
)
def test_a_price_is_of_the_machines(changes: dict[str, Any], is_same: bool) -> None:
    assert (price_key(TASK | changes) == price_key(TASK)) is is_same
