"""Slack's blocks, as few as the bot uses. Limits are Slack's, in characters (docs: Block Kit reference)."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.language import say

Block = dict[str, Any]

SECTION_TEXT = 3_000
PRINTED_TEXT = 6_000
CONTEXT_TEXT = 2_000
MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
PLACEHOLDER_TEXT = 150
OPTIONS, OPTION_TEXT = 100, 75
INPUT_TEXT, HINT_TEXT = 3_000, 2_000
CHART, CHART_TEXT, LABEL_TEXT = "data_visualization", 50, 20
IMAGE, ALT_TEXT = "image", 2_000


def section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, SECTION_TEXT)}}


def context(*texts: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": cut(text, CONTEXT_TEXT)} for text in texts]}


def actions(*elements: Block) -> Block:
    return {"type": "actions", "elements": list(elements)}


def button(text: str, action: str, value: str, confirm: Block | None = None, style: str | None = None) -> Block:
    """A button that sends `value` with its `action`."""
    found: Block = {
        "type": "button",
        "action_id": action,
        "value": value,
        "text": plain_text(text),
    }
    return found | ({"confirm": confirm} if confirm else {}) | ({"style": style} if style else {})


def confirm(title: str, text: str, yes: str, no: str, style: str = "danger") -> Block:
    """The question that a button asks before it acts."""
    return {
        "title": plain_text(title),
        "text": {"type": "mrkdwn", "text": text},
        "confirm": plain_text(yes),
        "deny": plain_text(no),
        "style": style,
    }


def option(text: str) -> Block:
    """One choice of several, which is its own value."""
    return {"text": plain_text(cut(text, OPTION_TEXT)), "value": text}


def select(action: str, placeholder: str, options: list[Block], chosen: Block | None = None) -> Block:
    """A menu of choices, with the one that stands there to begin with."""
    found = {
        "type": "static_select",
        "action_id": action,
        "placeholder": plain_text(cut(placeholder, PLACEHOLDER_TEXT)),
        "options": options[:OPTIONS],
    }
    return found | ({"initial_option": chosen} if chosen else {})


def input_field(block: str, label: str, element: Block, hint: str, optional: bool = True) -> Block:
    """A field of a form, whose value and errors go by its `block`."""
    return {
        "type": "input",
        "block_id": block,
        "label": plain_text(label),
        "element": element,
        "hint": plain_text(cut(hint, HINT_TEXT)),
        "optional": optional,
    }


def line_chart(
    title: str, x_label: str, y_label: str, labels: Sequence[str], series: Mapping[str, Sequence[float]]
) -> Block:
    """A chart of lines, each with a value for each label."""
    drawn = [
        {
            "name": cut(name, LABEL_TEXT),
            "data": [{"label": label, "value": value} for label, value in zip(labels, values, strict=True)],
        }
        for name, values in series.items()
    ]
    axes = {"categories": list(labels), "x_label": cut(x_label, CHART_TEXT), "y_label": cut(y_label, CHART_TEXT)}
    return {
        "type": CHART,
        "title": cut(title, CHART_TEXT),
        "chart": {"type": "line", "series": drawn, "axis_config": axes},
    }


def picture(file: str, alt_text: str) -> Block:
    """A picture that was uploaded."""
    return {"type": IMAGE, "slack_file": {"id": file}, "alt_text": cut(alt_text, ALT_TEXT)}


def header(text: str) -> Block:
    return {"type": "header", "text": plain_text(text)}


def modal(title: str, blocks: list[Block], submit: str = "", callback: str = "", kept: str = "") -> Block:
    """A view in front of a person; without `submit` it is to be read and closed.

    Args:
        kept: what comes back with whatever is done in it.
    """
    found = {
        "type": "modal",
        "title": plain_text(title),
        "close": plain_text(say("Close")),
        "blocks": blocks[:VIEW_BLOCKS],
    }
    more = {"submit": submit and plain_text(submit), "callback_id": callback, "private_metadata": kept}
    return found | {key: value for key, value in more.items() if value}


def plain_text(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def printed(lines: str) -> Block:
    """The end of what a program printed, which is where it says why it ended; whole lines where they fit.

    >>> printed("a" * 10 + chr(10) + "b" * PRINTED_TEXT)["elements"][0]["elements"][0]["text"][:2]
    '…b'
    """
    if len(lines) > PRINTED_TEXT:
        end = lines[2 - PRINTED_TEXT :]
        _, _, whole = end.partition("\n")
        lines = f"…\n{whole}" if whole.strip() else f"…{end}"
    return preformatted(lines)


def preformatted(text: str) -> Block:
    """Text from outside as it is: nothing in it is markup."""
    element = {"type": "text", "text": cut(text, PRINTED_TEXT) or " "}
    return {"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": [element]}]}


def cut(text: str, longest: int) -> str:
    """The text, its end left out where it is too long."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
