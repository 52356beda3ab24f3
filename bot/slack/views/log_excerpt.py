"""Log lines for people: in a message, or as a file if they are many. Pure."""

from collections.abc import Sequence

from bot.app.log_selection import LogExcerpt
from bot.core.rules.log_lines import round_numbers, shorten_for_display
from bot.phrase import N_
from bot.slack.views.blocks import MAX_CODE_BLOCK_CHARACTERS, Block, context, output_block
from bot.slack.views.message import Answer, build_answer, build_text_answer
from bot.slack.views.mrkdwn import (
    Markup,
    code,
    count_utf16_units,
    join_markup_sentences,
    link,
    mrkdwn,
    render_phrase,
    render_plural,
)

FILE_LINES = 500
"""Number of lines that an answer proposes for a file."""


def render_log_excerpt(log_excerpt: LogExcerpt, no_file: Markup | None = None) -> Answer:
    """Return log lines in a message: long lines are cut, and only the last lines are shown if there are too many.

    Args:
        no_file: why the lines are no file, where a file was asked for.
    """
    shown_lines = [format_line(line, log_excerpt.request.raw) for line in log_excerpt.lines]
    blocks = [context(render_excerpt_heading(log_excerpt))]
    if log_excerpt.lines or not is_filtered(log_excerpt):
        nothing = N_("(no line was kept)") if log_excerpt.run.is_finished else N_("(it has printed nothing yet)")
        blocks.append(output_block("\n".join(shown_lines) or render_phrase(nothing)))
    notes = [*([no_file] if no_file else []), *list_notes(log_excerpt, shown_lines)]
    return build_answer(render_phrase("Log of {run}", run=log_excerpt.run.id), [*blocks, *map(build_note, notes)])


def build_note(note: Markup) -> Block:
    """Return a line of small print under a log."""
    return context(note)


def format_line(line: str, raw: bool = False) -> str:
    """Return a line as a message shows it: numbers of four digits unless `raw`, and no longer than a phone can show."""
    return shorten_for_display(line if raw else round_numbers(line))


def list_notes(log_excerpt: LogExcerpt, shown_lines: Sequence[str]) -> list[Markup]:
    """Return what a person should know of the lines: how old they are, and which are cut or left out."""
    run, notes = log_excerpt.run.id, []
    if log_excerpt.trouble:
        kept = join_markup_sentences(log_excerpt.trouble, render_phrase("These are the lines that were kept."))
        notes.append(mrkdwn(":warning: {}", kept))
    if log_excerpt.omits_steps:
        notes.append(
            render_phrase(
                "Lines of steps are left out: their numbers are on the card. {command} shows them.",
                command=code(f"/verl logs {run} raw"),
            )
        )
    if is_cut(log_excerpt.lines, shown_lines):
        notes.append(
            render_phrase(
                "Lines are cut to fit; {command} posts whole lines as a file in the run's thread.",
                command=code(f"/verl logs {run} lines={max(FILE_LINES, log_excerpt.request.line_count)}"),
            )
        )
    return notes


def is_cut(lines: Sequence[str], shown_lines: Sequence[str]) -> bool:
    """Return whether a message lacks a part of the lines."""
    return any(shorten_for_display(line) != line for line in lines) or (
        count_utf16_units("\n".join(shown_lines)) > MAX_CODE_BLOCK_CHARACTERS
    )


def render_excerpt_heading(log_excerpt: LogExcerpt) -> Markup:
    """Return which lines of which log an excerpt shows."""
    return mrkdwn(":scroll: {} · {}", code(log_excerpt.run.id), describe_lines(log_excerpt))


def describe_lines(log_excerpt: LogExcerpt) -> Markup:
    """Return which lines these are: the last, matches of a word, lines of one node."""
    command, count = log_excerpt.request, len(log_excerpt.lines)
    if not count and is_filtered(log_excerpt):
        return describe_no_match(log_excerpt)
    if command.grep:
        lines = render_plural(
            "One match for {text}", "The last {count} matches for {text}", count, text=code(command.grep)
        )
    else:
        lines = render_plural("Last line", "Last {count} lines", count) if count else render_phrase("No line")
    if command.node is not None:
        lines = render_phrase("{lines} of node {node}", lines=lines, node=command.node)
    return lines


def describe_no_match(log_excerpt: LogExcerpt) -> Markup:
    """Return that no line fits, and in how many lines the bot has looked."""
    command, count = log_excerpt.request, log_excerpt.searched_count
    lines = render_plural("the last line", "the last {number} lines", count, number=f"{count:,}")
    if command.grep is None:
        return render_phrase("Node {node} printed none of {lines}.", node=command.node or 0, lines=lines)
    text = code(command.grep)
    if command.node is None:
        return render_phrase("No match for {text} in {lines}.", text=text, lines=lines)
    return render_phrase("No match for {text} on node {node} in {lines}.", text=text, node=command.node, lines=lines)


def is_filtered(log_excerpt: LogExcerpt) -> bool:
    """Return whether the person asked for some lines only."""
    return bool(log_excerpt.request.grep) or log_excerpt.request.node is not None


def render_log_file_title(log_excerpt: LogExcerpt) -> Markup:
    """Return the title of the file with the lines."""
    run, grep, count = log_excerpt.run.id, log_excerpt.request.grep, len(log_excerpt.lines)
    if grep:
        return render_plural("{run}: match for {text}", "{run}: {count} matches for {text}", count, run=run, text=grep)
    return render_plural("Log of {run}, last line", "Log of {run}, last {count} lines", count, run=run)


def render_log_file_answer(log_excerpt: LogExcerpt, address: str) -> Answer:
    """Return an answer with a link to the file with the lines."""
    lines = render_plural("one line", "{count} lines", len(log_excerpt.lines))
    posted = render_phrase("Posted {lines} to the run's thread.", lines=link(address, lines))
    return build_text_answer(mrkdwn(":scroll: {} · {}", code(log_excerpt.run.id), posted))
