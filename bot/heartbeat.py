"""A bot's sign of life: a file that every tick writes, and how old it may grow. It holds the bot's time too."""

import logging
import math
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from bot.clock import read_clocks
from bot.core.clock import Line, Reading, is_same_boot
from bot.settings import Settings

log = logging.getLogger(__name__)

NAME = "heartbeat"
"""Of the file, in the data directory."""

TICKS_MISSED = 4
"""Ticks without a sign of life after which the bot counts as ill."""

CALLS_MISSED = 3
"""Or so many times what a call to SkyPilot may take: a tick waits for two, and is not ill for that."""

LATEST = 32_503_680_000.0
"""Unix seconds of the year 3000: what a spoilt file shows beyond that is no time, and no bot would start with it."""

DECODER = msgspec.json.Decoder(Line)


def write(data_dir: Path, line: Line) -> None:
    """Write a sign of life, which a reader sees whole. A disk that is full does not keep the bot from ticking."""
    draft = data_dir / f"{NAME}.{os.getpid()}.draft"
    try:
        draft.write_bytes(msgspec.json.encode(line))
        draft.replace(data_dir / NAME)
    except OSError as error:
        log.error("the heartbeat cannot be written: %s", error)


def read(data_dir: Path) -> Line | None:
    """Return the bot's time at the last sign of life; None where there is none that can be read."""
    try:
        line = DECODER.decode((data_dir / NAME).read_bytes())
    except (OSError, msgspec.DecodeError):  # an older version's is empty
        return None
    return line if 0.0 <= line.time <= LATEST and 0.0 <= line.elapsed <= LATEST else None


def age_seconds(data_dir: Path, clocks: Callable[[], Reading] = read_clocks) -> float | None:
    """Return how long ago the last tick of this data directory was, by no clock that can be set.

    Infinity where it was before this machine was started, or where the file cannot be read; None where no bot has run
    there.
    """
    if not (data_dir / NAME).exists():
        return None
    line, reading = read(data_dir), clocks()
    if line is None or not is_same_boot(line, reading):
        return math.inf
    return reading.elapsed - line.elapsed


def longest_seconds(settings: Settings) -> float:
    """How old it may be while the bot is well."""
    call = settings.sky_call_seconds if settings.uses_skypilot else 0.0
    return max(TICKS_MISSED * settings.tick_seconds, CALLS_MISSED * call)
