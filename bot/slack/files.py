"""What is too much for a message, or of another kind: a file in the run's thread, or one that a message shows."""

import logging
import re
from dataclasses import dataclass

from slack_sdk import WebClient

from bot.asked import Excerpt
from bot.core.run import Run
from bot.slack.answers import Answer
from bot.slack.blocks import NOTHING
from bot.slack.client import Refused, sorted_failures
from bot.slack.excerpts import excerpt, filed
from bot.slack.message import CARD
from bot.slack.messages import channel_of
from bot.slack.text import literal, plain

log = logging.getLogger(__name__)

FILE_NAME, FILE_TITLE = 100, 250
"""Characters: some file systems take no longer name than 255 bytes."""

UNFIT = re.compile(r'[/\\:*?"<>|]')
"""What a name of a file may hold on no or not every machine."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What goes up as a file: nothing in its name, its title or its text that cannot be seen."""

    name: str
    title: str
    content: str | bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", UNFIT.sub("-", plain(self.name, FILE_NAME)) or NOTHING)
        object.__setattr__(self, "title", plain(self.title, FILE_TITLE) or NOTHING)
        object.__setattr__(self, "content", literal(self.content) if isinstance(self.content, str) else self.content)


def upload_log(client: WebClient, found: Excerpt, title: str) -> Answer:
    """Put the lines into the run's thread as a file; the answer that says so, or as much as a message holds."""
    link = into_thread(client, found.run, Upload(f"{found.run.id}.log", title, "\n".join(found.lines)))
    return excerpt(found) if link is None else filed(found, link)


def into_thread(client: WebClient, run: Run, upload: Upload) -> str | None:
    """Put a file into the run's thread; its address, which may be empty.

    None without a thread, or where the bot may not upload, which needs it to be invited.
    """
    card = run.posted.get(CARD)
    if card is None or card.ts is None:
        return None
    try:
        return sent(client, upload, channel=channel_of(run), thread_ts=card.ts)[1]
    except Refused as error:
        log.warning("run %s: Slack takes no file: %s", run.id, error.code)
        return None


def sent(
    client: WebClient, upload: Upload, channel: str | None = None, thread_ts: str | None = None
) -> tuple[str, str]:
    """Slack's id of the file and its address. Without a place only the bot has it, until a message shows it.

    Raises:
        Refused, Limited, Doubtful: it may not be there.
    """
    with sorted_failures():
        response = client.files_upload_v2(
            content=upload.content, filename=upload.name, title=upload.title, channel=channel, thread_ts=thread_ts
        )
    found = response.get("file") or {}
    return str(found.get("id") or ""), str(found.get("permalink") or "")
