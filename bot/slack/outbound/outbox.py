"""The outbox: which of a run's messages are missing in Slack, and how one is sent, edited and found again."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slack_sdk import WebClient
from slack_sdk.web import SlackResponse

from bot.core.model.run import Run
from bot.core.model.sent_message import SentMessage
from bot.slack.outbound.web_client import PARSE_MODE, SlackRejected, classify_slack_errors
from bot.slack.views.blocks import (
    MAX_BLOCKS_CHARACTERS,
    MAX_MESSAGE_BLOCKS,
    Block,
    count_block_characters,
    fit_blocks,
    fit_message_text,
)
from bot.slack.views.message import CARD, Message, is_chart, to_metadata_key
from bot.slack.views.mrkdwn import join_parts


@dataclass(frozen=True, slots=True)
class MessagePost:
    """Messages that are not in Slack; several notices are sent as one message."""

    messages: tuple[Message, ...]

    @property
    def is_card(self) -> bool:
        """Return whether this is the run's card."""
        return self.messages[0].key == CARD

    @property
    def keys(self) -> str:
        """Return the keys for the metadata that identifies the message in Slack."""
        return ",".join(to_metadata_key(message.key) for message in self.messages)


@dataclass(frozen=True, slots=True)
class MessageCheck:
    """A message that may be in Slack: it was sent, and no answer came."""

    key: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class MessageEdit:
    """A message in Slack that shows outdated content; `is_urgent` if the change must be visible at once."""

    message: Message
    ts: str
    is_urgent: bool


@dataclass(frozen=True, slots=True)
class MessageWait:
    """A message that shows slightly outdated content, and was edited a moment ago."""

    until: datetime


MessageStep = MessagePost | MessageCheck | MessageEdit | MessageWait


def find_next_step(
    run: Run, desired_messages: Sequence[Message], now: datetime, period: timedelta
) -> MessageStep | None:
    """Return the next step towards the desired messages, or None if Slack shows them.

    The card comes first, because the thread belongs to it; then uncertain messages, because a message must not be sent
    twice; then missing messages; then edits, the urgent ones before the regular ones.

    Args:
        period: time between two regular edits of one message.
    """
    card = desired_messages[0]
    if card.key not in run.sent_messages:
        return MessagePost((card,))
    for message in desired_messages:
        sent_message = run.sent_messages.get(message.key)
        if sent_message and sent_message.ts is None:
            return MessageCheck(message.key, sent_message.sent_at)
    return find_missing_messages(run, desired_messages) or find_stale_message(run, desired_messages, now, period)


def find_missing_messages(run: Run, desired_messages: Sequence[Message]) -> MessagePost | None:
    """Return the first missing message, together with the missing notices that the same people see.

    Return as many as one message has room for; the others are still missing after it.
    """
    missing_messages = [message for message in desired_messages if message.key not in run.sent_messages]
    if not missing_messages:
        return None
    first = missing_messages[0]
    similar_messages = [
        candidate
        for candidate in missing_messages
        if (candidate.is_edited, candidate.broadcast) == (first.is_edited, first.broadcast)
    ]
    # A message that is edited later, or is a file, cannot share its Slack message with notices.
    if first.is_edited or first.attachment:
        return MessagePost((first,))
    return MessagePost(
        tuple(select_fitting_notices([candidate for candidate in similar_messages if not candidate.attachment]))
    )


def select_fitting_notices(notices: Sequence[Message]) -> list[Message]:
    """Return the first notice, and as many of the others as Slack accepts together with it."""
    block_count, text_size = 0, 0
    fitting_notices: list[Message] = []
    for notice in notices:
        block_count, text_size = block_count + len(notice.blocks), text_size + count_block_characters(notice.blocks)
        if fitting_notices and (block_count > MAX_MESSAGE_BLOCKS or text_size > MAX_BLOCKS_CHARACTERS):
            break
        fitting_notices.append(notice)
    return fitting_notices


def find_stale_message(
    run: Run, desired_messages: Sequence[Message], now: datetime, period: timedelta
) -> MessageEdit | MessageWait | None:
    """Return the edit of a message with outdated content, or the wait until it may be edited."""
    outdated_messages = [
        (candidate, run.sent_messages[candidate.key])
        for candidate in desired_messages
        if candidate.is_edited and run.sent_messages[candidate.key].content_hash != candidate.digest
    ]
    if not outdated_messages:
        return None
    edit_at, message, sent_message = min(
        ((compute_edit_time(*pair, period, now), *pair) for pair in outdated_messages), key=lambda due: due[0]
    )
    return (
        MessageEdit(message, sent_message.ts or "", message.urgent != sent_message.urgent)
        if edit_at <= now
        else MessageWait(edit_at)
    )


def compute_edit_time(message: Message, sent_message: SentMessage, period: timedelta, now: datetime) -> datetime:
    """Return when an edit is due: at once if the last one has a time in the future, because the
    clock was ahead then."""
    is_urgent = sent_message.urgent != message.urgent
    return (
        min(sent_message.sent_at, now)
        if is_urgent or sent_message.sent_at > now
        else sent_message.sent_at + period * message.period_factor
    )


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
