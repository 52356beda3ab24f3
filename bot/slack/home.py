"""The App Home page: a person's runs, the team's, and their current cost. Pure: runs in, a view out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.run import Run
from bot.isolation import render_each
from bot.slack import words
from bot.slack.again import FORM, NEW, retry_with
from bot.slack.answers import line, shown_line
from bot.slack.blocks import Block, actions, button, context, header, section
from bot.slack.phrases import say, say_many
from bot.slack.text import Markup, date, joined, mrkdwn
from bot.slack.views import buttons

OWN, TEAM, ENDED = 10, 10, 5
"""Maximum runs of each kind on a page: together well below Slack's limit of a hundred blocks."""


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs on a person's page: the person's and the team's active ones, and those that ended last; newest first."""

    own: Sequence[Run]
    team: Sequence[Run]
    ended: Sequence[Run]


def home(runs: Runs, now: datetime) -> list[Block]:
    """Return the page without its time, so that two pages with the same content are equal."""
    return [
        actions(button(say("Launch a run"), FORM, NEW, style="primary")),
        section(cost_now([*runs.own, *runs.team], now)),
        header(say("Your runs")),
        *listed(runs.own, OWN, now, say("You have no active run. `/verl launch smoke` starts a small one.")),
        header(say("The team's runs")),
        *listed(runs.team, TEAM, now, say("Nobody else has an active run.")),
        *([header(say("Ended lately"))] if runs.ended else []),
        *(ended(run, now) for run in runs.ended[:ENDED]),
    ]


def stamped(blocks: list[Block], now: datetime) -> Block:
    """Return the view for Slack with the time of the page: a page that is not looked at is not kept up to date."""
    note = say("As of {time} · `/verl help` lists what can be typed.", time=date(now))
    return {"type": "home", "blocks": [*blocks, context(note)]}


def cost_now(runs: Sequence[Run], now: datetime) -> Markup:
    """Return the hourly rate and the cost so far of all runs with machines, and how many of them are unpriced."""
    standing = [run for run in runs if not run.waits]
    if not standing:
        return mrkdwn(":moneybag: {}", say("Nothing is billing."))
    costs = render_each(standing, lambda run: priced_at(run, now), lambda _: None)
    priced = [cost for cost in costs if cost]
    rate, spent = (sum(column) for column in zip(*priced, strict=True)) if priced else (0.0, 0.0)
    known = say_many(
        "*{rate}* now for {count} run, {spent} so far",
        "*{rate}* now for {count} runs, {spent} so far",
        len(priced),
        rate=words.hourly(rate),
        spent=words.dollars(spent),
    )
    unpriced = say("{count} unpriced", count=len(standing) - len(priced))
    parts = [known if priced else "", unpriced if len(priced) < len(standing) else ""]
    return mrkdwn(":moneybag: {}", joined(" · ", parts))


def priced_at(run: Run, now: datetime) -> tuple[float, float] | None:
    """Return a run's dollars an hour and its dollars so far; None if its rate is unknown."""
    return (run.hourly.dollars_per_hour, run.cost(now) or 0.0) if run.hourly else None


def listed(runs: Sequence[Run], most: int, now: datetime, none: Markup) -> list[Block]:
    """Return a line and the buttons of each run, or a note if there are none."""
    if not runs:
        return [context(none)]
    rows = render_each(runs[:most], lambda run: row(run, now), lambda run: [section(words.unshown(run.id))])
    shown = [block for blocks in rows for block in blocks]
    more = (
        [context(say("… and {count} more; `/verl list` shows them.", count=len(runs) - most))]
        if len(runs) > most
        else []
    )
    return shown + more


def row(run: Run, now: datetime) -> list[Block]:
    """Return a run's line and its buttons."""
    return [section(line(run, now)), actions(*buttons(run))]


def ended(run: Run, now: datetime) -> Block:
    """Return the line of an ended run, with a button to relaunch it."""
    return section(shown_line(run, now)) | {"accessory": retry_with(run)}
