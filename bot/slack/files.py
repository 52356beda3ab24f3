"""Uploads of files: into a run's thread, or for a message to show."""

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
"""Maximum characters of a file's name and title: some file systems limit a name to 255 bytes."""

UNFIT = re.compile(r'[/\\:*?"<>|]')
"""Matches characters that file systems do not allow in a name, or not all of them do."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to upload: its name, its title and its text have no invisible characters."""

    name: str
    title: str
    content: str | bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", UNFIT.sub("-", plain(self.name, FILE_NAME)) or NOTHING)
        object.__setattr__(self, "title", plain(self.title, FILE_TITLE) or NOTHING)
        object.__setattr__(self, "content", literal(self.content) if isinstance(self.content, str) else self.content)


def upload_log(client: WebClient, found: Excerpt, title: str) -> Answer:
    """Upload the lines into the run's thread. Return the answer with the link, or with as many lines as a message
    holds.
    """
    link = into_thread(client, found.run, Upload(f"{found.run.id}.log", title, "\n".join(found.lines)))
    return excerpt(found) if link is None else filed(found, link)


def into_thread(client: WebClient, run: Run, upload: Upload) -> str | None:
    """Upload a file into the run's thread. Return its address, which may be empty.

    Return None if there is no thread, or if Slack rejects the upload; to upload, the bot must be a member of the
    channel.
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
    """Upload a file. Return Slack's id of it and its address. Without a channel only the bot sees it, until a message
    shows it.

    Raises:
        SlackRejected, SlackRateLimited, SlackUncertain: it may not have arrived.
    """
    with sorted_failures():
        response = client.files_upload_v2(
            content=upload.content, filename=upload.name, title=upload.title, channel=channel, thread_ts=thread_ts
        )
    found = response.get("file") or {}
    return str(found.get("id") or ""), str(found.get("permalink") or "")
