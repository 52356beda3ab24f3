"""Amounts, spans and times of day as people type them: what means one thing only is read, all else is refused."""

from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.typed_quantities import (
    MAX_DOLLARS,
    list_readings,
    parse_amount,
    parse_budget,
    parse_time_of_day,
    parse_timespan,
    to_24_hours,
)
from bot.errors import UserError


@pytest.mark.parametrize(
    ("text", "dollars"),
    [
        ("3", 3.0),
        (" $3.50 ", 3.5),
        ("1,000", 1000.0),
        ("12,345,678.9", 12_345_678.9),
        ("３．５", 3.5),
        ("＄２０", 20.0),
        ("3,50", None),
        ("1,00,000", None),
        ("1.000.000", None),
        ("3.500", None),
        ("$12.345", None),
        ("0.500", 0.5),
        ("1234.500", 1234.5),
        ("1,000.500", 1000.5),
        ("-3", None),
        ("1e9", None),
        ("inf", None),
        ("nan", None),
        ("3 dollars", None),
        ("٣", None),
        ("9" * 13, None),
        ("", None),
    ],
)
def test_an_amount_is_read_only_where_it_means_one_thing(text: str, dollars: float | None) -> None:
    assert parse_amount(text) == dollars


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("3.500", "Write the amount as `3.50` or `3500`."),
        ("3,5", "Write the amount as `3.50`."),
        ("3,50", "Write the amount as `3.50`."),
        ("1.234,56", "Write the amount as `1234.56`."),
        ("1.000.000", "Write the amount as `1000000`."),
        ("1 000", "Write the amount as `1000`."),
        ("1'000", "Write the amount as `1000`."),
        ("3€", "Write the amount as `3.50`."),
        ("a lot", "Write the amount as `3.50`."),
    ],
)
def test_the_refusal_of_an_amount_shows_what_it_may_mean_as_it_must_be_typed(text: str, hint: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_budget(text)
    assert str(refused.value.hint) == hint
    for reading in list_readings(text):
        parse_budget(reading)


@pytest.mark.parametrize(("text", "dollars"), [("0.01", 0.01), ("9,999,999", MAX_DOLLARS)])
def test_a_budget_is_from_a_cent_to_the_maximum(text: str, dollars: float) -> None:
    assert parse_budget(text) == dollars


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("0", "must be from $0.01 to $9,999,999", id="zero"),
        pytest.param("0.001", "must be from $0.01", id="less than a cent"),
        pytest.param("10,000,000", "to $9,999,999", id="more than the maximum"),
        pytest.param("a lot", "`a lot` is not an amount of dollars", id="words"),
        pytest.param("3,50", "`3,50` is not an amount of dollars", id="a comma that may be a point"),
    ],
)
def test_a_budget_that_cannot_be_is_refused_with_how_to_write_one(text: str, why: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_budget(text)
    assert why in str(refused.value)
    assert "`3.50`" in str(refused.value.hint)


@given(st.floats(min_value=0.01, max_value=MAX_DOLLARS).map(lambda dollars: round(dollars, 2)))
def test_every_budget_comes_back_from_the_text_that_shows_it(dollars: float) -> None:
    assert parse_budget(f"${dollars:,.2f}") == dollars


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("90m", 90),
        ("1.5 h", 90),
        ("An Hour", 60),
        ("a week", 7 * 24 * 60),
        ("1h30m", 90),
        ("2 days", 2 * 24 * 60),
        ("３小时", 180),
        ("两小时", None),
        ("10 分钟", 10),
        ("30", None),
        ("0.0001h", None),
        ("h", None),
        ("-1h", None),
        ("1h 2h", None),
        ("9999999h", None),
        ("", None),
    ],
)
def test_a_span_is_a_number_and_a_unit(text: str, minutes: float | None) -> None:
    span = parse_timespan(text)
    assert span == (None if minutes is None else timedelta(minutes=minutes))


def test_a_number_alone_has_the_unit_of_its_place_and_only_there() -> None:
    assert parse_timespan("1.5", "h") == timedelta(minutes=90)
    assert parse_timespan("20 min", "h") == timedelta(minutes=20)
    assert parse_timespan("1.5") is None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("9", time(9)),
        ("0:00", time(0)),
        ("23.59", time(23, 59)),
        ("9h30", time(9, 30)),
        ("9 A.M.", time(9)),
        ("12pm", time(12)),
        ("12 am", time(0)),
        ("２２：００", time(22)),
        ("中午", time(12)),
        ("Midnight", time(0)),
        ("24:00", None),
        ("0am", None),
        ("13pm", None),
        ("9:60", None),
        ("9:5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_time_of_day_is_read_by_either_clock(text: str, read: time | None) -> None:
    assert parse_time_of_day(text) == read


def test_every_hour_of_both_clocks_is_one_of_the_day() -> None:
    halves = [to_24_hours(hour, half) for half in ("a", "p") for hour in (12, *range(1, 12))]
    assert halves == [to_24_hours(hour, None) for hour in range(24)] == list(range(24))
