"""Slack's methods for a message: send it, edit it, find it again by its metadata."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from slack_sdk import WebClient
from slack_sdk.web import SlackResponse

from bot.core.model.run import Run
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.file_uploads import NO_THREAD
from bot.slack.outbound.refusals import MALFORMED_CODES
from bot.slack.outbound.web_client import PARSE_MODE, SlackRejected, classify_slack_errors
from bot.slack.views.blocks import Block, fit_blocks, fit_message_text
from bot.slack.views.message import CARD, Answer, Message, is_chart
from bot.slack.views.mrkdwn import join_parts, to_literal
from bot.slack.views.tables import is_table, replace_tables

log = logging.getLogger(__name__)

BlockRenderer = Callable[[Message], list[Block]]
"""Returns a message's blocks as a workspace takes them."""

MAX_CLOCK_DIFFERENCE = timedelta(hours=6)
"""Maximum difference between Slack's clock and the bot's."""

MAX_COPIES = 20
"""Maximum copies of one message that are looked for."""

MAX_PAGES = 50
"""Maximum pages, of 200 messages each, in which a message of unknown fate is looked for."""


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


def post_to_thread(client: WebClient, run: Run, answer: Answer) -> None:
    """Post a message that a person asked for to a run's thread.

    Raises:
        SlackRejected: the run has no thread, or Slack takes no message there.
        SlackRateLimited, SlackUncertain: it may not have arrived.
    """
    card = run.messages.sent.get(CARD)
    if card is None or card.ts is None:
        raise SlackRejected(NO_THREAD)
    call_slack(client.chat_postMessage, channel=run.message_channel, thread_ts=card.ts, **answer, unfurl_links=False)


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


def delete_message(client: WebClient, conversation: Conversation, ts: str) -> None:
    """Delete a message of the bot's own; one that is gone is no error.

    Raises:
        SlackRejected, SlackRateLimited, SlackUncertain: it may still be there.
    """
    try:
        with classify_slack_errors():
            client.chat_delete(channel=conversation.channel, ts=ts)
    except SlackRejected as error:
        if error.code != "message_not_found":
            raise


def find_message(client: WebClient, conversation: Conversation, key: str, sent_at: datetime) -> str | None:
    """Return Slack's id of a message with this key in its metadata; None where there is none.

    Raises:
        SlackRejected: the bot may not read here, for want of a scope or of membership.
        SlackRateLimited, SlackUncertain: the answer is unknown for now.
    """
    return next(iter(find_messages(client, conversation, key, sent_at, 1)), None)


def find_messages(
    client: WebClient, conversation: Conversation, key: str, sent_at: datetime, most: int = MAX_COPIES
) -> list[str]:
    """Return Slack's ids of the messages with this key in their metadata, at most so many.

    Raises:
        SlackRejected: the bot may not read here, for want of a scope or of membership.
        SlackRateLimited, SlackUncertain: the answer is unknown for now.
    """
    oldest = str((sent_at - MAX_CLOCK_DIFFERENCE).timestamp())
    in_channel = partial(client.conversations_history, channel=conversation.channel, oldest=oldest)
    if key == conversation.root_key or conversation.thread_ts is None:
        return find_owned(conversation, key, in_channel, most)
    try:
        in_thread = partial(client.conversations_replies, channel=conversation.channel, ts=conversation.thread_ts)
        return find_owned(conversation, key, in_thread, most)
    except SlackRejected as error:
        if error.code != "thread_not_found":
            raise
        # Slack posts a reply to a deleted message in the channel.
        return find_owned(conversation, key, in_channel, most)


def find_owned(conversation: Conversation, key: str, read_page: Callable[..., SlackResponse], most: int) -> list[str]:
    """Return Slack's ids of the conversation's messages with this key among those that a method lists page by page.

    The SDK's own iteration loses Retry-After where a later page is limited by something that answers without JSON.
    """
    cursor: str | None = None
    copies: list[str] = []
    for _ in range(MAX_PAGES):
        with classify_slack_errors():
            page: Any = read_page(limit=200, include_all_metadata=True, cursor=cursor)
        copies += [
            str(message["ts"]) for message in page["messages"] if conversation.owns(message.get("metadata"), key)
        ]
        if len(copies) >= most:
            return copies[:most]
        cursor = (page.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return copies
    log.warning("%s: %s is not among the last %d pages", conversation.name, key, MAX_PAGES)
    return copies


def call_slack(method: Callable[..., SlackResponse], **content: Any) -> SlackResponse:
    """Call Slack; send a message whose blocks Slack takes for malformed with lines for its table, without its color, or
    as text alone, rather than not at all.

    A refused message with charts raises: a workspace may refuse charts, and there is another way to show them.
    """
    try:
        with classify_slack_errors():
            return method(parse=PARSE_MODE, **content)
    except SlackRejected as error:
        # The chart publisher handles refused charts: it shows them in another way.
        blocks = [*content["blocks"], *(block for one in content.get("attachments", ()) for block in one["blocks"])]
        if error.code not in MALFORMED_CODES or any(map(is_chart, blocks)):
            raise
        if any(map(is_table, content["blocks"])):
            log.warning("Slack refuses a table as %s; it goes as lines: %s", error.code, content["text"])
            return call_slack(method, **content | {"blocks": replace_tables(content["blocks"])})
        if content.get("attachments"):
            log.warning("Slack refuses an attachment as %s; its blocks go without: %s", error.code, content["text"])
            return call_slack(method, **content | {"blocks": blocks, "attachments": []})
        log.error("Slack refuses a message as %s; it goes without blocks: %s", error.code, content["text"])
    with classify_slack_errors():
        return method(parse=PARSE_MODE, **content | {"blocks": [], "attachments": []})
