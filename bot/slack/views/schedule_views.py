"""Answers to commands about reports. Pure: values in, Slack messages out."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from bot.core.model.report import Report
from bot.core.model.run import Run
from bot.core.model.run_state import SummaryInterval
from bot.core.model.schedule import Daily, Interval, QuietHours, Schedule, Weekdays
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.blocks import context
from bot.slack.views.message import Answer, build_text_answer
from bot.slack.views.mrkdwn import (
    DAY_AND_TIME,
    Markup,
    code,
    date,
    join_parts,
    mention,
    mrkdwn,
    render_phrase,
    render_plural,
)

NO_REPORTS = N_("This channel has no scheduled reports. `/verl report weekdays 09:00` adds one.")
HOW_TO_CHANGE_REPORTS = N_(
    "`/verl report report-1 daily 10:00` changes one, `/verl report report-1 off` turns it off, and `/verl report "
    "now` shows you the report now."
)

ZONE_ASSUMED = N_(
    ":warning: Slack does not tell me your time zone, so these times are in {zone}. I will ask Slack again; {command} "
    "sets another zone."
)


def list_reports(reports: Sequence[tuple[Report, tzinfo]], now: datetime) -> Answer:
    """Return the reports of a channel, a line each."""
    if not reports:
        return build_text_answer(render_phrase(NO_REPORTS))
    lines = [mrkdwn("{} · {}", code(report.id), report_line(report, now, tz)) for report, tz in reports]
    return build_text_answer(join_parts("\n", lines), context(render_phrase(HOW_TO_CHANGE_REPORTS)))


def confirm_report(report: Report, now: datetime, tz: tzinfo) -> Answer:
    """Return the confirmation of a report, with its id and its next time."""
    hint = render_phrase("{command} turns it off.", command=code(f"/verl report {report.id} off"))
    line = mrkdwn(":ok_hand: {} · {}", code(report.id), report_line(report, now, tz))
    if not report.is_zone_assumed:
        return build_text_answer(line, context(hint))
    command = code(f"/verl report {report.id} tz=Europe/Berlin")
    assumption = render_phrase(ZONE_ASSUMED, zone=code(report.zone), command=command)
    return build_text_answer(line, context(assumption), context(hint))


def confirm_report_end(report: Report) -> Answer:
    """Return the confirmation that a report is removed."""
    return build_text_answer(mrkdwn(":no_bell: {}", render_phrase("{report} is turned off.", report=code(report.id))))


def report_line(report: Report, now: datetime, tz: tzinfo) -> Markup:
    """Return a report's schedule, time zone, scope, next time and author."""
    due = date(report.find_next_delivery(now, tz), DAY_AND_TIME)
    parts = [
        mrkdwn("*{}*", describe_schedule(report.schedule)),
        code(report.zone),
        describe_quiet_hours(report.quiet) if report.quiet else "",
        render_phrase("all runs") if report.everywhere else "",
        render_phrase("next {time}", time=due),
        render_phrase("set up by {person}", person=mention(report.by)),
    ]
    return join_parts(" · ", parts)


def describe_schedule(schedule: Schedule) -> Markup:
    """Return a schedule in words."""
    match schedule:
        case Daily(at):
            return render_phrase("every day at {time}", time=f"{at:%H:%M}")
        case Weekdays(at):
            return render_phrase("Monday to Friday at {time}", time=f"{at:%H:%M}")
        case Interval(period):
            return render_phrase("every {span}", span=format_period(period))


def format_period(period: timedelta) -> Markup:
    """Return a period in hours, or in minutes where it has a fraction of an hour.

    >>> format_period(timedelta(hours=2)), format_period(timedelta(minutes=90))
    ('2 h', '90 min')
    """
    minutes = round(period.total_seconds() / 60)
    return (
        render_phrase("{count} min", count=minutes) if minutes % 60 else render_phrase("{count} h", count=minutes // 60)
    )


def describe_quiet_hours(hours: QuietHours) -> Markup:
    """Return the hours in which no report is sent."""
    return render_phrase("quiet {begin}–{end}", begin=f"{hours.begin:%H:%M}", end=f"{hours.end:%H:%M}")


def confirm_summaries(run: Run, interval: SummaryInterval) -> Answer:
    """Return the confirmation of how often the run's thread gets a summary."""
    run_id = wording.link_run(run)
    if interval.steps is not None:
        return build_text_answer(mrkdwn(":bar_chart: {}", describe_summary_steps(run_id, interval.steps)))
    if interval.period is not None:
        return build_text_answer(
            mrkdwn(":bar_chart: {}", render_phrase(SUMMARY_BY_PERIOD, run=run_id, span=format_period(interval.period)))
        )
    return build_text_answer(
        mrkdwn(":no_bell: {}", render_phrase("The thread of {run} gets no more summaries.", run=run_id))
    )


def describe_summary_steps(run_id: Markup, steps: int) -> Markup:
    """Return after how many steps the run's thread gets a summary."""
    return render_plural(
        "The thread of {run} gets a summary every step.",
        "The thread of {run} gets a summary every {count} steps.",
        steps,
        run=run_id,
    )


SUMMARY_BY_PERIOD = N_("The thread of {run} gets a summary every {span}.")
