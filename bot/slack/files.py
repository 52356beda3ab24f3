"""Uploads of files: into a run's thread, or for a message to show."""

import logging
import re
from dataclasses import dataclass

from slack_sdk import WebClient

from bot.asked import LogExcerpt
from bot.core.run import Run
from bot.slack.answers import Answer
from bot.slack.blocks import EMPTY_TEXT
from bot.slack.client import SlackRejected, classify_slack_errors
from bot.slack.excerpts import render_log_excerpt, render_log_file_answer
from bot.slack.message import CARD
from bot.slack.messages import get_channel
from bot.slack.text import to_literal, to_plain_line

log = logging.getLogger(__name__)

MAX_FILE_NAME_CHARACTERS, MAX_FILE_TITLE_CHARACTERS = 100, 250
"""Maximum characters of a file's name and title: some file systems limit a name to 255 bytes."""

UNSAFE_FILE_NAME_CHARACTERS = re.compile(r'[/\\:*?"<>|]')
"""Matches characters that file systems do not allow in a name, or not all of them do."""


@dataclass(frozen=True, slots=True)
class FileUpload:
    """A file to upload: its name, its title and its text have no invisible characters."""

    name: str
    title: str
    content: str | bytes

    def __post_init__(self) -> None:
        object.__setattr__(
            self,
            "name",
            UNSAFE_FILE_NAME_CHARACTERS.sub("-", to_plain_line(self.name, MAX_FILE_NAME_CHARACTERS)) or EMPTY_TEXT,
        )
        object.__setattr__(self, "title", to_plain_line(self.title, MAX_FILE_TITLE_CHARACTERS) or EMPTY_TEXT)
        object.__setattr__(self, "content", to_literal(self.content) if isinstance(self.content, str) else self.content)


def upload_log(client: WebClient, log_excerpt: LogExcerpt, title: str) -> Answer:
    """Upload the lines into the run's thread. Return the answer with the link, or with as many lines as a message
    holds.
    """
    link = upload_to_thread(
        client, log_excerpt.run, FileUpload(f"{log_excerpt.run.id}.log", title, "\n".join(log_excerpt.lines))
    )
    return render_log_excerpt(log_excerpt) if link is None else render_log_file_answer(log_excerpt, link)


def upload_to_thread(client: WebClient, run: Run, upload: FileUpload) -> str | None:
    """Upload a file into the run's thread. Return its address, which may be empty.

    Return None if there is no thread, or if Slack rejects the upload; to upload, the bot must be a member of the
    channel.
    """
    card = run.sent_messages.get(CARD)
    if card is None or card.ts is None:
        return None
    try:
        return upload_file(client, upload, channel=get_channel(run), thread_ts=card.ts)[1]
    except SlackRejected as error:
        log.warning("run %s: Slack takes no file: %s", run.id, error.code)
        return None


def upload_file(
    client: WebClient, upload: FileUpload, channel: str | None = None, thread_ts: str | None = None
) -> tuple[str, str]:
    """Upload a file. Return Slack's id of it and its address. Without a channel only the bot sees it, until a message
    shows it.

    Raises:
        SlackRejected, SlackRateLimited, SlackUncertain: it may not have arrived.
    """
    with classify_slack_errors():
        response = client.files_upload_v2(
            content=upload.content, filename=upload.name, title=upload.title, channel=channel, thread_ts=thread_ts
        )
    file = response.get("file") or {}
    return str(file.get("id") or ""), str(file.get("permalink") or "")
