"""The schedule of a report: every day, on weekdays, or at an interval, in a time zone.

A time that the clock skips in spring comes at the same moment as without the skip, an hour later on the clock; of a
time that comes twice in autumn the first counts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal

from bot.core.line import shown
from bot.errors import UserError
from bot.language import mark, say

LEAST, MOST = timedelta(minutes=5), timedelta(hours=12)
"""Shortest and longest period between two reports. A rarer report has a fixed time of day."""

FARTHEST = 9
"""Maximum days from one due time to the next: a weekend, and the days that a time zone may skip."""


@dataclass(frozen=True, slots=True)
class Daily:
    """A schedule for every day at this time."""

    at: time


@dataclass(frozen=True, slots=True)
class Weekdays:
    """A schedule for Monday to Friday at this time."""

    at: time


@dataclass(frozen=True, slots=True)
class Every:
    """A schedule with a fixed interval, counted from midnight."""

    period: timedelta


Schedule = Daily | Weekdays | Every


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours without reports; they may extend past midnight."""

    begin: time
    end: time

    def __contains__(self, at: time) -> bool:
        """Return whether a time of day is within the quiet hours.

        >>> time(23) in Quiet(time(22), time(7)), time(7) in Quiet(time(22), time(7))
        (True, False)
        """
        if self.begin < self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


def next_due(schedule: Schedule, after: datetime, tz: tzinfo) -> datetime:
    """Return the first due time after that moment, in UTC."""
    start = after.astimezone(tz).date() - timedelta(days=1)
    days = (start + timedelta(days=number) for number in range(FARTHEST))
    return next(one for day in days for one in occasions(schedule, day, tz) if one > after)


def last_due(schedule: Schedule, now: datetime, tz: tzinfo) -> datetime:
    """Return the last due time up to that moment, in UTC."""
    start = now.astimezone(tz).date() - timedelta(days=FARTHEST - 2)
    days = (start + timedelta(days=number) for number in range(FARTHEST))
    return max(one for day in days for one in occasions(schedule, day, tz) if one <= now)


def occasions(schedule: Schedule, day: date, tz: tzinfo) -> Iterator[datetime]:
    """Yield the due times of one day, in order."""
    match schedule:
        case Daily(at):
            yield moment(day, at, tz)
        case Weekdays(at):
            if day.isoweekday() <= 5:
                yield moment(day, at, tz)
        case Every(period):
            one, midnight = moment(day, time(), tz), moment(day + timedelta(days=1), time(), tz)
            while one < midnight:
                yield one
                one += period


def moment(day: date, at: time, tz: tzinfo) -> datetime:
    """Return that time of that day, in UTC."""
    return datetime.combine(day, at, tz).astimezone(UTC)


def quiet_until(quiet: Quiet | None, now: datetime, tz: tzinfo) -> datetime | None:
    """Return when the current quiet hours end; None outside of quiet hours."""
    local = now.astimezone(tz)
    if quiet is None or local.time() not in quiet:
        return None
    days = (local.date() + timedelta(days=number) for number in range(3))
    # In autumn the end may come twice: the first one after now counts.
    ends = (moment(day, quiet.end.replace(fold=fold), tz) for day in days for fold in (0, 1))
    return next(end for end in ends if end > now)


# as users type them


def read(words: tuple[str, ...]) -> Schedule:
    """Return the schedule that a user typed.

    >>> read(("weekdays", "9:00")), read(("every", "90", "min"))
    (Weekdays(at=datetime.time(9, 0)), Every(period=datetime.timedelta(seconds=5400)))

    Raises:
        UserError: the words are not a schedule; the hint names what is valid.
    """
    match tuple(word.lower() for word in words):
        case ("daily", at):
            return Daily(read_time(at))
        case ("weekdays", at):
            return Weekdays(read_time(at))
        case ("every", _, *_) as every:
            return Every(read_period("".join(every[1:])))
    raise UserError(say("{words} is no schedule.", words=shown(" ".join(words))), say(HOW))


def spelled(schedule: Schedule) -> str:
    """Return a schedule as :func:`parse_schedule` reads it.

    >>> spelled(Daily(time(9))), spelled(Every(timedelta(hours=2))), spelled(Every(timedelta(minutes=90)))
    ('daily 09:00', 'every 2h', 'every 90min')
    """
    match schedule:
        case Daily(at):
            return f"daily {at:%H:%M}"
        case Weekdays(at):
            return f"weekdays {at:%H:%M}"
        case Every(period):
            return f"every {span(period)}"


def span(period: timedelta) -> str:
    """Return a period as users type it.

    >>> span(timedelta(hours=2)), span(timedelta(minutes=90))
    ('2h', '90min')
    """
    minutes = round(period.total_seconds() / 60)
    return f"{minutes}min" if minutes % 60 else f"{minutes // 60}h"


def read_time(text: str) -> time:
    """Return a time of day from `9`, `9:00` or `09:00`; some keyboards type a wide colon.

    Raises:
        UserError: the text is not a time of day.
    """
    found = re.fullmatch(r"(\d{1,2})(?:[:：](\d\d))?", text, re.ASCII)
    if found and int(found[1]) < 24 and int(found[2] or 0) < 60:
        return time(int(found[1]), int(found[2] or 0))
    raise UserError(say("{text} is no time of day.", text=shown(text)), say("Write it as `09:00`."))


def read_period(text: str) -> timedelta:
    """Return the period between two reports.

    Raises:
        UserError: the text is not a period, or out of range.
    """
    period = timespan(text)
    if period is None:
        raise UserError(say("{text} is no span of time.", text=shown(text)), say("Write it as `2h` or `30min`."))
    if not LEAST <= period <= MOST:
        often = say("From one board to the next it is at least `{least}`, and at most `{most}`.", **LIMITS)
        raise UserError(often, say("Once a day is `daily 09:00`."))
    return period


def timespan(text: str) -> timedelta | None:
    """Return a period from a text; None if the text is not one.

    >>> timespan("2h"), timespan("90minutes"), timespan("soon")
    (datetime.timedelta(seconds=7200), datetime.timedelta(seconds=5400), None)
    """
    found = re.fullmatch(r"(\d{1,6})(?:(h|hours?)|(?:m|min|minutes?))", text.lower(), re.ASCII)
    return timedelta(minutes=int(found[1]) * (60 if found[2] else 1)) if found else None


def read_quiet(text: str) -> Quiet | Literal[False]:
    """Return quiet hours from `22:00-07:00`; False for `off`. Some phones type a longer dash."""
    if text.lower() == "off":
        return False
    begin, _, end = re.sub("[–—]", "-", text).partition("-")
    quiet = Quiet(read_time(begin), read_time(end))
    if quiet.begin == quiet.end:
        raise UserError(say("{text} are no hours.", text=shown(text)), say("Write them as `22:00-07:00`."))
    return quiet


LIMITS = {"least": span(LEAST), "most": span(MOST)}
HOW = mark("Write it as `daily 09:00`, `weekdays 09:00` or `every 2h`.")
