"""A run's messages in Slack: sent, edited, and looked up by the metadata that they carry."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from slack_sdk import WebClient
from slack_sdk.web import SlackResponse

from bot.core.run import Run
from bot.slack.blocks import Block
from bot.slack.charts import is_chart
from bot.slack.client import PARSE, Refused, sorted_failures
from bot.slack.gap import Edit, Post
from bot.slack.message import CARD, Message, mark_of
from bot.slack.room import fitted, message_text
from bot.slack.text import joined

log = logging.getLogger(__name__)

EVENT = "verlbot_message"
"""Type of the metadata by which the bot recognizes a run's message."""

MALFORMED = {
    "invalid_attachments",
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "metadata_too_large",
}
"""Slack's error codes for mistakes of the bot's own."""


Show = Callable[[Message], list[Block]]
"""Returns a message's blocks as a workspace takes them."""

CLOCKS_APART = timedelta(hours=6)
"""Maximum difference between Slack's clock and the bot's."""


def channel_of(run: Run) -> str:
    """Return the channel that has, or will have, the run's messages."""
    return run.thread_channel or run.channel


def send(client: WebClient, run: Run, step: Post, show: Show) -> tuple[str, str]:
    """Send a message; return Slack's id of it and of its channel.

    Args:
        render_blocks: returns a message's blocks as this workspace takes them.

    Raises:
        SlackRejected, SlackRateLimited: the message was not sent.
        SlackUncertain: it may have been sent.
    """
    response = call(
        client.chat_postMessage,
        channel=channel_of(run),
        thread_ts=None if step.is_card else run.posted[CARD].ts,
        reply_broadcast=any(message.broadcast for message in step.messages) or None,
        text=message_text(joined("\n", [message.text for message in step.messages])),
        blocks=fitted([block for message in step.messages for block in show(message)]),
        metadata=metadata(run, step.keys),
        unfurl_links=False,
    )
    return str(response["ts"]), str(response["channel"])


def edit(client: WebClient, run: Run, step: Edit, show: Show) -> None:
    """Edit a message so that it shows the wanted content.

    Raises:
        SlackRejected, SlackRateLimited: the message shows the old content.
        SlackUncertain: it may show either.
    """
    call(
        client.chat_update,
        channel=channel_of(run),
        ts=step.ts,
        text=step.message.text,
        blocks=show(step.message),
        metadata=metadata(run, mark_of(step.message.key)),
    )


def find(client: WebClient, run: Run, key: str) -> str | None:
    """Return Slack's id of the message with this key in its metadata; None where there is none.

    Raises:
        SlackRejected: the bot may not read here, for want of a scope or of membership.
        SlackRateLimited, SlackUncertain: the answer is unknown for now.
    """
    channel = channel_of(run)
    read: dict[str, Any] = {"limit": 200, "include_all_metadata": True}
    with sorted_failures():
        if key == CARD:
            oldest = str(run.created_at.timestamp() - CLOCKS_APART.total_seconds())
            pages = client.conversations_history(channel=channel, oldest=oldest, **read)
        else:
            pages = client.conversations_replies(channel=channel, ts=run.posted[CARD].ts or "", **read)
        messages = (message for page in pages for message in page["messages"])
        return next((str(message["ts"]) for message in messages if is_ours(message, run, key)), None)


def call(method: Callable[..., SlackResponse], **content: Any) -> SlackResponse:
    """Call Slack; send a message whose blocks Slack takes for malformed as text alone rather than not at all.

    A refused message with charts raises: a workspace may refuse charts, and there is another way to show them.
    """
    try:
        with sorted_failures():
            return method(parse=PARSE, **content)
    except Refused as error:
        # The chart publisher handles refused charts: it shows them in another way.
        if error.code not in MALFORMED or any(map(is_chart, content["blocks"])):
            raise
        log.error("Slack refuses a message as %s; it goes without blocks: %s", error.code, content["text"])
    with sorted_failures():
        return method(parse=PARSE, **content | {"blocks": []})


def metadata(run: Run, keys: str) -> dict[str, Any]:
    """Return the metadata of a run's message."""
    return {"event_type": EVENT, "event_payload": {"run": mark_of(run.id), "keys": keys}}


def is_ours(message: dict[str, Any], run: Run, key: str) -> bool:
    """Return whether a message of the channel is the run's message with this key."""
    found = message.get("metadata") or {}
    payload = found.get("event_payload") or {}
    return (
        found.get("event_type") == EVENT
        and payload.get("run") == mark_of(run.id)
        and mark_of(key) in str(payload.get("keys") or "").split(",")
    )
