"""Schedules with fixed seeds keep every promise. `make simulate` runs thousands."""

from collections.abc import Iterator
from random import Random

import pytest
from redis import Redis

from tests.simulation.bench import Bench, open_bench
from tests.simulation.steps import KINDS, draw_schedule

pytestmark = pytest.mark.slow

FEW, MANY, SHARES = 12, 300, 6


@pytest.fixture
def bench(redis: Redis) -> Iterator[Bench]:
    with open_bench(redis) as found:
        yield found


def test_a_few_schedules_keep_every_promise(bench: Bench) -> None:
    assert {seed: wrong for seed in range(FEW) if (wrong := bench.try_schedule(draw_schedule(seed)))} == {}


@pytest.mark.long
@pytest.mark.parametrize("share", range(SHARES))
def test_many_schedules_keep_every_promise(bench: Bench, share: int) -> None:
    seeds = range(FEW + share, MANY, SHARES)
    assert {seed: wrong for seed in seeds if (wrong := bench.try_schedule(draw_schedule(seed)))} == {}


def test_a_seed_is_repeated_exactly(bench: Bench) -> None:
    def live(seed: int) -> tuple[int, dict[str, int], list[tuple[str, str]]]:
        bench.tally.faults.clear()
        bench.tally.calls = 0
        bench.try_schedule(draw_schedule(seed))
        said = [(message.ts, message.text) for message in bench.get_slack().messages()]
        return bench.tally.calls, dict(bench.tally.faults), said

    assert live(5) == live(5)


def test_every_kind_of_step_is_drawn() -> None:
    drawn = {step.kind for seed in range(200) for step in draw_schedule(seed)}
    assert drawn == set(KINDS)
    assert draw_schedule(3) == draw_schedule(3) != draw_schedule(4)
    assert all(draw(Random(1)) == draw(Random(1)) for _, draw in KINDS.values())
