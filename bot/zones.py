"""Time zones by name: the only reader of their files."""

from datetime import tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from bot.core.nearest import unknown_name_error


def load_zone(name: str) -> tzinfo:
    """Return the time zone of a record, whose name was checked when the record was made."""
    return ZoneInfo(name)


def canonical_name(text: str) -> str:
    """Return the name of a time zone as its files spell it: `europe/berlin` is accepted too.

    Raises:
        UserError: the time zone does not exist; the hint names similar ones.
    """
    spelling_of = list_spellings()
    spelling = spelling_of.get(text.lower().replace(" ", "_"))
    if spelling is None:
        last = {name: name.rpartition("/")[2].lower() for name in spelling_of.values() if "/" in name}
        matches = [name for name, city in last.items() if city == text.lower()]
        raise unknown_name_error("time zone", text, matches or COMMON_ZONES)
    return spelling


@cache
def list_spellings() -> dict[str, str]:
    """Return every zone's name by its lower-case form; read once, because all the files are opened for it."""
    return {name.lower(): name for name in available_timezones()}


COMMON_ZONES = ("America/Los_Angeles", "America/New_York", "Asia/Kolkata", "Asia/Shanghai", "Europe/Berlin", "UTC")
"""Shown where no name is similar: there are some six hundred."""
