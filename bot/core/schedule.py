"""When a board is told: every day, on weekdays, or every so many minutes, by the clock of a time zone.

A time that the clock skips in spring comes when it would have come, an hour later on the clock; of a time that
comes twice in autumn the first counts.
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
"""Between two boards. What comes less often has a time of its own in the day."""

FARTHEST = 9
"""Days from one occasion to the next, at the most: a weekend, and what a time zone may skip."""


@dataclass(frozen=True, slots=True)
class Daily:
    """Every day at that time."""

    at: time


@dataclass(frozen=True, slots=True)
class Weekdays:
    """From Monday to Friday at that time."""

    at: time


@dataclass(frozen=True, slots=True)
class Every:
    """So often, counted from midnight."""

    period: timedelta


Schedule = Daily | Weekdays | Every


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in which nothing is told; they may go past midnight."""

    begin: time
    end: time

    def __contains__(self, at: time) -> bool:
        """
        >>> time(23) in Quiet(time(22), time(7)), time(7) in Quiet(time(22), time(7))
        (True, False)
        """
        if self.begin < self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


def next_due(schedule: Schedule, after: datetime, tz: tzinfo) -> datetime:
    """The first occasion after that moment, in UTC."""
    start = after.astimezone(tz).date() - timedelta(days=1)
    days = (start + timedelta(days=number) for number in range(FARTHEST))
    return next(one for day in days for one in occasions(schedule, day, tz) if one > after)


def last_due(schedule: Schedule, now: datetime, tz: tzinfo) -> datetime:
    """The last occasion up to that moment, in UTC."""
    start = now.astimezone(tz).date() - timedelta(days=FARTHEST - 2)
    days = (start + timedelta(days=number) for number in range(FARTHEST))
    return max(one for day in days for one in occasions(schedule, day, tz) if one <= now)


def occasions(schedule: Schedule, day: date, tz: tzinfo) -> Iterator[datetime]:
    """Those of one day, in their order."""
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
    """That time of that day, in UTC."""
    return datetime.combine(day, at, tz).astimezone(UTC)


def quiet_until(quiet: Quiet | None, now: datetime, tz: tzinfo) -> datetime | None:
    """When the quiet hours end that it is in; None where it is in none."""
    local = now.astimezone(tz)
    if quiet is None or local.time() not in quiet:
        return None
    days = (local.date() + timedelta(days=number) for number in range(3))
    ends = (moment(day, quiet.end.replace(fold=fold), tz) for day in days for fold in (0, 1))
    return next(end for end in ends if end > now)


# as they are typed


def read(words: tuple[str, ...]) -> Schedule:
    """The schedule of what was typed.

    >>> read(("weekdays", "9:00")), read(("every", "90", "min"))
    (Weekdays(at=datetime.time(9, 0)), Every(period=datetime.timedelta(seconds=5400)))

    Raises:
        UserError: it is none; the hint says what is.
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
    """As :func:`read` takes it.

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
    """
    >>> span(timedelta(hours=2)), span(timedelta(minutes=90))
    ('2h', '90min')
    """
    minutes = round(period.total_seconds() / 60)
    return f"{minutes}min" if minutes % 60 else f"{minutes // 60}h"


def read_time(text: str) -> time:
    """A time of day, `9`, `9:00` or `09:00`; a keyboard may have a wide colon."""
    found = re.fullmatch(r"(\d{1,2})(?:[:：](\d\d))?", text, re.ASCII)
    if found and int(found[1]) < 24 and int(found[2] or 0) < 60:
        return time(int(found[1]), int(found[2] or 0))
    raise UserError(say("{text} is no time of day.", text=shown(text)), say("Write it as `09:00`."))


def read_period(text: str) -> timedelta:
    period = timespan(text)
    if period is None:
        raise UserError(say("{text} is no span of time.", text=shown(text)), say("Write it as `2h` or `30min`."))
    if not LEAST <= period <= MOST:
        often = say("From one board to the next it is at least `{least}`, and at most `{most}`.", **LIMITS)
        raise UserError(often, say("Once a day is `daily 09:00`."))
    return period


def timespan(text: str) -> timedelta | None:
    """
    >>> timespan("2h"), timespan("90minutes"), timespan("soon")
    (datetime.timedelta(seconds=7200), datetime.timedelta(seconds=5400), None)
    """
    found = re.fullmatch(r"(\d{1,6})(?:(h|hours?)|(?:m|min|minutes?))", text.lower(), re.ASCII)
    return timedelta(minutes=int(found[1]) * (60 if found[2] else 1)) if found else None


def read_quiet(text: str) -> Quiet | Literal[False]:
    """Quiet hours, `22:00-07:00`; False for `off`. A phone may have a longer dash."""
    if text.lower() == "off":
        return False
    begin, _, end = re.sub("[–—]", "-", text).partition("-")
    quiet = Quiet(read_time(begin), read_time(end))
    if quiet.begin == quiet.end:
        raise UserError(say("{text} are no hours.", text=shown(text)), say("Write them as `22:00-07:00`."))
    return quiet


LIMITS = {"least": span(LEAST), "most": span(MOST)}
HOW = mark("Write it as `daily 09:00`, `weekdays 09:00` or `every 2h`.")
