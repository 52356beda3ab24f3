"""Amounts of money, spans of time and times of day as people type them: judged, never guessed.

In half of the world `3,50` is not three hundred.
"""

import re
from datetime import time, timedelta

from bot.core.model.characters import to_half_width
from bot.core.model.typed_text import format_inline_code
from bot.errors import UserError
from bot.phrase import N_, Phrase, join_alternatives

AMOUNT = re.compile(r"\$?(?:\d{1,3}(?:,\d{3}){1,4}|\d{1,12})(?:\.\d{1,6})?", re.ASCII)
"""Digits with commas between groups of three, or plain ones, and a decimal point."""

AMBIGUOUS_AMOUNT = re.compile(r"[1-9]\d{0,2}\.\d{3}", re.ASCII)
"""A point before three digits: thousands in half of the world, thousandths in the other."""

GROUPED_AMOUNT = re.compile(r"(\d{1,3}(?:[.,' ]\d{3}){1,4})(?:[.,](\d{1,2}))?|(\d{1,12})[.,](\d{1,2})", re.ASCII)
"""An amount in groups of three digits, or one with cents, by whatever signs."""

DOLLAR_SIGNS = "$ "

WORDS_AROUND_AMOUNTS = re.compile(
    r"^(?:up to|to|about|~|us\$|usd) ?| ?(?:us\$|usd|dollars?|bucks|美元|美金|刀)$", re.IGNORECASE
)
SIGNS_BEHIND_AMOUNTS = " .,!。-–—"
"""What people write around an amount: none of it changes the number."""

THOUSANDS = re.compile(r"(\d{1,4}(?:[.,]\d{1,2})?) ?(?:k|千)", re.IGNORECASE | re.ASCII)
RELATIVE_AMOUNT = re.compile(r"\+.*|by .*|another .*|.* more", re.IGNORECASE)

MAX_DOLLARS = 9_999_999
"""Maximum dollars of a monthly budget."""

HOW_TO_WRITE_AMOUNTS = N_("Write the amount as `3.50`.")


def parse_amount(text: str) -> float | None:
    """Return the dollars; None if the text is not an amount that can be read in one way only.

    >>> [parse_amount(text) for text in ("$3", "1,000.50", "3.5", "3,50", "1e3", "3€", "٣")]
    [3.0, 1000.5, 3.5, None, None, None, None]
    >>> parse_amount("3.500"), parse_amount("0.125")
    (None, 0.125)
    """
    amount = to_half_width(text.strip())
    if AMBIGUOUS_AMOUNT.fullmatch(amount.removeprefix("$")):
        return None
    return float(amount.removeprefix("$").replace(",", "")) if AMOUNT.fullmatch(amount) else None


def list_readings(text: str) -> list[str]:
    """Return the amounts that a text may mean, as they must be typed; empty where it means none.

    >>> [list_readings(text) for text in ("3.500", "3,50", "1.234,56", "1 000", "3€", "soon")]
    [['3.50', '3500'], ['3.50'], ['1234.56'], ['1000'], [], []]
    >>> [list_readings(text) for text in ("50,-", "50 USD", "$1.5k", "2K", "50.", "50刀")]
    [['50'], ['50'], ['1500'], ['2000'], ['50'], ['50']]
    """
    plain = " ".join(to_half_width(text).split()).rstrip(SIGNS_BEHIND_AMOUNTS)
    amount = WORDS_AROUND_AMOUNTS.sub("", plain).strip(DOLLAR_SIGNS)
    if thousands := THOUSANDS.fullmatch(amount):
        return [f"{float(thousands[1].replace(',', '.')) * 1000:.0f}"]
    if re.fullmatch(r"\d{1,12}", amount, re.ASCII):
        return [amount]
    match = GROUPED_AMOUNT.fullmatch(amount)
    if match is None:
        return []
    if match[3]:
        return [f"{match[3]}.{match[4]:0<2}"]
    whole = re.sub(r"[.,' ]", "", match[1])
    if match[2]:
        return [f"{whole}.{match[2]:0<2}"]
    is_decimal = AMBIGUOUS_AMOUNT.fullmatch(amount.replace(",", ".")) is not None
    return [f"{float(amount.replace(',', '.')):.2f}", whole] if is_decimal else [whole]


def suggest_amounts(text: str) -> Phrase:
    """Return how to write an amount: each that the text may mean."""
    readings = list_readings(text)
    if RELATIVE_AMOUNT.fullmatch(text.strip()):
        return Phrase("Write the whole amount, not what is added to it, such as `3.50`.")
    if not readings:
        return Phrase(HOW_TO_WRITE_AMOUNTS)
    return Phrase(
        "Write the amount as {amounts}.", amounts=join_alternatives(format_inline_code(reading) for reading in readings)
    )


def parse_budget(text: str) -> float:
    """Return the dollars of a budget.

    Raises:
        UserError: the text is no such amount, is zero, or is more than `MAX_DOLLARS`.
    """
    dollars = parse_amount(text)
    if dollars is None:
        raise UserError(
            Phrase("{text} is not an amount of dollars.", text=format_inline_code(text)), suggest_amounts(text)
        )
    if not 0.01 <= dollars <= MAX_DOLLARS:
        bounds = Phrase("A budget must be from $0.01 to ${most}.", most=f"{MAX_DOLLARS:,}")
        raise UserError(bounds, Phrase(HOW_TO_WRITE_AMOUNTS))
    return dollars


MINUTES_PER_UNIT = {
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes", "分", "分钟"), 1),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "时", "小时", "个小时"), 60),
    **dict.fromkeys(("d", "day", "days", "天"), 24 * 60),
    **dict.fromkeys(("w", "week", "weeks", "周", "星期"), 7 * 24 * 60),
}
"""Minutes of each unit, by every word for it."""

UNITS = "|".join(sorted(MINUTES_PER_UNIT, key=len, reverse=True))
SPAN = re.compile(
    rf"(\d{{1,6}}(?:\.\d{{1,3}})?|an?\b) ?({UNITS})(?: ?(\d{{1,4}}) ?(m|min|mins|minute|minutes))?", re.ASCII
)
NUMBER = re.compile(r"\d{1,6}(?:\.\d{1,3})?", re.ASCII)

NAMED_TIMES = {"noon": time(12), "midday": time(12), "midnight": time(0), "中午": time(12)}
TIME_OF_DAY = re.compile(r"(\d{1,2})(?:[:.h](\d\d))?(?: ?([ap])\.?m\.?)?", re.ASCII)


def parse_timespan(text: str, number_unit: str = "") -> timedelta | None:
    """Return a span of time from a text; None if the text is not one, or is no time at all.

    Args:
        number_unit: the unit of a number alone, such as `h`; unless given, a number alone is no span.

    >>> [str(parse_timespan(text)) for text in ("2 hours", "90minutes", "an hour", "1h 30m", "1 day")]
    ['2:00:00', '1:30:00', '1:00:00', '1:30:00', '1 day, 0:00:00']
    >>> parse_timespan("soon"), parse_timespan("2"), parse_timespan("2", "h")
    (None, None, datetime.timedelta(seconds=7200))
    """
    text = " ".join(to_half_width(text).lower().split())
    if number_unit and NUMBER.fullmatch(text):
        text += number_unit
    match = SPAN.fullmatch(text)
    if match is None:
        return None
    number = 1.0 if match[1].startswith("a") else float(match[1])
    return timedelta(minutes=number * MINUTES_PER_UNIT[match[2]] + int(match[3] or 0))


def parse_time_of_day(text: str) -> time | None:
    """Return a time of day; None if the text is not one.

    >>> [str(parse_time_of_day(text)) for text in ("9", "09:00", "9am", "9:30 pm", "12am", "noon", "13pm", "25:00")]
    ['09:00:00', '09:00:00', '09:00:00', '21:30:00', '00:00:00', '12:00:00', 'None', 'None']
    """
    text = " ".join(to_half_width(text).lower().split())
    if text in NAMED_TIMES:
        return NAMED_TIMES[text]
    match = TIME_OF_DAY.fullmatch(text)
    if match is None or int(match[2] or 0) > 59:
        return None
    hour = to_24_hours(int(match[1]), match[3])
    return None if hour is None else time(hour, int(match[2] or 0))


def to_24_hours(hour: int, half: str | None) -> int | None:
    """Return the hour of the day; None if there is no such hour.

    Args:
        half: `a` for before noon, `p` for after it, None for a clock of 24 hours.
    """
    if half is None:
        return hour if hour < 24 else None
    return hour % 12 + (12 if half == "p" else 0) if 1 <= hour <= 12 else None
