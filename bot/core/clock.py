"""The bot's own time: a line that advances with the time that has really passed, whatever the wall clock does. Pure.

The rules:

- The line advances with the machine's count of seconds since its start, which nobody can set, and which counts a
  suspended laptop's sleep (CLOCK_BOOTTIME). It never goes back.
- What the wall clock differs from it by no more than a bound is made good by SLEW, as a time daemon does.
- A greater difference is a jump, and is not followed: a lease, a budget or a schedule that only the jumped clock has
  reached is not reached, and none waits for an old time to come again.
- Another clock, such as Slack's, decides between the two. Where it agrees with a wall clock that is ahead, that time
  has passed without being counted, as while a virtual machine is paused, and the line follows at once. Where it agrees
  with a wall clock that is behind, the line is brought to it by SLEW, since a step back would lengthen every lease.
- A restart of the bot goes on with the line; a restart of the machine begins one, which is not before the last.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

SLEW = 0.01
"""Seconds by which the line is brought towards the wall clock in a second: a lease of a day errs by a quarter of an
hour at the most, and half a minute is made good in fifty."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A machine's clocks, read together.

    Attributes:
        wall: Unix seconds, as somebody has set them.
        elapsed: seconds since the machine's start, or another moment that stays the same in one boot.
        boot: identity of that start; empty where the machine does not tell.
    """

    wall: float
    elapsed: float
    boot: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """The line, as it was last read.

    Attributes:
        time: its Unix seconds, when `elapsed` was read in `boot`.
        follows: whether it is brought to a wall clock that is behind by more than the bound, and right.
    """

    time: float
    elapsed: float
    boot: str = ""
    follows: bool = False


class Verdict(StrEnum):
    """What another clock says of a wall clock that is apart from the line."""

    PASSED = "passed"  # the wall clock is right, and ahead: that time has passed
    AHEAD = "ahead"  # the wall clock is right, and the line ahead of it
    WRONG = "wrong"  # the wall clock is wrong
    UNKNOWN = "unknown"  # it agrees with neither


def begin_line(reading: Reading, kept: Line | None, other: float | None, bound: float) -> Line:
    """Return the line of a bot that starts.

    Args:
        kept: that of the bot before it on this machine; None where there was none.
        other: Unix seconds by another clock; None where none answers.
        bound: seconds that the wall clock may be from that one, and be believed.
    """
    if kept and is_same_boot(kept, reading):
        return advance(kept, reading, bound)
    time = other if other is not None and abs(other - reading.wall) > bound else reading.wall
    return Line(max(time, kept.time) if kept else time, reading.elapsed, reading.boot)


def is_same_boot(line: Line, reading: Reading) -> bool:
    return line.boot == reading.boot and line.elapsed <= reading.elapsed


def advance(line: Line, reading: Reading, bound: float) -> Line:
    """Return the line at a later reading of the same boot."""
    passed = max(reading.elapsed - line.elapsed, 0.0)
    apart = reading.wall - line.time - passed
    is_near = abs(apart) <= bound
    most = SLEW * passed if is_near or line.follows else 0.0
    time = line.time + passed + min(max(apart, -most), most)
    return Line(time, max(reading.elapsed, line.elapsed), line.boot, line.follows and not is_near)


def apart(line: Line, reading: Reading) -> float:
    """Return by how many seconds the wall clock is ahead of the line at its last reading; negative where behind."""
    return reading.wall - line.time


def judge(line: Line, reading: Reading, other: float, bound: float) -> tuple[Line, Verdict]:
    """Return what another clock says of a jump, and the line after it.

    Args:
        other: its Unix seconds.
    """
    to_wall, to_line = abs(other - reading.wall), abs(other - line.time)
    if min(to_wall, to_line) > bound:
        return line, Verdict.UNKNOWN
    if to_line < to_wall:
        return replace(line, follows=False), Verdict.WRONG
    if reading.wall > line.time:
        return replace(line, time=reading.wall, follows=False), Verdict.PASSED
    return replace(line, follows=True), Verdict.AHEAD


def has_passed(wait: timedelta, since: datetime, now: datetime) -> bool:
    """Return whether so long has passed since a recorded time.

    One that lies ahead was recorded by a clock that was ahead, as another machine's: nothing is to wait for it.

    >>> from datetime import UTC
    >>> noon, minute = datetime(2026, 1, 2, 12, tzinfo=UTC), timedelta(minutes=1)
    >>> has_passed(minute, noon, noon), has_passed(minute, noon, noon + minute), has_passed(minute, noon + minute, noon)
    (False, True, True)
    """
    return now < since or now >= since + wait
