"""Log lines for people: in a message, or as a file if they do not fit into a message. Pure."""

from collections.abc import Sequence

from bot.asked import Excerpt
from bot.core.loglines import narrow
from bot.slack.answers import Answer, answer, text
from bot.slack.blocks import context, printed
from bot.slack.phrases import say, say_many, together
from bot.slack.text import Markup, code, link, mrkdwn

INLINE_CHARACTERS = 2_800
"""Maximum characters of log text in a message; more are uploaded as a file."""


def excerpt(found: Excerpt) -> Answer:
    """Return log lines in a message: long lines are cut, and only the last lines are shown if there are too many."""
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
    """Return which lines of which log an excerpt shows."""
    asked = found.asked
    lines = say_many("One line", "Last {count} lines", len(found.lines)) if found.lines else say("No line")
    if asked.grep:
        lines = say("{lines} with {text}", lines=lines, text=code(asked.grep))
    if asked.node is not None:
        lines = say("{lines} of node {node}", lines=lines, node=asked.node)
    return mrkdwn(":scroll: {} · {}", code(found.run.id), lines)


def cut_short(lines: Sequence[str]) -> bool:
    """Return whether a message would cut any of the lines."""
    return any(narrow(line) != line for line in lines)


def nothing(found: Excerpt) -> Markup:
    """Return why there are no lines."""
    filtered = found.asked.grep or found.asked.node is not None
    return say("(no such line among the last ones)") if filtered else say("(it has printed nothing yet)")


def title(found: Excerpt) -> Markup:
    """Return the title of the file with the lines."""
    return say_many("Log of {run}, last line", "Log of {run}, last {count} lines", len(found.lines), run=found.run.id)


def filed(found: Excerpt, address: str) -> Answer:
    """Return an answer with a link to the file with the lines."""
    lines = say_many(
        "{count} line is {file}.",
        "{count} lines are {file}.",
        len(found.lines),
        file=link(address, say("a file in its thread")),
    )
    return text(mrkdwn(":scroll: {} · {}", code(found.run.id), lines))


def wants_file(found: Excerpt) -> bool:
    """Return whether the lines are uploaded as a file: the person requested a number of lines, and they do not fit
    into a message uncut.
    """
    whole = sum(len(one) + 1 for one in found.lines) <= INLINE_CHARACTERS and not cut_short(found.lines)
    return found.asked.lines is not None and not whole
