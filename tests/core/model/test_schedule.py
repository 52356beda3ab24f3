from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.schedule import (
    Daily,
    Interval,
    QuietHours,
    Schedule,
    Weekdays,
    find_last_due,
    find_next_due,
    find_quiet_end,
    format_schedule,
    parse_quiet_hours,
    parse_schedule,
)
from tests.builders import refusal_of

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
ZONES = [
    "UTC", BERLIN, NEW_YORK, "Asia/Shanghai", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo",
    "America/Sao_Paulo", "Pacific/Chatham",
]  # fmt: skip


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "expected"),
    [
        pytest.param("daily 09:00", "UTC", "2026-01-02 08:59", "2026-01-02 09:00", id="later today"),
        pytest.param("daily 09:00", "UTC", "2026-01-02 09:00", "2026-01-03 09:00", id="not the one that is now"),
        pytest.param("daily 09:00", BERLIN, "2026-01-02 07:59", "2026-01-02 08:00", id="by the zone's clock"),
        pytest.param("daily 09:00", BERLIN, "2026-07-02 06:59", "2026-07-02 07:00", id="by its clock in summer"),
        pytest.param("daily 09:00", "Asia/Shanghai", "2026-01-02 23:00", "2026-01-03 01:00", id="its tomorrow is ours"),
        pytest.param("daily 02:30", BERLIN, "2026-03-28 12:00", "2026-03-29 01:30", id="skipped: an hour later, 03:30"),
        pytest.param("daily 02:30", BERLIN, "2026-03-29 01:30", "2026-03-30 00:30", id="after the skipped one, 02:30"),
        pytest.param("daily 02:30", BERLIN, "2026-10-24 12:00", "2026-10-25 00:30", id="twice: the first"),
        pytest.param("daily 02:30", BERLIN, "2026-10-25 00:30", "2026-10-26 01:30", id="twice: not the second"),
        pytest.param("daily 02:30", NEW_YORK, "2026-03-08 00:00", "2026-03-08 07:30", id="skipped in New York"),
        pytest.param("daily 00:00", "America/Sao_Paulo", "2018-11-03 12:00", "2018-11-04 03:00", id="no midnight"),
        pytest.param("daily 09:00", "Pacific/Apia", "2011-12-29 19:00", "2011-12-30 19:00", id="a day that was none"),
        pytest.param("daily 09:00", "Pacific/Apia", "2011-12-30 19:00", "2011-12-31 19:00", id="the day after it"),
        pytest.param("weekdays 09:00", "UTC", "2026-01-02 09:00", "2026-01-05 09:00", id="past a weekend"),
        pytest.param("weekdays 09:00", "UTC", "2026-01-03 00:00", "2026-01-05 09:00", id="on a Saturday"),
        pytest.param("weekdays 08:00", "Asia/Shanghai", "2026-01-04 12:00", "2026-01-05 00:00", id="its Monday"),
        pytest.param("every 2h", "UTC", "2026-01-02 09:10", "2026-01-02 10:00", id="at even hours"),
        pytest.param("every 2h", "Asia/Kolkata", "2026-01-02 09:10", "2026-01-02 10:30", id="at its even hours"),
        pytest.param("every 30min", "UTC", "2026-01-02 09:10", "2026-01-02 09:30", id="at half hours"),
        pytest.param("every 5h", "UTC", "2026-01-02 20:00", "2026-01-03 00:00", id="from midnight anew"),
        pytest.param("every 1h", BERLIN, "2026-10-25 00:00", "2026-10-25 01:00", id="each hour, that comes twice too"),
        pytest.param("every 1h", BERLIN, "2026-03-29 00:30", "2026-03-29 01:00", id="each hour, past one skipped"),
    ],
)
def test_the_next_occasion_is(schedule: str, zone: str, after: str, expected: str) -> None:
    assert find_next_due(parse_schedule(tuple(schedule.split())), utc(after), ZoneInfo(zone)) == utc(expected)


@pytest.mark.parametrize(
    ("hours", "zone", "now", "until"),
    [
        pytest.param("22:00-07:00", "UTC", "2026-01-02 21:59", None, id="before"),
        pytest.param("22:00-07:00", "UTC", "2026-01-02 22:00", "2026-01-03 07:00", id="in the evening"),
        pytest.param("22:00-07:00", "UTC", "2026-01-03 06:59", "2026-01-03 07:00", id="in the morning"),
        pytest.param("22:00-07:00", "UTC", "2026-01-03 07:00", None, id="over"),
        pytest.param("12:00-13:00", "UTC", "2026-01-02 12:30", "2026-01-02 13:00", id="within a day"),
        pytest.param("22:00-07:00", BERLIN, "2026-03-28 23:00", "2026-03-29 05:00", id="a night that is shorter"),
        pytest.param("22:00-07:00", BERLIN, "2026-10-24 23:00", "2026-10-25 06:00", id="a night that is longer"),
        pytest.param("22:00-02:30", BERLIN, "2026-10-25 01:10", "2026-10-25 01:30", id="an end that comes twice"),
        pytest.param("off", "UTC", "2026-01-03 06:59", None, id="none"),
    ],
)
def test_quiet_hours_end(hours: str, zone: str, now: str, until: str | None) -> None:
    found = find_quiet_end(parse_quiet_hours(hours) or None, utc(now), ZoneInfo(zone))
    assert found == (until and utc(until))


times = st.times().map(lambda at: at.replace(second=0, microsecond=0))
periods = st.sampled_from([5, 7, 30, 45, 60, 90, 120, 300, 720]).map(lambda minutes: timedelta(minutes=minutes))
schedules: st.SearchStrategy[Schedule] = st.one_of(times.map(Daily), times.map(Weekdays), periods.map(Interval))
moments = st.datetimes(datetime(2011, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # it is given one
zones = st.sampled_from(ZONES).map(ZoneInfo)


@given(schedules, moments, zones)
def test_occasions_strictly_increase_and_none_is_passed_over(schedule: Schedule, after: datetime, tz: ZoneInfo) -> None:
    """From each to the next; and between two there is none, seen from anywhere in between."""
    first = find_next_due(schedule, after, tz)
    second = find_next_due(schedule, first, tz)
    between = first + (second - first) / 2
    assert after < first < second
    assert find_last_due(schedule, after, tz) <= after
    assert find_last_due(schedule, first, tz) == first
    assert (find_last_due(schedule, between, tz), find_next_due(schedule, between, tz)) == (first, second)


@given(periods, moments, zones)
def test_the_hours_between_two_are_never_more_than_was_asked_for(
    period: timedelta, after: datetime, tz: ZoneInfo
) -> None:
    first = find_next_due(Interval(period), after, tz)
    assert find_next_due(Interval(period), first, tz) - first <= period


@given(times, moments, zones)
def test_a_time_of_day_is_kept_unless_the_clock_skips_it(at: time, after: datetime, tz: ZoneInfo) -> None:
    found = find_next_due(Daily(at), after, tz).astimezone(tz)
    skipped = found.time() != at
    gap = tz.utcoffset((found - timedelta(days=1)).replace(tzinfo=None)) != tz.utcoffset(found.replace(tzinfo=None))
    assert not skipped or gap


@given(times, times, moments, zones)
def test_after_the_quiet_hours_it_is_quiet_no_more(begin: time, end: time, now: datetime, tz: ZoneInfo) -> None:
    if begin == end:
        return
    quiet = QuietHours(begin, end)
    until = find_quiet_end(quiet, now, tz)
    assert (until is None) == (now.astimezone(tz).time() not in quiet)
    assert until is None or now < until <= now + timedelta(hours=26)


@given(schedules)
def test_a_schedule_is_spelled_as_it_is_read(schedule: Schedule) -> None:
    assert parse_schedule(tuple(format_schedule(schedule).split())) == schedule


LIMITS = "The time between two reports must be between `5min` and `12h`. Once a day is `daily 09:00`."


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("monthly", "`monthly` is not a schedule. Write it as `daily 09:00`, `weekdays 09:00` or `every 2h`."),
        ("daily", "`daily` is not a schedule. Write it as `daily 09:00`, `weekdays 09:00` or `every 2h`."),
        ("daily 24:00", "`24:00` is not a time of day. Write it as `09:00` or `9:30pm`."),
        ("daily 9:5", "`9:5` is not a time of day. Write it as `09:00` or `9:30pm`."),
        ("every day", "`every day` is not a schedule. Write it as `daily 09:00`, `weekdays 09:00` or `every 2h`."),
        ("every 1min", LIMITS),
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused_with_what_is(line: str, sentence: str) -> None:
    refusal = refusal_of(lambda: parse_schedule(tuple(line.split())))
    assert refusal is not None
    assert str(refusal.sentence) == sentence


@pytest.mark.parametrize("text", ["9", "9:00", "09:00", "09：00"])
def test_a_time_may_be_typed_as_people_type_it(text: str) -> None:
    assert parse_schedule(("DAILY", text)) == Daily(time(9))


@pytest.mark.parametrize("text", ["22:00-07:00", "22-7", "22:00–07:00", "22:00—7"])
def test_quiet_hours_may_be_typed_with_any_dash(text: str) -> None:
    assert parse_quiet_hours(text) == QuietHours(time(22), time(7))
