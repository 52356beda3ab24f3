"""The forms of `/verl report`, and what is refused with the form that was meant."""

from datetime import time, timedelta

import pytest

from bot.core.commands.report_command import (
    AddReport,
    ChangeReport,
    ListReports,
    RemoveReport,
    ReportCommand,
    ReportOptions,
    SetSummaryInterval,
    ShowReport,
    build_report_command,
)
from bot.core.model.run_state import SummaryInterval
from bot.core.model.schedule import Daily, Interval, QuietHours, Weekdays
from bot.core.model.typed_text import ParsedArguments
from bot.errors import UserError

EVERY_20_STEPS = SummaryInterval(steps=20)


def parse(line: str, thread_run: str | None = None) -> ReportCommand:
    """Return the command of the words after `report`."""
    words = line.split()
    parameters = tuple((key, value) for key, _, value in (word.partition("=") for word in words if "=" in word))
    names = tuple(word for word in words if "=" not in word)
    return build_report_command(ParsedArguments(names=names, parameters=parameters, thread_run=thread_run))


@pytest.mark.parametrize(
    ("line", "command"),
    [
        pytest.param("", ListReports(), id="nothing lists them"),
        pytest.param("now", ShowReport(), id="a report now"),
        pytest.param("NOW runs=ALL", ShowReport(everywhere=True), id="of all channels"),
        pytest.param("daily 9:00", AddReport(Daily(time(9))), id="every day"),
        pytest.param("weekdays 9am", AddReport(Weekdays(time(9))), id="on weekdays"),
        pytest.param("every 2h", AddReport(Interval(timedelta(hours=2))), id="at an interval"),
        pytest.param(
            "daily 9 tz=Asia/Shanghai quiet=22-7 runs=all",
            AddReport(Daily(time(9)), ReportOptions("Asia/Shanghai", QuietHours(time(22), time(7)), everywhere=True)),
            id="with every option",
        ),
        pytest.param(
            "report-1 daily 18:00", ChangeReport("report-1", Daily(time(18)), ReportOptions()), id="another schedule"
        ),
        pytest.param(
            "report-1 quiet=off", ChangeReport("report-1", None, ReportOptions(quiet=False)), id="an option alone"
        ),
        pytest.param("off", RemoveReport(), id="the only report of the channel"),
        pytest.param("off report-12", RemoveReport("report-12"), id="a report by its name"),
        pytest.param("report-12 off", RemoveReport("report-12"), id="in the other order"),
        pytest.param("ppo-7f3a every 20 steps", SetSummaryInterval("ppo-7f3a", EVERY_20_STEPS), id="a run by steps"),
        pytest.param("ppo-7f3a every 20步", SetSummaryInterval("ppo-7f3a", EVERY_20_STEPS), id="Chinese steps"),
        pytest.param(
            "ppo-7f3a every 30 min",
            SetSummaryInterval("ppo-7f3a", SummaryInterval(period=timedelta(minutes=30))),
            id="a run by time",
        ),
        pytest.param("ppo-7f3a off", SetSummaryInterval("ppo-7f3a", SummaryInterval()), id="no summaries of a run"),
    ],
)
def test_the_words_after_report_mean_one_thing(line: str, command: ReportCommand) -> None:
    assert parse(line) == command


@pytest.mark.parametrize(
    ("line", "command"),
    [
        pytest.param("every 20 steps", SetSummaryInterval("ppo-7f3a", EVERY_20_STEPS), id="every so many steps"),
        pytest.param("off", SetSummaryInterval("ppo-7f3a", SummaryInterval()), id="off"),
        pytest.param("daily 9:00", AddReport(Daily(time(9))), id="a schedule is the channel's all the same"),
    ],
)
def test_in_a_thread_the_run_of_the_thread_is_meant(line: str, command: ReportCommand) -> None:
    assert parse(line, thread_run="ppo-7f3a") == command


@pytest.mark.parametrize(
    ("line", "why"),
    [
        pytest.param("sometimes", "`sometimes` is not a schedule", id="another word"),
        pytest.param("ppo-7f3a often", "is not a schedule", id="a run without an interval"),
        pytest.param("every 20 steps", "only a run counts steps", id="steps of a channel"),
        pytest.param("ppo-7f3a every 10s", "neither steps nor time", id="a unit that there is not"),
        pytest.param("ppo-7f3a every 0.5min", "at most once a minute", id="twice a minute"),
        pytest.param("ppo-7f3a every 0 steps", "at least 1", id="no step"),
        pytest.param("ppo-7f3a every 1000001 steps", "at most 1,000,000", id="more steps than any run has"),
        pytest.param("daily 9:00 runs=mine", "There is no choice `mine`", id="runs of no kind"),
        pytest.param("tz=UTC", "`tz=UTC` is not a schedule", id="an option of nothing"),
    ],
)
def test_what_means_nothing_is_refused_with_the_reason(line: str, why: str) -> None:
    with pytest.raises(UserError) as refused:
        parse(line)
    assert why in str(refused.value)
    assert str(refused.value.hint)
