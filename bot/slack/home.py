"""The bot's own page in Slack: a person's runs, the team's, and what they cost now. Pure: runs in, a view out."""

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
"""Runs of each kind that are shown: together well below Slack's hundred blocks."""


@dataclass(frozen=True, slots=True)
class Runs:
    """What a person sees: own and the team's active ones, and those that ended last; newest first."""

    own: Sequence[Run]
    team: Sequence[Run]
    ended: Sequence[Run]


def home(runs: Runs, now: datetime) -> list[Block]:
    """The page, but for when it was made, so that two that show the same are equal."""
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
    """The view that Slack shows, with when it was made: a page that nobody looks at is not kept up to date."""
    note = say("As of {time} · `/verl help` lists what can be typed.", time=date(now))
    return {"type": "home", "blocks": [*blocks, context(note)]}


def cost_now(runs: Sequence[Run], now: datetime) -> Markup:
    """Dollars an hour of everything that stands, and what it has come to; what has no price is said."""
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
    """Return a run's dollars an hour and its dollars so far; None where nobody knows."""
    return (run.hourly.dollars_per_hour, run.cost(now) or 0.0) if run.hourly else None


def listed(runs: Sequence[Run], most: int, now: datetime, none: Markup) -> list[Block]:
    """A line and the buttons of each run."""
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
    return [section(line(run, now)), actions(*buttons(run))]


def ended(run: Run, now: datetime) -> Block:
    return section(shown_line(run, now)) | {"accessory": retry_with(run)}
