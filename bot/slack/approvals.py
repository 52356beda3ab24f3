"""The word of an approver on a launch: what is asked, all that it is about, and what became of it. Pure."""

from collections.abc import Mapping
from datetime import timedelta

from bot.core.approval import Approval, ApprovalCause
from bot.core.command import Launch
from bot.core.parse import parse
from bot.core.recipe import WHY
from bot.core.run import Run
from bot.core.status import Status
from bot.errors import UserError
from bot.language import mark
from bot.slack import words
from bot.slack.blocks import SECTION_TEXT, Block, button, confirm, context, section
from bot.slack.message import Attachment, Message
from bot.slack.phrases import listing, say, say_many
from bot.slack.text import Markup, code, command, date, escape, holder, joined, mention, mrkdwn

APPROVE, REFUSE, TASK = "approve", "refuse", "task"

NEEDS = mark("*{run} needs approval* from {people} until {time}.")
CAUSES: Mapping[ApprovalCause, str] = {
    ApprovalCause.DOLLARS: mark("Its budget or its lease allows up to {dollars}."),
    ApprovalCause.DAY: mark("With the other launches of {person} within a day it may come to {day}."),
    ApprovalCause.GPU_HOURS: mark("Its lease allows {hours} GPU-hours."),
    ApprovalCause.UNPRICED: mark("Its price is not known, so no budget can end it."),
}
GRANTED = mark("{person} has approved the launch of {run}, which may spend up to {budget}.")
DENIED = mark("{person} has refused the launch of {run}.")
UNANSWERED = mark("No approver answered for {run} in time; it is not launched.")
QUESTION = mark("You approve the task {digest}, with all that its card and *Show task* say.")

SETTINGS_TEXT = 6_000
"""Characters of settings on a card: half of what Slack takes of a message; more are in the task alone, and counted."""

LONGEST_SETTING = 500
"""Characters of a setting on a card; one with more is in the task alone, which is said."""


def is_waiting(run: Run) -> bool:
    return run.status is Status.AWAITING_APPROVAL and run.approval is not None and run.approval.by is None


def approval_messages(run: Run) -> list[Message]:
    """The question to the approvers, which becomes what one said; and the exact task, as a file."""
    found = run.approval
    if found is None:
        return []
    text = outcome(run, found)
    file = Message("task", say("Task of {run}", run=run.id), (), attachment=Attachment.TASK)
    if text:
        return [Message("approval", text, (section(text),), urgent="answered", edited=True, broadcast=True), file]
    asked = say(
        NEEDS,
        run=code(run.id),
        people=listing(map(holder, found.asked)),
        time=date(found.until, "{date_short_pretty} {time}"),
    )
    how = say("Press a button on its card, or type {command}.", command=code(f"/verl approve {run.id}"))
    blocks = (section(mrkdwn(":raised_hand: {}", joined(" ", [asked, *reasons(run, found)]))), context(how))
    return [Message("approval", asked, blocks, urgent="asked", edited=True, broadcast=True), file]


def outcome(run: Run, found: Approval) -> Markup:
    """What has become of the question; empty while it is open."""
    about = {"run": code(run.id), "person": mention(found.by), "budget": words.dollars(run.budget_dollars)}
    if found.by is None:
        return mrkdwn(":raised_hand: {}", say(UNANSWERED, **about)) if run.over else Markup()
    if found.granted:
        return mrkdwn(":ok: {}", say(GRANTED, **about))
    return mrkdwn(":no_entry_sign: {}", say(DENIED, **about))


def reasons(run: Run, found: Approval) -> list[Markup]:
    """Why it needs an approval, a sentence each."""
    if found.facts is None:
        return []
    about = {
        "dollars": words.dollars(found.facts.dollars),
        "day": words.dollars(found.facts.day_dollars),
        "hours": f"{found.facts.gpu_hours:,.0f}",
        "person": mention(run.requester),
    }
    return [say(CAUSES[cause], **about) for cause in found.causes]


def approval_blocks(run: Run) -> list[Block]:
    """All that an approver agrees to, for the card of a launch that waits; nothing where none does."""
    found = run.approval
    if found is None or not is_waiting(run):
        return []
    lines = [joined(" ", reasons(run, found)), *(mrkdwn("*{}* {}", name, value) for name, value in facts(run) if value)]
    return [section(joined("\n", lines)), *settings(run)]


def facts(run: Run) -> list[tuple[Markup, Markup]]:
    """What a launch is, by name."""
    hours = run.lease / timedelta(hours=1)
    rate = say("not known yet") if run.priced_at is None else say("unpriced")
    return [
        (say("Why"), escape(run.why) or say("no reason given")),
        (say("Price"), words.rate(run.hourly) if run.hourly else rate),
        (say("Limits"), joined(" · ", [words.budget(run.budget_dollars), words.lasting(hours)])),
        (say("Image"), code(run.image) if run.image else say("the machine as it is")),
        (say("Model goes to"), code(run.place) if run.place else say("the cluster's own disk")),
        (say("Secrets"), listing(map(code, run.secrets))),
        (say("Task"), say("SHA-256 {digest}", digest=code(run.task_hash[:16]))),
    ]


def settings(run: Run) -> list[Block]:
    """Every parameter and override that was typed; of what a card has no room for, how many are in the task alone."""
    typed = typed_settings(run)
    if not typed:
        return [context(say("No setting differs from the recipe's."))]
    pages: list[list[Markup]] = [[]]
    taken = shown = 0
    for one in typed:
        line = command(one)
        if len(one) > LONGEST_SETTING:
            line = say("{setting} is too long for a card: see the task.", setting=code(one, 80))
        taken += len(line) + 1
        if taken > SETTINGS_TEXT:
            break
        if sum(map(len, pages[-1])) + len(pages[-1]) + len(line) > SECTION_TEXT:
            pages.append([])
        pages[-1].append(line)
        shown += 1
    blocks = [section(joined("\n", lines)) for lines in pages if lines]
    more = len(typed) - shown
    left_out = say_many("{count} more setting is in the task.", "{count} more settings are in the task.", more)
    return [*blocks, context(left_out)] if more else blocks


def typed_settings(run: Run) -> list[str]:
    try:
        launch = parse(run.line)
    except UserError:  # no run was ever recorded with such a line
        return [run.line]
    if not isinstance(launch, Launch):
        return [run.line]
    return [*(f"{name}={value}" for name, value in launch.parameters if name != WHY.name), *launch.overrides]


def approval_buttons(run: Run) -> list[Block]:
    """The buttons of a launch that waits."""
    return [approve(run), button(say("Refuse"), REFUSE, run.id), button(say("Show task"), TASK, run.id)]


def approve(run: Run) -> Block:
    question = say(QUESTION, digest=code(run.task_hash[:16]))
    asked = confirm(say("Approve this launch?"), question, say("Approve"), say("Not now"), "primary")
    seen = f"{run.id} {run.approval.digest}" if run.approval else run.id
    return button(say("Approve"), APPROVE, seen, asked, "primary")
