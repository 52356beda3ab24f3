"""Slack's limits of a message: its text, its blocks, and the characters of all blocks together. Pure.

Slack refuses a message that is too long as a whole, and the long texts mostly come from outside. So the longest texts
are cut to make room for the others, and the message is sent.
"""

from collections.abc import Sequence
from typing import Any

from bot.slack.blocks import MESSAGE_BLOCKS, NOTHING, Block, the_end
from bot.slack.text import Markup, cut, escape, units

MESSAGE_TEXT = 4_000
"""Maximum characters of the text of an edited message, which people see in notifications; a new one may be longer."""

ALL_TEXT, ROOM_OF_A_BLOCK = 12_000, 20
"""Maximum characters of all blocks of a message, and what each block counts besides its text. Slack documents no
number; its staff mention 12,000 and some for each block."""

FEWEST = 40
"""Minimum characters to which a text is cut: the texts of fifty blocks then still fit."""


def message_text(text: Markup) -> Markup:
    """Return the text of a message: what notifications and clients without blocks show."""
    found = escape(text).shortened(MESSAGE_TEXT)
    return found if found.strip() else Markup(NOTHING)


def fitted(blocks: Sequence[Block]) -> list[Block]:
    """Return a message's blocks cut to Slack's limits: the longest texts shortened, printed output at its beginning.

    Of too many blocks, the last ones are left out.
    """
    found = list(blocks[:MESSAGE_BLOCKS])
    if size(found) <= ALL_TEXT:
        return found
    longest = level(sorted(map(units, texts_in(found))), ALL_TEXT - ROOM_OF_A_BLOCK * len(found))
    return [shortened(block, longest) for block in found]


def level(lengths: Sequence[int], room: int) -> int:
    """Return the length to which all texts have room: long texts share the room that short ones do not need.

    >>> level([10, 20, 300, 400], 430)
    200
    """
    for at, length in enumerate(lengths):
        share = room // (len(lengths) - at)
        if length > share:
            return max(share, FEWEST)
        room -= length
    return max(lengths, default=0)


def size(blocks: Sequence[Block]) -> int:
    """Return how many of a message's characters the blocks take."""
    return sum(map(units, texts_in(blocks))) + ROOM_OF_A_BLOCK * len(blocks)


def texts_in(value: Any) -> list[str]:
    """Return every text that counts against the limit."""
    if isinstance(value, dict):
        text = value.get("text")
        own = [text] if isinstance(text, str) else []
        return own + [text for inner in value.values() if not isinstance(inner, str) for text in texts_in(inner)]
    return [text for inner in value for text in texts_in(inner)] if isinstance(value, list | tuple) else []


def shortened(value: Any, longest: int, is_printed: bool = False) -> Any:
    """Return a block with each of its texts at most this long."""
    if isinstance(value, list):
        return [shortened(inner, longest, is_printed) for inner in value]
    if not isinstance(value, dict):
        return value
    is_printed = is_printed or value.get("type") == "rich_text_preformatted"
    return {
        key: shortened_text(inner, longest, is_printed)
        if key == "text" and isinstance(inner, str)
        else shortened(inner, longest, is_printed)
        for key, inner in value.items()
    }


def shortened_text(text: str, longest: int, is_printed: bool) -> str:
    """Return a text at most this long; printed output keeps its end."""
    if isinstance(text, Markup):
        return text.shortened(longest)
    return the_end(text, longest) if is_printed else cut(text, longest)
