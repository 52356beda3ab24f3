"""Answers to commands about reports. Pure: values in, Slack messages out."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from bot.core.report import Report
from bot.core.run import Run
from bot.core.schedule import Daily, Every, Quiet, Schedule, Weekdays
from bot.core.standings import Rhythm
from bot.language import mark
from bot.slack.answers import Answer, text
from bot.slack.blocks import context
from bot.slack.phrases import say
from bot.slack.text import Markup, code, date, joined, mention, mrkdwn

NONE = mark("This channel is told nothing on a schedule. `/verl report weekdays 09:00` asks for it.")
HOW = mark(
    "`/verl report report-1 daily 10:00` changes one, `/verl report off report-1` takes it away, "
    "`/verl report now` shows you the board as it is."
)


def listed(reports: Sequence[tuple[Report, tzinfo]], now: datetime) -> Answer:
    """Return the reports of a channel, a line each."""
    if not reports:
        return text(say(NONE))
    lines = [mrkdwn("{} · {}", code(one.id), line(one, now, tz)) for one, tz in reports]
    return text(joined("\n", lines), context(say(HOW)))


def asked(report: Report, now: datetime, tz: tzinfo) -> Answer:
    """Return the confirmation of a report, with its id and its next time."""
    off = say("{command} takes it away.", command=code(f"/verl report off {report.id}"))
    return text(mrkdwn(":ok_hand: {} · {}", code(report.id), line(report, now, tz)), context(off))


def ended(report: Report) -> Answer:
    """Return the confirmation that a report is removed."""
    return text(mrkdwn(":no_bell: {}", say("{report} is told no more.", report=code(report.id))))


def line(report: Report, now: datetime, tz: tzinfo) -> Markup:
    """Return a report's schedule, time zone, scope, next time and author."""
    due = date(report.next_due(now, tz), "{date_short_pretty} {time}")
    parts = [
        mrkdwn("*{}*", often(report.schedule)),
        code(report.zone),
        quiet(report.quiet) if report.quiet else "",
        say("of all runs") if report.everywhere else "",
        say("next {time}", time=due),
        say("asked for by {person}", person=mention(report.by)),
    ]
    return joined(" · ", parts)


def often(schedule: Schedule) -> Markup:
    """Return a schedule in words."""
    match schedule:
        case Daily(at):
            return say("every day at {time}", time=f"{at:%H:%M}")
        case Weekdays(at):
            return say("Monday to Friday at {time}", time=f"{at:%H:%M}")
        case Every(period):
            return say("every {span}", span=span(period))


def span(period: timedelta) -> Markup:
    """Return a period in hours, or in minutes where it has a fraction of an hour.

    >>> span(timedelta(hours=2)), span(timedelta(minutes=90))
    ('2 h', '90 min')
    """
    minutes = round(period.total_seconds() / 60)
    return say("{count} min", count=minutes) if minutes % 60 else say("{count} h", count=minutes // 60)


def quiet(hours: Quiet) -> Markup:
    """Return the hours in which no report is sent."""
    return say("quiet {begin}–{end}", begin=f"{hours.begin:%H:%M}", end=f"{hours.end:%H:%M}")


def summarised(run: Run, rhythm: Rhythm) -> Answer:
    """Return the confirmation of how often the run's thread gets a summary."""
    found = code(run.id)
    if rhythm.steps is not None:
        return text(mrkdwn(":bar_chart: {}", say(STEPS, run=found, count=rhythm.steps)))
    if rhythm.period is not None:
        return text(mrkdwn(":bar_chart: {}", say(TIME, run=found, span=span(rhythm.period))))
    return text(mrkdwn(":no_bell: {}", say("The thread of {run} gets no summaries any more.", run=found)))


STEPS = mark("The thread of {run} gets a summary every {count} steps.")
TIME = mark("The thread of {run} gets a summary every {span}.")
