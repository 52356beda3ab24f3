"""The schedule of a report: every day, on weekdays, or at an interval, in a time zone.

A time that the clock skips in spring comes at the same moment as without the skip, an hour later on the clock; of a
time that comes twice in autumn the first counts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal

from bot.core.model.characters import to_half_width
from bot.core.model.typed_quantities import parse_time_of_day, parse_timespan
from bot.core.model.typed_text import format_inline_code
from bot.errors import UserError
from bot.phrase import N_, Phrase

MIN_PERIOD, MAX_PERIOD = timedelta(minutes=5), timedelta(hours=12)
"""Shortest and longest period between two reports. A rarer report has a fixed time of day."""

MAX_DAYS_AHEAD = 9
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
class Interval:
    """A schedule with a fixed interval, counted from midnight."""

    period: timedelta


Schedule = Daily | Weekdays | Interval


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours without reports; they may extend past midnight."""

    begin: time
    end: time

    def __contains__(self, at: time) -> bool:
        """Return whether a time of day is within the quiet hours.

        >>> time(23) in QuietHours(time(22), time(7)), time(7) in QuietHours(time(22), time(7))
        (True, False)
        """
        if self.begin < self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


def find_next_due(schedule: Schedule, after: datetime, tz: tzinfo) -> datetime:
    """Return the first due time after that moment, in UTC."""
    start = after.astimezone(tz).date() - timedelta(days=1)
    days = (start + timedelta(days=number) for number in range(MAX_DAYS_AHEAD))
    return next(due_at for day in days for due_at in iterate_due_times(schedule, day, tz) if due_at > after)


def find_last_due(schedule: Schedule, now: datetime, tz: tzinfo) -> datetime:
    """Return the last due time up to that moment, in UTC."""
    start = now.astimezone(tz).date() - timedelta(days=MAX_DAYS_AHEAD - 2)
    days = (start + timedelta(days=number) for number in range(MAX_DAYS_AHEAD))
    return max(due_at for day in days for due_at in iterate_due_times(schedule, day, tz) if due_at <= now)


def iterate_due_times(schedule: Schedule, day: date, tz: tzinfo) -> Iterator[datetime]:
    """Yield the due times of one day, in order."""
    match schedule:
        case Daily(at):
            yield to_utc(day, at, tz)
        case Weekdays(at):
            if day.isoweekday() <= 5:
                yield to_utc(day, at, tz)
        case Interval(period):
            due_at, midnight = to_utc(day, time(), tz), to_utc(day + timedelta(days=1), time(), tz)
            while due_at < midnight:
                yield due_at
                due_at += period


def to_utc(day: date, at: time, tz: tzinfo) -> datetime:
    """Return that time of that day, in UTC."""
    return datetime.combine(day, at, tz).astimezone(UTC)


def find_quiet_end(quiet: QuietHours | None, now: datetime, tz: tzinfo) -> datetime | None:
    """Return when the current quiet hours end; None outside of quiet hours."""
    local = now.astimezone(tz)
    if quiet is None or local.time() not in quiet:
        return None
    days = (local.date() + timedelta(days=number) for number in range(3))
    # In autumn the end may come twice: the first one after now counts.
    ends = (to_utc(day, quiet.end.replace(fold=fold), tz) for day in days for fold in (0, 1))
    return next(end for end in ends if end > now)


# as users type them


def parse_schedule(words: tuple[str, ...]) -> Schedule:
    """Return the schedule that a user typed.

    >>> parse_schedule(("weekdays", "9:00")), parse_schedule(("every", "90", "min"))
    (Weekdays(at=datetime.time(9, 0)), Interval(period=datetime.timedelta(seconds=5400)))

    Raises:
        UserError: the words are not a schedule; the hint names what is valid.
    """
    match tuple(word.lower() for word in words if word.lower() != "at"):
        case ("daily", _, *_) | ("every", "day", _, *_) as day:
            return Daily(parse_time(" ".join(day[1 if day[0] == "daily" else 2 :])))
        case ("weekdays", _, *_) | ("every", "weekday", _, *_) as day:
            return Weekdays(parse_time(" ".join(day[1 if day[0] == "weekdays" else 2 :])))
        case ("every", interval, *_) as interval_words if interval not in ("day", "weekday"):
            return Interval(parse_period(" ".join(interval_words[1:])))
    raise UserError(
        Phrase("{words} is not a schedule.", words=format_inline_code(" ".join(words))), Phrase(SCHEDULE_HINT)
    )


def format_schedule(schedule: Schedule) -> str:
    """Return a schedule as :func:`parse_schedule` reads it.

    >>> (format_schedule(Daily(time(9))), format_schedule(Interval(timedelta(hours=2))),
    ...  format_schedule(Interval(timedelta(minutes=90))))
    ('daily 09:00', 'every 2h', 'every 90min')
    """
    match schedule:
        case Daily(at):
            return f"daily {at:%H:%M}"
        case Weekdays(at):
            return f"weekdays {at:%H:%M}"
        case Interval(period):
            return f"every {format_period(period)}"


def format_period(period: timedelta) -> str:
    """Return a period as users type it.

    >>> format_period(timedelta(hours=2)), format_period(timedelta(minutes=90))
    ('2h', '90min')
    """
    minutes = round(period.total_seconds() / 60)
    return f"{minutes}min" if minutes % 60 else f"{minutes // 60}h"


def parse_time(text: str) -> time:
    """Return a time of day from `9`, `9:00`, `9:30 pm` or `noon`.

    Raises:
        UserError: the text is not a time of day.
    """
    if (parsed_time := parse_time_of_day(text)) is not None:
        return parsed_time
    raise UserError(
        Phrase("{text} is not a time of day.", text=format_inline_code(text)),
        Phrase("Write it as `09:00` or `9:30pm`."),
    )


def parse_period(text: str) -> timedelta:
    """Return the period between two reports.

    Raises:
        UserError: the text is not a period, or out of range.
    """
    period = parse_timespan(text)
    if period is None:
        raise UserError(
            Phrase("{text} is not a duration.", text=format_inline_code(text)),
            Phrase("Write it as `2h` or `30min`."),
        )
    if not MIN_PERIOD <= period <= MAX_PERIOD:
        problem = Phrase("The time between two reports must be between `{least}` and `{most}`.", **PERIOD_LIMITS)
        raise UserError(problem, Phrase("Once a day is `daily 09:00`."))
    return period


def parse_quiet_hours(text: str) -> QuietHours | Literal[False]:
    """Return quiet hours from `22:00-07:00`; False for `off`. Other keyboards type a longer dash, or `～`."""
    if text.lower() in ("off", "none"):
        return False
    begin, _, end = re.sub("[–—~至]|to", "-", to_half_width(text)).partition("-")
    quiet = QuietHours(parse_time(begin), parse_time(end))
    if quiet.begin == quiet.end:
        raise UserError(
            Phrase("{text} is not a time range.", text=format_inline_code(text)), Phrase("Write them as `22:00-07:00`.")
        )
    return quiet


PERIOD_LIMITS = {"least": format_period(MIN_PERIOD), "most": format_period(MAX_PERIOD)}
SCHEDULE_HINT = N_("Write it as `daily 09:00`, `weekdays 09:00` or `every 2h`.")
