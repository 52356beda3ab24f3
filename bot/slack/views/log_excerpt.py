"""Log lines for people: in a message, or as a file if they do not fit into a message. Pure."""

from collections.abc import Sequence

from bot.app.run_queries import LogExcerpt
from bot.core.rules.log_lines import shorten_for_display
from bot.slack.views.blocks import context, output_block
from bot.slack.views.message import Answer, build_answer, build_text_answer
from bot.slack.views.mrkdwn import Markup, code, join_markup_sentences, link, mrkdwn, render_phrase, render_plural

INLINE_CHARACTERS = 2_800
"""Maximum characters of log text in a message; more are uploaded as a file."""


def render_log_excerpt(log_excerpt: LogExcerpt) -> Answer:
    """Return log lines in a message: long lines are cut, and only the last lines are shown if there are too many."""
    shortened_lines = list(map(shorten_for_display, log_excerpt.lines))
    body = "\n".join(shortened_lines) or render_empty_log(log_excerpt)
    notes = []
    if log_excerpt.trouble:
        trouble_note = join_markup_sentences(log_excerpt.trouble, render_phrase("These are the lines that were kept."))
        notes.append(context(mrkdwn(":warning: {}", trouble_note)))
    if has_long_lines(log_excerpt.lines):
        full_command = code(f"/verl logs {log_excerpt.run.id} lines={log_excerpt.request.line_count}")
        long_lines_note = render_phrase(
            "Long lines are cut; {command} puts them into the thread as a file.", command=full_command
        )
        notes.append(context(long_lines_note))
    blocks = [context(render_excerpt_heading(log_excerpt)), output_block(body)]
    return build_answer(render_phrase("Log of {run}", run=log_excerpt.run.id), blocks + notes)


def render_excerpt_heading(log_excerpt: LogExcerpt) -> Markup:
    """Return which lines of which log an excerpt shows."""
    command = log_excerpt.request
    lines = (
        render_plural("One line", "Last {count} lines", len(log_excerpt.lines))
        if log_excerpt.lines
        else render_phrase("No line")
    )
    if command.grep:
        lines = render_phrase("{lines} with {text}", lines=lines, text=code(command.grep))
    if command.node is not None:
        lines = render_phrase("{lines} of node {node}", lines=lines, node=command.node)
    return mrkdwn(":scroll: {} · {}", code(log_excerpt.run.id), lines)


def has_long_lines(lines: Sequence[str]) -> bool:
    """Return whether a message would cut any of the lines."""
    return any(shorten_for_display(line) != line for line in lines)


def render_empty_log(log_excerpt: LogExcerpt) -> Markup:
    """Return why there are no lines."""
    filtered = log_excerpt.request.grep or log_excerpt.request.node is not None
    return (
        render_phrase("(no such line among the last ones)")
        if filtered
        else render_phrase("(it has printed nothing yet)")
    )


def render_log_file_title(log_excerpt: LogExcerpt) -> Markup:
    """Return the title of the file with the lines."""
    return render_plural(
        "Log of {run}, last line", "Log of {run}, last {count} lines", len(log_excerpt.lines), run=log_excerpt.run.id
    )


def render_log_file_answer(log_excerpt: LogExcerpt, address: str) -> Answer:
    """Return an answer with a link to the file with the lines."""
    lines = render_plural(
        "{count} line is {file}.",
        "{count} lines are {file}.",
        len(log_excerpt.lines),
        file=link(address, render_phrase("a file in its thread")),
    )
    return build_text_answer(mrkdwn(":scroll: {} · {}", code(log_excerpt.run.id), lines))


def needs_file(log_excerpt: LogExcerpt) -> bool:
    """Return whether the lines are uploaded as a file: the person requested a number of lines, and they do not fit
    into a message uncut.
    """
    fits_message = sum(len(line) + 1 for line in log_excerpt.lines) <= INLINE_CHARACTERS and not has_long_lines(
        log_excerpt.lines
    )
    return log_excerpt.request.lines is not None and not fits_message
