"""Schedules and summaries of reports in words."""

from datetime import time, timedelta

import pytest

from bot.core.model.run_state import SummaryInterval
from bot.core.model.schedule import Daily, Interval, QuietHours, Schedule, Weekdays
from bot.slack.views.schedule_views import (
    NO_REPORTS,
    confirm_summaries,
    describe_quiet_hours,
    describe_schedule,
    list_reports,
)
from tests.builders import NOON, running


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        pytest.param(Daily(time(9, 0)), "every day at 09:00", id="daily"),
        pytest.param(Weekdays(time(17, 30)), "Monday to Friday at 17:30", id="weekdays"),
        pytest.param(Interval(timedelta(hours=2)), "every 2 h", id="hours"),
        pytest.param(Interval(timedelta(minutes=90)), "every 90 min", id="hours and minutes"),
    ],
)
def test_a_schedule_reads_as_it_is_kept(schedule: Schedule, words: str) -> None:
    assert describe_schedule(schedule) == words


def test_quiet_hours_have_a_begin_and_an_end() -> None:
    assert describe_quiet_hours(QuietHours(time(22, 0), time(7, 30))) == "quiet 22:00–07:30"


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        pytest.param(SummaryInterval(steps=20), "every 20 steps", id="steps"),
        pytest.param(SummaryInterval(period=timedelta(minutes=30)), "every 30 min", id="time"),
        pytest.param(SummaryInterval(), ":no_bell: The thread of `ppo-7f3a` gets no more summaries.", id="off"),
    ],
)
def test_a_confirmation_says_how_often_a_thread_gets_a_summary(interval: SummaryInterval, words: str) -> None:
    answer = confirm_summaries(running(), interval)
    assert words in answer["text"]
    assert "`ppo-7f3a`" in answer["text"]


def test_a_channel_without_reports_hears_how_to_get_one() -> None:
    assert list_reports([], NOON)["text"] == NO_REPORTS
