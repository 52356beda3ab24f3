"""The word of a lead on a dear launch: the question, and what became of it. Pure: a record in, messages out."""

from bot.core.approval import Approval
from bot.core.run import Run
from bot.language import mark
from bot.slack import words
from bot.slack.again import shown_line
from bot.slack.blocks import Block, actions, button, confirm, section
from bot.slack.message import Message
from bot.slack.phrases import listing, say
from bot.slack.text import Markup, code, command, date, mention, mrkdwn

APPROVE, REFUSE = "approve", "refuse"

WAITS = mark("*{run} waits for a lead's word*: it may spend up to {budget}. {command}")
WHOM = mark("{people}: agree or refuse here, or type {command}. Without an answer it is given up {time}.")
GRANTED = mark("{person} has agreed to the launch of {run}, which may spend up to {budget}.")
DENIED = mark("{person} has refused the launch of {run}.")
UNANSWERED = mark("Nobody has agreed to the launch of {run}; it was given up.")
QUESTION = mark("{command} is launched, and may spend up to {budget}.")


def approval_messages(run: Run) -> list[Message]:
    """The question to the leads, which becomes what one said."""
    found = run.approval
    if found is None:
        return []
    text = outcome(run, found)
    if text:
        return [Message("approval", text, (section(text),), urgent="answered", edited=True, broadcast=True)]
    asked = say(WAITS, run=code(run.id), budget=words.dollars(run.budget_dollars), command=line(run))
    blocks = (section(mrkdwn(":raised_hand: {}", asked)), section(whom(run, found)), actions(agree(run), refuse(run)))
    return [Message("approval", asked, blocks, urgent="asked", edited=True, broadcast=True)]


def outcome(run: Run, found: Approval) -> Markup:
    """What has become of the question; empty while it is open."""
    about = {"run": code(run.id), "person": mention(found.by), "budget": words.dollars(run.budget_dollars)}
    if found.by is None:
        return mrkdwn(":raised_hand: {}", say(UNANSWERED, **about)) if run.over else Markup()
    return (
        mrkdwn(":ok: {}", say(GRANTED, **about))
        if found.granted
        else mrkdwn(":no_entry_sign: {}", say(DENIED, **about))
    )


def whom(run: Run, found: Approval) -> Markup:
    return say(
        WHOM,
        people=listing(map(mention, found.asked)),
        command=code(f"/verl approve {run.id}"),
        time=date(found.until, "{date_short_pretty} {time}"),
    )


def line(run: Run) -> Markup:
    return command("/verl " + run.line)


def agree(run: Run) -> Block:
    question = say(QUESTION, command=shown_line(run), budget=words.dollars(run.budget_dollars))
    asked = confirm(say("Agree to this launch?"), question, say("Agree"), say("Not now"), "primary")
    return button(say("Agree"), APPROVE, run.id, asked, "primary")


def refuse(run: Run) -> Block:
    return button(say("Refuse"), REFUSE, run.id)
