"""The bot's own time: a timeline that advances with the time that has really passed, not with the wall clock. Pure.

The rules:

- The timeline advances with the machine's count of seconds since its start, which nothing can set, and which counts a
  suspended laptop's sleep (CLOCK_BOOTTIME). It never goes back.
- A difference from the wall clock within a bound is corrected by SLEW_RATE, as a time daemon does.
- A greater difference is a jump, and is not followed: a lease, a budget or a schedule that only the jumped clock has
  reached is not reached, and none waits for an old time to come again.
- Another clock, such as Slack's, decides between the two. If it agrees with a wall clock that is ahead, that time
  has passed without being counted, as while a virtual machine is paused, and the timeline follows at once. If it
  agrees with a wall clock that is behind, the timeline is corrected by SLEW_RATE, since a step back would lengthen
  every lease.
- A restart of the bot continues the timeline; a restart of the machine begins one, which is not before the last. Nor
  is it before what the store has recorded by more than the bound, where another machine had the timeline.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

SLEW_RATE = 0.01
"""Seconds by which the timeline is brought towards the wall clock in a second: a lease of a day errs by at most a
quarter of an hour, and half a minute is corrected in fifty minutes."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """A machine's clocks, read together.

    Attributes:
        wall: Unix seconds of the wall clock, which may be set to anything.
        elapsed: seconds since the machine's start, or another moment that stays the same in one boot.
        boot: identity of that start; empty if the machine has none.
    """

    wall: float
    elapsed: float
    boot: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The timeline, as it was last read.

    Attributes:
        time: Unix seconds of the timeline, when `elapsed` was read in `boot`.
        follows: whether it is slewed to a correct wall clock that is behind by more than the bound.
    """

    time: float
    elapsed: float
    boot: str = ""
    follows: bool = False


class ClockVerdict(StrEnum):
    """The verdict of another clock on a wall clock that differs from the timeline."""

    PASSED = "passed"  # the wall clock is right, and ahead: that time has passed
    AHEAD = "ahead"  # the wall clock is right, and the timeline is ahead of it
    WRONG = "wrong"  # the wall clock is wrong
    UNKNOWN = "unknown"  # it agrees with neither


def begin_timeline(
    reading: ClockReading, previous: Timeline | None, reference: float | None, max_offset: float
) -> Timeline:
    """Return the timeline of a bot that starts.

    Args:
        previous: the timeline of the bot before it on this machine; None if there was none.
        reference: Unix seconds by another clock; None if none answers.
        max_offset: seconds by which the wall clock may differ from the reference and still be trusted.
    """
    if previous and is_same_boot(previous, reading):
        return advance(previous, reading, max_offset)
    time = reference if reference is not None and abs(reference - reading.wall) > max_offset else reading.wall
    return Timeline(max(time, previous.time) if previous else time, reading.elapsed, reading.boot)


def catch_up(timeline: Timeline, recorded: float, max_offset: float) -> Timeline:
    """Return the timeline of a bot whose store has recorded this time: it does not go on before that, or a lease would
    last longer and an end come before its beginning. A difference within the bound stays.

    Args:
        recorded: Unix seconds of the timeline that used the store before, as on another machine.
    """
    return replace(timeline, time=recorded) if recorded > timeline.time + max_offset else timeline


def is_same_boot(timeline: Timeline, reading: ClockReading) -> bool:
    """Return whether the reading comes from the boot of the timeline."""
    return timeline.boot == reading.boot and timeline.elapsed <= reading.elapsed


def advance(timeline: Timeline, reading: ClockReading, max_offset: float) -> Timeline:
    """Return the timeline at a later reading of the same boot."""
    elapsed_seconds = max(reading.elapsed - timeline.elapsed, 0.0)
    offset = reading.wall - timeline.time - elapsed_seconds
    is_near = abs(offset) <= max_offset
    # A difference beyond the bound is a jump, which is ignored until another clock has judged it.
    max_slew = SLEW_RATE * elapsed_seconds if is_near or timeline.follows else 0.0
    time = timeline.time + elapsed_seconds + min(max(offset, -max_slew), max_slew)
    return Timeline(time, max(reading.elapsed, timeline.elapsed), timeline.boot, timeline.follows and not is_near)


def measure_offset(timeline: Timeline, reading: ClockReading) -> float:
    """Return the seconds by which the wall clock is ahead of the timeline at its last reading; negative if behind."""
    return reading.wall - timeline.time


def judge_jump(
    timeline: Timeline, reading: ClockReading, reference: float, max_offset: float
) -> tuple[Timeline, ClockVerdict]:
    """Return the timeline after another clock's verdict on a jump, and that verdict.

    Args:
        reference: Unix seconds by the other clock.
    """
    to_wall, to_timeline = abs(reference - reading.wall), abs(reference - timeline.time)
    if min(to_wall, to_timeline) > max_offset:
        return timeline, ClockVerdict.UNKNOWN
    if to_timeline < to_wall:
        return replace(timeline, follows=False), ClockVerdict.WRONG
    if reading.wall > timeline.time:
        return replace(timeline, time=reading.wall, follows=False), ClockVerdict.PASSED
    return replace(timeline, follows=True), ClockVerdict.AHEAD


def has_passed(duration: timedelta, since: datetime, now: datetime) -> bool:
    """Return whether a duration has passed since a recorded time.

    A recorded time in the future comes from a clock that was ahead, as another machine's: nothing may wait for it.

    >>> from datetime import UTC
    >>> noon, minute = datetime(2026, 1, 2, 12, tzinfo=UTC), timedelta(minutes=1)
    >>> has_passed(minute, noon, noon), has_passed(minute, noon, noon + minute), has_passed(minute, noon + minute, noon)
    (False, True, True)
    """
    return now < since or now >= since + duration
