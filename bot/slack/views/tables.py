"""Slack's table block, and the same rows as lines for a workspace that refuses tables. Pure.

Source of the limits: docs.slack.dev, table block.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.slack.views.blocks import EMPTY_TEXT, Block, plain_cell, rich_cell, section
from bot.slack.views.mrkdwn import (
    ENTITIES,
    ENTITY_PATTERN,
    Markup,
    channel_link,
    code,
    emoji,
    escape,
    join_parts,
    link,
    mention,
    mrkdwn,
    strip_bold,
    to_plain_line,
)

TABLE = "table"
MAX_TABLE_ROWS, MAX_TABLE_CHARACTERS = 100, 10_000
"""Maximum rows of a table, its heading included, and characters of all its cells."""

MAX_CELL_CHARACTERS = 120
"""Maximum characters of a cell: a longer one makes the other columns unreadable."""

MAX_LINES_CHARACTERS = 2_900
"""Maximum characters of the lines of one section."""

CELL_PIECE = re.compile(r"(?P<token><[^<>]*>)|(?P<emoji>:[a-z0-9_+-]{1,100}:)|`(?P<code>[^`]*)`")
DATE_TOKEN = re.compile(r"!date\^(\d+)\^([^^|]+)(?:\|(.*))?")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading.
        is_number: whether its cells are aligned on the right; as lines, each of them then follows the title.
        is_wrapped: whether long cells are broken into lines.
    """

    title: Markup
    is_number: bool = False
    is_wrapped: bool = False


def is_table(block: Block) -> bool:
    """Return whether a block is a table, which a workspace may refuse."""
    return bool(block["type"] == TABLE)


def build_table(columns: Sequence[Column], rows: Sequence[Sequence[Markup]]) -> Block:
    """Return a table; columns without any content are left out, and rows that Slack has no room for.

    >>> build_table([Column(Markup("Run")), Column(Markup("Note"))], [[Markup("a"), Markup()]])["rows"][1]
    [{'type': 'raw_text', 'text': 'a'}]
    """
    shown = [at for at in range(len(columns)) if at == 0 or any(row[at].strip() for row in rows)]
    cells = [[build_cell(column.title) for column in columns]]
    cells += [[build_cell(cell.shorten(MAX_CELL_CHARACTERS)) for cell in row] for row in rows]
    settings = [
        {"align": "right" if column.is_number else "left", "is_wrapped": column.is_wrapped} for column in columns
    ]
    return {
        "type": TABLE,
        "rows": take_fitting_rows([[row[at] for at in shown] for row in cells]),
        "column_settings": [settings[at] for at in shown],
    }


def take_fitting_rows(rows: Sequence[Sequence[Block]]) -> list[list[Block]]:
    """Return as many of the first rows as Slack accepts in one table."""
    fitting: list[list[Block]] = []
    room = MAX_TABLE_CHARACTERS
    for row in rows[:MAX_TABLE_ROWS]:
        room -= sum(map(count_cell_characters, row))
        if room < 0:
            break
        fitting.append(list(row))
    return fitting


def count_cell_characters(cell: Block) -> int:
    """Return how many characters a person reads in a cell."""
    return len(to_plain_line(render_cell(cell)))


def build_cell(text: Markup) -> Block:
    """Return a cell: plain text, or rich text where it has a link, a person, a time, an emoji or code.

    >>> build_cell(Markup("a &amp; b"))
    {'type': 'raw_text', 'text': 'a & b'}
    """
    unbold = strip_bold(text)
    if CELL_PIECE.search(unbold) is None:
        return plain_cell(unbold)
    return rich_cell(parse_elements(unbold))


def parse_elements(text: Markup) -> list[Block]:
    """Return the elements of a line of markup."""
    elements: list[Block] = []
    end = 0
    for piece in CELL_PIECE.finditer(text):
        elements += text_elements(text[end : piece.start()])
        elements += piece_elements(piece)
        end = piece.end()
    return elements + text_elements(text[end:])


def piece_elements(piece: re.Match[str]) -> list[Block]:
    """Return the element of a link, a person, a channel, a time, an emoji or code."""
    if piece["emoji"]:
        return [{"type": "emoji", "name": piece["emoji"].strip(":")}]
    if piece["token"] is None:
        return text_elements(piece["code"], {"code": True})
    target, _, label = piece["token"][1:-1].partition("|")
    if date := DATE_TOKEN.fullmatch(piece["token"][1:-1]):
        return [{"type": "date", "timestamp": int(date[1]), "format": date[2], "fallback": date[3] or EMPTY_TEXT}]
    if target.startswith("@"):
        return [{"type": "user", "user_id": target[1:]}]
    if target.startswith("#"):
        return [{"type": "channel", "channel_id": target[1:]}]
    return [{"type": "link", "url": unescape(target), "text": unescape(label) or unescape(target)}]


def text_elements(text: str, style: Block | None = None) -> list[Block]:
    """Return the element of a text; none for an empty one, which Slack refuses."""
    return [{"type": "text", "text": unescape(text)} | ({"style": style} if style else {})] if text else []


def unescape(text: str) -> str:
    """Return text without Slack's entities."""
    return ENTITY_PATTERN.sub(lambda entity: ENTITIES[entity[0]], text)


def render_cell(cell: Block) -> Markup:
    """Return a cell as markup.

    >>> render_cell(build_cell(Markup("`ppo-7f3a` :rocket: <@U0ANA>")))
    '`ppo-7f3a` :rocket: <@U0ANA>'
    """
    if cell["type"] == "raw_text":
        return Markup() if cell["text"] == EMPTY_TEXT else escape(cell["text"])
    elements = [element for part in cell["elements"] for element in part["elements"]]
    return join_parts("", map(render_element, elements))


def render_element(element: Block) -> Markup:
    """Return an element of rich text as markup."""
    match element["type"]:
        case "emoji":
            return emoji(f":{element['name']}:")
        case "user":
            return mention(element["user_id"])
        case "channel":
            return channel_link(element["channel_id"])
        case "link":
            return link(element["url"], element["text"])
        case "date":
            return mrkdwn("<!date^{}^{}|{}>", element["timestamp"], element["format"], element["fallback"])
        case _:
            return code(element["text"]) if element.get("style") else escape_spaced(element["text"])


def escape_spaced(text: str) -> Markup:
    """Return escaped text with the spaces around it, which separate it from its neighbours."""
    if not text.strip():
        return mrkdwn(" ")
    led = mrkdwn(" {}", text.strip()) if text[0].isspace() else escape(text.strip())
    return mrkdwn("{} ", led) if text[-1].isspace() else led


def replace_tables(blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks with each table as sections of lines."""
    return [
        replacement for block in blocks for replacement in (build_line_sections(block) if is_table(block) else [block])
    ]


def build_line_sections(table: Block) -> list[Block]:
    """Return a table as lines, a row each, in as many sections as they need."""
    heading, *rows = table["rows"]
    settings: list[dict[str, Any]] = table.get("column_settings") or []
    titles = [
        render_cell(cell) if at < len(settings) and settings[at].get("align") == "right" else Markup()
        for at, cell in enumerate(heading)
    ]
    sections: list[list[Markup]] = [[]]
    for row in rows:
        line = render_row(titles, [render_cell(cell) for cell in row])
        if sections[-1] and sum(len(other) + 1 for other in sections[-1]) + len(line) > MAX_LINES_CHARACTERS:
            sections.append([])
        sections[-1].append(line)
    return [section(join_parts("\n", lines)) for lines in sections if lines]


def render_row(titles: Sequence[Markup], cells: Sequence[Markup]) -> Markup:
    """Return the cells of a row that are not empty, as one line."""
    parts = [
        mrkdwn("{} {}", title, cell) if title else cell
        for title, cell in zip(titles, cells, strict=True)
        if cell.strip()
    ]
    return join_parts(" · ", parts)
