"""Blocks of charts and pictures; the labels of a chart are short, each another, and recognised by a person. Pure."""

from collections.abc import Sequence
from itertools import chain
from math import isfinite

from bot.core.model.characters import is_mark
from bot.slack.views.blocks import EMPTY_TEXT, Block
from bot.slack.views.mrkdwn import ELLIPSIS, count_utf16_units, take_fitting_pieces, to_plain_line

MAX_CHART_LABEL_CHARACTERS = 20
CHART, MAX_CHART_CAPTION_CHARACTERS = "data_visualization", 50
IMAGE, MAX_ALT_TEXT_CHARACTERS = "image", 2_000


def line_chart(
    title: str, x_label: str, y_label: str, labels: Sequence[str], series: Sequence[tuple[str, Sequence[float]]]
) -> Block:
    """Return a chart of lines, each with one value per label; numbers that are not finite are drawn as 0.

    Slack takes 1 to 6 series with different names, 1 to 20 values in each, with the labels of the categories; names and
    labels of at most 20 characters, titles of a chart and of its axes of at most 50, and two charts in a message.
    (Source: docs.slack.dev, "Data visualization block".) More lines than that are refused, and come as a picture.
    """
    categories, names = make_distinct(labels), make_distinct([name for name, _ in series])
    series_data = [
        {
            "name": name,
            "data": [
                {"label": label, "value": value if isfinite(value) else 0.0}
                for label, value in zip(categories, values, strict=True)
            ],
        }
        for name, (_, values) in zip(names, series, strict=True)
    ]
    axes = {"categories": categories, "x_label": chart_caption(x_label), "y_label": chart_caption(y_label)}
    return {
        "type": CHART,
        "title": chart_caption(title),
        "chart": {"type": "line", "series": series_data, "axis_config": axes},
    }


def chart_caption(text: str) -> str:
    """Return the title of a chart or of an axis."""
    return to_plain_line(text, MAX_CHART_CAPTION_CHARACTERS) or EMPTY_TEXT


def picture(file: str, alt_text: str) -> Block:
    """Return a block that shows an uploaded picture."""
    return {
        "type": IMAGE,
        "slack_file": {"id": file},
        "alt_text": to_plain_line(alt_text, MAX_ALT_TEXT_CHARACTERS) or EMPTY_TEXT,
    }


def make_distinct(names: Sequence[str]) -> list[str]:
    """Return the names as labels of a chart, each another: a number is added to those that are equal once cut, because
    Slack refuses equal names.

    >>> make_distinct(["a", "b", "a", ""]), make_distinct(["recipe-of-the-whole-team-7f3a", "recipe-of-a-team-9c21"])
    (['a', 'b', 'a 2', '–'], ['recipe-of-…team-7f3a', 'recipe-of-…team-9c21'])
    """
    distinct_names: list[str] = []
    for name in names:
        line = to_plain_line(name) or EMPTY_TEXT
        ends = chain([""], (f" {number}" for number in range(2, len(names) + 2)))
        candidates = (shorten_middle(line, MAX_CHART_LABEL_CHARACTERS - len(end)) + end for end in ends)
        distinct_names.append(next(candidate for candidate in candidates if candidate not in distinct_names))
    return distinct_names


def shorten_middle(text: str, longest: int) -> str:
    """Return the text, without its middle where it is too long: the end of a run's name tells it from others.

    >>> shorten_middle("grpo-of-a-team-7f3a", 9), shorten_middle("short", 9)
    ('grpo…7f3a', 'short')
    """
    if count_utf16_units(text) <= longest:
        return text
    tail = take_fitting_pieces(reversed(text), (longest - len(ELLIPSIS)) // 2)[::-1]
    while tail and is_mark(tail[0]):
        tail = tail[1:]
    return take_fitting_pieces(text, longest - len(ELLIPSIS) - count_utf16_units(tail)) + ELLIPSIS + tail
