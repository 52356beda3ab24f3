"""The forms of `/verl report`: reports of a channel, and the summary interval of a run's thread."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from bot.core.commands.typed_people import parse_person
from bot.core.model.run_state import SummaryInterval
from bot.core.model.schedule import (
    SCHEDULE_HINT,
    QuietHours,
    Schedule,
    parse_quiet_hours,
    parse_schedule,
)
from bot.core.model.typed_quantities import parse_timespan
from bot.core.model.typed_text import ParsedArguments, format_inline_code
from bot.core.model.valid_names import unknown_name_error
from bot.errors import UserError
from bot.phrase import N_, Phrase, join_sentences

REPORT_ID = re.compile(r"report-\d{1,9}")
RUN_CHOICES = ("channel", "all")
RUN_REPORT_HINT = N_("For a run: `/verl report RUN every 20 steps`, `every 30min` or `off`.")
SCHEDULE_WORDS = ("daily", "weekdays", "every")

MIN_SUMMARY_PERIOD = timedelta(minutes=1)
MAX_SUMMARY_STEPS = 1_000_000


@dataclass(frozen=True, slots=True)
class ListReports:
    """The request to list the reports of this channel."""


@dataclass(frozen=True, slots=True)
class ShowReport:
    """The request to show a report as of now, to this person only.

    Attributes:
        who: Slack's id or the typed name of the only person whose runs it covers; may be empty.
    """

    everywhere: bool = False
    who: str = ""


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """The options of a schedule; None for an option that was not typed.

    Attributes:
        zone: name of a time zone, as typed; quiet: the hours, False for `off`; everywhere: whether all runs are
            covered.
    """

    zone: str | None = None
    quiet: QuietHours | Literal[False] | None = None
    everywhere: bool | None = None


@dataclass(frozen=True, slots=True)
class AddReport:
    """The request to report to this channel on a schedule."""

    schedule: Schedule
    options: ReportOptions = ReportOptions()


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """The request to change the schedule or the options of a report."""

    report: str
    schedule: Schedule | None
    options: ReportOptions = ReportOptions()


@dataclass(frozen=True, slots=True)
class RemoveReport:
    """The request to remove a report; without a name, the only one of this channel."""

    report: str | None = None


@dataclass(frozen=True, slots=True)
class SetSummaryInterval:
    """The request to set how often a run's thread gets a summary."""

    run: str
    interval: SummaryInterval


ReportCommand = ListReports | ShowReport | AddReport | ChangeReport | RemoveReport | SetSummaryInterval


def build_report_command(arguments: ParsedArguments) -> ReportCommand:
    """Return the command of the words after `report`: a schedule, or a name with the change to it."""
    options, words = parse_options(arguments), tuple(name.lower() for name in arguments.names)
    if who := parse_person(arguments):
        return build_report_of_person(words, options, who)
    match words:
        case () if options == ReportOptions():
            return ListReports()
        case ("now",):
            return ShowReport(bool(options.everywhere))
        case ("off",) if arguments.thread_run:
            return SetSummaryInterval(arguments.thread_run, SummaryInterval())
        case ("off",):
            return RemoveReport()
        case ("off", name) | (name, "off") if REPORT_ID.fullmatch(name):
            return RemoveReport(name)
        case ("off", name) | (name, "off"):
            return SetSummaryInterval(name, SummaryInterval())
        case ("every", *interval_words) if arguments.thread_run:
            return SetSummaryInterval(arguments.thread_run, parse_summary_interval(" ".join(interval_words)))
        case (word, *_) as schedule if word in SCHEDULE_WORDS:
            return AddReport(parse_channel_schedule(schedule), options)
        case (name, *schedule) if REPORT_ID.fullmatch(name):
            return ChangeReport(name, parse_channel_schedule(tuple(schedule)) if schedule else None, options)
        case (name, "every", *interval_words):
            return SetSummaryInterval(name, parse_summary_interval(" ".join(interval_words)))
    typed = format_inline_code(
        " ".join(arguments.names) or " ".join(f"{key}={value}" for key, value in arguments.parameters)
    )
    raise UserError(
        Phrase("{words} is not a schedule.", words=typed),
        join_sentences(Phrase(SCHEDULE_HINT), Phrase(RUN_REPORT_HINT)),
    )


def build_report_of_person(words: tuple[str, ...], options: ReportOptions, who: str) -> ShowReport:
    """Return the command for a report on one person's runs, as of now.

    Raises:
        UserError: a schedule is typed.
    """
    if words not in ((), ("now",)):
        all_runs = Phrase("A scheduled report covers the runs of every person.")
        raise UserError(all_runs, Phrase("For one person, as of now: `/verl report now who=@ana`."))
    return ShowReport(bool(options.everywhere), who)


def parse_channel_schedule(words: tuple[str, ...]) -> Schedule:
    if "step" in "".join(words[1:]):
        steps = Phrase("Channel reports go by the clock; only a run counts steps.")
        raise UserError(steps, Phrase(RUN_REPORT_HINT))
    return parse_schedule(words)


def parse_options(arguments: ParsedArguments) -> ReportOptions:
    """Return the options of a schedule.

    Raises:
        UserError: an option is not valid.
    """
    quiet, which = arguments.get_option("quiet"), arguments.get_option("runs")
    if which is not None and which.lower() not in RUN_CHOICES:
        raise unknown_name_error("choice", which, RUN_CHOICES)
    return ReportOptions(
        zone=arguments.get_option("tz") or None,
        quiet=None if quiet is None else parse_quiet_hours(quiet),
        everywhere=None if which is None else which.lower() == "all",
    )


def parse_summary_interval(text: str) -> SummaryInterval:
    """Return the summary interval of a text.

    >>> parse_summary_interval("20steps"), parse_summary_interval("30min")
    (SummaryInterval(steps=20, period=None), SummaryInterval(steps=None, period=datetime.timedelta(seconds=1800)))
    """
    steps = re.fullmatch(r"(\d{1,9}) ?(?:steps?|步)", text, re.ASCII)
    if steps:
        return SummaryInterval(steps=check_summary_steps(int(steps[1])))
    period = parse_timespan(text)
    if period is None:
        problem = Phrase("{words} is neither steps nor time.", words=format_inline_code(text))
        raise UserError(problem, Phrase(RUN_REPORT_HINT))
    if period < MIN_SUMMARY_PERIOD:
        raise UserError(Phrase("A summary can come at most once a minute."), Phrase(RUN_REPORT_HINT))
    return SummaryInterval(period=period)


def check_summary_steps(steps: int) -> int:
    """Return the number of steps between two summaries.

    Raises:
        UserError: there are none, or too many.
    """
    if not 1 <= steps <= MAX_SUMMARY_STEPS:
        bounds = Phrase("The number of steps must be at least 1 and at most {most}.", most=f"{MAX_SUMMARY_STEPS:,}")
        raise UserError(bounds, Phrase(RUN_REPORT_HINT))
    return steps
