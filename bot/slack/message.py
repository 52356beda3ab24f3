"""One message of a run as it should stand in Slack. Pure."""

import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum

from bot.core.figure import Figure
from bot.slack.blocks import Block, section
from bot.slack.room import fitted, message_text
from bot.slack.text import Markup, literal, plain

CARD = "card"

MARK_TEXT = 120
"""Characters of a key in metadata, of which Slack takes 3,000 bytes."""

NO_ASCII = re.compile("[^ -~]")

EMOJI = re.compile(r":[a-z_]+: ")
"""At the beginning of a text, as Slack writes them."""


class Attachment(StrEnum):
    """A file that is a message of its own."""

    TASK = "task"  # the exact task that waits for an approval


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a run as it should stand in Slack.

    Attributes:
        key: its name among the run's messages.
        text: the whole in one line, for notifications and clients without blocks.
        urgent: the part of the content whose change is shown at once, not with the next regular edit.
        edited: whether it follows the run, or is said once.
        broadcast: whether the channel sees it too.
        figures: what its charts show, for where they must be pictures.
        attachment: the file that it is, in place of text; said once.
        pace: how many times as long as for a card it is between two edits.
    """

    key: str
    text: Markup
    blocks: tuple[Block, ...]
    urgent: str = ""
    edited: bool = False
    broadcast: bool = False
    pace: int = 1
    attachment: Attachment | None = None
    figures: tuple[Figure, ...] = ()

    def __post_init__(self) -> None:
        """Cut what Slack would refuse as too long. What is kept in the run's record is a plain string."""
        object.__setattr__(self, "urgent", str(self.urgent))
        object.__setattr__(self, "text", message_text(self.text))
        object.__setattr__(self, "blocks", tuple(fitted(self.blocks)))

    @property
    def alt_text(self) -> str:
        """What a picture of it tells those who do not see it."""
        return EMOJI.sub("", literal(self.text))

    @property
    def digest(self) -> str:
        content = json.dumps([self.text, self.blocks], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def mark_of(key: str) -> str:
    """Return how a message's metadata name a key or an id: in ASCII, and without the commas between several.

    >>> mark_of("finding-a,b:1\\n")
    'finding-a;b:1'
    """
    return NO_ASCII.sub("?", plain(key, MARK_TEXT)).replace(",", ";")


def said(key: str, text: Markup) -> Message:
    """A notice: said once, in the thread."""
    return Message(key, text, (section(text),))
