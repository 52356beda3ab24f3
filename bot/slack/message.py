"""One message of a run as it should stand in Slack. Pure."""

import hashlib
import json
from dataclasses import dataclass

from bot.slack.blocks import Block, section

CARD = "card"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a run as it should stand in Slack.

    Attributes:
        key: its name among the run's messages.
        text: the whole in one line, for notifications and clients without blocks.
        urgent: the part of the content whose change is shown at once, not with the next regular edit.
        edited: whether it follows the run, or is said once.
        broadcast: whether the channel sees it too.
        pace: how many times as long as for a card it is between two edits.
    """

    key: str
    text: str
    blocks: tuple[Block, ...]
    urgent: str = ""
    edited: bool = False
    broadcast: bool = False
    pace: int = 1

    @property
    def digest(self) -> str:
        content = json.dumps([self.text, self.blocks], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def said(key: str, text: str) -> Message:
    """A notice: said once, in the thread."""
    return Message(key, text, (section(text),))
