"""What is outside of a simulated bot: one time, the faults of the schedule, and the processes that may end at any
call that leaves them.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bot.core.model.bot_clock import ClockReading, Timeline
from bot.core.model.store_identity import StoreIdentity
from slack_playground.faults import Fault, Faults, Trouble
from tests.builders import NOON
from tests.crashes import Killed

BOOTED_SECONDS = 1000.0
"""Seconds since the machines were started, when a schedule begins."""

DONE_WITHOUT_REPLY = (Trouble.LOST, Trouble.BROKEN_AFTER)
"""Troubles of a call that takes effect all the same."""


class HostMemory:
    """The store that a machine's bot knows, over restarts of the bot."""

    def __init__(self) -> None:
        self.identity: StoreIdentity | None = None

    def read(self) -> StoreIdentity | None:
        return self.identity

    def write(self, identity: StoreIdentity) -> None:
        self.identity = identity


@dataclass
class Host:
    """One machine: what a bot finds there after a restart.

    Attributes:
        ahead: seconds by which its wall clock is ahead of the true time.
        heartbeat: the timeline of the last tick.
    """

    name: str
    ahead: float = 0.0
    heartbeat: Timeline | None = None
    memory: HostMemory = field(default_factory=HostMemory)


@dataclass
class Process:
    """One life of a bot. Once it has ended, no call of its leaves it.

    Attributes:
        fatal: number of calls outside before the one that it does not make; None to live.
        pause: the same for a pause, and what happens meanwhile.
        pause_at: the beginning of the name of a call before which it pauses, and what happens meanwhile.
    """

    host: Host
    alive: bool = True
    fatal: int | None = None
    pause: tuple[int, Callable[[], None]] | None = None
    pause_at: tuple[str, Callable[[], None]] | None = None

    def reach(self, counts: Counter[str]) -> None:
        """Note that a call is about to leave the process; end or pause here if that is due."""
        if not self.alive:
            raise Killed
        if self.fatal is not None:
            self.fatal -= 1
            if self.fatal < 0:
                self.alive = False
                counts["bot killed"] += 1
                raise Killed
        if self.pause is not None:
            left, happen = self.pause
            self.pause = (left - 1, happen) if left > 0 else None
            if left <= 0:
                counts["leader paused"] += 1
                happen()


class NoReply(ConnectionError):
    """The connection broke."""


ANSWER_SECONDS = 2.0
"""How long a bot waits for an answer of the store."""


@dataclass
class StoreTrouble:
    """What is wrong between the bots and their store.

    Attributes:
        refuses_until, hangs_until: true Unix seconds.
        cuts: how many transactions still pass before one is executed whose answer is lost; None for no such one.
    """

    refuses_until: float = 0.0
    hangs_until: float = 0.0
    cuts: int | None = None

    def cease(self) -> None:
        self.refuses_until = self.hangs_until = 0.0
        self.cuts = None


class Outside:
    """All that the bots of one schedule share.

    Attributes:
        time: true Unix seconds.
        process: which process is making calls now; None for none.
        counts: how often each fault has met a call, or has happened.
        calls: calls outside.
        faults: the troubles of calls to SkyPilot and to Slack, by `sky.METHOD CLUSTER` and `slack.METHOD`.
        failures: what the bot's own jobs have raised that is no outage.
        store_trouble: what is wrong with the store.
    """

    def __init__(self) -> None:
        self.time = NOON.timestamp()
        self.process: Process | None = None
        self.counts: Counter[str] = Counter()
        self.calls = 0
        self.faults = Faults()
        self.failures: list[str] = []
        self.store_trouble = StoreTrouble()

    @property
    def elapsed(self) -> float:
        """Return the seconds since the schedule began."""
        return self.time - NOON.timestamp()

    def read_clocks(self, host: Host) -> ClockReading:
        return ClockReading(self.time + host.ahead, BOOTED_SECONDS + self.elapsed, "boot")

    def reach(self) -> None:
        """Note that the running process is about to make a call."""
        self.calls += 1
        if self.process is not None:
            self.process.reach(self.counts)

    def is_store_answering(self) -> bool:
        """Return whether the store answers now."""
        return self.time >= max(self.store_trouble.refuses_until, self.store_trouble.hangs_until)

    def reach_store(self, is_transaction: bool) -> bool:
        """Note that the running process sends something to the store. Return whether the link breaks after it.

        Raises:
            ConnectionError, TimeoutError: redis-py's own, where nothing reaches the store.
        """
        self.reach()
        trouble = self.store_trouble
        if self.process is None:
            return False
        if self.time < trouble.refuses_until:
            self.counts["store: refused"] += 1
            raise RedisConnectionError("Error 111 connecting to the store. Connection refused.")
        if self.time < trouble.hangs_until:
            self.counts["store: no answer"] += 1
            self.time += ANSWER_SECONDS
            raise RedisTimeoutError("Timeout reading from socket")
        if trouble.cuts is None or not is_transaction:
            return False
        trouble.cuts = trouble.cuts - 1 if trouble.cuts else None
        if trouble.cuts is None:
            self.counts["store: link broken"] += 1
        return trouble.cuts is None

    def call(self, name: str) -> Trouble | None:
        """Make a call; return its trouble if it takes effect all the same, and count the trouble."""
        self.reach()
        if self.process is not None and self.process.pause_at is not None:
            beginning, happen = self.process.pause_at
            if name.startswith(beginning):
                self.process.pause_at = None
                self.counts["leader paused"] += 1
                happen()
        fault = self.faults.take(name)
        if fault is None:
            return None
        self.counts[f"{name.partition('.')[0]}: {fault.trouble}"] += 1
        return fault.trouble

    @contextmanager
    def running(self, process: Process) -> Iterator[None]:
        """Let this process make the calls."""
        earlier, self.process = self.process, process
        try:
            yield
        finally:
            self.process = earlier

    def ask_trouble(self, pattern: str, trouble: Trouble, times: int | None = 1) -> Fault:
        """Let the next calls of this pattern meet trouble."""
        fault = Fault(pattern, trouble, times)
        self.faults.asked.append(fault)
        return fault
