"""What a person gets for a command: lists, descriptions, rehearsals, refusals. Pure: values in, Slack messages out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.core.command import FORMS, Form
from bot.core.loglines import narrow
from bot.core.parameter import Parameter
from bot.core.recipe import Recipe
from bot.core.run import Run, Status
from bot.errors import Unavailable, UserError
from bot.service import Excerpt, Rehearsal
from bot.slack import views, words
from bot.slack.blocks import MESSAGE_BLOCKS, actions, button, context, preformatted, printed, section
from bot.slack.text import code, escape

Answer = dict[str, Any]
"""What `ack`, `respond` and `chat.postMessage` take: text and blocks."""

LISTED = 25
"""Runs of one answer: more nobody reads on a phone."""

INLINE_CHARACTERS = 2_800
"""Log text that fits into a message; more goes up as a file."""


def launched(run: Run) -> Answer:
    if run.status is not Status.PENDING:  # Slack delivered the command twice
        return text(f"{code(run.id)} is launched already.")
    return text(f":ok_hand: Recorded as {code(run.id)}; its card follows. Stop it with {code(f'/verl stop {run.id}')}.")


def form_offered() -> Answer:
    """Slack opens a form for a command or a click, and for no mention."""
    sentence = "Which recipe? Fill in the form, or type `/verl launch RECIPE`; `/verl recipes` lists them."
    return {"text": sentence, "blocks": [section(sentence), actions(button("Open the form", views.FORM, views.NEW))]}


def reading(run: Run) -> Answer:
    return text(f":scroll: Reading the log of {code(run.id)} …")


def stop_asked(run: Run) -> Answer:
    if run.status is Status.ENDED:
        return text(f"{code(run.id)} is over: {words.state(run)}. Nothing of it is running.")
    if run.over:
        return text(f"{code(run.id)} is over already, and its cluster is being removed.")
    return text(f":octagonal_sign: {code(run.id)} will be stopped. Its card says when its cluster is gone.")


def followed(run: Run) -> Answer:
    return text(f":scroll: The log of {code(run.id)} now grows in its thread.")


def status(run: Run, now: datetime) -> Answer:
    """The run's card, for one person, without its buttons' twins in the channel being touched."""
    card = views.card(run, now)
    return {"text": card.text, "blocks": list(card.blocks)}


def runs(found: Sequence[Run], which: str, now: datetime) -> Answer:
    """One line a run."""
    if not found:
        return text(NO_RUNS.get(which, "No run is active. `/verl launch smoke` starts a small one."))
    blocks = [section(line(run, now)) for run in found[:LISTED]]
    if len(found) > LISTED:
        blocks.append(context(f"… and {len(found) - LISTED} more; `/verl list mine` shows yours."))
    return {"text": f"{len(found)} runs", "blocks": blocks}


NO_RUNS = {
    "mine": "You have no runs. `/verl launch smoke` starts a small one.",
    "ended": "No run has ended yet.",
    "all": "There are no runs yet. `/verl launch smoke` starts a small one.",
}


def line(run: Run, now: datetime) -> str:
    cost = run.cost(now)
    parts = [
        f"{code(run.id)} {words.state(run)}",
        words.progress(run.progress),
        words.dollars(cost) if cost is not None else "unpriced",
        f"<@{run.requester}>",
    ]
    return " · ".join(filter(None, parts))


def recipes(catalogue: Mapping[str, Recipe | UserError], refusals: Mapping[str, str]) -> Answer:
    """The recipes, a line each; with those that cannot run here, why."""
    if not catalogue:
        return text("There are no recipes. Put SkyPilot YAMLs into the folder that VERLBOT_RECIPES_DIR names.")
    blocks = [section(catalogue_line(found, refusals.get(name))) for name, found in catalogue.items()]
    hint = context(
        "`/verl describe RECIPE` lists its parameters; `/verl launch RECIPE --dry-run` shows what would run."
    )
    return {"text": ", ".join(catalogue), "blocks": [*blocks[: MESSAGE_BLOCKS - 1], hint]}


def catalogue_line(found: Recipe | UserError, refusal: str | None) -> str:
    if isinstance(found, UserError):
        return f":warning: {escape(found.sentence)}"
    why = f"\n:no_entry_sign: It cannot run here. {escape(refusal)}" if refusal else ""
    return f"{words.headline(found)}\n{escape(found.description)}{why}"


def describe(recipe: Recipe) -> Answer:
    """The recipe with its parameters, a line each."""
    limits = f"Budget {words.dollars(recipe.budget_dollars)} · lease {recipe.lease_hours:g} h"
    overrides = "takes Hydra overrides" if recipe.takes_overrides else "takes no Hydra overrides"
    blocks = [section(f"{words.headline(recipe)}\n{escape(recipe.description)}")]
    lines = [parameter(found) for found in recipe.parameters]
    blocks += [section("\n".join(lines[at : at + 10])) for at in range(0, len(lines), 10)]
    if recipe.secrets:
        secrets = (f"{code(name)} {escape(meaning)}" for name, meaning in recipe.secrets.items())
        blocks.append(section("Secrets, from the bot's environment:\n" + "\n".join(secrets)))
    blocks.append(context(f"{limits} · {overrides} · {code(f'/verl launch {recipe.name}')}"))
    return {"text": f"{recipe.name}: {recipe.title}", "blocks": blocks}


def parameter(found: Parameter) -> str:
    default = f", {code(found.default)} unless set" if found.default else ""
    return f"{code(found.name)} — {escape(found.meaning)}: {escape(found.range)}{default}"


def rehearsal(found: Rehearsal) -> Answer:
    """What a launch would do, and the task as SkyPilot would get it."""
    made = found.plan
    blocks = [
        section(f":test_tube: *Dry run, nothing is started.* {code('/verl ' + made.line)}"),
        context(facts(found)),
    ]
    if found.refusal:
        blocks.append(section(f":no_entry_sign: {refused_here(found.refusal)}"))
    if made.model_dies:
        blocks.append(context(words.MODEL_DIES))
    blocks.append(preformatted(found.yaml))
    return {"text": "Dry run, nothing is started.", "blocks": blocks}


def preview(found: Rehearsal) -> list[str]:
    """What the form says of what is filled in: the command that it stands for, and what that would be."""
    made = found.plan
    notes = [code("/verl " + made.line), facts(found), found.refusal and refused_here(found.refusal)]
    return [note for note in (*notes, made.model_dies and words.MODEL_DIES) if note]


def refused_here(refusal: str) -> str:
    return f"A launch would be refused here. {escape(refusal)}"


def facts(found: Rehearsal) -> str:
    """Machines, rate, budget and lease of a launch on one line."""
    made = found.plan
    nodes = f"{made.nodes} node{'s' * (made.nodes != 1)}" + (f" × {made.gpus}" if made.gpus else "")
    hours = made.lease.total_seconds() / 3600
    rate = found.trouble or words.UNPRICED
    if found.rate:
        most = min(found.rate.dollars_per_hour * hours, made.budget_dollars)
        rate = f"{words.dollars(found.rate.dollars_per_hour)}/h by {found.rate.source}, {words.dollars(most)} at most"
    rate = "" if found.refusal else f" · {rate}"
    return escape(f"{nodes}{rate} · budget {words.dollars(made.budget_dollars)} · lease {hours:g} h")


def help_on(word: str | None) -> Answer:
    if word is not None:
        form = FORMS[word]
        return text(f"*{usage(form)}*\n{form.meaning}\nFor example {code('/verl ' + form.example)}")
    lines = [f"*{usage(form)}*\n{form.meaning}" for form in FORMS.values()]
    return {"text": "What can be typed after /verl", "blocks": [section("\n".join(lines)), context(MORE)]}


MORE = "The same words work after a mention of me, and in a run's thread RUN can be left out."


def usage(form: Form) -> str:
    return escape(f"/verl {form.usage}")


def excerpt(found: Excerpt) -> Answer:
    """Log lines in a message: long ones cut, and the last of them where they are too many."""
    shown = [narrow(line) for line in found.lines]
    body = "\n".join(shown) or nothing(found)
    trouble = found.trouble and f":warning: {escape(found.trouble)} These are the lines that were kept."
    whole = f"/verl logs {found.run.id} lines={found.asked.count}"
    cut = shown != found.lines and f"Long lines are cut; {code(whole)} puts them into the thread as a file."
    notes = [context(note) for note in (trouble, cut) if note]
    return {"text": f"Log of {found.run.id}", "blocks": [context(heading(found)), printed(body), *notes]}


def heading(found: Excerpt) -> str:
    asked = found.asked
    grep = f" with {code(asked.grep)}" if asked.grep else ""
    node = f" of node {asked.node}" if asked.node is not None else ""
    count = {0: "No line", 1: "One line"}.get(len(found.lines), f"Last {len(found.lines)} lines")
    return f":scroll: {code(found.run.id)} · {count}{grep}{node}"


def nothing(found: Excerpt) -> str:
    filtered = found.asked.grep or found.asked.node is not None
    return "(no such line among the last ones)" if filtered else "(it has printed nothing yet)"


def filed(found: Excerpt, link: str) -> Answer:
    where = f"<{link}|a file in its thread>" if link else "a file in its thread"
    return text(f":scroll: {code(found.run.id)} · {len(found.lines)} lines are {where}.")


def wants_file(found: Excerpt) -> bool:
    """Whether the lines go up as a file: so many were asked for that no message holds them as they are."""
    return found.asked.lines is not None and sum(len(one) + 1 for one in found.lines) > INLINE_CHARACTERS


def refusal(error: UserError) -> Answer:
    return text(f":warning: {escape(str(error))} {escape(error.hint)}".rstrip())


def unavailable(error: Unavailable) -> Answer:
    return text(f":warning: {escape(str(error))} Try again in a moment; `/verl list` shows what was recorded.")


def fault(reference: str) -> Answer:
    return text(f":boom: That failed on my side, and it is my mistake, not yours. Reference {code(reference)}.")


def text(sentence: str) -> Answer:
    """An answer of one section."""
    return {"text": sentence, "blocks": [section(sentence)]}
