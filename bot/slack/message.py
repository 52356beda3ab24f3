"""One message of a run as it should stand in Slack. Pure."""

import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum

from bot.core.figure import Figure
from bot.slack.blocks import Block, section

CARD = "card"

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
    text: str
    blocks: tuple[Block, ...]
    urgent: str = ""
    edited: bool = False
    broadcast: bool = False
    pace: int = 1
    attachment: Attachment | None = None
    figures: tuple[Figure, ...] = ()

    @property
    def alt_text(self) -> str:
        """What a picture of it tells those who do not see it."""
        return EMOJI.sub("", self.text)

    @property
    def digest(self) -> str:
        content = json.dumps([self.text, self.blocks], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def said(key: str, text: str) -> Message:
    """A notice: said once, in the thread."""
    return Message(key, text, (section(text),))
