"""The App Home page: a person's budgets, approvals, alarms and runs, the team's runs, and schedules. Pure: values in, a
view out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from bot.core.model.report import Report
from bot.core.model.run import Run
from bot.core.model.run_state import Reason
from bot.core.rules.monthly_budget import CapUsage
from bot.phrase import N_
from bot.runtime.failure_isolation import render_each
from bot.slack.views import budget_views, wording
from bot.slack.views.answers import render_isolated_run_line, render_run_line
from bot.slack.views.approval_views import (
    EMPTY_FORM,
    OPEN_FORM,
    build_approval_buttons,
    build_retry_form_button,
)
from bot.slack.views.attention_views import list_alarm_lines
from bot.slack.views.blocks import Block, actions, button, context, header, section
from bot.slack.views.card_buttons import card_buttons
from bot.slack.views.mrkdwn import (
    Markup,
    channel_link,
    date,
    date_and_time,
    join_parts,
    mention,
    mrkdwn,
    render_phrase,
    render_plural,
)
from bot.slack.views.schedule_views import describe_schedule

MAX_APPROVALS, MAX_OWN_RUNS, MAX_TEAM_RUNS, MAX_ENDED_RUNS, MAX_SCHEDULES = 5, 10, 10, 5, 10
"""Maximum entries of each kind on a page: together well below Slack's limit of a hundred blocks."""


@dataclass(frozen=True, slots=True)
class HomeRuns:
    """What a person's page shows.

    Attributes:
        own, team, ended: the person's and the team's active runs, and those that ended last; newest first.
        approvals: launches that wait for an approval that this person may give, the oldest first.
        budgets: the monthly budgets of the person, the workspace and the channels of the person's and the endangered
            runs, each with the channel's id.
        schedules: the reports of channels that the person may see.
        reader: Slack's id of the person.
        endangered: runs of others that a monthly budget is about to stop, which this person may raise.
    """

    own: Sequence[Run]
    team: Sequence[Run]
    ended: Sequence[Run]
    approvals: Sequence[Run] = ()
    budgets: Sequence[tuple[str, CapUsage]] = ()
    schedules: Sequence[tuple[Report, tzinfo]] = ()
    reader: str = ""
    endangered: Sequence[Run] = ()


def build_home_blocks(home_runs: HomeRuns, now: datetime) -> list[Block]:
    """Return the page without its time, so that two pages with the same content are equal."""
    return [
        actions(button(render_phrase("Launch a run"), OPEN_FORM, EMPTY_FORM, style="primary")),
        section(render_current_cost([*home_runs.own, *home_runs.team], now)),
        *build_budget_blocks(home_runs.budgets),
        *build_approval_rows(home_runs.approvals),
        *build_alarm_blocks(home_runs, now),
        header(render_phrase("Your runs")),
        *build_run_list(
            home_runs.own,
            MAX_OWN_RUNS,
            lambda run: build_run_row(run, now, home_runs.reader),
            render_phrase("You have no active run. `/verl launch smoke` starts a small one."),
            MORE_OWN_RUNS,
        ),
        header(render_phrase("The team's runs")),
        *build_run_list(
            home_runs.team,
            MAX_TEAM_RUNS,
            lambda run: build_run_row(run, now, home_runs.reader),
            render_phrase("No other runs are active."),
            MORE_RUNS,
        ),
        *([header(render_phrase("Recently finished"))] if home_runs.ended else []),
        *(build_ended_row(run, now, home_runs.reader) for run in home_runs.ended[:MAX_ENDED_RUNS]),
        *build_schedule_blocks(home_runs.schedules, now),
    ]


MORE_OWN_RUNS = N_("… and {count} more; `/verl list mine` shows them.")
MORE_RUNS = N_("… and {count} more; `/verl list` shows them.")


def build_home_view(blocks: list[Block], now: datetime) -> Block:
    """Return the view for Slack with the time of the page: a page that is not looked at is not kept up to date."""
    note = render_phrase("As of {time} · `/verl help` lists the commands.", time=date(now))
    return {"type": "home", "blocks": [*blocks, context(note)]}


def render_current_cost(runs: Sequence[Run], now: datetime) -> Markup:
    """Return the hourly rate and the cost so far of all runs with machines, and how many of them are unpriced."""
    billing_runs = [run for run in runs if not run.is_waiting]
    if not billing_runs:
        return mrkdwn(":moneybag: {}", render_phrase("Nothing is billing."))
    costs = render_each(billing_runs, lambda run: find_rate_and_cost(run, now), lambda _: None)
    priced = [cost for cost in costs if cost]
    rate, total_dollars = (sum(column) for column in zip(*priced, strict=True)) if priced else (0.0, 0.0)
    priced_cost = render_plural(
        "*{rate}* now for {count} run, {spent} so far",
        "*{rate}* now for {count} runs, {spent} so far",
        len(priced),
        rate=wording.format_hourly_rate(rate),
        spent=wording.format_dollars(total_dollars),
    )
    unpriced = render_phrase("{count} of unknown price", count=len(billing_runs) - len(priced))
    parts = [priced_cost if priced else "", unpriced if len(priced) < len(billing_runs) else ""]
    return mrkdwn(":moneybag: {}", join_parts(" · ", parts))


def find_rate_and_cost(run: Run, now: datetime) -> tuple[float, float] | None:
    """Return a run's dollars an hour and its dollars so far; None if its rate is unknown."""
    return (run.spending.hourly_rate.dollars_per_hour, run.cost(now) or 0.0) if run.spending.hourly_rate else None


def build_budget_blocks(budgets: Sequence[tuple[str, CapUsage]]) -> list[Block]:
    """Return the monthly budgets, a line each; nothing for none."""
    if not budgets:
        return []
    lines = [
        budget_views.render_month_line(usage, channel_link(channel) if channel else None) for channel, usage in budgets
    ]
    return [header(render_phrase("This month")), section(join_parts("\n", lines))]


def build_approval_rows(approvals: Sequence[Run]) -> list[Block]:
    """Return the launches that wait for this person, with their buttons; nothing for none."""
    if not approvals:
        return []
    return [
        header(render_phrase("Waiting for your approval")),
        *build_run_list(approvals, MAX_APPROVALS, build_approval_row, Markup(), MORE_RUNS),
    ]


def build_approval_row(run: Run) -> list[Block]:
    """Return who asks for which machines and how many dollars, with the buttons to approve or decline it."""
    parts = [
        wording.link_run(run),
        mention(run.requester),
        wording.describe_machines(run),
        describe_price(run),
        wording.describe_budget(run.limits.budget_dollars),
        budget_views.describe_month_use(run),
        run.why,
    ]
    return [section(join_parts(" · ", parts)), actions(*build_approval_buttons(run))]


def describe_price(run: Run) -> Markup:
    """Return what the machines of a launch cost an hour, or that no price is known, or none was looked up yet."""
    if run.spending.hourly_rate:
        return wording.describe_rate(run.spending.hourly_rate)
    return render_phrase("price not known yet") if run.spending.priced_at is None else render_phrase("price unknown")


def build_alarm_blocks(home_runs: HomeRuns, now: datetime) -> list[Block]:
    """Return which of the person's runs need attention, and which of others that the person can save from a monthly
    budget, and why; nothing if none does.
    """
    lines = list_alarm_lines([*home_runs.endangered, *home_runs.own], now, reader=home_runs.reader)
    return [header(render_phrase("Needs attention")), section(join_parts("\n", lines))] if lines else []


def build_run_list(
    runs: Sequence[Run], max_runs: int, build_row: Callable[[Run], list[Block]], empty_note: Markup, more: str
) -> list[Block]:
    """Return the row of each run, or a note if there are none; of too many the number."""
    if not runs:
        return [context(empty_note)]
    rows = render_each(runs[:max_runs], build_row, lambda run: [section(wording.unshown_line(run.id))])
    run_blocks = [block for blocks in rows for block in blocks]
    more_note = [context(render_phrase(more, count=len(runs) - max_runs))] if len(runs) > max_runs else []
    return run_blocks + more_note


def build_run_row(run: Run, now: datetime, reader: str) -> list[Block]:
    """Return a run's line and its buttons; launches that the person may approve have rows of their own."""
    buttons = card_buttons(run, may_approve=False)
    return [section(render_run_line(run, now, reader)), *([actions(*buttons)] if buttons else [])]


def build_ended_row(run: Run, now: datetime, reader: str) -> Block:
    """Return the line of an ended run, with a button to relaunch it."""
    label = render_phrase("Run again…") if run.reason is Reason.SUCCEEDED else None
    return section(render_isolated_run_line(run, now, reader)) | {"accessory": build_retry_form_button(run, label)}


def build_schedule_blocks(schedules: Sequence[tuple[Report, tzinfo]], now: datetime) -> list[Block]:
    """Return the scheduled reports, a line each; nothing for none."""
    if not schedules:
        return []
    lines = [render_schedule_line(report, now, tz) for report, tz in schedules[:MAX_SCHEDULES]]
    more = len(schedules) - MAX_SCHEDULES
    more_note = [render_phrase("… and {count} more", count=more)] if more > 0 else []
    return [header(render_phrase("Scheduled reports")), section(join_parts("\n", [*lines, *more_note]))]


def render_schedule_line(report: Report, now: datetime, tz: tzinfo) -> Markup:
    """Return where and when a report comes."""
    due = date_and_time(report.find_next_delivery(now, tz), now)
    place = render_phrase("direct message") if report.is_personal else channel_link(report.channel)
    return join_parts(" · ", [place, describe_schedule(report.schedule), render_phrase("next {time}", time=due)])
