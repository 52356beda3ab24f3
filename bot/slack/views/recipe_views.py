"""Recipes and previews of a launch, as people read them. Pure."""

from collections.abc import Mapping, Sequence

from bot.app.run_queries import LaunchPreview
from bot.core.frameworks import FRAMEWORK
from bot.core.model.launch_plan import LaunchPlan, find_missing_safeguards
from bot.core.model.managed_job import is_managed, may_rent_controller
from bot.core.model.money import compute_max_dollars
from bot.core.model.parameter import Parameter
from bot.core.model.recipe import Recipe
from bot.core.model.run_state import RunStatus
from bot.core.rules.launch_checks import describe_checkpoint_sizes, list_launch_warnings
from bot.errors import UserError
from bot.phrase import N_, Text
from bot.slack.views import wording
from bot.slack.views.approval_views import build_approval_reasons
from bot.slack.views.blocks import (
    MAX_MESSAGE_BLOCKS,
    Block,
    code_block,
    context,
    section,
)
from bot.slack.views.managed_job_views import explain_controller
from bot.slack.views.message import Answer, build_answer, build_text_answer
from bot.slack.views.mrkdwn import (
    Markup,
    code,
    command_code,
    escape,
    join_markup_list,
    join_markup_sentences,
    join_parts,
    mention_person_or_group,
    mrkdwn,
    render_phrase,
    render_plural,
    strip_bold,
    translate_text,
)
from bot.slack.views.tables import Column, build_table


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
    if recipe.secrets:
        secrets = [mrkdwn("{} {}", code(name), translate_text(meaning)) for name, meaning in recipe.secrets.items()]
        blocks.append(section(join_parts("\n", [render_phrase("Secrets, from the bot's environment:"), *secrets])))
    blocks.append(context(join_parts(" · ", [*limits, overrides, code(f"/verl launch {recipe.name}")])))
    if recipe.parameters:
        blocks.append(build_parameter_table(recipe.parameters))
    return build_answer(mrkdwn("{}: {}", recipe.name, translate_text(recipe.title)), blocks)


def build_parameter_table(parameters: Sequence[Parameter]) -> Block:
    """Return a table of parameters: name, meaning, range and default."""
    columns = [
        Column(render_phrase("Parameter")),
        Column(render_phrase("Meaning"), is_wrapped=True),
        Column(render_phrase("Values"), is_wrapped=True),
        Column(render_phrase("Default"), is_number=True),
    ]
    rows = [
        [
            code(parameter.name),
            translate_text(parameter.meaning),
            escape(parameter.range),
            render_default(parameter),
        ]
        for parameter in parameters
    ]
    return build_table(columns, rows)


def render_default(parameter: Parameter) -> Markup:
    """Return a default as code where it can be typed so; with its unit in words otherwise."""
    default = parameter.default_with_unit
    if not default:
        return Markup()
    return code(default) if isinstance(default, str) else escape(default)


WOULD_LAUNCH = N_("*This would launch.* The dry run starts nothing.")
WOULD_BE_REFUSED = N_("*This would be refused.* {why}")
WOULD_NEED_APPROVAL = N_("*This would need approval* from {people}. {reasons}")

MAX_SHOWN_TASK_LINES, MAX_SHOWN_TASK_CHARACTERS = 20, 1_500
"""Maximum lines and characters of a task below a dry run's verdict."""


def render_launch_preview(launch_preview: LaunchPreview) -> Answer:
    """Return the answer to `--dry-run`: the verdict, machines and price, the command, and the beginning of the task."""
    plan, verdict = launch_preview.plan, render_verdict(launch_preview)
    blocks = [
        section(verdict),
        section(render_launch_facts(launch_preview)),
        context(command_code("/verl " + plan.command_line)),
    ]
    if controller_notice := render_preview_controller(launch_preview):
        blocks.append(section(mrkdwn(":moneybag: {}", controller_notice)))
    blocks += map(context, list_plan_warnings(plan))
    return build_answer(strip_bold(verdict), [*blocks, *build_task_excerpt(launch_preview.yaml)])


def render_verdict(launch_preview: LaunchPreview) -> Markup:
    """Return whether a launch would start, be refused, or need an approval."""
    if launch_preview.refusal:
        return mrkdwn(":no_entry_sign: {}", render_phrase(WOULD_BE_REFUSED, why=launch_preview.refusal))
    run = launch_preview.admitted
    if run and run.approval and run.status is RunStatus.AWAITING_APPROVAL:
        people = join_markup_list(map(mention_person_or_group, run.approval.approvers))
        reasons = join_markup_sentences(*build_approval_reasons(run, run.approval))
        return mrkdwn(":raised_hand: {}", render_phrase(WOULD_NEED_APPROVAL, people=people, reasons=reasons))
    return mrkdwn(":white_check_mark: {}", render_phrase(WOULD_LAUNCH))


def build_task_excerpt(yaml: str) -> list[Block]:
    """Return the beginning of a task, with how many of its lines are left out."""
    lines = yaml.splitlines()
    shown = "\n".join(lines[:MAX_SHOWN_TASK_LINES])[:MAX_SHOWN_TASK_CHARACTERS]
    more = len(lines) - shown.count("\n") - 1
    note = render_plural("… and {count} more line of the task", "… and {count} more lines of the task", more)
    return [code_block(shown), *([context(note)] if more > 0 else [])]


def build_form_preview(launch_preview: LaunchPreview) -> list[Markup]:
    """Return what the launch form shows about its input: the equivalent command, and what it would launch."""
    return [command_code("/verl " + launch_preview.plan.command_line), *build_preview_notes(launch_preview)]


def build_preview_notes(launch_preview: LaunchPreview) -> list[Markup]:
    """Return the machines and limits of a launch, and every objection to it."""
    plan = launch_preview.plan
    needs_person = launch_preview.refusal or (launch_preview.admitted and launch_preview.admitted.approval)
    verdict_notes = [render_verdict(launch_preview)] if needs_person else []
    controller_notes = [controller_notice] if (controller_notice := render_preview_controller(launch_preview)) else []
    return [
        *verdict_notes,
        render_launch_facts(launch_preview),
        *controller_notes,
        *list_plan_warnings(plan),
    ]


def list_plan_warnings(plan: LaunchPlan) -> list[Markup]:
    """Return what a launch lacks, and what is doubtful about it."""
    return [
        *wording.list_safeguard_warnings(
            find_missing_safeguards(plan, FRAMEWORK), plan.checkpoints_ephemeral, is_managed(plan.task)
        ),
        *map(wording.render_launch_warning, list_launch_warnings(plan, FRAMEWORK)),
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
        return render_phrase("I do not know whether a machine would have to be rented first.")
    if launch_preview.controller is None or launch_preview.refusal:
        return Markup()
    return explain_controller(launch_preview.controller, may_rent_controller(launch_preview.plan.task))


def render_launch_facts(launch_preview: LaunchPreview) -> Markup:
    """Return machines, rate, budget and lease of a launch on one line."""
    plan = launch_preview.plan
    hours = plan.lease.total_seconds() / 3600
    rate = escape(launch_preview.trouble or render_phrase(wording.UNPRICED))
    if launch_preview.refusal and launch_preview.rate is None:
        rate = render_phrase("no price")
    elif launch_preview.rate:
        max_dollars = compute_max_dollars(plan.budget_dollars, plan.lease, launch_preview.rate)
        rate = render_phrase(
            "{rate}, {most} at most",
            rate=wording.describe_rate(launch_preview.rate),
            most=wording.format_dollars(max_dollars),
        )
    limits = [wording.describe_budget(plan.budget_dollars), wording.describe_lease_hours(hours)]
    sizes = escape(describe_checkpoint_sizes(plan, FRAMEWORK))
    return join_parts(" · ", [wording.describe_nodes(plan.nodes, plan.gpus), rate, *limits, sizes])
