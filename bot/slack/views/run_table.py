"""Runs as a table: one row a run, for lists and reports. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules.forecast import build_forecast
from bot.phrase import N_
from bot.runtime.failure_isolation import render_each
from bot.slack.views import wording
from bot.slack.views.blocks import Block
from bot.slack.views.mrkdwn import Markup, code, date, escape, join_parts, mention, mrkdwn, render_phrase, strip_bold
from bot.slack.views.progress_views import (
    MIN_STEPS_FOR_FORECAST,
    TREND_ARROWS,
    describe_validation_briefly,
    format_number,
)
from bot.slack.views.tables import Column, build_table

RUN_COLUMNS = (
    (N_("Run"), False),
    (N_("State"), False),
    (N_("Progress"), False),
    (N_("Reward"), True),
    (N_("Validation"), True),
    (N_("ETA"), False),
    (N_("Cost"), True),
    (N_("Who"), False),
    (N_("Age"), True),
)

MAX_NOTE_CHARACTERS = 30
"""Maximum characters of a person's reason beside a run's id."""

DAYS_FROM = timedelta(hours=48)
"""Age from which days are shown."""


def build_run_table(
    runs: Sequence[Run], now: datetime, show_person: Callable[[str], Markup] = mention, reader: str = ""
) -> Block:
    """Return the table of these runs; a run that cannot be shown has its id alone.

    Args:
        show_person: returns a person's name, or a mention.
        reader: Slack's id of the only person who reads it; empty for several.
    """
    columns = [Column(render_phrase(title), is_number) for title, is_number in RUN_COLUMNS]
    rows = render_each(runs, lambda run: build_run_cells(run, now, show_person, reader), build_unshown_cells)
    return build_table(columns, rows)


def build_run_cells(run: Run, now: datetime, show_person: Callable[[str], Markup], reader: str) -> list[Markup]:
    """Return the cells of a run's row."""
    progress = run.training.progress
    return [
        name_with_note(run, reader),
        strip_bold(wording.describe_state(run)),
        describe_steps_done(run),
        join_parts(" ", [escape(format_number(progress.reward)), TREND_ARROWS[progress.rewards.trend]])
        if progress.reward is not None
        else describe_loss_briefly(progress),
        describe_validation_briefly(run),
        describe_end_time(run, now),
        describe_cost_of_budget(run, now),
        show_person(run.requester),
        describe_age(run, now),
    ]


def describe_loss_briefly(progress: Progress) -> Markup:
    """Return the loss for the column of the rewards, by its name; empty where there is none."""
    if progress.loss is None:
        return Markup()
    return render_phrase("loss {value}", value=format_number(progress.loss))


def build_unshown_cells(run: Run) -> list[Markup]:
    """Return the cells of a run that cannot be shown."""
    return [code(run.id), render_phrase("cannot be shown: my own log says why"), *[Markup()] * (len(RUN_COLUMNS) - 2)]


def name_with_note(run: Run, reader: str) -> Markup:
    """Return a run's id, with the beginning of the person's reason where there is one, and that it is private."""
    note = escape(run.why).shorten(MAX_NOTE_CHARACTERS) if run.why else Markup()
    private = mrkdwn(":lock: {}", render_phrase("private")) if run.is_redacted else ""
    return join_parts(" · ", [wording.link_run(run, reader), note, private])


def describe_steps_done(run: Run) -> Markup:
    """Return the steps done, with their share of all steps where that is known."""
    step, last_step = run.training.progress.step, run.training.progress.last_step
    if step is None:
        return Markup()
    return mrkdwn("{}/{} {}", step, last_step, f"{step / last_step:.0%}") if last_step else escape(str(step))


def describe_end_time(run: Run, now: datetime) -> Markup:
    """Return when a run will end; empty where no end can be forecast."""
    if run.status is RunStatus.ENDED:
        return Markup()
    forecast = build_forecast(run, now) if len(run.training.progress.step_times) >= MIN_STEPS_FOR_FORECAST else None
    if forecast is None or not run.training.progress.steps_left:
        return Markup()
    if isinstance(forecast.ends_at, datetime):
        return date(forecast.ends_at, "{date_short_pretty} {time}")
    return render_phrase("over a year")


def describe_cost_of_budget(run: Run, now: datetime) -> Markup:
    """Return the dollars so far, and the budget."""
    cost, budget = run.cost(now), wording.format_dollars(run.limits.budget_dollars)
    # The budget alone would be read as a cost.
    if run.launch.first_requested_at is None:
        return escape("–") if run.is_finished else wording.describe_budget(run.limits.budget_dollars)
    if cost is None:
        return render_phrase("price unknown")
    return mrkdwn("{} / {}", wording.format_dollars(cost), budget)


def describe_age(run: Run, now: datetime) -> Markup:
    """Return how long ago a run was launched, in one unit."""
    age = max(now - run.created_at, timedelta())
    if age < timedelta(hours=1):
        return render_phrase("{count} min", count=int(age.total_seconds() // 60))
    if age < DAYS_FROM:
        return render_phrase("{count} h", count=int(age.total_seconds() // 3600))
    return render_phrase("{count} d", count=age.days)


NameFinder = Callable[[Iterable[str]], Mapping[str, str]]
"""Returns people's names by Slack's id, of those who are known."""


def find_no_names(_: Iterable[str]) -> Mapping[str, str]:  # a NameFinder
    """Return no name, so that people are shown by their ids."""
    return {}


def name_plainly(names: Mapping[str, str]) -> Callable[[str], Markup]:
    """Return what shows a person by name, which notifies no one; the id where the name is not known."""
    return lambda user: escape(names[user]) if names.get(user) else code(user)
