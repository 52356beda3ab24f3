"""The clock of the bot: reads the machine's clocks, and keeps the timeline of the bot's own time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Lock

from bot.core.clock import Line, Reading, Verdict, advance, apart, begin_line, judge

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

JUMP_SECONDS = 30.0
"""Default seconds by which the wall clock may differ from the bot's own time."""


@cache
def boot_id() -> str:
    """Return the identity of this machine's start; empty if the machine has none."""
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""


def read_clocks() -> Reading:
    """Return this machine's clocks.

    If none counts the time in which the machine is suspended, that time is not counted.
    """
    counted = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return Reading(time.time(), time.clock_gettime(counted), boot_id())


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
        """Return the bot's own time in UTC."""
        return datetime.fromtimestamp(self.line().time, UTC)

    def line(self) -> Line:
        """Return the timeline as it is now, for a later bot to continue."""
        with self._lock:
            self._line = advance(self._line, self._read(), self._bound)
            return self._line

    def jump(self) -> float:
        """Return the seconds by which the wall clock is ahead, negative if behind; 0.0 if that is no jump."""
        with self._lock:
            reading = self._read()
            self._line = advance(self._line, reading, self._bound)
            found = apart(self._line, reading)
        return found if abs(found) > self._bound else 0.0

    def judge(self, other: float) -> Verdict:
        """Let another clock, which shows these Unix seconds, decide what a jump means; return its verdict."""
        with self._lock:
            reading = self._read()
            self._line, verdict = judge(advance(self._line, reading, self._bound), reading, other, self._bound)
        return verdict
