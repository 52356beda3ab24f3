"""Runs schedules one after the other, in one process with one store."""

import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis

from bot.adapters.redis.embedded import EmbeddedValkey
from tests.simulation.promises import PROMISES, find_broken
from tests.simulation.robot import simulated_modules
from tests.simulation.schedule import Schedule
from tests.simulation.sky import Current
from tests.simulation.slack import SimulatedSlack
from tests.simulation.steps import Step

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

    def __init__(self, redis: Redis, socket: str) -> None:
        self.redis, self.socket = redis, socket
        self.current = Current()
        self.tally = Tally()
        self._schedule: Schedule | None = None

    def get_slack(self) -> SimulatedSlack:
        assert self._schedule is not None
        return self._schedule.slack

    def try_schedule(self, steps: Sequence[Step]) -> list[str]:
        """Run one schedule; return the promises that it broke."""
        schedule = self._schedule = Schedule(self.redis, self.socket, self.current)
        try:
            schedule.run(list(steps))
            wrong = find_broken(schedule)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            wrong = [f"{CRASHED}: {type(error).__name__} {error} ({Path(where.filename).name}:{where.lineno})"]
        finally:
            schedule.finish()
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
def open_bench(redis: Redis | None = None) -> Iterator[Bench]:
    """Open a bench, on a store of its own unless one is given."""
    with ExitStack() as stack:
        if redis is None:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            server = EmbeddedValkey(folder, answer_seconds=10)
            redis = server.start()
            stack.callback(server.stop)
            redis.config_set("appendonly", "no")
        bench = Bench(redis, str(redis.connection_pool.connection_kwargs["path"]))
        stack.enter_context(simulated_modules(bench.current, bench.get_slack))
        yield bench
