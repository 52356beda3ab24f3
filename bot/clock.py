"""The clock of the bot: the machine's clocks, read, and the line of its own time that they make."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Lock

from bot.core.clock import Line, Reading, Verdict, advance, apart, begin_line, judge

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

JUMP_SECONDS = 30.0
"""What the wall clock may differ by from the bot's own time, unless it is set."""


@cache
def boot_id() -> str:
    """Return the identity of this machine's start; empty where it does not tell."""
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""


def read_clocks() -> Reading:
    """Read this machine's clocks. Where none counts the time in which it is suspended, that time is not counted."""
    counted = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return Reading(time.time(), time.clock_gettime(counted), boot_id())


class Clock:
    """The bot's own time. Any thread may ask for it.

    Args:
        read: reads the machine's clocks.
        kept: the line of the bot before this one; other: Unix seconds by another clock. See `begin_line`.
        jump_seconds: what the wall clock may differ by before that is a jump.
    """

    def __init__(
        self,
        read: Callable[[], Reading] = read_clocks,
        kept: Line | None = None,
        other: float | None = None,
        jump_seconds: float = JUMP_SECONDS,
    ) -> None:
        self._read = read
        self._bound = jump_seconds
        self._lock = Lock()
        self._line = begin_line(read(), kept, other, jump_seconds)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.line().time, UTC)

    def line(self) -> Line:
        """Return the line as it is now, for a later bot to go on with."""
        with self._lock:
            self._line = advance(self._line, self._read(), self._bound)
            return self._line

    def jump(self) -> float:
        """Return by how many seconds the wall clock is ahead, negative where behind; 0.0 where that is no jump."""
        with self._lock:
            reading = self._read()
            self._line = advance(self._line, reading, self._bound)
            found = apart(self._line, reading)
        return found if abs(found) > self._bound else 0.0

    def judge(self, other: float) -> Verdict:
        """Let another clock, which shows these Unix seconds, decide what a jump means."""
        with self._lock:
            reading = self._read()
            self._line, verdict = judge(advance(self._line, reading, self._bound), reading, other, self._bound)
        return verdict
