"""Log lines as a person gets them: in a message, or as a file where no message holds them. Pure."""

from collections.abc import Sequence

from bot.asked import Excerpt
from bot.core.loglines import narrow
from bot.slack.answers import Answer, answer, text
from bot.slack.blocks import context, printed
from bot.slack.phrases import say, say_many, together
from bot.slack.text import Markup, code, link, mrkdwn

INLINE_CHARACTERS = 2_800
"""Log text that fits into a message; more goes up as a file."""


def excerpt(found: Excerpt) -> Answer:
    """Log lines in a message: long ones cut, and the last of them where they are too many."""
    shown = list(map(narrow, found.lines))
    body = "\n".join(shown) or nothing(found)
    notes = []
    if found.trouble:
        trouble = together(found.trouble, say("These are the lines that were kept."))
        notes.append(context(mrkdwn(":warning: {}", trouble)))
    if cut_short(found.lines):
        whole = code(f"/verl logs {found.run.id} lines={found.asked.count}")
        cut = say("Long lines are cut; {command} puts them into the thread as a file.", command=whole)
        notes.append(context(cut))
    heads = [context(heading(found)), printed(body)]
    return answer(say("Log of {run}", run=found.run.id), heads + notes)


def heading(found: Excerpt) -> Markup:
    asked = found.asked
    lines = say_many("One line", "Last {count} lines", len(found.lines)) if found.lines else say("No line")
    if asked.grep:
        lines = say("{lines} with {text}", lines=lines, text=code(asked.grep))
    if asked.node is not None:
        lines = say("{lines} of node {node}", lines=lines, node=asked.node)
    return mrkdwn(":scroll: {} · {}", code(found.run.id), lines)


def cut_short(lines: Sequence[str]) -> bool:
    """Whether a message shows less of a line than there is."""
    return any(narrow(line) != line for line in lines)


def nothing(found: Excerpt) -> Markup:
    filtered = found.asked.grep or found.asked.node is not None
    return say("(no such line among the last ones)") if filtered else say("(it has printed nothing yet)")


def title(found: Excerpt) -> Markup:
    """Of the file that holds the lines."""
    return say_many("Log of {run}, last line", "Log of {run}, last {count} lines", len(found.lines), run=found.run.id)


def filed(found: Excerpt, address: str) -> Answer:
    lines = say_many(
        "{count} line is {file}.",
        "{count} lines are {file}.",
        len(found.lines),
        file=link(address, say("a file in its thread")),
    )
    return text(mrkdwn(":scroll: {} · {}", code(found.run.id), lines))


def wants_file(found: Excerpt) -> bool:
    """Whether the lines go up as a file: it was said how many, and no message holds them as they are."""
    whole = sum(len(one) + 1 for one in found.lines) <= INLINE_CHARACTERS and not cut_short(found.lines)
    return found.asked.lines is not None and not whole
