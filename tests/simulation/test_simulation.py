"""Schedules with fixed seeds keep every promise. `make simulate` runs thousands."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from redis import Redis

from tests.simulation.bench import Bench, name_promise, open_bench
from tests.simulation.mutants import MUTANTS, Mutant, apply_mutant
from tests.simulation.promises import PROMISES
from tests.simulation.steps import KINDS, Step, draw_schedule
from tests.simulation.stores import ValkeyBed

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

FEW, MANY, SHARES = 12, 300, 12


@pytest.fixture
def bench() -> Iterator[Bench]:
    with open_bench() as found:
        yield found


def test_a_few_schedules_keep_every_promise(bench: Bench) -> None:
    assert {seed: wrong for seed in range(FEW) if (wrong := bench.try_schedule(draw_schedule(seed)))} == {}


@pytest.mark.long
@pytest.mark.parametrize("share", range(SHARES))
def test_many_schedules_keep_every_promise(bench: Bench, share: int) -> None:
    seeds = range(FEW + share, MANY, SHARES)
    assert {seed: wrong for seed in seeds if (wrong := bench.try_schedule(draw_schedule(seed)))} == {}


def live(bench: Bench, seed: int) -> tuple[int, dict[str, int], list[tuple[str, str]]]:
    """Return how a schedule went: its calls, its faults and what was said."""
    bench.tally.faults.clear()
    bench.tally.calls = 0
    bench.try_schedule(draw_schedule(seed))
    said = [(message.ts, message.text) for message in bench.get_slack().messages()]
    return bench.tally.calls, dict(bench.tally.faults), said


def test_a_seed_is_repeated_exactly(bench: Bench) -> None:
    assert live(bench, 5) == live(bench, 5)


@pytest.mark.parametrize("seed", [5, 23, 130])
def test_the_store_in_this_process_answers_as_a_real_one(bench: Bench, redis: Redis, seed: int) -> None:
    here = live(bench, seed)
    bench.bed = ValkeyBed(redis)
    assert live(bench, seed) == here


def test_every_kind_of_step_is_drawn() -> None:
    drawn = {step.kind for seed in range(200) for step in draw_schedule(seed)}
    assert drawn == set(KINDS)
    assert draw_schedule(3) == draw_schedule(3) != draw_schedule(4)
    assert all(draw(Random(1)) == draw(Random(1)) for _, draw in KINDS.values())


LATE_AFTER_SET_BACK = (
    Step("pace", (1, 3, 4, 5, 3)),
    Step("launch", ("U0ANA", "launch smoke nodes=3 lease=0.03")),
    Step("snapshot"),
    Step("slack is late", (49,)),
    Step("wait", (24.6,)),
    Step("roll back"),
)


def test_a_post_that_shows_late_is_removed_after_the_store_forgot_it(bench: Bench) -> None:
    """Found by seed 237: no look found the card, which was then posted again, and nothing looked for it later."""
    assert bench.try_schedule(LATE_AFTER_SET_BACK) == []


REPEATED_BEFORE_SET_BACK = (
    Step("launch", ("U0BEN", "launch smoke nodes=3 lease=0.03")),
    Step("slack is late", (59.3,)),
    Step("snapshot"),
    Step("wait", (38.8,)),
    Step("wait", (20.5,)),
    Step("roll back"),
)


def test_of_two_copies_that_the_store_forgot_one_is_removed(bench: Bench) -> None:
    """Found by seed 214: the look for the card found one of both, and nothing looked for the other."""
    assert bench.try_schedule(REPEATED_BEFORE_SET_BACK) == []


@pytest.mark.thorough
@pytest.mark.parametrize("mutant", [pytest.param(mutant, id=mutant.guard) for mutant in MUTANTS])
def test_a_missing_guard_is_noticed(bench: Bench, mutant: Mutant) -> None:
    assert bench.try_schedule(mutant.steps) == []
    with apply_mutant(mutant):
        assert mutant.promise in map(name_promise, bench.try_schedule(mutant.steps))


def test_the_document_has_every_missing_guard_and_every_promise() -> None:
    text = (ROOT / "docs" / "simulation.md").read_text()
    rows = [f"| {mutant.guard} | {mutant.promise} |" for mutant in MUTANTS]
    assert [row for row in text.splitlines() if row in rows] == rows
    assert [name for name in PROMISES if f"**{name}**" not in text] == []
