"""The page of the threats, made from the rows in tests/threats."""

from collections.abc import Callable

from tests.threats.rows import Theme, Threat, read_themes

COLUMNS = ("attacker", "door", "threat", "what stops it", "test")

Table = Callable[..., str]


def page(table: Table) -> str:
    themes = read_themes()
    count = sum(len(theme.threats) for theme in themes)
    sections = "\n\n".join(f"## {theme.title}\n\n{table(COLUMNS, *rows(theme))}" for theme in themes)
    return f"""# Threats

Who might attack the bot, through which door, and what stops it: {count} threats. Each row names a test, and the test is
known to notice when its guard is missing: `make threats` copies the project to a temporary folder, takes one guard away
at a time, runs the test of its row, and reports every guard whose test passes all the same.

    make threats                       # all of them: half an hour
    make threats FILE=logs,doors       # the rows of tests/threats/logs.toml and tests/threats/doors.toml
    make threats ONLY=live-mention     # one row, by the id behind its test

The rows are in `tests/threats/*.toml`, one file for each section of this page; `make docs` makes the page from them.

{sections}
"""


def rows(theme: Theme) -> list[tuple[str, ...]]:
    return [
        (cell(one.attacker), cell(one.door), cell(one.threat), cell(one.stops), tested(one)) for one in theme.threats
    ]


def cell(text: str) -> str:
    """Return text as a cell of a table shows it, without markup by chance. Its pipes are the table's to escape."""
    pieces = " ".join(text.split()).split("`")
    if len(pieces) % 2 == 0:  # a back-tick without another is a character as any other
        pieces = ["\\`".join(pieces)]
    shown = [piece if at % 2 else plain(piece) for at, piece in enumerate(pieces)]
    return "`".join(shown)


def plain(text: str) -> str:
    for char in "*_[]":
        text = text.replace(char, f"\\{char}")
    return text.replace("<", "&lt;").replace(">", "&gt;")


def tested(one: Threat) -> str:
    """Return the test as a link to its file, and the id of the row."""
    path, _, name = one.test.partition("::")
    return f"[`{name}`](../{path}) (`{one.id}`)"
