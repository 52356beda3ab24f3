"""Time zones by name: the only reader of their files."""

from datetime import tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from bot.core.nearest import unknown


def zone(name: str) -> tzinfo:
    """Return the time zone of a record, whose name was checked when the record was made."""
    return ZoneInfo(name)


def named(text: str) -> str:
    """Return the name of a time zone as its files spell it: `europe/berlin` is accepted too.

    Raises:
        UserError: the time zone does not exist; the hint names similar ones.
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
    """Return every zone's name by its lower-case form; read once, because all the files are opened for it."""
    return {name.lower(): name for name in available_timezones()}


COMMON = ("America/Los_Angeles", "America/New_York", "Asia/Kolkata", "Asia/Shanghai", "Europe/Berlin", "UTC")
"""Shown where no name is similar: there are some six hundred."""
