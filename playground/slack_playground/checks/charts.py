"""Native charts (docs.slack.dev, data visualization block).

The page says six series and six segments; there are those who have seen twelve taken. Six is what holds everywhere.
"""

from collections.abc import Iterator
from typing import Any

from slack_playground.checks.rules import Problem, items, kinds, number, record, string, unique

TITLE = string(50)
LABEL = string(20)
SERIES, SEGMENTS, POINTS = 6, 6, 20


def positive(value: Any, where: str) -> Iterator[Problem]:
    yield from number(value, where)
    if isinstance(value, int | float) and value <= 0:
        yield "must be greater than 0", where


def names(value: Any, where: str) -> Iterator[Problem]:
    yield from unique([series["name"] for series in value["series"]], "names of series", f"{where}/series")


def categories(value: Any, where: str) -> Iterator[Problem]:
    yield from unique(value["categories"], "categories", f"{where}/categories")


def points(value: Any, where: str) -> Iterator[Problem]:
    """Each series has a point for each category, by its label, and no other."""
    wanted = value["axis_config"]["categories"]
    for at, series in enumerate(value["series"]):
        if [point["label"] for point in series["data"]] != wanted:
            yield "labels must match the categories", f"{where}/series/{at}/data"


POINT = record({"label": LABEL, "value": number}, {})
AXES = record({"categories": items(LABEL, POINTS)}, {"x_label": TITLE, "y_label": TITLE}, categories)
ONE_SERIES = record({"name": LABEL, "data": items(POINT, POINTS)}, {})
OF_SERIES = record({"series": items(ONE_SERIES, SERIES), "axis_config": AXES}, {}, names, points)
SEGMENT = record({"label": LABEL, "value": positive}, {})

CHART = kinds(
    {
        "pie": record({"segments": items(SEGMENT, SEGMENTS)}, {}),
        "bar": OF_SERIES,
        "line": OF_SERIES,
        "area": OF_SERIES,
    }
)
