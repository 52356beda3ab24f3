"""Tables (docs.slack.dev, table block and data table block)."""

from collections.abc import Iterator
from typing import Any

from slack_playground.checks.rich_text import LONG, RICH_TEXT
from slack_playground.checks.rules import Problem, anything, flag, items, kinds, number, one_of, record, string

ROWS, COLUMNS = 100, 20
DATA_ROWS = 201

RAW = {
    "raw_text": record({"text": string(LONG)}, {}),
    "raw_number": record({"value": number}, {"text": string(LONG)}),
}


def rich(value: Any, where: str) -> Iterator[Problem]:
    yield from RICH_TEXT(value, where)


CELL = kinds({**RAW, "rich_text": rich})


def column(value: Any, where: str) -> Iterator[Problem]:
    """How a column is drawn; null leaves it as it is."""
    if value is not None:
        yield from record({}, {"align": one_of("left", "center", "right"), "is_wrapped": flag})(value, where)


def rectangular(value: Any, where: str) -> Iterator[Problem]:
    for at, row in enumerate(value["rows"]):
        if len(row) != len(value["rows"][0]):
            yield "rows must have the same number of cells", f"{where}/rows/{at}"


TABLE = {"rows": items(items(CELL, COLUMNS), ROWS)}
TABLE_MORE = {"column_settings": items(column, COLUMNS)}
DATA_TABLE = {"rows": items(items(kinds({**RAW, "rich_text": rich, "action": anything}), COLUMNS), DATA_ROWS, least=2)}
