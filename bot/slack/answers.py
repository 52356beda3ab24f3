"""Answers to commands: acknowledgements, lists, descriptions, launch previews, errors. Pure: values in, Slack messages
out.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.asked import Rehearsal
from bot.core import drain
from bot.core.again import can_resume
from bot.core.blind import blind
from bot.core.command import WORKSPACE
from bot.core.forms import FORMS, Form
from bot.core.managed import is_managed, may_rent
from bot.core.parameter import Parameter
from bot.core.recipe import Recipe
from bot.core.run import Run
from bot.core.run_stub import RunStub
from bot.core.status import Status
from bot.errors import Unavailable, UnreadableRecord, UserError
from bot.isolation import render_one
from bot.language import LANGUAGES, mark, speaking, spoken
from bot.slack import models, views, words
from bot.slack.again import FORM, NEW
from bot.slack.blocks import MESSAGE_BLOCKS, PRINTED_TEXT, Block, actions, button, context, preformatted, section
from bot.slack.managed import controller
from bot.slack.phrases import listing, say, say_many, together, translate
from bot.slack.room import fitted, message_text
from bot.slack.standing import standing
from bot.slack.text import Markup, code, command, date, escape, holder, joined, mention, mrkdwn

Answer = dict[str, Any]
"""The arguments that `ack`, `respond` and `chat.postMessage` accept: text and blocks."""

TASK_BLOCKS = 8
"""Maximum blocks of a task in one view: 48,000 characters, three times the longest recipe that comes with the bot."""

HELP_LINES = 8
"""Commands per section of the help; Slack limits a section to 3,000 characters."""

LISTED = 25
"""Maximum runs of one answer: more are unreadable on a phone."""


def launched(run: Run) -> Answer:
    """Return the answer to a launch: recorded, waiting for approval, or launched already."""
    # Slack delivered the command twice: the first delivery has launched the run.
    if not run.waits:
        return text(say("{run} is launched already.", run=code(run.id)))
    if run.status is Status.AWAITING_APPROVAL:
        asked = listing(map(holder, run.approval.asked)) if run.approval else Markup()
        waits = say("{run} is recorded, and needs approval from {people}.", run=code(run.id), people=asked)
        return text(mrkdwn(":raised_hand: {}", waits))
    recorded = say("Recorded as {run}; its card follows.", run=code(run.id))
    how_to_stop = say("Stop it with {command}.", command=code(f"/verl stop {run.id}"))
    return text(mrkdwn(":ok_hand: {}", together(recorded, how_to_stop)))


def form_offered() -> Answer:
    """Return a button that opens the launch form: Slack opens forms for commands and clicks, not for mentions."""
    sentence = say("Which recipe? Fill in the form, or type `/verl launch RECIPE`; `/verl recipes` lists them.")
    return text(sentence, actions(button(say("Open the form"), FORM, NEW)))


def not_opened() -> Answer:
    """Return the answer for a form or view that Slack did not open.

    Slack accepts a trigger for three seconds. If its answer to the first attempt is lost, it also refuses the second
    one, although the view is open already.
    """
    late = say("Slack opens nothing for that any more. If nothing is in front of you, type or press it again.")
    return text(mrkdwn(":warning: {}", late))


def task(run: Run, yaml: str) -> Answer:
    """Return the exact task of a run in up to `MAX_TASK_BLOCKS` blocks, with a note if the rest is left out."""
    pieces = [yaml[at : at + PRINTED_TEXT] for at in range(0, len(yaml), PRINTED_TEXT)]
    shown = [preformatted(piece) for piece in pieces[:TASK_BLOCKS]]
    cut = [context(say("The rest is in the file in its thread."))] if len(pieces) > TASK_BLOCKS else []
    head = say(
        "The task of {run}, as SkyPilot gets it; SHA-256 {digest}.", run=code(run.id), digest=code(run.task_hash[:16])
    )
    return answer(say("Task of {run}", run=run.id), [section(head), *shown, *cut])


def reading(run: Run) -> Answer:
    """Return the answer that is shown while a log is being read."""
    return text(mrkdwn(":scroll: {}", say("Reading the log of {run} …", run=code(run.id))))


FORGOTTEN_STOP = mark(
    "I ask SkyPilot to remove the cluster of {run}. SkyPilot does not remember it, so nothing confirms that it goes: "
    "look for its machines by hand, and type {command} once they are gone."
)


def stop_asked(run: Run | RunStub) -> Answer:
    """Return the answer to a stop request, which depends on how far the run has ended already."""
    if isinstance(run, RunStub):
        removing = say("I am removing the cluster of {run}, whose record cannot be read.", run=code(run.run_id))
        later = say("Its channel hears when it is confirmed gone.")
        return text(mrkdwn(":octagonal_sign: {}", together(removing, later)))
    if run.status is Status.ENDED:
        return text(say("{run} is over: {state}. Nothing of it is running.", run=code(run.id), state=words.state(run)))
    # SkyPilot has forgotten the cluster: only a person can confirm that its machines are gone.
    if run.memory.gone_by:
        closed = say("I close {run} on your word that its machines are gone.", run=code(run.id))
        return text(mrkdwn(":octagonal_sign: {}", closed))
    if run.memory.is_lost:
        asking = say(FORGOTTEN_STOP, run=code(run.id), command=code(f"/verl stop {run.id} gone=yes"))
        return text(mrkdwn(":octagonal_sign: {}", asking))
    # A person gave up the unsaved checkpoint, so the teardown does not wait for its download.
    if run.over and run.keeping.lost_by and run.model_dies:
        return text(say("{run} is over; its cluster is removed, and what is on it alone is lost.", run=code(run.id)))
    if drain.is_kept(run):
        kept = say("{run} is over already; its cluster goes once its model is fetched.", run=code(run.id))
        return text(together(kept, say("`/verl stop {run} save=no` loses it.", run=run.id)))
    if run.over:
        return text(say("{run} is over already, and its cluster is being removed.", run=code(run.id)))
    if run.keeping.save_asked:
        saving = say("{run} will be stopped once it has saved, or after a while without it.", run=code(run.id))
        return text(mrkdwn(":floppy_disk: {}", saving))
    stopping = say("{run} will be stopped. Its card says when its cluster is gone.", run=code(run.id))
    return text(mrkdwn(":octagonal_sign: {}", stopping))


def artifacts(run: Run) -> Answer:
    """Return what a run has left behind and what can be done with it."""
    again = say("`/verl resume {run}` goes on from it.", run=run.id) if can_resume(run) else Markup()
    found = models.model(run) or no_model(run)
    head = mrkdwn(":package: {} · {}", code(run.id), together(found, again))
    log = say("Its last log lines: {command}", command=code(f"/verl logs {run.id}"))
    charts = say("Its numbers: {command}", command=code(f"/verl plot {run.id}"))
    return answer(found, [section(joined("\n", [head, *models.how_to(run)])), context(joined(" · ", [log, charts]))])


def no_model(run: Run) -> Markup:
    """Return why a run has no checkpoint: it has saved none yet, it ended before its training, or its recipe saves
    none.
    """
    if not run.over:
        return say("{run} has left no checkpoint that was seen in its log.", run=code(run.id))
    if run.model_dies or run.place:
        return say("{run} was over before its training began, so it saved no model.", run=code(run.id))
    return say("{run} saves no model.", run=code(run.id))


def extended(run: Run) -> Answer:
    """Return the answer to `/verl extend`: when the lease ends now."""
    if run.lease_ends_at is None:
        return text(say("{run} may live longer once it is launched.", run=code(run.id)))
    end = date(run.lease_ends_at, "{date_short_pretty} {time}")
    return text(mrkdwn(":alarm_clock: {}", say("The lease of {run} ends {time} now.", run=code(run.id), time=end)))


def budget_set(run: Run) -> Answer:
    """Return the answer to `/verl budget`: what the run may spend now."""
    now = say("{run} may spend {budget} now.", run=code(run.id), budget=words.dollars(run.budget_dollars))
    return text(mrkdwn(":moneybag: {}", now))


def judged(run: Run) -> Answer:
    """Return the result of an approver's decision. An earlier decision of another approver wins."""
    if run.approval and run.approval.granted:
        return text(mrkdwn(":ok: {}", say("{run} is launched now.", run=code(run.id))))
    return text(mrkdwn(":no_entry_sign: {}", say("{run} is refused, and will not be launched.", run=code(run.id))))


def followed(run: Run) -> Answer:
    """Return the answer to a request to follow a log."""
    return text(mrkdwn(":scroll: {}", say("The log of {run} now grows in its thread.", run=code(run.id))))


def status(run: Run, now: datetime) -> Answer:
    """Return the run's card for one person; it is separate from the card in the channel."""
    card = views.card(run, now)
    return answer(card.text, card.blocks)


def runs(found: Sequence[Run], which: str, now: datetime, unreadable: Sequence[RunStub] = ()) -> Answer:
    """Return one line per run, after the runs whose records cannot be read."""
    if not found and not unreadable:
        return text(say(NO_RUNS[which]))
    blocks = [section(unreadable_line(stub)) for stub in unreadable[:LISTED]]
    blocks += [section(shown_line(run, now)) for run in found[:LISTED]]
    if len(found) > LISTED:
        blocks.append(context(say("… and {count} more; `/verl list mine` shows yours.", count=len(found) - LISTED)))
    count = len(found) + len(unreadable)
    return answer(say_many("{count} run", "{count} runs", count), blocks)


def unreadable_line(stub: RunStub) -> Markup:
    """Return the line of a run whose record cannot be read."""
    if stub.lease_end is None:
        return say(":rotating_light: {run} · its record cannot be read", run=code(stub.run_id))
    end = date(stub.lease_end, "{date_short_pretty} {time}")
    return say(
        ":rotating_light: {run} · its record cannot be read · lease until {time}", run=code(stub.run_id), time=end
    )


NO_RUNS = {
    "active": mark("No run is active. `/verl launch smoke` starts a small one."),
    "mine": mark("You have no runs. `/verl launch smoke` starts a small one."),
    "ended": mark("No run has ended yet."),
    "all": mark("There are no runs yet. `/verl launch smoke` starts a small one."),
}


def shown_line(run: Run, now: datetime) -> Markup:
    """Return a run's line in a list; an error while rendering it does not affect the other lines."""
    return render_one(run, lambda run: line(run, now), lambda run: words.unshown(run.id))


def line(run: Run, now: datetime) -> Markup:
    """Return a run's line in a list: id, state, progress, cost and requester."""
    parts = [
        joined(" ", [code(run.id), words.state(run)]),
        standing(run, now),
        words.spent(run, now),
        mention(run.requester),
        mrkdwn(":lock: {}", say("private")) if run.is_redacted else "",
    ]
    return joined(" · ", parts)


def recipes(catalogue: Mapping[str, Recipe | UserError], refusals: Mapping[str, str]) -> Answer:
    """Return one line per recipe, with the reason for those that cannot run here."""
    if not catalogue:
        return text(say("There are no recipes. Put SkyPilot YAMLs into the folder that VERLBOT_RECIPES_DIR names."))
    blocks = [section(catalogue_line(found, refusals.get(name))) for name, found in catalogue.items()]
    hint = say("`/verl describe RECIPE` lists its parameters; `/verl launch RECIPE --dry-run` shows what would run.")
    return answer(joined(", ", catalogue), [*blocks[: MESSAGE_BLOCKS - 1], context(hint)])


def catalogue_line(found: Recipe | UserError, refusal: str | None) -> Markup:
    """Return the line of a recipe, or of a recipe file that is not valid."""
    if isinstance(found, UserError):
        return mrkdwn(":warning: {}", found.sentence)
    why = mrkdwn(":no_entry_sign: {}", say("It cannot run here. {why}", why=refusal)) if refusal else Markup()
    return joined("\n", [words.recipe(found), why])


def describe(recipe: Recipe) -> Answer:
    """Return a recipe with one line per parameter."""
    limits = [words.budget(recipe.budget_dollars), words.lasting(recipe.lease_hours)]
    overrides = say("takes Hydra overrides") if recipe.takes_overrides else say("takes no Hydra overrides")
    blocks = [section(words.recipe(recipe))]
    lines = [parameter(found) for found in recipe.parameters]
    blocks += [section(joined("\n", lines[at : at + 10])) for at in range(0, len(lines), 10)]
    if recipe.secrets:
        secrets = [mrkdwn("{} {}", code(name), translate(meaning)) for name, meaning in recipe.secrets.items()]
        blocks.append(section(joined("\n", [say("Secrets, from the bot's environment:"), *secrets])))
    blocks.append(context(joined(" · ", [*limits, overrides, code(f"/verl launch {recipe.name}")])))
    return answer(mrkdwn("{}: {}", recipe.name, translate(recipe.title)), blocks)


def parameter(found: Parameter) -> Markup:
    """Return the line of a parameter: name, meaning, range and default."""
    about = {"name": code(found.name), "meaning": translate(found.meaning), "range": found.range}
    if found.default:
        return say("{name} — {meaning}: {range}, {default} unless set", **about, default=code(found.default))
    return say("{name} — {meaning}: {range}", **about)


REHEARSED = mark("Dry run, nothing is started.")


def rehearsal(found: Rehearsal) -> Answer:
    """Return the answer to `--dry-run`: what a launch would do, and the task as SkyPilot would get it."""
    made = found.plan
    blocks = [
        section(mrkdwn(":test_tube: *{}* {}", say(REHEARSED), command("/verl " + made.line))),
        context(facts(found)),
    ]
    if found.refusal:
        blocks.append(section(mrkdwn(":no_entry_sign: {}", refused_here(found.refusal))))
    if rented := controller_of(found):
        blocks.append(section(mrkdwn(":moneybag: {}", rented)))
    blocks += map(context, words.red_lines(blind(made), made.model_dies, is_managed(made.task)))
    blocks.append(preformatted(found.yaml))
    return answer(say(REHEARSED), blocks)


def preview(found: Rehearsal) -> list[Markup]:
    """Return what the launch form shows about its input: the equivalent command, and what it would launch."""
    return [command("/verl " + found.plan.line), *notes(found)]


def notes(found: Rehearsal) -> list[Markup]:
    """Return the machines and limits of a launch, and every objection to it."""
    made = found.plan
    refused = [refused_here(found.refusal)] if found.refusal else []
    rented = [found_first] if (found_first := controller_of(found)) else []
    return [facts(found), *refused, *rented, *words.red_lines(blind(made), made.model_dies, is_managed(made.task))]


def controller_of(found: Rehearsal) -> Markup:
    """Return which jobs controller would have to be rented first; empty if none."""
    # Without an answer from SkyPilot, an absent controller is unknown rather than unnecessary.
    if found.controller is None and found.trouble and is_managed(found.plan.task) and not found.refusal:
        return say("Whether a machine would have to be rented first is not known.")
    if found.controller is None or found.refusal:
        return Markup()
    return controller(found.controller, may_rent(found.plan.task))


def refused_here(refusal: str) -> Markup:
    """Return that a launch would be refused here, with the reason."""
    return say("A launch would be refused here. {why}", why=refusal)


def facts(found: Rehearsal) -> Markup:
    """Return machines, rate, budget and lease of a launch on one line."""
    made = found.plan
    hours = made.lease.total_seconds() / 3600
    rate = escape(found.trouble or say(words.UNPRICED))
    if found.refusal:
        rate = say("no price, because it cannot run here")
    elif found.rate:
        most = min(found.rate.dollars_per_hour * hours, made.budget_dollars)
        rate = say("{rate}, {most} at most", rate=words.rate(found.rate), most=words.dollars(most))
    limits = [words.budget(made.budget_dollars), words.lasting(hours)]
    return joined(" · ", [words.several(made.nodes, made.gpus), rate, *limits])


def help_on(word: str | None) -> Answer:
    """Return the help for one command, or for all of them."""
    if word is not None:
        form = FORMS[word]
        example = say("For example {command}", command=code(f"/verl {form.example}"))
        return text(joined("\n", [meaning(form), example]))
    lines = list(map(meaning, FORMS.values()))
    parts = [section(joined("\n", lines[at : at + HELP_LINES])) for at in range(0, len(lines), HELP_LINES)]
    more = context(say("The same words work after a mention of me, and in a run's thread RUN can be left out."))
    return answer(say("What can be typed after /verl"), [*parts, more])


def meaning(form: Form) -> Markup:
    """Return a command's usage and meaning."""
    return mrkdwn("*{}*\n{}", f"/verl {form.usage}", say(form.meaning))


def refusal(error: UserError) -> Answer:
    """Return an error of the user, with the people who can help."""
    asked = say("Ask {people}.", people=listing(map(holder, error.people))) if error.people else Markup()
    return text(mrkdwn(":warning: {}", together(error.sentence, asked)))


def unavailable(error: Unavailable) -> Answer:
    """Return that an outside service did not respond, with a hint to retry."""
    again = say("Try again in a moment; `/verl list` shows what was recorded.")
    return text(mrkdwn(":warning: {}", together(str(error), again)))


def unreadable(error: UnreadableRecord) -> Answer:
    """Return that a run's record cannot be read, and how to remove its cluster."""
    broken = say("The record of {run} cannot be read: {why}.", run=code(error.run_id), why=error.why)
    stop = say("`/verl stop {run}` removes its cluster.", run=error.run_id) if error.is_open else Markup()
    return text(mrkdwn(":rotating_light: {}", together(broken, stop)))


def fault(reference: str) -> Answer:
    """Return that the bot has a bug, with the reference id of the traceback in the log."""
    mine = say(
        "That failed on my side, and it is my mistake, not yours. Reference {reference}.", reference=code(reference)
    )
    return text(mrkdwn(":boom: {}", mine))


def language(workspace: str) -> Answer:
    """Return the person's current language and how to choose another one, in each available language.

    Args:
        workspace: the language of channels.
    """
    now = say("You are answered in {language}.", language=LANGUAGES[spoken()])
    lines = [mrkdwn(":speech_balloon: {}", now)]
    for one, name in LANGUAGES.items():
        # Each line is in the language that it offers, so that its speakers can read it.
        with speaking(one):
            lines.append(say("Type {command} for {language}.", command=code(f"/verl language {one}"), language=name))
    common = code(f"/verl language {WORKSPACE}")
    lines.append(say(OF_WORKSPACE, command=common, language=LANGUAGES[workspace]))
    return text(joined("\n", lines))


OF_WORKSPACE = mark("Channels are told in the workspace's language, {language}; {command} gives you the same.")


def text(sentence: Markup, *more: Block) -> Answer:
    """Return an answer with one section, and further blocks under it."""
    return answer(sentence, [section(sentence), *more])


def answer(text: Markup, blocks: Sequence[Block]) -> Answer:
    """Return an answer, cut to what Slack accepts.

    Args:
        text: what notifications and clients without blocks show.
    """
    return {"text": message_text(text), "blocks": fitted(blocks)}
