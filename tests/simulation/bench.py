"""Runs schedules one after the other, in one process with one store."""

import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

from tests.simulation.disks import SimulatedCheckpoint
from tests.simulation.promises import PROMISES, find_broken
from tests.simulation.robot import simulated_modules
from tests.simulation.schedule import Schedule
from tests.simulation.sky import Current
from tests.simulation.slack import SimulatedSlack
from tests.simulation.steps import Step
from tests.simulation.stores import MemoryBed, StoreBed

CRASHED = "the simulator"
"""Begins what is wrong where a schedule itself could not be carried out."""


@dataclass
class Tally:
    """What was done.

    Attributes:
        schedules, calls: how many; faults: how often each was injected; broken: how often each promise was.
    """

    schedules: int = 0
    calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Add the tally of another process."""
        self.schedules += other.schedules
        self.calls += other.calls
        self.faults += other.faults
        self.broken += other.broken

    def format_table(self) -> str:
        """Return the faults injected and the promises checked, a line each."""
        rows = [("fault", "times"), *sorted(self.faults.items())]
        checks = [("promise", "checked", "broken")]
        checks += [(name, f"{self.schedules:,}", f"{self.broken[name]:,}") for name in PROMISES]
        lines = [f"  {name:32} {times:>10}" for name, times in rows]
        return "\n".join([*lines, "", *(f"  {name:32} {number:>10} {broken:>8}" for name, number, broken in checks)])


class Bench:
    """Where schedules run."""

    def __init__(self, bed: StoreBed, folder: Path) -> None:
        self.bed, self.folder = bed, folder
        self.current = Current()
        self.tally = Tally()
        self._schedule: Schedule | None = None

    def get_slack(self) -> SimulatedSlack:
        assert self._schedule is not None
        return self._schedule.slack

    def find_checkpoint(self, *args: Any) -> SimulatedCheckpoint:
        assert self._schedule is not None
        return self._schedule.disks.find(*args)

    def try_schedule(self, steps: Sequence[Step]) -> list[str]:
        """Run one schedule; return the promises that it broke."""
        folder = self.folder / "models"
        schedule = self._schedule = Schedule(self.bed, self.current, folder)
        try:
            schedule.run(list(steps))
            wrong = find_broken(schedule)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            wrong = [f"{CRASHED}: {type(error).__name__} {error} ({Path(where.filename).name}:{where.lineno})"]
        finally:
            schedule.finish()
            rmtree(folder, ignore_errors=True)
        self.tally.schedules += 1
        self.tally.calls += schedule.outside.calls
        self.tally.faults += schedule.outside.counts
        self.tally.broken += Counter({name_promise(one) for one in wrong})
        return wrong


def name_promise(broken: str) -> str:
    """Return the promise that a finding is about.

    >>> name_promise("no run is lost: smoke-0001 is running")
    'no run is lost'
    """
    return broken.partition(":")[0]


@contextmanager
def open_bench(bed: StoreBed | None = None) -> Iterator[Bench]:
    """Open a bench, with the store in this process unless another is given."""
    with TemporaryDirectory() as folder:
        bench = Bench(bed or MemoryBed(), Path(folder))
        with simulated_modules(bench.current, bench.get_slack, bench.find_checkpoint):
            yield bench
