"""Events that the lines of a log report: metrics of a step, the number of steps, progress, checkpoints."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.core.row import Row


@dataclass(frozen=True, slots=True)
class Total:
    """The number of steps that the training will have."""

    steps: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A progress bar: how many steps are done, and how many seconds one takes."""

    done: int
    total: int
    seconds_per_step: float


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint that was saved at a step, and its folder."""

    folder: str
    step: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """The training resumes from a checkpoint: its next step is the one after `step`."""

    step: int


Fact = Row | Total | Bar | Saved | Resumed


def rows(facts: Sequence[Fact]) -> Iterator[Row]:
    """Yield the metrics among the events of a log, in order."""
    return (fact for fact in facts if isinstance(fact, Row))
