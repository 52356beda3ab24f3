"""Slack's methods for a message: send it, edit it, find it again by its metadata; and what a refusal means."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from slack_sdk import WebClient
from slack_sdk.web import SlackResponse

from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.web_client import PARSE_MODE, SlackRejected, classify_slack_errors
from bot.slack.views.blocks import Block, fit_blocks, fit_message_text
from bot.slack.views.message import Message, is_chart
from bot.slack.views.mrkdwn import join_parts, to_literal

log = logging.getLogger(__name__)

NO_ENTRY_CODES = {
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "no_permission",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel",
}
"""Slack's error codes for a channel that the bot may not post in. Its messages then go to a direct message."""

MISSING_MESSAGE_CODES = {"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"}
"""Slack's error codes for a message that no longer exists, or can no longer be edited."""

NO_PERMISSION_CODES = {
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "missing_scope",
}
"""Slack's error codes that only the person who installed the bot can fix."""

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


def send_message(
    client: WebClient, conversation: Conversation, messages: Sequence[Message], render_blocks: BlockRenderer
) -> tuple[str, str]:
    """Send messages as one; return Slack's id of it and of its channel.

    Args:
        render_blocks: returns a message's blocks as this workspace takes them.

    Raises:
        SlackRejected, SlackRateLimited: the message was not sent.
        SlackUncertain: it may have been sent.
    """
    response = call_slack(
        client.chat_postMessage,
        channel=conversation.channel,
        thread_ts=conversation.thread_ts,
        reply_broadcast=any(message.broadcast for message in messages) or None,
        **build_content(messages, render_blocks),
        metadata=conversation.build_metadata(messages),
        unfurl_links=False,
    )
    return str(response["ts"]), str(response["channel"])


def build_content(messages: Sequence[Message], render_blocks: BlockRenderer) -> dict[str, Any]:
    """Return the text, blocks and attachments of messages that are sent as one.

    A message with a color has its title in its own blocks, and the others in an attachment, beside which Slack draws
    the bar. The text is for notifications alone, because Slack shows a text only where a message has no blocks. An edit
    names the attachments even if there are none: Slack keeps the old ones otherwise.
    """
    text = fit_message_text(join_parts("\n", [message.text for message in messages]))
    blocks = fit_blocks([block for message in messages for block in render_blocks(message)])
    color = messages[0].color if len(messages) == 1 else None
    if color is None or len(blocks) < 2:
        return {"text": text, "blocks": blocks, "attachments": []}
    attachment = {"color": str(color), "blocks": blocks[1:], "fallback": to_literal(text)}
    return {"text": text, "blocks": blocks[:1], "attachments": [attachment]}


def edit_message(
    client: WebClient, conversation: Conversation, message: Message, ts: str, render_blocks: BlockRenderer
) -> None:
    """Edit a message so that it shows the wanted content.

    Raises:
        SlackRejected, SlackRateLimited: the message shows the old content.
        SlackUncertain: it may show either.
    """
    call_slack(
        client.chat_update,
        channel=conversation.channel,
        ts=ts,
        **build_content([message], render_blocks),
        metadata=conversation.build_metadata([message]),
    )


def find_message(client: WebClient, conversation: Conversation, key: str, sent_at: datetime) -> str | None:
    """Return Slack's id of the message with this key in its metadata; None where there is none.

    Raises:
        SlackRejected: the bot may not read here, for want of a scope or of membership.
        SlackRateLimited, SlackUncertain: the answer is unknown for now.
    """
    options: dict[str, Any] = {"channel": conversation.channel, "limit": 200, "include_all_metadata": True}
    with classify_slack_errors():
        if key == conversation.root_key:
            oldest = str((sent_at - MAX_CLOCK_DIFFERENCE).timestamp())
            pages = client.conversations_history(oldest=oldest, **options)
        else:
            pages = client.conversations_replies(ts=conversation.thread_ts or "", **options)
        messages = (message for page in pages for message in page["messages"])
        return next(
            (str(message["ts"]) for message in messages if conversation.owns(message.get("metadata"), key)), None
        )


def call_slack(method: Callable[..., SlackResponse], **content: Any) -> SlackResponse:
    """Call Slack; send a message whose blocks Slack takes for malformed as text alone rather than not at all.

    A refused message with charts raises: a workspace may refuse charts, and there is another way to show them.
    """
    try:
        with classify_slack_errors():
            return method(parse=PARSE_MODE, **content)
    except SlackRejected as error:
        # The chart publisher handles refused charts: it shows them in another way.
        blocks = [*content["blocks"], *(block for one in content["attachments"] for block in one["blocks"])]
        if error.code not in MALFORMED_CODES or any(map(is_chart, blocks)):
            raise
        log.error("Slack refuses a message as %s; it goes without blocks: %s", error.code, content["text"])
    with classify_slack_errors():
        return method(parse=PARSE_MODE, **content | {"blocks": [], "attachments": []})
