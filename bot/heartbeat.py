"""A bot's sign of life: a file that every tick touches, and how old it may grow."""

import time
from pathlib import Path

from bot.settings import Settings

NAME = "heartbeat"
"""Of the file, in the data directory."""

TICKS_MISSED = 4
"""Ticks without a sign of life after which the bot counts as ill."""

CALLS_MISSED = 3
"""Or so many times what a call to SkyPilot may take: a tick waits for two, and is not ill for that."""


def age_seconds(data_dir: Path) -> float | None:
    """How long ago the last tick of this data directory was; None where no bot has run there."""
    try:
        return time.time() - (data_dir / NAME).stat().st_mtime
    except FileNotFoundError:
        return None


def longest_seconds(settings: Settings) -> float:
    """How old it may be while the bot is well."""
    call = settings.sky_call_seconds if settings.uses_skypilot else 0.0
    return max(TICKS_MISSED * settings.tick_seconds, CALLS_MISSED * call)
