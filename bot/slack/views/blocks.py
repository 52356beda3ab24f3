"""Blocks of a message, and how much of them Slack accepts. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.i18n import translate
from bot.slack.views.mrkdwn import (
    Markup,
    count_utf16_units,
    escape,
    to_literal,
    to_plain_line,
    truncate,
)

Block = dict[str, Any]

MAX_SECTION_CHARACTERS = 3_000
MAX_FIELD_CHARACTERS, MAX_SECTION_FIELDS = 2_000, 10
MAX_CODE_BLOCK_CHARACTERS = 6_000
MAX_CONTEXT_CHARACTERS = 2_000
MAX_HEADER_CHARACTERS, MAX_FIELD_LABEL_CHARACTERS, MAX_BUTTON_CHARACTERS = 150, 2_000, 75
MAX_MESSAGE_BLOCKS, MAX_VIEW_BLOCKS = 50, 100
MAX_PLACEHOLDER_CHARACTERS = 150
MAX_GROUP_NAME_CHARACTERS = 35
"""Maximum characters of each of the two choices in the name of a group of choices."""

MAX_OPTIONS, MAX_OPTION_CHARACTERS, MAX_OPTION_VALUE_CHARACTERS, MAX_BUTTON_VALUE_CHARACTERS = 100, 75, 150, 2_000
MAX_OVERFLOW_OPTIONS = 5
MAX_INPUT_CHARACTERS, MAX_HINT_CHARACTERS = 3_000, 2_000
MAX_CONFIRM_TITLE_CHARACTERS, MAX_CONFIRM_TEXT_CHARACTERS, MAX_CONFIRM_BUTTON_CHARACTERS = 100, 300, 30
MAX_VIEW_TITLE_CHARACTERS, MAX_VIEW_METADATA_CHARACTERS = 24, 3_000

EMPTY_TEXT = "–"
"""The text in place of an empty one, which Slack refuses."""


# texts


def mrkdwn_text(text: Markup, max_characters: int) -> Block:
    """Return a text object of markup; a plain string is escaped.

    It is `verbatim`: otherwise Slack searches it for names of channels, people and addresses, and links what it finds.
    """
    shortened = escape(text).shorten(max_characters)
    return {"type": "mrkdwn", "text": shortened if shortened.strip() else Markup(EMPTY_TEXT), "verbatim": True}


def plain_text(text: str, max_characters: int) -> Block:
    """Return a text object in which nothing is markup, not even `:name:`."""
    return {"type": "plain_text", "text": to_plain_line(text, max_characters) or EMPTY_TEXT, "emoji": False}


# blocks


def section(text: Markup) -> Block:
    """Return a section of markup."""
    return {"type": "section", "text": mrkdwn_text(text, MAX_SECTION_CHARACTERS)}


def section_with(text: Markup, accessory: Block) -> Block:
    """Return a section of markup with a control beside it."""
    return section(text) | {"accessory": accessory}


def fields_section(fields: Sequence[Markup]) -> Block:
    """Return a section of short texts in two columns, at most ten."""
    return {
        "type": "section",
        "fields": [mrkdwn_text(text, MAX_FIELD_CHARACTERS) for text in fields[:MAX_SECTION_FIELDS]],
    }


def context(*texts: Markup) -> Block:
    """Return a line of small print."""
    return {"type": "context", "elements": [mrkdwn_text(text, MAX_CONTEXT_CHARACTERS) for text in texts]}


def actions(*elements: Block) -> Block:
    """Return a row of buttons and menus."""
    return {"type": "actions", "elements": list(elements)}


def header(text: str) -> Block:
    """Return a header of plain text."""
    return {"type": "header", "text": plain_text(text, MAX_HEADER_CHARACTERS)}


def output_block(lines: str) -> Block:
    """Return a block with the end of a program's output, where it prints why it ended; whole lines if they fit.

    >>> output_block("a" * 10 + chr(10) + "b" * MAX_CODE_BLOCK_CHARACTERS)["elements"][0]["elements"][0]["text"][:2]
    '…b'
    """
    return code_block(keep_last_lines(to_literal(lines), MAX_CODE_BLOCK_CHARACTERS))


def keep_last_lines(lines: str, max_characters: int) -> str:
    """Return the last lines that fit, or the end of the last line if that alone is too long."""
    if (length := count_utf16_units(lines)) <= max_characters:
        return lines
    # Python counts code points and Slack counts UTF-16 units: the difference errs on the short side.
    tail = lines[length - max_characters + len("…\n") :]
    _, _, whole_lines = tail.partition("\n")
    return f"…\n{whole_lines}" if whole_lines.strip() else f"…{tail}"


def code_block(text: str) -> Block:
    """Return a block of text from outside as it is: nothing in it is markup."""
    element = {"type": "text", "text": truncate(to_literal(text), MAX_CODE_BLOCK_CHARACTERS) or " "}
    return {"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": [element]}]}


def plain_cell(text: str) -> Block:
    """Return a cell of a table that shows plain text."""
    return {"type": "raw_text", "text": to_plain_line(text) or EMPTY_TEXT}


def rich_cell(elements: list[Block]) -> Block:
    """Return a cell of a table with links, people, times, emoji or code in it."""
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}


# controls and forms


def button(text: str, action: str, value: str, confirm: Block | None = None, style: str | None = None) -> Block:
    """Return a button that sends `value` with its `action`."""
    block: Block = {
        "type": "button",
        "action_id": action,
        "value": truncate(to_literal(value), MAX_BUTTON_VALUE_CHARACTERS) or EMPTY_TEXT,
        "text": plain_text(text, MAX_BUTTON_CHARACTERS),
    }
    return block | ({"confirm": confirm} if confirm else {}) | ({"style": style} if style else {})


def confirmation(title: str, text: Markup, yes: str, no: str, style: str = "danger") -> Block:
    """Return the confirmation dialog of a button."""
    return {
        "title": plain_text(title, MAX_CONFIRM_TITLE_CHARACTERS),
        "text": mrkdwn_text(text, MAX_CONFIRM_TEXT_CHARACTERS),
        "confirm": plain_text(yes, MAX_CONFIRM_BUTTON_CHARACTERS),
        "deny": plain_text(no, MAX_CONFIRM_BUTTON_CHARACTERS),
        "style": style,
    }


def option(text: str) -> Block:
    """Return one choice of a menu; its text is its value."""
    return {
        "text": plain_text(text, MAX_OPTION_CHARACTERS),
        "value": to_plain_line(text, MAX_OPTION_VALUE_CHARACTERS) or EMPTY_TEXT,
    }


def select_menu(action: str, placeholder: str, options: list[Block], chosen: Block | None = None) -> Block:
    """Return a menu of choices with an initial choice; more choices than Slack takes in one list are in groups."""
    choices = {"options": options} if len(options) <= MAX_OPTIONS else {"option_groups": group_options(options)}
    block = {
        "type": "static_select",
        "action_id": action,
        "placeholder": plain_text(placeholder, MAX_PLACEHOLDER_CHARACTERS),
        **choices,
    }
    return block | ({"initial_option": chosen} if chosen else {})


def overflow_menu(action: str, choices: Mapping[str, str]) -> Block:
    """Return a menu behind three dots; each choice sends its value with the menu's `action`.

    Args:
        choices: the label of each value; at most five are shown.
    """
    options = [
        {
            "text": plain_text(label, MAX_OPTION_CHARACTERS),
            "value": to_plain_line(value, MAX_OPTION_VALUE_CHARACTERS) or EMPTY_TEXT,
        }
        for value, label in choices.items()
    ]
    return {"type": "overflow", "action_id": action, "options": options[:MAX_OVERFLOW_OPTIONS]}


def group_options(options: list[Block]) -> list[Block]:
    """Return choices in groups of as many as Slack takes, each named after its first and last."""
    groups = [options[start : start + MAX_OPTIONS] for start in range(0, len(options), MAX_OPTIONS)]
    return [
        {"label": plain_text(name_group(group), MAX_OPTION_CHARACTERS), "options": group}
        for group in groups[:MAX_OPTIONS]
    ]


def name_group(options: list[Block]) -> str:
    """Return the name of a group of choices."""
    first, last = (
        to_plain_line(option["text"]["text"], MAX_GROUP_NAME_CHARACTERS) for option in (options[0], options[-1])
    )
    return f"{first} – {last}"


def input_field(block: str, label: str, element: Block, hint: str, optional: bool = True) -> Block:
    """Return a field of a form; its value and errors are keyed by its `block`."""
    return {
        "type": "input",
        "block_id": block,
        "label": plain_text(label, MAX_FIELD_LABEL_CHARACTERS),
        "element": element,
        "hint": plain_text(hint, MAX_HINT_CHARACTERS),
        "optional": optional,
    }


def modal(title: str, blocks: list[Block], submit: str = "", callback: str = "", metadata: str = "") -> Block:
    """Return a view in front of a person; without `submit` it can only be read and closed.

    Args:
        metadata: the text that Slack returns with each interaction in the view.
    """
    view = {
        "type": "modal",
        "title": plain_text(title, MAX_VIEW_TITLE_CHARACTERS),
        "close": plain_text(translate("Close"), MAX_VIEW_TITLE_CHARACTERS),
        "blocks": blocks[:MAX_VIEW_BLOCKS],
    }
    more = {
        "submit": submit and plain_text(submit, MAX_VIEW_TITLE_CHARACTERS),
        "callback_id": callback,
        "private_metadata": truncate(to_literal(metadata), MAX_VIEW_METADATA_CHARACTERS),
    }
    return view | {key: value for key, value in more.items() if value}


MAX_MESSAGE_CHARACTERS = 4_000
"""Maximum characters of the text of an edited message, which people see in notifications; a new one may be longer."""

MAX_BLOCKS_CHARACTERS, CHARACTERS_PER_BLOCK = 12_000, 20
"""Maximum characters of all blocks of a message, and what each block counts besides its text. Slack documents no
number; its staff mention 12,000 and some for each block."""

MIN_TEXT_CHARACTERS = 40
"""Minimum characters to which a text is cut: the texts of fifty blocks then still fit."""


def fit_message_text(text: Markup) -> Markup:
    """Return the text of a message: what notifications and clients without blocks show."""
    markup = escape(text).shorten(MAX_MESSAGE_CHARACTERS)
    return markup if markup.strip() else Markup(EMPTY_TEXT)


def fit_blocks(blocks: Sequence[Block]) -> list[Block]:
    """Return a message's blocks cut to Slack's limits: the longest texts shortened, printed output at its beginning.

    Of too many blocks, the last ones are left out.
    """
    first_blocks = list(blocks[:MAX_MESSAGE_BLOCKS])
    if count_block_characters(first_blocks) <= MAX_BLOCKS_CHARACTERS:
        return first_blocks
    longest = find_common_limit(
        sorted(map(count_utf16_units, collect_texts(first_blocks))),
        MAX_BLOCKS_CHARACTERS - CHARACTERS_PER_BLOCK * len(first_blocks),
    )
    return [shorten_block(block, longest) for block in first_blocks]


def find_common_limit(lengths: Sequence[int], room: int) -> int:
    """Return the length to which all texts have room: long texts share the room that short ones do not need.

    >>> find_common_limit([10, 20, 300, 400], 430)
    200
    """
    for position, length in enumerate(lengths):
        share = room // (len(lengths) - position)
        if length > share:
            return max(share, MIN_TEXT_CHARACTERS)
        room -= length
    return max(lengths, default=0)


def count_block_characters(blocks: Sequence[Block]) -> int:
    """Return how many of a message's characters the blocks take."""
    return sum(map(count_utf16_units, collect_texts(blocks))) + CHARACTERS_PER_BLOCK * len(blocks)


def collect_texts(value: Any) -> list[str]:
    """Return every text that counts against the limit."""
    if isinstance(value, dict):
        text = value.get("text")
        own = [text] if isinstance(text, str) else []
        return own + [text for inner in value.values() if not isinstance(inner, str) for text in collect_texts(inner)]
    return [text for inner in value for text in collect_texts(inner)] if isinstance(value, list | tuple) else []


def shorten_block(value: Any, longest: int, is_printed: bool = False) -> Any:
    """Return a block with each of its texts at most this long."""
    if isinstance(value, list):
        return [shorten_block(inner, longest, is_printed) for inner in value]
    if not isinstance(value, dict):
        return value
    is_printed = is_printed or value.get("type") == "rich_text_preformatted"
    return {
        key: shorten_text(inner, longest, is_printed)
        if key == "text" and isinstance(inner, str)
        else shorten_block(inner, longest, is_printed)
        for key, inner in value.items()
    }


def shorten_text(text: str, longest: int, is_printed: bool) -> str:
    """Return a text at most this long; printed output keeps its end."""
    if isinstance(text, Markup):
        return text.shorten(longest)
    return keep_last_lines(text, longest) if is_printed else truncate(text, longest)
