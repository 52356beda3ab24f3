"""Logs too long for a message: a file in the run's thread."""

import logging

from slack_sdk import WebClient

from bot.service import Excerpt
from bot.slack.answers import Answer, excerpt, filed
from bot.slack.client import Refused, sorted_failures
from bot.slack.message import CARD
from bot.slack.messages import channel_of

log = logging.getLogger(__name__)


def upload_log(client: WebClient, found: Excerpt, title: str) -> Answer:
    """Put the lines into the run's thread as a file; the answer that says so.

    Without a thread, or where the bot may not upload, which needs it to be invited, as much as a message holds.
    """
    run = found.run
    card = run.posted.get(CARD)
    if card is None or card.ts is None:
        return excerpt(found)
    try:
        with sorted_failures():
            response = client.files_upload_v2(
                channel=channel_of(run),
                thread_ts=card.ts,
                content="\n".join(found.lines),
                filename=f"{run.id}.log",
                title=title,
            )
    except Refused as error:
        log.warning("run %s: Slack takes no file: %s", run.id, error.code)
        return excerpt(found)
    return filed(found, str((response.get("file") or {}).get("permalink") or ""))
