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
from bot.slack.client import PARSE_MODE, SlackRejected, classify_slack_errors
from bot.slack.gap import MessageEdit, MessagePost
from bot.slack.message import CARD, Message, to_metadata_key
from bot.slack.room import fit_blocks, fit_message_text
from bot.slack.text import join_parts

log = logging.getLogger(__name__)

MESSAGE_EVENT = "verlbot_message"
"""Type of the metadata by which the bot recognizes a run's message."""

MALFORMED_CODES = {
    "invalid_attachments",
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "metadata_too_large",
}
"""Slack's error codes for mistakes of the bot's own."""


BlockRenderer = Callable[[Message], list[Block]]
"""Returns a message's blocks as a workspace takes them."""

MAX_CLOCK_DIFFERENCE = timedelta(hours=6)
"""Maximum difference between Slack's clock and the bot's."""


def get_channel(run: Run) -> str:
    """Return the channel that has, or will have, the run's messages."""
    return run.thread_channel or run.channel


def send(client: WebClient, run: Run, step: MessagePost, render_blocks: BlockRenderer) -> tuple[str, str]:
    """Send a message; return Slack's id of it and of its channel.

    Args:
        render_blocks: returns a message's blocks as this workspace takes them.

    Raises:
        SlackRejected, SlackRateLimited: the message was not sent.
        SlackUncertain: it may have been sent.
    """
    response = call_slack(
        client.chat_postMessage,
        channel=get_channel(run),
        thread_ts=None if step.is_card else run.sent_messages[CARD].ts,
        reply_broadcast=any(message.broadcast for message in step.messages) or None,
        text=fit_message_text(join_parts("\n", [message.text for message in step.messages])),
        blocks=fit_blocks([block for message in step.messages for block in render_blocks(message)]),
        metadata=build_metadata(run, step.keys),
        unfurl_links=False,
    )
    return str(response["ts"]), str(response["channel"])


def edit(client: WebClient, run: Run, step: MessageEdit, render_blocks: BlockRenderer) -> None:
    """Edit a message so that it shows the wanted content.

    Raises:
        SlackRejected, SlackRateLimited: the message shows the old content.
        SlackUncertain: it may show either.
    """
    call_slack(
        client.chat_update,
        channel=get_channel(run),
        ts=step.ts,
        text=step.message.text,
        blocks=render_blocks(step.message),
        metadata=build_metadata(run, to_metadata_key(step.message.key)),
    )


def find(client: WebClient, run: Run, key: str) -> str | None:
    """Return Slack's id of the message with this key in its metadata; None where there is none.

    Raises:
        SlackRejected: the bot may not read here, for want of a scope or of membership.
        SlackRateLimited, SlackUncertain: the answer is unknown for now.
    """
    channel = get_channel(run)
    options: dict[str, Any] = {"limit": 200, "include_all_metadata": True}
    with classify_slack_errors():
        if key == CARD:
            oldest = str(run.created_at.timestamp() - MAX_CLOCK_DIFFERENCE.total_seconds())
            pages = client.conversations_history(channel=channel, oldest=oldest, **options)
        else:
            pages = client.conversations_replies(channel=channel, ts=run.sent_messages[CARD].ts or "", **options)
        messages = (message for page in pages for message in page["messages"])
        return next((str(message["ts"]) for message in messages if is_ours(message, run, key)), None)


def call_slack(method: Callable[..., SlackResponse], **content: Any) -> SlackResponse:
    """Call Slack; send a message whose blocks Slack takes for malformed as text alone rather than not at all.

    A refused message with charts raises: a workspace may refuse charts, and there is another way to show them.
    """
    try:
        with classify_slack_errors():
            return method(parse=PARSE_MODE, **content)
    except SlackRejected as error:
        # The chart publisher handles refused charts: it shows them in another way.
        if error.code not in MALFORMED_CODES or any(map(is_chart, content["blocks"])):
            raise
        log.error("Slack refuses a message as %s; it goes without blocks: %s", error.code, content["text"])
    with classify_slack_errors():
        return method(parse=PARSE_MODE, **content | {"blocks": []})


def build_metadata(run: Run, keys: str) -> dict[str, Any]:
    """Return the metadata of a run's message."""
    return {"event_type": MESSAGE_EVENT, "event_payload": {"run": to_metadata_key(run.id), "keys": keys}}


def is_ours(message: dict[str, Any], run: Run, key: str) -> bool:
    """Return whether a message of the channel is the run's message with this key."""
    message_metadata = message.get("metadata") or {}
    payload = message_metadata.get("event_payload") or {}
    return (
        message_metadata.get("event_type") == MESSAGE_EVENT
        and payload.get("run") == to_metadata_key(run.id)
        and to_metadata_key(key) in str(payload.get("keys") or "").split(",")
    )
