"""The clock of the bot: reads the machine's clocks, and keeps the timeline of the bot's own time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Lock

from bot.core.clock import ClockReading, ClockVerdict, Timeline, advance, begin_timeline, judge_jump, measure_offset

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

MAX_OFFSET_SECONDS = 30.0
"""Default seconds by which the wall clock may differ from the bot's own time."""


@cache
def read_boot_id() -> str:
    """Return the identity of this machine's start; empty if the machine has none."""
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""


def read_clocks() -> ClockReading:
    """Return this machine's clocks.

    If none counts the time in which the machine is suspended, that time is not counted.
    """
    clock_id = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return ClockReading(time.time(), time.clock_gettime(clock_id), read_boot_id())


class Clock:
    """The bot's own time. Any thread may ask for it.

    Args:
        read: reads the machine's clocks.
        previous: the timeline of the bot before this one.
        reference: Unix seconds by another clock. See `begin_timeline`.
        jump_seconds: seconds by which the wall clock may differ before that is a jump.
    """

    def __init__(
        self,
        read: Callable[[], ClockReading] = read_clocks,
        previous: Timeline | None = None,
        reference: float | None = None,
        jump_seconds: float = MAX_OFFSET_SECONDS,
    ) -> None:
        self._read_clocks = read
        self._max_offset = jump_seconds
        self._lock = Lock()
        self._timeline = begin_timeline(read(), previous, reference, jump_seconds)

    def now(self) -> datetime:
        """Return the bot's own time in UTC."""
        return datetime.fromtimestamp(self.read_timeline().time, UTC)

    def read_timeline(self) -> Timeline:
        """Return the timeline as it is now, for a later bot to continue."""
        with self._lock:
            self._timeline = advance(self._timeline, self._read_clocks(), self._max_offset)
            return self._timeline

    def measure_jump(self) -> float:
        """Return the seconds by which the wall clock is ahead, negative if behind; 0.0 if that is no jump."""
        with self._lock:
            reading = self._read_clocks()
            self._timeline = advance(self._timeline, reading, self._max_offset)
            offset = measure_offset(self._timeline, reading)
        return offset if abs(offset) > self._max_offset else 0.0

    def judge_jump(self, reference: float) -> ClockVerdict:
        """Let another clock, which shows these Unix seconds, decide what a jump means; return its verdict."""
        with self._lock:
            reading = self._read_clocks()
            self._timeline, verdict = judge_jump(
                advance(self._timeline, reading, self._max_offset), reading, reference, self._max_offset
            )
        return verdict
