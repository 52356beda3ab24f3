"""Slack's blocks, as few as the bot uses. Limits are Slack's, in characters (docs: Block Kit reference).

This module alone builds text objects (a test checks it). It guarantees that each text is markup or escaped, has no
invisible characters, is no longer than Slack accepts, and is not empty.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from bot.language import say
from bot.slack.text import Markup, cut, escape, literal, plain, units

Block = dict[str, Any]

SECTION_TEXT = 3_000
PRINTED_TEXT = 6_000
CONTEXT_TEXT = 2_000
HEADER_TEXT, LABEL_OF_FIELD, BUTTON_TEXT = 150, 2_000, 75
MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
PLACEHOLDER_TEXT = 150
OPTIONS, OPTION_TEXT, OPTION_VALUE, VALUE = 100, 75, 150, 2_000
INPUT_TEXT, HINT_TEXT = 3_000, 2_000
CONFIRM_TITLE, CONFIRM_TEXT, CONFIRM_BUTTON = 100, 300, 30
VIEW_TITLE, VIEW_DATA = 24, 3_000
CHART, CHART_TEXT, LABEL_TEXT = "data_visualization", 50, 20
IMAGE, ALT_TEXT = "image", 2_000

NOTHING = "–"
"""The text in place of an empty one, which Slack refuses."""


# texts


def mrkdwn_text(text: Markup, longest: int) -> Block:
    """Return a text object of markup; a plain string is escaped.

    It is `verbatim`: otherwise Slack searches it for names of channels, people and addresses, and links what it finds.
    """
    found = escape(text).shortened(longest)
    return {"type": "mrkdwn", "text": found if found.strip() else Markup(NOTHING), "verbatim": True}


def plain_text(text: str, longest: int) -> Block:
    """Return a text object in which nothing is markup, not even `:name:`."""
    return {"type": "plain_text", "text": plain(text, longest) or NOTHING, "emoji": False}


# blocks


def section(text: Markup) -> Block:
    """Return a section of markup."""
    return {"type": "section", "text": mrkdwn_text(text, SECTION_TEXT)}


def context(*texts: Markup) -> Block:
    """Return a line of small print."""
    return {"type": "context", "elements": [mrkdwn_text(text, CONTEXT_TEXT) for text in texts]}


def actions(*elements: Block) -> Block:
    """Return a row of buttons and menus."""
    return {"type": "actions", "elements": list(elements)}


def header(text: str) -> Block:
    """Return a header of plain text."""
    return {"type": "header", "text": plain_text(text, HEADER_TEXT)}


def printed(lines: str) -> Block:
    """Return a block with the end of a program's output, where it prints why it ended; whole lines if they fit.

    >>> printed("a" * 10 + chr(10) + "b" * PRINTED_TEXT)["elements"][0]["elements"][0]["text"][:2]
    '…b'
    """
    return preformatted(the_end(literal(lines), PRINTED_TEXT))


def the_end(lines: str, longest: int) -> str:
    """Return the last lines that fit, or the end of the last line if that alone is too long."""
    if (length := units(lines)) <= longest:
        return lines
    # Python counts code points and Slack counts UTF-16 units: the difference errs on the short side.
    end = lines[length - longest + len("…\n") :]
    _, _, whole = end.partition("\n")
    return f"…\n{whole}" if whole.strip() else f"…{end}"


def preformatted(text: str) -> Block:
    """Return a block of text from outside as it is: nothing in it is markup."""
    element = {"type": "text", "text": cut(literal(text), PRINTED_TEXT) or " "}
    return {"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": [element]}]}


def line_chart(
    title: str, x_label: str, y_label: str, labels: Sequence[str], series: Mapping[str, Sequence[float]]
) -> Block:
    """Return a chart of lines, each with one value per label; numbers that are not finite are drawn as 0."""
    categories = distinct([plain(label, LABEL_TEXT) for label in labels])
    names = distinct([plain(name, LABEL_TEXT) for name in series])
    drawn = [
        {
            "name": name,
            "data": [
                {"label": label, "value": value if isfinite(value) else 0.0}
                for label, value in zip(categories, values, strict=True)
            ],
        }
        for name, values in zip(names, series.values(), strict=True)
    ]
    axes = {"categories": categories, "x_label": caption(x_label), "y_label": caption(y_label)}
    return {
        "type": CHART,
        "title": caption(title),
        "chart": {"type": "line", "series": drawn, "axis_config": axes},
    }


def caption(text: str) -> str:
    """Return the title of a chart or of an axis."""
    return plain(text, CHART_TEXT) or NOTHING


def distinct(names: Sequence[str]) -> list[str]:
    """Return the names, with a number added to those that are equal once cut: Slack refuses equal names.

    >>> distinct(["a", "b", "a", ""])
    ['a', 'b', 'a 2', '–']
    """
    found: list[str] = []
    for name in (name or NOTHING for name in names):
        free = (f"{cut(name, LABEL_TEXT - 4)} {number}" for number in range(2, len(names) + 2))
        found.append(name if name not in found else next(one for one in free if one not in found))
    return found


def picture(file: str, alt_text: str) -> Block:
    """Return a block that shows an uploaded picture."""
    return {"type": IMAGE, "slack_file": {"id": file}, "alt_text": plain(alt_text, ALT_TEXT) or NOTHING}


# controls and forms


def button(text: str, action: str, value: str, confirm: Block | None = None, style: str | None = None) -> Block:
    """Return a button that sends `value` with its `action`."""
    found: Block = {
        "type": "button",
        "action_id": action,
        "value": cut(literal(value), VALUE) or NOTHING,
        "text": plain_text(text, BUTTON_TEXT),
    }
    return found | ({"confirm": confirm} if confirm else {}) | ({"style": style} if style else {})


def confirm(title: str, text: Markup, yes: str, no: str, style: str = "danger") -> Block:
    """Return the confirmation dialog of a button."""
    return {
        "title": plain_text(title, CONFIRM_TITLE),
        "text": mrkdwn_text(text, CONFIRM_TEXT),
        "confirm": plain_text(yes, CONFIRM_BUTTON),
        "deny": plain_text(no, CONFIRM_BUTTON),
        "style": style,
    }


def option(text: str) -> Block:
    """Return one choice of a menu; its text is its value."""
    return {"text": plain_text(text, OPTION_TEXT), "value": plain(text, OPTION_VALUE) or NOTHING}


def select(action: str, placeholder: str, options: list[Block], chosen: Block | None = None) -> Block:
    """Return a menu of choices with an initial choice."""
    found = {
        "type": "static_select",
        "action_id": action,
        "placeholder": plain_text(placeholder, PLACEHOLDER_TEXT),
        "options": options[:OPTIONS],
    }
    return found | ({"initial_option": chosen} if chosen else {})


def input_field(block: str, label: str, element: Block, hint: str, optional: bool = True) -> Block:
    """Return a field of a form; its value and errors are keyed by its `block`."""
    return {
        "type": "input",
        "block_id": block,
        "label": plain_text(label, LABEL_OF_FIELD),
        "element": element,
        "hint": plain_text(hint, HINT_TEXT),
        "optional": optional,
    }


def modal(title: str, blocks: list[Block], submit: str = "", callback: str = "", kept: str = "") -> Block:
    """Return a view in front of a person; without `submit` it can only be read and closed.

    Args:
        metadata: the text that Slack returns with each interaction in the view.
    """
    found = {
        "type": "modal",
        "title": plain_text(title, VIEW_TITLE),
        "close": plain_text(say("Close"), VIEW_TITLE),
        "blocks": blocks[:VIEW_BLOCKS],
    }
    more = {
        "submit": submit and plain_text(submit, VIEW_TITLE),
        "callback_id": callback,
        "private_metadata": cut(literal(kept), VIEW_DATA),
    }
    return found | {key: value for key, value in more.items() if value}
