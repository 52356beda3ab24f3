"""Approvals of launches: the question, the facts it is about, and the decision. Pure."""

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
"""Maximum characters of settings on a card: half of what Slack accepts in a message. The card counts the rest, which
only the task shows."""

LONGEST_SETTING = 500
"""Maximum characters of one setting on a card; the card refers to the task for a longer one."""


def is_waiting(run: Run) -> bool:
    """Return whether the run waits for an approver's decision."""
    return run.status is Status.AWAITING_APPROVAL and run.approval is not None and run.approval.by is None


def approval_messages(run: Run) -> list[Message]:
    """Return the question to the approvers, which later shows the decision, and the exact task as a file."""
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
    """Return the outcome of an approval; empty while it is open."""
    about = {"run": code(run.id), "person": mention(found.by), "budget": words.dollars(run.budget_dollars)}
    if found.by is None:
        return mrkdwn(":raised_hand: {}", say(UNANSWERED, **about)) if run.over else Markup()
    if found.granted:
        return mrkdwn(":ok: {}", say(GRANTED, **about))
    return mrkdwn(":no_entry_sign: {}", say(DENIED, **about))


def reasons(run: Run, found: Approval) -> list[Markup]:
    """Return why the launch needs approval, one sentence per cause."""
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
    """Return everything that an approver agrees to, for the card of a waiting launch; empty if the launch does not
    wait.
    """
    found = run.approval
    if found is None or not is_waiting(run):
        return []
    lines = [joined(" ", reasons(run, found)), *(mrkdwn("*{}* {}", name, value) for name, value in facts(run) if value)]
    return [section(joined("\n", lines)), *settings(run)]


def facts(run: Run) -> list[tuple[Markup, Markup]]:
    """Return the properties of a launch as pairs of name and value."""
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
    """Return every typed parameter and override; state how many the card leaves to the task."""
    typed = typed_settings(run)
    if not typed:
        return [context(say("No setting differs from the recipe's."))]
    pages: list[list[Markup]] = [[]]
    taken = shown = 0
    for one in typed:
        line = command(one)
        # A cut setting would hide a part of what is approved, so the card refers to the task instead.
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
    """Return the parameters and overrides of the run's command; the whole command if it cannot be parsed."""
    try:
        launch = parse(run.line)
    except UserError:
        # No run is ever recorded with a line that does not parse.
        return [run.line]
    if not isinstance(launch, Launch):
        return [run.line]
    return [*(f"{name}={value}" for name, value in launch.parameters if name != WHY.name), *launch.overrides]


def approval_buttons(run: Run) -> list[Block]:
    """Return the buttons of a launch that waits for approval."""
    return [approve(run), button(say("Refuse"), REFUSE, run.id), button(say("Show task"), TASK, run.id)]


def approve(run: Run) -> Block:
    """Return the button that approves a launch. Its value carries the digest of the facts that the
    approver was shown."""
    question = say(QUESTION, digest=code(run.task_hash[:16]))
    asked = confirm(say("Approve this launch?"), question, say("Approve"), say("Not now"), "primary")
    # The digest makes an approval count only for the facts that the approver saw.
    seen = f"{run.id} {run.approval.digest}" if run.approval else run.id
    return button(say("Approve"), APPROVE, seen, asked, "primary")
