"""One message of a run as Slack should show it. Pure."""

import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum

from bot.core.figure import Chart
from bot.slack.blocks import Block, section
from bot.slack.room import fit_blocks, fit_message_text
from bot.slack.text import Markup, to_literal, to_plain_line

CARD = "card"

MAX_MARK_CHARACTERS = 120
"""Maximum characters of a key in metadata, of which Slack takes 3,000 bytes."""

NON_ASCII = re.compile("[^ -~]")

LEADING_EMOJI = re.compile(r":[a-z_]+: ")
"""An emoji at the beginning of a text, in Slack's notation."""


class Attachment(StrEnum):
    """A file that is a message of its own."""

    TASK = "task"  # The exact task that waits for an approval.


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a run as Slack should show it.

    Attributes:
        key: its name among the run's messages.
        text: the whole message on one line, for notifications and clients without blocks.
        urgent: the part of the content whose change is shown at once, not with the next regular edit.
        is_edited: whether it is edited as the run changes, or sent once.
        broadcast: whether the channel shows it too.
        charts: the content of its charts, for workspaces that need pictures.
        attachment: the file that it is, in place of text; sent once.
        period_factor: time between two edits, as a multiple of a card's.
    """

    key: str
    text: Markup
    blocks: tuple[Block, ...]
    urgent: str = ""
    is_edited: bool = False
    broadcast: bool = False
    period_factor: int = 1
    attachment: Attachment | None = None
    charts: tuple[Chart, ...] = ()

    def __post_init__(self) -> None:
        """Cut what Slack would refuse as too long. `urgent` becomes a plain string, because the run's record stores
        it.
        """
        object.__setattr__(self, "urgent", str(self.urgent))
        object.__setattr__(self, "text", fit_message_text(self.text))
        object.__setattr__(self, "blocks", tuple(fit_blocks(self.blocks)))

    @property
    def alt_text(self) -> str:
        """Return the text that describes a picture of the message to people who do not see it."""
        return LEADING_EMOJI.sub("", to_literal(self.text))

    @property
    def digest(self) -> str:
        """Return a hash of the content that Slack shows."""
        content = json.dumps([self.text, self.blocks], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def to_metadata_key(key: str) -> str:
    r"""Return a key or an id as a message's metadata contain it: in ASCII, and without commas, which separate several
    keys.

    >>> to_metadata_key("finding-a,b:1\n")
    'finding-a;b:1'
    """
    return NON_ASCII.sub("?", to_plain_line(key, MAX_MARK_CHARACTERS)).replace(",", ";")


def thread_notice(key: str, text: Markup) -> Message:
    """Return a message that is sent once, in the thread."""
    return Message(key, text, (section(text),))
