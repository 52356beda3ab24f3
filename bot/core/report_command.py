"""The forms of `/verl report`: reports of a channel, and the summary interval of a run's thread."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from bot.core.line import shown
from bot.core.nearest import unknown
from bot.core.schedule import HOW, Quiet, Schedule, read, read_quiet, timespan
from bot.core.standings import Rhythm
from bot.core.typed import Typed
from bot.errors import UserError
from bot.language import mark, say, together

REPORT_ID = re.compile(r"report-\d{1,9}")
WHICH = ("channel", "all")
FOR_A_RUN = mark("For a run: `/verl report RUN every 20 steps`, `every 30min` or `off`.")
SCHEDULES = ("daily", "weekdays", "every")

LEAST_PERIOD = timedelta(minutes=1)
MOST_STEPS = 1_000_000


@dataclass(frozen=True, slots=True)
class ListReports:
    """The request to list the reports of this channel."""


@dataclass(frozen=True, slots=True)
class TellNow:
    """The request to show a report as of now, to this person only."""

    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a schedule; None for an option that was not typed.

    Attributes:
        zone: name of a time zone, as typed; quiet: the hours, False for `off`; everywhere: whether all runs are
            covered.
    """

    zone: str | None = None
    quiet: Quiet | Literal[False] | None = None
    everywhere: bool | None = None


@dataclass(frozen=True, slots=True)
class AskReport:
    """The request to report to this channel on a schedule."""

    schedule: Schedule
    options: Options = Options()


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """The request to change the schedule or the options of a report."""

    report: str
    schedule: Schedule | None
    options: Options = Options()


@dataclass(frozen=True, slots=True)
class EndReport:
    """The request to remove a report; without a name, the only one of this channel."""

    report: str | None = None


@dataclass(frozen=True, slots=True)
class Summarise:
    """The request to set how often a run's thread gets a summary."""

    run: str
    rhythm: Rhythm


ReportCommand = ListReports | TellNow | AskReport | ChangeReport | EndReport | Summarise


def make_report(typed: Typed) -> ReportCommand:
    """Return the command of the words after `report`: a schedule, or a name with the change to it."""
    options = read_options(typed)
    match tuple(name.lower() for name in typed.names):
        case () if options == Options():
            return ListReports()
        case ("now",):
            return TellNow(bool(options.everywhere))
        case ("off",) if typed.here:
            return Summarise(typed.here, Rhythm())
        case ("off",):
            return EndReport()
        case ("off", name) | (name, "off") if REPORT_ID.fullmatch(name):
            return EndReport(name)
        case ("off", name) | (name, "off"):
            return Summarise(name, Rhythm())
        case ("every", *often) if typed.here:
            return Summarise(typed.here, read_rhythm("".join(often)))
        case (word, *_) as schedule if word in SCHEDULES:
            return AskReport(read_schedule(schedule), options)
        case (name, *schedule) if REPORT_ID.fullmatch(name):
            return ChangeReport(name, read_schedule(tuple(schedule)) if schedule else None, options)
        case (name, "every", *often):
            return Summarise(name, read_rhythm("".join(often)))
    words = shown(" ".join(typed.names) or " ".join(f"{key}={value}" for key, value in typed.parameters))
    raise UserError(say("{words} is no schedule.", words=words), together(say(HOW), say(FOR_A_RUN)))


def read_schedule(words: tuple[str, ...]) -> Schedule:
    if "step" in "".join(words[1:]):
        steps = say("A channel is told by the clock; steps are counted for one run.")
        raise UserError(steps, say(FOR_A_RUN))
    return read(words)


def read_options(typed: Typed) -> Options:
    """Return the options of a schedule.

    Raises:
        UserError: an option is not valid.
    """
    quiet, which = typed.option("quiet"), typed.option("runs")
    if which is not None and which.lower() not in WHICH:
        raise unknown("choice", which, WHICH)
    return Options(
        zone=typed.option("tz") or None,
        quiet=None if quiet is None else read_quiet(quiet),
        everywhere=None if which is None else which.lower() == "all",
    )


def read_rhythm(text: str) -> Rhythm:
    """Return the summary interval of a text.

    >>> read_rhythm("20steps"), read_rhythm("30min")
    (Rhythm(steps=20, period=None), Rhythm(steps=None, period=datetime.timedelta(seconds=1800)))
    """
    steps = re.fullmatch(r"(\d{1,7})steps?", text, re.ASCII)
    if steps and 1 <= int(steps[1]) <= MOST_STEPS:
        return Rhythm(steps=int(steps[1]))
    period = timespan(text)
    if period and period >= LEAST_PERIOD:
        return Rhythm(period=period)
    often = say("{words} is neither steps nor time.", words=shown(text))
    raise UserError(often, say(FOR_A_RUN))
