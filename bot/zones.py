"""Time zones by their names: the only reader of their files."""

from datetime import tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from bot.core.nearest import unknown


def zone(name: str) -> tzinfo:
    """The time zone of a record, whose name was looked up when it was made."""
    return ZoneInfo(name)


def named(text: str) -> str:
    """The name of a time zone as its files spell it: `europe/berlin` is one too.

    Raises:
        UserError: there is none; the hint says which come near.
    """
    known = spellings()
    found = known.get(text.lower().replace(" ", "_"))
    if found is None:
        last = {name: name.rpartition("/")[2].lower() for name in known.values() if "/" in name}
        alike = [name for name, city in last.items() if city == text.lower()]
        raise unknown("time zone", text, alike or COMMON)
    return found


@cache
def spellings() -> dict[str, str]:
    """Every zone's name by its small letters; read once, because all the files are opened for it."""
    return {name.lower(): name for name in available_timezones()}


COMMON = ("America/Los_Angeles", "America/New_York", "Asia/Kolkata", "Asia/Shanghai", "Europe/Berlin", "UTC")
"""Shown where nothing comes near: there are some six hundred."""
