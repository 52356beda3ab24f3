"""Recipes and previews of a launch, as people read them. Pure."""

from collections.abc import Mapping

from bot.app.run_queries import LaunchPreview
from bot.core.frameworks import FRAMEWORK
from bot.core.model.launch_plan import find_missing_safeguards
from bot.core.model.managed_job import is_managed, may_rent_controller
from bot.core.model.parameter import Parameter
from bot.core.model.recipe import Recipe
from bot.errors import UserError
from bot.phrase import N_, Text
from bot.slack.views import wording
from bot.slack.views.blocks import (
    MAX_MESSAGE_BLOCKS,
    code_block,
    context,
    section,
)
from bot.slack.views.managed_job_views import explain_controller
from bot.slack.views.message import Answer, build_answer, build_text_answer
from bot.slack.views.mrkdwn import Markup, code, command_code, escape, join_parts, mrkdwn, render_phrase, translate_text


def render_recipes(catalogue: Mapping[str, Recipe | UserError], refusals: Mapping[str, Text]) -> Answer:
    """Return one line per recipe, with the reason for those that cannot run here."""
    if not catalogue:
        return build_text_answer(
            render_phrase("There are no recipes. Put SkyPilot YAMLs into the folder that VERLBOT_RECIPES_DIR names.")
        )
    blocks = [section(render_recipe_line(recipe, refusals.get(name))) for name, recipe in catalogue.items()]
    hint = render_phrase(
        "`/verl describe RECIPE` lists its parameters; `/verl launch RECIPE --dry-run` shows what would run."
    )
    return build_answer(join_parts(", ", catalogue), [*blocks[: MAX_MESSAGE_BLOCKS - 1], context(hint)])


def render_recipe_line(recipe: Recipe | UserError, refusal: Text | None) -> Markup:
    """Return the line of a recipe, or of a recipe file that is not valid."""
    if isinstance(recipe, UserError):
        return mrkdwn(":warning: {}", recipe.sentence)
    why = mrkdwn(":no_entry_sign: {}", render_phrase("It cannot run here. {why}", why=refusal)) if refusal else Markup()
    return join_parts("\n", [wording.describe_recipe(recipe), why])


def describe_recipe(recipe: Recipe) -> Answer:
    """Return a recipe with one line per parameter."""
    limits = [wording.describe_budget(recipe.budget_dollars), wording.describe_lease_hours(recipe.lease_hours)]
    overrides = (
        render_phrase("takes Hydra overrides") if recipe.takes_overrides else render_phrase("takes no Hydra overrides")
    )
    blocks = [section(wording.describe_recipe(recipe))]
    lines = [describe_parameter(recipe_parameter) for recipe_parameter in recipe.parameters]
    blocks += [section(join_parts("\n", lines[at : at + 10])) for at in range(0, len(lines), 10)]
    if recipe.secrets:
        secrets = [mrkdwn("{} {}", code(name), translate_text(meaning)) for name, meaning in recipe.secrets.items()]
        blocks.append(section(join_parts("\n", [render_phrase("Secrets, from the bot's environment:"), *secrets])))
    blocks.append(context(join_parts(" · ", [*limits, overrides, code(f"/verl launch {recipe.name}")])))
    return build_answer(mrkdwn("{}: {}", recipe.name, translate_text(recipe.title)), blocks)


def describe_parameter(parameter: Parameter) -> Markup:
    """Return the line of a parameter: name, meaning, range and default."""
    about = {"name": code(parameter.name), "meaning": translate_text(parameter.meaning), "range": parameter.range}
    if parameter.default:
        return render_phrase("{name} — {meaning}: {range}, default {default}", **about, default=code(parameter.default))
    return render_phrase("{name} — {meaning}: {range}", **about)


NOTHING_STARTED = N_("Dry run, nothing is started.")


def render_launch_preview(launch_preview: LaunchPreview) -> Answer:
    """Return the answer to `--dry-run`: what a launch would do, and the task as SkyPilot would get it."""
    plan = launch_preview.plan
    blocks = [
        section(
            mrkdwn(":test_tube: *{}* {}", render_phrase(NOTHING_STARTED), command_code("/verl " + plan.command_line))
        ),
        context(render_launch_facts(launch_preview)),
    ]
    if launch_preview.refusal:
        blocks.append(section(mrkdwn(":no_entry_sign: {}", render_launch_refusal(launch_preview.refusal))))
    if controller_notice := render_preview_controller(launch_preview):
        blocks.append(section(mrkdwn(":moneybag: {}", controller_notice)))
    blocks += map(
        context,
        wording.list_safeguard_warnings(
            find_missing_safeguards(plan, FRAMEWORK), plan.checkpoints_ephemeral, is_managed(plan.task)
        ),
    )
    blocks.append(code_block(launch_preview.yaml))
    return build_answer(render_phrase(NOTHING_STARTED), blocks)


def build_form_preview(launch_preview: LaunchPreview) -> list[Markup]:
    """Return what the launch form shows about its input: the equivalent command, and what it would launch."""
    return [command_code("/verl " + launch_preview.plan.command_line), *build_preview_notes(launch_preview)]


def build_preview_notes(launch_preview: LaunchPreview) -> list[Markup]:
    """Return the machines and limits of a launch, and every objection to it."""
    plan = launch_preview.plan
    refusal_notes = [render_launch_refusal(launch_preview.refusal)] if launch_preview.refusal else []
    controller_notes = [controller_notice] if (controller_notice := render_preview_controller(launch_preview)) else []
    return [
        render_launch_facts(launch_preview),
        *refusal_notes,
        *controller_notes,
        *wording.list_safeguard_warnings(
            find_missing_safeguards(plan, FRAMEWORK), plan.checkpoints_ephemeral, is_managed(plan.task)
        ),
    ]


def render_preview_controller(launch_preview: LaunchPreview) -> Markup:
    """Return which jobs controller would have to be rented first; empty if none."""
    # Without an answer from SkyPilot, an absent controller is unknown rather than unnecessary.
    if (
        launch_preview.controller is None
        and launch_preview.trouble
        and is_managed(launch_preview.plan.task)
        and not launch_preview.refusal
    ):
        return render_phrase("Whether a machine would have to be rented first is not known.")
    if launch_preview.controller is None or launch_preview.refusal:
        return Markup()
    return explain_controller(launch_preview.controller, may_rent_controller(launch_preview.plan.task))


def render_launch_refusal(refusal: Text) -> Markup:
    """Return that a launch would be refused here, with the reason."""
    return render_phrase("A launch would be refused here. {why}", why=refusal)


def render_launch_facts(launch_preview: LaunchPreview) -> Markup:
    """Return machines, rate, budget and lease of a launch on one line."""
    plan = launch_preview.plan
    hours = plan.lease.total_seconds() / 3600
    rate = escape(launch_preview.trouble or render_phrase(wording.UNPRICED))
    if launch_preview.refusal:
        rate = render_phrase("no price, because it cannot run here")
    elif launch_preview.rate:
        max_dollars = min(launch_preview.rate.dollars_per_hour * hours, plan.budget_dollars)
        rate = render_phrase(
            "{rate}, {most} at most",
            rate=wording.describe_rate(launch_preview.rate),
            most=wording.format_dollars(max_dollars),
        )
    limits = [wording.describe_budget(plan.budget_dollars), wording.describe_lease_hours(hours)]
    return join_parts(" · ", [wording.describe_nodes(plan.nodes, plan.gpus), rate, *limits])
