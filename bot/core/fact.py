"""What the lines of a log tell: rows of numbers, totals, paces, checkpoints."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.core.row import Row


@dataclass(frozen=True, slots=True)
class Total:
    """How many steps there will be."""

    steps: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A progress bar: how many steps are done, and how long one takes."""

    done: int
    total: int
    seconds_per_step: float


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint of a step, and its folder."""

    folder: str
    step: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """The training goes on from a checkpoint: its next step is the one after this."""

    step: int


Fact = Row | Total | Bar | Saved | Resumed


def rows(facts: Sequence[Fact]) -> Iterator[Row]:
    return (fact for fact in facts if isinstance(fact, Row))
