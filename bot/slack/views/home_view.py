"""The App Home page: a person's runs, the team's, and their current cost. Pure: runs in, a view out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.model.run import Run
from bot.runtime.failure_isolation import render_each
from bot.slack.views import wording
from bot.slack.views.answers import render_isolated_run_line, render_run_line
from bot.slack.views.approval_views import EMPTY_FORM, OPEN_FORM, build_retry_form_button
from bot.slack.views.blocks import Block, actions, button, context, header, section
from bot.slack.views.mrkdwn import Markup, date, join_parts, mrkdwn, render_phrase, render_plural
from bot.slack.views.run_thread import card_buttons

MAX_OWN_RUNS, MAX_TEAM_RUNS, MAX_ENDED_RUNS = 10, 10, 5
"""Maximum runs of each kind on a page: together well below Slack's limit of a hundred blocks."""


@dataclass(frozen=True, slots=True)
class HomeRuns:
    """The runs on a person's page: the person's and the team's active ones, and those that ended last; newest first."""

    own: Sequence[Run]
    team: Sequence[Run]
    ended: Sequence[Run]


def build_home_blocks(home_runs: HomeRuns, now: datetime) -> list[Block]:
    """Return the page without its time, so that two pages with the same content are equal."""
    return [
        actions(button(render_phrase("Launch a run"), OPEN_FORM, EMPTY_FORM, style="primary")),
        section(render_current_cost([*home_runs.own, *home_runs.team], now)),
        header(render_phrase("Your runs")),
        *build_run_list(
            home_runs.own,
            MAX_OWN_RUNS,
            now,
            render_phrase("You have no active run. `/verl launch smoke` starts a small one."),
        ),
        header(render_phrase("The team's runs")),
        *build_run_list(home_runs.team, MAX_TEAM_RUNS, now, render_phrase("No other runs are active.")),
        *([header(render_phrase("Ended lately"))] if home_runs.ended else []),
        *(build_ended_row(run, now) for run in home_runs.ended[:MAX_ENDED_RUNS]),
    ]


def build_home_view(blocks: list[Block], now: datetime) -> Block:
    """Return the view for Slack with the time of the page: a page that is not looked at is not kept up to date."""
    note = render_phrase("As of {time} · `/verl help` lists what can be typed.", time=date(now))
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
    unpriced = render_phrase("{count} unpriced", count=len(billing_runs) - len(priced))
    parts = [priced_cost if priced else "", unpriced if len(priced) < len(billing_runs) else ""]
    return mrkdwn(":moneybag: {}", join_parts(" · ", parts))


def find_rate_and_cost(run: Run, now: datetime) -> tuple[float, float] | None:
    """Return a run's dollars an hour and its dollars so far; None if its rate is unknown."""
    return (run.spending.hourly_rate.dollars_per_hour, run.cost(now) or 0.0) if run.spending.hourly_rate else None


def build_run_list(runs: Sequence[Run], max_runs: int, now: datetime, empty_note: Markup) -> list[Block]:
    """Return a line and the buttons of each run, or a note if there are none."""
    if not runs:
        return [context(empty_note)]
    rows = render_each(
        runs[:max_runs], lambda run: build_run_row(run, now), lambda run: [section(wording.unshown_line(run.id))]
    )
    run_blocks = [block for blocks in rows for block in blocks]
    more = (
        [context(render_phrase("… and {count} more; `/verl list` shows them.", count=len(runs) - max_runs))]
        if len(runs) > max_runs
        else []
    )
    return run_blocks + more


def build_run_row(run: Run, now: datetime) -> list[Block]:
    """Return a run's line and its buttons."""
    return [section(render_run_line(run, now)), actions(*card_buttons(run))]


def build_ended_row(run: Run, now: datetime) -> Block:
    """Return the line of an ended run, with a button to relaunch it."""
    return section(render_isolated_run_line(run, now)) | {"accessory": build_retry_form_button(run)}
