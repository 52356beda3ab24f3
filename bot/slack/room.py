"""Slack's limits of a message: its text, its blocks, and the characters of all blocks together. Pure.

Slack refuses a message that is too long as a whole, and the long texts mostly come from outside. So the longest texts
are cut to make room for the others, and the message is sent.
"""

from collections.abc import Sequence
from typing import Any

from bot.slack.blocks import EMPTY_TEXT, MAX_MESSAGE_BLOCKS, Block, keep_last_lines
from bot.slack.text import Markup, count_utf16_units, escape, truncate

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
