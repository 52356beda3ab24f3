"""Logs too long for a message: a file in the run's thread."""

from slack_sdk import WebClient

from bot.service import Excerpt
from bot.slack.answers import Answer, cut_short, filed
from bot.slack.client import sorted_failures
from bot.slack.views import CARD


def upload_log(client: WebClient, found: Excerpt) -> Answer:
    """Put the lines into the run's thread as a file; the answer that says so. Without a thread, the last of them."""
    run = found.run
    card = run.posted.get(CARD)
    if card is None or card.ts is None:
        return cut_short(found)
    with sorted_failures():
        response = client.files_upload_v2(
            channel=run.thread_channel or run.channel,
            thread_ts=card.ts,
            content="\n".join(found.lines),
            filename=f"{run.id}.log",
            title=f"Log of {run.id}, last {len(found.lines)} lines",
        )
    return filed(found, str((response.get("file") or {}).get("permalink") or ""))
