"""Answers to commands: acknowledgements, lists, descriptions, launch previews, errors. Pure: values in, Slack messages
out.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.asked import LaunchPreview
from bot.core import drain
from bot.core.again import can_resume
from bot.core.blind import find_missing_safeguards
from bot.core.command import WORKSPACE_LANGUAGE
from bot.core.forms import COMMAND_SPECS, CommandSpec
from bot.core.managed import is_managed, may_rent_controller
from bot.core.parameter import Parameter
from bot.core.recipe import Recipe
from bot.core.run import Run
from bot.core.run_stub import RunStub
from bot.core.status import RunStatus
from bot.errors import Unavailable, UnreadableRecord, UserError
from bot.isolation import render_or_fallback
from bot.language import LANGUAGES, N_, current_language, use_language
from bot.slack import models, views, words
from bot.slack.again import EMPTY_FORM, OPEN_FORM
from bot.slack.blocks import (
    MAX_CODE_BLOCK_CHARACTERS,
    MAX_MESSAGE_BLOCKS,
    Block,
    actions,
    button,
    code_block,
    context,
    section,
)
from bot.slack.managed import explain_controller
from bot.slack.phrases import join_list, join_sentences, ngettext, translate, translate_text
from bot.slack.room import fit_blocks, fit_message_text
from bot.slack.standing import progress_line
from bot.slack.text import (
    Markup,
    code,
    command_code,
    date,
    escape,
    join_parts,
    mention,
    mention_person_or_group,
    mrkdwn,
)

Answer = dict[str, Any]
"""The arguments that `ack`, `respond` and `chat.postMessage` accept: text and blocks."""

MAX_TASK_BLOCKS = 8
"""Maximum blocks of a task in one view: 48,000 characters, three times the longest recipe that comes with the bot."""

HELP_SECTION_COMMANDS = 8
"""Commands per section of the help; Slack limits a section to 3,000 characters."""

MAX_LISTED_RUNS = 25
"""Maximum runs of one answer: more are unreadable on a phone."""


def acknowledge_launch(run: Run) -> Answer:
    """Return the answer to a launch: recorded, waiting for approval, or launched already."""
    # Slack delivered the command twice: the first delivery has launched the run.
    if not run.is_waiting:
        return build_text_answer(translate("{run} is launched already.", run=code(run.id)))
    if run.status is RunStatus.AWAITING_APPROVAL:
        approvers = join_list(map(mention_person_or_group, run.approval.approvers)) if run.approval else Markup()
        waiting = translate("{run} is recorded, and needs approval from {people}.", run=code(run.id), people=approvers)
        return build_text_answer(mrkdwn(":raised_hand: {}", waiting))
    confirmation = translate("Recorded as {run}; its card follows.", run=code(run.id))
    stop_hint = translate("Stop it with {command}.", command=code(f"/verl stop {run.id}"))
    return build_text_answer(mrkdwn(":ok_hand: {}", join_sentences(confirmation, stop_hint)))


def offer_launch_form() -> Answer:
    """Return a button that opens the launch form: Slack opens forms for commands and clicks, not for mentions."""
    sentence = translate("Which recipe? Fill in the form, or type `/verl launch RECIPE`; `/verl recipes` lists them.")
    return build_text_answer(sentence, actions(button(translate("Open the form"), OPEN_FORM, EMPTY_FORM)))


def explain_unopened_view() -> Answer:
    """Return the answer for a form or view that Slack did not open.

    Slack accepts a trigger for three seconds. If its answer to the first attempt is lost, it also refuses the second
    one, although the view is open already.
    """
    explanation = translate(
        "Slack opens nothing for that any more. If nothing is in front of you, type or press it again."
    )
    return build_text_answer(mrkdwn(":warning: {}", explanation))


def render_task(run: Run, yaml: str) -> Answer:
    """Return the exact task of a run in up to `MAX_TASK_BLOCKS` blocks, with a note if the rest is left out."""
    pieces = [yaml[at : at + MAX_CODE_BLOCK_CHARACTERS] for at in range(0, len(yaml), MAX_CODE_BLOCK_CHARACTERS)]
    code_blocks = [code_block(piece) for piece in pieces[:MAX_TASK_BLOCKS]]
    cut_note = [context(translate("The rest is in the file in its thread."))] if len(pieces) > MAX_TASK_BLOCKS else []
    head = translate(
        "The task of {run}, as SkyPilot gets it; SHA-256 {digest}.", run=code(run.id), digest=code(run.task_hash[:16])
    )
    return build_answer(translate("Task of {run}", run=run.id), [section(head), *code_blocks, *cut_note])


def acknowledge_log_read(run: Run) -> Answer:
    """Return the answer that is shown while a log is being read."""
    return build_text_answer(mrkdwn(":scroll: {}", translate("Reading the log of {run} …", run=code(run.id))))


STOP_OF_FORGOTTEN_CLUSTER = N_(
    "I ask SkyPilot to remove the cluster of {run}. SkyPilot does not remember it, so nothing confirms that it goes: "
    "look for its machines by hand, and type {command} once they are gone."
)


def acknowledge_stop(run: Run | RunStub) -> Answer:
    """Return the answer to a stop request, which depends on how far the run has ended already."""
    if isinstance(run, RunStub):
        removing = translate("I am removing the cluster of {run}, whose record cannot be read.", run=code(run.run_id))
        later = translate("Its channel hears when it is confirmed gone.")
        return build_text_answer(mrkdwn(":octagonal_sign: {}", join_sentences(removing, later)))
    if run.status is RunStatus.ENDED:
        return build_text_answer(
            translate(
                "{run} is over: {state}. Nothing of it is running.", run=code(run.id), state=words.describe_state(run)
            )
        )
    # SkyPilot has forgotten the cluster: only a person can confirm that its machines are gone.
    if run.memory.confirmed_gone_by:
        closed = translate("I close {run} on your word that its machines are gone.", run=code(run.id))
        return build_text_answer(mrkdwn(":octagonal_sign: {}", closed))
    if run.memory.is_lost:
        asking = translate(STOP_OF_FORGOTTEN_CLUSTER, run=code(run.id), command=code(f"/verl stop {run.id} gone=yes"))
        return build_text_answer(mrkdwn(":octagonal_sign: {}", asking))
    # A person gave up the unsaved checkpoint, so the teardown does not wait for its download.
    if run.is_finished and run.checkpoint_rescue.discard_approved_by and run.checkpoints_ephemeral:
        return build_text_answer(
            translate("{run} is over; its cluster is removed, and what is on it alone is lost.", run=code(run.id))
        )
    if drain.shows_rescue(run):
        is_over = translate("{run} is over already; its cluster goes once its model is fetched.", run=code(run.id))
        return build_text_answer(join_sentences(is_over, translate("`/verl stop {run} save=no` loses it.", run=run.id)))
    if run.is_finished:
        return build_text_answer(
            translate("{run} is over already, and its cluster is being removed.", run=code(run.id))
        )
    if run.checkpoint_rescue.is_save_requested:
        saving = translate("{run} will be stopped once it has saved, or after a while without it.", run=code(run.id))
        return build_text_answer(mrkdwn(":floppy_disk: {}", saving))
    stopping = translate("{run} will be stopped. Its card says when its cluster is gone.", run=code(run.id))
    return build_text_answer(mrkdwn(":octagonal_sign: {}", stopping))


def render_artifacts(run: Run) -> Answer:
    """Return what a run has left behind and what can be done with it."""
    resume_hint = translate("`/verl resume {run}` goes on from it.", run=run.id) if can_resume(run) else Markup()
    checkpoint = models.describe_model(run) or explain_missing_checkpoint(run)
    head = mrkdwn(":package: {} · {}", code(run.id), join_sentences(checkpoint, resume_hint))
    log = translate("Its last log lines: {command}", command=code(f"/verl logs {run.id}"))
    charts = translate("Its numbers: {command}", command=code(f"/verl plot {run.id}"))
    return build_answer(
        checkpoint,
        [section(join_parts("\n", [head, *models.list_instructions(run)])), context(join_parts(" · ", [log, charts]))],
    )


def explain_missing_checkpoint(run: Run) -> Markup:
    """Return why a run has no checkpoint: it has saved none yet, it ended before its training, or its recipe saves
    none.
    """
    if not run.is_finished:
        return translate("{run} has left no checkpoint that was seen in its log.", run=code(run.id))
    if run.checkpoints_ephemeral or run.checkpoint_store:
        return translate("{run} was over before its training began, so it saved no model.", run=code(run.id))
    return translate("{run} saves no model.", run=code(run.id))


def acknowledge_extension(run: Run) -> Answer:
    """Return the answer to `/verl extend`: when the lease ends now."""
    if run.lease_ends_at is None:
        return build_text_answer(translate("{run} may live longer once it is launched.", run=code(run.id)))
    lease_end = date(run.lease_ends_at, "{date_short_pretty} {time}")
    return build_text_answer(
        mrkdwn(":alarm_clock: {}", translate("The lease of {run} ends {time} now.", run=code(run.id), time=lease_end))
    )


def acknowledge_budget(run: Run) -> Answer:
    """Return the answer to `/verl budget`: what the run may spend now."""
    now = translate("{run} may spend {budget} now.", run=code(run.id), budget=words.format_dollars(run.budget_dollars))
    return build_text_answer(mrkdwn(":moneybag: {}", now))


def acknowledge_approval_decision(run: Run) -> Answer:
    """Return the result of an approver's decision. An earlier decision of another approver wins."""
    if run.approval and run.approval.granted:
        return build_text_answer(mrkdwn(":ok: {}", translate("{run} is launched now.", run=code(run.id))))
    return build_text_answer(
        mrkdwn(":no_entry_sign: {}", translate("{run} is refused, and will not be launched.", run=code(run.id)))
    )


def acknowledge_follow(run: Run) -> Answer:
    """Return the answer to a request to follow a log."""
    return build_text_answer(
        mrkdwn(":scroll: {}", translate("The log of {run} now grows in its thread.", run=code(run.id)))
    )


def render_status(run: Run, now: datetime) -> Answer:
    """Return the run's card for one person; it is separate from the card in the channel."""
    card = views.card(run, now)
    return build_answer(card.text, card.blocks)


def render_runs(runs: Sequence[Run], selection: str, now: datetime, unreadable: Sequence[RunStub] = ()) -> Answer:
    """Return one line per run, after the runs whose records cannot be read."""
    if not runs and not unreadable:
        return build_text_answer(translate(NO_RUNS[selection]))
    blocks = [section(render_unreadable_run_line(stub)) for stub in unreadable[:MAX_LISTED_RUNS]]
    blocks += [section(render_isolated_run_line(run, now)) for run in runs[:MAX_LISTED_RUNS]]
    if len(runs) > MAX_LISTED_RUNS:
        blocks.append(
            context(translate("… and {count} more; `/verl list mine` shows yours.", count=len(runs) - MAX_LISTED_RUNS))
        )
    count = len(runs) + len(unreadable)
    return build_answer(ngettext("{count} run", "{count} runs", count), blocks)


def render_unreadable_run_line(stub: RunStub) -> Markup:
    """Return the line of a run whose record cannot be read."""
    if stub.lease_end_time is None:
        return translate(":rotating_light: {run} · its record cannot be read", run=code(stub.run_id))
    lease_end = date(stub.lease_end_time, "{date_short_pretty} {time}")
    return translate(
        ":rotating_light: {run} · its record cannot be read · lease until {time}", run=code(stub.run_id), time=lease_end
    )


NO_RUNS = {
    "active": N_("No run is active. `/verl launch smoke` starts a small one."),
    "mine": N_("You have no runs. `/verl launch smoke` starts a small one."),
    "ended": N_("No run has ended yet."),
    "all": N_("There are no runs yet. `/verl launch smoke` starts a small one."),
}


def render_isolated_run_line(run: Run, now: datetime) -> Markup:
    """Return a run's line in a list; an error while rendering it does not affect the other lines."""
    return render_or_fallback(run, lambda run: render_run_line(run, now), lambda run: words.unshown_line(run.id))


def render_run_line(run: Run, now: datetime) -> Markup:
    """Return a run's line in a list: id, state, progress, cost and requester."""
    parts = [
        join_parts(" ", [code(run.id), words.describe_state(run)]),
        progress_line(run, now),
        words.describe_cost(run, now),
        mention(run.requester),
        mrkdwn(":lock: {}", translate("private")) if run.is_redacted else "",
    ]
    return join_parts(" · ", parts)


def render_recipes(catalogue: Mapping[str, Recipe | UserError], refusals: Mapping[str, str]) -> Answer:
    """Return one line per recipe, with the reason for those that cannot run here."""
    if not catalogue:
        return build_text_answer(
            translate("There are no recipes. Put SkyPilot YAMLs into the folder that VERLBOT_RECIPES_DIR names.")
        )
    blocks = [section(render_recipe_line(recipe, refusals.get(name))) for name, recipe in catalogue.items()]
    hint = translate(
        "`/verl describe RECIPE` lists its parameters; `/verl launch RECIPE --dry-run` shows what would run."
    )
    return build_answer(join_parts(", ", catalogue), [*blocks[: MAX_MESSAGE_BLOCKS - 1], context(hint)])


def render_recipe_line(recipe: Recipe | UserError, refusal: str | None) -> Markup:
    """Return the line of a recipe, or of a recipe file that is not valid."""
    if isinstance(recipe, UserError):
        return mrkdwn(":warning: {}", recipe.sentence)
    why = mrkdwn(":no_entry_sign: {}", translate("It cannot run here. {why}", why=refusal)) if refusal else Markup()
    return join_parts("\n", [words.describe_recipe(recipe), why])


def describe_recipe(recipe: Recipe) -> Answer:
    """Return a recipe with one line per parameter."""
    limits = [words.describe_budget(recipe.budget_dollars), words.describe_lease_hours(recipe.lease_hours)]
    overrides = translate("takes Hydra overrides") if recipe.takes_overrides else translate("takes no Hydra overrides")
    blocks = [section(words.describe_recipe(recipe))]
    lines = [describe_parameter(recipe_parameter) for recipe_parameter in recipe.parameters]
    blocks += [section(join_parts("\n", lines[at : at + 10])) for at in range(0, len(lines), 10)]
    if recipe.secrets:
        secrets = [mrkdwn("{} {}", code(name), translate_text(meaning)) for name, meaning in recipe.secrets.items()]
        blocks.append(section(join_parts("\n", [translate("Secrets, from the bot's environment:"), *secrets])))
    blocks.append(context(join_parts(" · ", [*limits, overrides, code(f"/verl launch {recipe.name}")])))
    return build_answer(mrkdwn("{}: {}", recipe.name, translate_text(recipe.title)), blocks)


def describe_parameter(parameter: Parameter) -> Markup:
    """Return the line of a parameter: name, meaning, range and default."""
    about = {"name": code(parameter.name), "meaning": translate_text(parameter.meaning), "range": parameter.range}
    if parameter.default:
        return translate("{name} — {meaning}: {range}, {default} unless set", **about, default=code(parameter.default))
    return translate("{name} — {meaning}: {range}", **about)


NOTHING_STARTED = N_("Dry run, nothing is started.")


def render_launch_preview(launch_preview: LaunchPreview) -> Answer:
    """Return the answer to `--dry-run`: what a launch would do, and the task as SkyPilot would get it."""
    plan = launch_preview.plan
    blocks = [
        section(mrkdwn(":test_tube: *{}* {}", translate(NOTHING_STARTED), command_code("/verl " + plan.command_line))),
        context(render_launch_facts(launch_preview)),
    ]
    if launch_preview.refusal:
        blocks.append(section(mrkdwn(":no_entry_sign: {}", render_launch_refusal(launch_preview.refusal))))
    if controller_notice := render_preview_controller(launch_preview):
        blocks.append(section(mrkdwn(":moneybag: {}", controller_notice)))
    blocks += map(
        context,
        words.list_safeguard_warnings(find_missing_safeguards(plan), plan.checkpoints_ephemeral, is_managed(plan.task)),
    )
    blocks.append(code_block(launch_preview.yaml))
    return build_answer(translate(NOTHING_STARTED), blocks)


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
        *words.list_safeguard_warnings(
            find_missing_safeguards(plan), plan.checkpoints_ephemeral, is_managed(plan.task)
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
        return translate("Whether a machine would have to be rented first is not known.")
    if launch_preview.controller is None or launch_preview.refusal:
        return Markup()
    return explain_controller(launch_preview.controller, may_rent_controller(launch_preview.plan.task))


def render_launch_refusal(refusal: str) -> Markup:
    """Return that a launch would be refused here, with the reason."""
    return translate("A launch would be refused here. {why}", why=refusal)


def render_launch_facts(launch_preview: LaunchPreview) -> Markup:
    """Return machines, rate, budget and lease of a launch on one line."""
    plan = launch_preview.plan
    hours = plan.lease.total_seconds() / 3600
    rate = escape(launch_preview.trouble or translate(words.UNPRICED))
    if launch_preview.refusal:
        rate = translate("no price, because it cannot run here")
    elif launch_preview.rate:
        max_dollars = min(launch_preview.rate.dollars_per_hour * hours, plan.budget_dollars)
        rate = translate(
            "{rate}, {most} at most",
            rate=words.describe_rate(launch_preview.rate),
            most=words.format_dollars(max_dollars),
        )
    limits = [words.describe_budget(plan.budget_dollars), words.describe_lease_hours(hours)]
    return join_parts(" · ", [words.describe_nodes(plan.nodes, plan.gpus), rate, *limits])


def render_help(word: str | None) -> Answer:
    """Return the help for one command, or for all of them."""
    if word is not None:
        spec = COMMAND_SPECS[word]
        example = translate("For example {command}", command=code(f"/verl {spec.example}"))
        return build_text_answer(join_parts("\n", [describe_command(spec), example]))
    lines = list(map(describe_command, COMMAND_SPECS.values()))
    parts = [
        section(join_parts("\n", lines[at : at + HELP_SECTION_COMMANDS]))
        for at in range(0, len(lines), HELP_SECTION_COMMANDS)
    ]
    more = context(translate("The same words work after a mention of me, and in a run's thread RUN can be left out."))
    return build_answer(translate("What can be typed after /verl"), [*parts, more])


def describe_command(spec: CommandSpec) -> Markup:
    """Return a command's usage and meaning."""
    return mrkdwn("*{}*\n{}", f"/verl {spec.usage}", translate(spec.meaning))


def render_user_error(error: UserError) -> Answer:
    """Return an error of the user, with the people who can help."""
    whom_to_ask = (
        translate("Ask {people}.", people=join_list(map(mention_person_or_group, error.people)))
        if error.people
        else Markup()
    )
    return build_text_answer(mrkdwn(":warning: {}", join_sentences(error.sentence, whom_to_ask)))


def render_unavailable(error: Unavailable) -> Answer:
    """Return that an outside service did not respond, with a hint to retry."""
    retry_hint = translate("Try again in a moment; `/verl list` shows what was recorded.")
    return build_text_answer(mrkdwn(":warning: {}", join_sentences(str(error), retry_hint)))


def render_unreadable_record(error: UnreadableRecord) -> Answer:
    """Return that a run's record cannot be read, and how to remove its cluster."""
    problem = translate("The record of {run} cannot be read: {why}.", run=code(error.run_id), why=error.why)
    stop_hint = translate("`/verl stop {run}` removes its cluster.", run=error.run_id) if error.is_open else Markup()
    return build_text_answer(mrkdwn(":rotating_light: {}", join_sentences(problem, stop_hint)))


def render_internal_error(reference: str) -> Answer:
    """Return that the bot has a bug, with the reference id of the traceback in the log."""
    apology = translate(
        "That failed on my side, and it is my mistake, not yours. Reference {reference}.", reference=code(reference)
    )
    return build_text_answer(mrkdwn(":boom: {}", apology))


def render_language(workspace: str) -> Answer:
    """Return the person's current language and how to choose another one, in each available language.

    Args:
        workspace: the language of channels.
    """
    now = translate("You are answered in {language}.", language=LANGUAGES[current_language()])
    lines = [mrkdwn(":speech_balloon: {}", now)]
    for language_code, name in LANGUAGES.items():
        # Each line is in the language that it offers, so that its speakers can read it.
        with use_language(language_code):
            lines.append(
                translate(
                    "Type {command} for {language}.", command=code(f"/verl language {language_code}"), language=name
                )
            )
    common = code(f"/verl language {WORKSPACE_LANGUAGE}")
    lines.append(translate(WORKSPACE_LANGUAGE_NOTE, command=common, language=LANGUAGES[workspace]))
    return build_text_answer(join_parts("\n", lines))


WORKSPACE_LANGUAGE_NOTE = N_("Channels are told in the workspace's language, {language}; {command} gives you the same.")


def build_text_answer(sentence: Markup, *more: Block) -> Answer:
    """Return an answer with one section, and further blocks under it."""
    return build_answer(sentence, [section(sentence), *more])


def build_answer(text: Markup, blocks: Sequence[Block]) -> Answer:
    """Return an answer, cut to what Slack accepts.

    Args:
        text: what notifications and clients without blocks show.
    """
    return {"text": fit_message_text(text), "blocks": fit_blocks(blocks)}
