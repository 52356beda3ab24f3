"""The bot's own time: no sequence of jumps moves it, and a wall clock that is right is followed."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.bot_clock import (
    SLEW_RATE,
    ClockReading,
    ClockVerdict,
    Timeline,
    advance,
    begin_timeline,
    judge_jump,
    measure_offset,
)

BOUND = 30.0
NOON = 1_767_355_200.0
HOUR = 3600.0


@dataclass
class Machine:
    """A machine's clocks: the wall clock, and the time since its start, of which the true time is the sum."""

    elapsed: float = 1000.0
    error: float = 0.0
    boot: str = "a"

    @property
    def true(self) -> float:
        return NOON + self.elapsed

    @property
    def reading(self) -> ClockReading:
        return ClockReading(self.true + self.error, self.elapsed, self.boot)


JUMPS = [0.0, 0.0, 0.0, -120.0, -HOUR, HOUR, 20.0, -20.0, 1e9, -1e9]
STEPS = st.lists(st.tuples(st.floats(0.0, 5000.0), st.sampled_from(JUMPS)), max_size=40)
"""Seconds that pass, and seconds by which the wall clock is set on then."""


@given(STEPS)
def test_the_line_never_goes_back_and_advances_as_time_does_whatever_the_wall_clock_does(
    steps: list[tuple[float, float]],
) -> None:
    machine = Machine()
    line = first = begin_timeline(machine.reading, None, None, BOUND)
    for passes, jump in steps:
        machine.elapsed += passes
        machine.error += jump
        later = advance(line, machine.reading, BOUND)
        assert later.time >= line.time
        assert abs((later.time - line.time) - passes) <= SLEW_RATE * passes + 1e-3
        line = later
    passed = machine.elapsed - 1000.0
    assert abs((line.time - first.time) - passed) <= SLEW_RATE * passed + 1e-3


@given(STEPS)
def test_where_another_clock_is_asked_after_each_jump_the_line_is_never_far_behind_the_truth(
    steps: list[tuple[float, float]],
) -> None:
    """And never ahead of it: the other clock is right, and the machine's was when the bot started."""
    machine = Machine()
    line = begin_timeline(machine.reading, None, machine.true, BOUND)
    for passes, jump in steps:
        machine.elapsed += passes
        machine.error += jump
        line = advance(line, machine.reading, BOUND)
        if abs(measure_offset(line, machine.reading)) > BOUND:
            line, verdict = judge_jump(line, machine.reading, machine.true, BOUND)
            assert verdict is not ClockVerdict.AHEAD
        assert abs(line.time - machine.true) <= 2 * BOUND + 1e-3


@pytest.mark.parametrize("error", [-BOUND, -5.0, 5.0, BOUND])
def test_a_small_difference_is_made_good_slowly(error: float) -> None:
    machine = Machine()
    line = begin_timeline(machine.reading, None, None, BOUND)
    machine.error = error
    for _ in range(int(abs(error) / SLEW_RATE)):
        machine.elapsed += 1.01
        line = advance(line, machine.reading, BOUND)
    assert measure_offset(line, machine.reading) == pytest.approx(0.0, abs=1e-3)


def test_many_small_steps_of_the_wall_clock_do_not_carry_the_line_away() -> None:
    machine = Machine()
    line = first = begin_timeline(machine.reading, None, None, BOUND)
    for _ in range(1000):
        machine.elapsed += 1
        machine.error += 25
        line = advance(line, machine.reading, BOUND)
    assert line.time - first.time <= 1000 * (1 + SLEW_RATE)


KEPT = Timeline(NOON + 500, 500.0, "a")


@pytest.mark.parametrize(
    ("reading", "kept", "other", "time"),
    [
        pytest.param(ClockReading(NOON, 9.0, "a"), None, None, NOON, id="the first bot believes the wall clock"),
        pytest.param(ClockReading(NOON, 9.0, "a"), None, NOON + 20, NOON, id="which another clock confirms"),
        pytest.param(ClockReading(NOON, 9.0, "a"), None, NOON + HOUR, NOON + HOUR, id="or does not"),
        pytest.param(
            ClockReading(NOON + 560, 560.0, "a"), KEPT, None, NOON + 560, id="a restart goes on with the line"
        ),
        pytest.param(ClockReading(NOON + 9e9, 560.0, "a"), KEPT, None, NOON + 560, id="whatever the wall clock shows"),
        pytest.param(ClockReading(NOON + 9e3, 60.0, "b"), KEPT, None, NOON + 9e3, id="a machine that was off"),
        pytest.param(ClockReading(NOON - HOUR, 60.0, "b"), KEPT, None, NOON + 500, id="is not back before it went off"),
        pytest.param(ClockReading(NOON + 9e9, 60.0, "b"), KEPT, NOON + 9e3, NOON + 9e3, id="nor far ahead"),
        pytest.param(ClockReading(NOON + 9e3, 400.0, "a"), KEPT, None, NOON + 9e3, id="a boot of the same name"),
    ],
)
def test_a_bot_begins_where_the_last_one_was(
    reading: ClockReading, kept: Timeline | None, other: float | None, time: float
) -> None:
    assert begin_timeline(reading, kept, other, BOUND).time == pytest.approx(time)


LINE = Timeline(NOON, 100.0, "a")


@pytest.mark.parametrize(
    ("wall", "other", "time", "verdict"),
    [
        pytest.param(
            HOUR, HOUR + 2, HOUR, ClockVerdict.PASSED, id="that time has passed, as while a machine is paused"
        ),
        pytest.param(HOUR, 1, 0, ClockVerdict.WRONG, id="the wall clock was set ahead"),
        pytest.param(-120, 1, 0, ClockVerdict.WRONG, id="the wall clock was set back"),
        pytest.param(-120, -119, 0, ClockVerdict.AHEAD, id="the line was ahead from the beginning"),
        pytest.param(HOUR, -HOUR, 0, ClockVerdict.UNKNOWN, id="three clocks, three times"),
    ],
)
def test_another_clock_decides(wall: float, other: float, time: float, verdict: ClockVerdict) -> None:
    line, found = judge_jump(LINE, ClockReading(NOON + wall, 100.0, "a"), NOON + other, BOUND)
    assert (line.time - NOON, found) == (time, verdict)


def test_a_line_that_is_ahead_is_brought_back_without_a_step() -> None:
    machine = Machine(error=-HOUR)
    line = replace(begin_timeline(replace(machine, error=0.0).reading, None, None, BOUND))
    line, verdict = judge_jump(advance(line, machine.reading, BOUND), machine.reading, machine.true - HOUR, BOUND)
    assert verdict is ClockVerdict.AHEAD
    for _ in range(360):
        machine.elapsed += 1000
        later = advance(line, machine.reading, BOUND)
        assert later.time - line.time >= 1000 * (1 - SLEW_RATE) - 1e-3
        line = later
    assert measure_offset(line, machine.reading) == pytest.approx(0.0, abs=1.0)
