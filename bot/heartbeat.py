"""The bot's heartbeat: a file that every tick writes, and its maximum age. The file also holds the bot's time."""

import logging
import math
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from bot.clock import read_clocks
from bot.core.clock import ClockReading, Timeline, is_same_boot
from bot.settings import Settings

log = logging.getLogger(__name__)

FILE_NAME = "heartbeat"
"""Name of the heartbeat's file in the data directory."""

MAX_MISSED_TICKS = 4
"""Tick periods without a heartbeat after which the bot counts as unhealthy."""

MAX_CALL_DURATIONS = 3
"""Alternatively, so many deadlines of a call to SkyPilot: a tick waits for two calls, and is healthy then."""

MAX_UNIX_SECONDS = 32_503_680_000.0
"""Unix seconds of the year 3000: a damaged file may show a later time, with which no bot would start."""

DECODER = msgspec.json.Decoder(Timeline)


def write(data_dir: Path, line: Timeline) -> None:
    """Write the heartbeat atomically. A full disk does not stop the bot from ticking."""
    draft = data_dir / f"{FILE_NAME}.{os.getpid()}.draft"
    try:
        draft.write_bytes(msgspec.json.encode(line))
        draft.replace(data_dir / FILE_NAME)
    except OSError as error:
        log.error("the heartbeat cannot be written: %s", error)


def read(data_dir: Path) -> Timeline | None:
    """Return the bot's time at the last heartbeat; None where no readable one exists."""
    try:
        line = DECODER.decode((data_dir / FILE_NAME).read_bytes())
    except (OSError, msgspec.DecodeError):  # an older version's file is empty
        return None
    return line if 0.0 <= line.time <= MAX_UNIX_SECONDS and 0.0 <= line.elapsed <= MAX_UNIX_SECONDS else None


def read_age_seconds(data_dir: Path, clocks: Callable[[], ClockReading] = read_clocks) -> float | None:
    """Return how many seconds ago the last tick of this data directory was, by a clock that cannot be set.

    Infinity where it was before this machine was started, or where the file cannot be read; None where no bot has run
    there.
    """
    if not (data_dir / FILE_NAME).exists():
        return None
    line, reading = read(data_dir), clocks()
    if line is None or not is_same_boot(line, reading):
        return math.inf
    return reading.elapsed - line.elapsed


def max_age_seconds(settings: Settings) -> float:
    """Return the maximum age, in seconds, of a healthy bot's heartbeat."""
    call = settings.sky_call_seconds if settings.uses_skypilot else 0.0
    return max(MAX_MISSED_TICKS * settings.tick_seconds, MAX_CALL_DURATIONS * call)
