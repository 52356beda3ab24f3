"""Examples of what people see, for Slack's own validation: a card, a form and a chart. Pure."""

from datetime import datetime, timedelta

from bot.core.model.recipe import Recipe
from bot.core.model.run import Run
from bot.core.model.run_limits import RunLimits
from bot.core.model.run_plan import RunPlan
from bot.slack.views.blocks import Block
from bot.slack.views.chart_blocks import line_chart
from bot.slack.views.launch_form import LaunchFormValues, build_form
from bot.slack.views.message import Message
from bot.slack.views.run_card import card

SAMPLE_CHANNEL, SAMPLE_PERSON = "C0123456789", "U0123456789"
"""Ids in Slack's form, of no channel and of no person."""


def build_example_card(now: datetime) -> Message:
    """Return the card of a run that does not exist."""
    run = Run(
        id="sample-0000",
        recipe="sample",
        command_line="launch sample",
        requester=SAMPLE_PERSON,
        channel=SAMPLE_CHANNEL,
        created_at=now,
        plan=RunPlan(nodes=2, task_hash=""),
        limits=RunLimits(budget_dollars=10.0, lease=timedelta(hours=12)),
    )
    return card(run, now)


def build_example_form(recipe: Recipe) -> Block:
    """Return the launch form of a recipe."""
    return build_form(recipe, [recipe.name], LaunchFormValues(recipe.name, SAMPLE_CHANNEL), [])


def build_example_chart() -> Block:
    """Return a chart of six points."""
    steps = [str(step) for step in range(0, 60, 10)]
    return line_chart("reward", "step", "reward", steps, [("train", [0.1, 0.2, 0.3, 0.3, 0.4, 0.5])])
