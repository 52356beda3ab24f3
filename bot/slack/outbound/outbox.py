"""The outbox: compares the messages that a record should have in Slack with those that it was sent, and sends the
rest.

It is one engine for runs, clusters, reports and notices. A message is recorded before it is sent and confirmed after,
so that a crash in between leaves a message of unknown fate, which is looked for before it is sent again.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock

from slack_sdk import WebClient

from bot.app.ports import Now
from bot.core.model.bot_clock import has_passed
from bot.core.model.sent_message import SentMessage
from bot.core.model.token_bucket import FairTokenBucket
from bot.errors import Unavailable
from bot.i18n import use_language
from bot.phrase import ENGLISH
from bot.runtime.failure_isolation import report_once
from bot.slack.outbound.chart_publisher import ChartPublisher, upload_file
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.message_calls import (
    MALFORMED_CODES,
    MISSING_MESSAGE_CODES,
    NO_ENTRY_CODES,
    NO_PERMISSION_CODES,
    edit_message,
    find_message,
    send_message,
)
from bot.slack.outbound.message_steps import MessageCheck, MessageEdit, MessagePost, MessageWait, find_next_step
from bot.slack.outbound.web_client import (
    ChannelRateLimiter,
    SlackRateLimited,
    SlackRejected,
    SlackUncertain,
    build_permalink,
)
from bot.slack.views.message import Message, is_chart

log = logging.getLogger(__name__)

EDITS_PER_SECOND, URGENT_EDITS_PER_SECOND, EDITS_AT_ONCE = 24 / 60, 16 / 60, 5
"""Limits of edits, as rates and as a burst. Slack allows 50 edits a minute in a workspace; the two bursts of a busy
minute are counted in. A part of the rate is reserved for edits that show a change of state."""

POST, EDIT, LOOK_UP, UPLOAD = "post", "edit", "look up", "upload"
"""Kinds of calls, each of which Slack limits by itself; posts, in each channel by itself."""

VERIFY_AFTER = timedelta(seconds=3)
"""Time after a message of unknown fate before the bot looks for it: it may still be on its way."""

RETRY_AFTER = timedelta(seconds=5)
"""Delay after a failure that may pass by itself."""

REFUSAL_PAUSE = timedelta(seconds=30)
"""Pause after a refusal that the bot cannot answer."""

CLOSED_CHANNEL_PAUSE = timedelta(minutes=5)
"""Pause after a refusal of the whole channel, where no person gets the messages instead."""

IMMEDIATELY = timedelta()

UNSEEN = "unseen"
"""Placeholder for Slack's id of a message that the bot cannot see: a file has none, or the bot may not read there."""


class Outbox:
    """Sends, edits and looks for the messages of every record, one step at a time, under limits that all share.

    Args:
        charts: shows charts as this workspace takes them.
        language: of all messages.
        find_workspace_url: returns the web address of the workspace, for links to messages; empty while it is unknown.
    """

    def __init__(
        self,
        client: WebClient,
        now: Now,
        charts: ChartPublisher,
        language: str = ENGLISH,
        find_workspace_url: Callable[[], str] = str,
    ) -> None:
        self._client = client
        self._now = now
        self._charts = charts
        self._language = language
        self._find_workspace_url = find_workspace_url
        self._channel_limiter = ChannelRateLimiter()
        self._edit_lock = Lock()
        self._edit_bucket = FairTokenBucket(EDITS_PER_SECOND, EDITS_AT_ONCE)
        self._urgent_edit_bucket = FairTokenBucket(URGENT_EDITS_PER_SECOND, EDITS_AT_ONCE)
        self._turns: dict[str, datetime] = {}
        self._paused_until: dict[str, datetime] = {}
        self._limited_until: dict[str, datetime] = {}
        self._muted_until: datetime | None = None

    def attempt(self, name: str, advance: Callable[[], timedelta | None]) -> timedelta | None:
        """Advance one record's messages by one step. A failure is retried, and delays no other record.

        Args:
            name: the record's, as its conversation has it.
            advance: makes the step, in the language of all messages.

        Returns:
            The delay until the next step; None where there is none until the record changes.
        """
        now = self._now()
        # A post comes before anything else, so there is nothing to do until its turn.
        times = (self._turns.get(name), self._paused_until.get(name), self._muted_until)
        if waits := [time - now for time in times if time and time > now]:
            return max(waits)
        self._paused_until.pop(name, None)
        try:
            with use_language(self._language):
                return advance()
        except SlackRateLimited as limited:
            log.info("%s: Slack asks to wait %s", name, limited.retry_after)
            return limited.retry_after
        except (SlackUncertain, Unavailable) as error:
            log.warning("%s: %s", name, error)
            return self._pause(name, RETRY_AFTER)
        except Exception as error:
            report_once(f"{name}: its messages cannot be sent", error)
            return self._pause(name, REFUSAL_PAUSE)

    def advance(self, conversation: Conversation) -> timedelta | None:
        """Make the next step of a conversation: post, edit, look up or wait. Return the delay until the one after it;
        None where Slack shows what it should.

        Raises:
            SlackRateLimited, SlackUncertain, Unavailable: the step is to be tried again; `attempt` sees to it.
        """
        now = self._now()
        step = find_next_step(conversation.sent, conversation.desired, now, conversation.edit_period)
        match step:
            case None:
                return None
            case MessageWait(until):
                return until - now
            case MessageCheck():
                return self._verify_sent(conversation, step)
            case MessagePost(messages) if wait := self._charts.prepare_charts(messages):
                return wait
            case MessagePost(messages) if messages[0].attachment:
                return self._upload(conversation, messages[0])
            case MessagePost(messages):
                return self._post(conversation, messages)
            case MessageEdit(message) if wait := self._charts.prepare_charts([message]):
                return wait
            case MessageEdit():
                return self._edit(conversation, step)

    def forget(self, name: str) -> None:
        """Forget the turn and the pause of a record whose messages are all sent."""
        self._turns.pop(name, None)
        self._paused_until.pop(name, None)

    def _post(self, conversation: Conversation, messages: Sequence[Message]) -> timedelta:
        """Record that the messages are sent, send them, record their id: a crash in between leaves a doubt, not a
        second message.
        """
        if wait := self._acquire_turn(conversation):
            return wait
        if not conversation.record.begin(self._build_sent(messages, None)):
            return IMMEDIATELY
        try:
            with self._record_limit(f"{POST} {conversation.channel}"):
                ts, channel = send_message(self._client, conversation, messages, self._charts.build_blocks)
        except (SlackRejected, SlackRateLimited) as error:
            # Slack has sent nothing, so the messages are not uncertain and need no look-up.
            conversation.record.withdraw([message.key for message in messages])
            if isinstance(error, SlackRateLimited):
                raise
            return self._handle_refusal(conversation, error.code, conversation.root_key, messages)
        conversation.record.confirm(self._link_sent(self._build_sent(messages, ts), conversation, channel), channel)
        return IMMEDIATELY

    def _upload(self, conversation: Conversation, message: Message) -> timedelta:
        """Upload a file into the thread, once. Whether a file of unknown fate has arrived cannot be seen; it counts as
        sent.

        Where the bot may not upload, the button on the card shows the same.
        """
        if wait := self._get_limit(UPLOAD) or self._acquire_turn(conversation):
            return wait
        if conversation.build_upload and conversation.record.begin(self._build_sent([message], UNSEEN)):
            upload = conversation.build_upload(message)
            try:
                with self._record_limit(UPLOAD):
                    upload_file(self._client, upload, conversation.channel, conversation.thread_ts)
            except SlackRejected as error:
                log.warning("%s: Slack takes no file: %s", conversation.name, error.code)
            except SlackRateLimited:
                conversation.record.withdraw([message.key])
                raise
        return IMMEDIATELY

    def _edit(self, conversation: Conversation, step: MessageEdit) -> timedelta:
        """Edit a message, and record what it shows."""
        if wait := self._acquire_edit(conversation, step.is_urgent):
            return wait
        message = step.message
        try:
            with self._record_limit(EDIT):
                edit_message(self._client, conversation, message, step.ts, self._charts.build_blocks)
        except SlackRejected as error:
            return self._handle_refusal(conversation, error.code, message.key, [message])
        sent = self._link_sent(self._build_sent([message], step.ts), conversation, conversation.channel)
        conversation.record.confirm(sent, conversation.channel)
        return IMMEDIATELY

    def _verify_sent(self, conversation: Conversation, step: MessageCheck) -> timedelta:
        """Look whether a message of unknown fate has arrived. Where the bot cannot see that, send it again, unless it
        notifies people.
        """
        now = self._now()
        if not has_passed(VERIFY_AFTER, step.sent_at, now):
            return step.sent_at + VERIFY_AFTER - now
        if wait := self._get_limit(LOOK_UP):
            return wait
        sent = conversation.sent[step.key]
        try:
            with self._record_limit(LOOK_UP):
                ts = find_message(self._client, conversation, step.key, step.sent_at)
        except SlackRejected as error:
            is_once = step.key in conversation.once_keys
            outcome = "counts as sent" if is_once else "may come twice"
            log.warning("%s: cannot look for %s (%s); it %s", conversation.name, step.key, error.code, outcome)
            ts = UNSEEN if is_once else None
        else:
            if ts and conversation.refreshes_unconfirmed:
                sent = self._refresh_message(conversation, step.key, ts)
        if ts is None:
            conversation.record.withdraw([step.key])
        else:
            linked = self._link_sent({step.key: replace(sent, ts=ts)}, conversation, conversation.channel)
            conversation.record.confirm(linked, conversation.channel)
        return IMMEDIATELY

    def _refresh_message(self, conversation: Conversation, key: str, ts: str) -> SentMessage:
        """Edit a message that was found; return what it shows: what it was sent with, if Slack refuses the edit."""
        message = next(message for message in conversation.desired if message.key == key)
        try:
            with self._record_limit(EDIT):
                edit_message(self._client, conversation, message, ts, self._charts.build_blocks)
        except SlackRejected as error:
            log.warning("%s: %s stays as it was sent: %s", conversation.name, key, error.code)
            return conversation.sent[key]
        return self._build_sent([message], ts)[key]

    def _handle_refusal(
        self, conversation: Conversation, code: str, key: str, refused_messages: Sequence[Message]
    ) -> timedelta:
        """Respond to a refusal with another channel, shape or time. `key` names the message that is missing then."""
        name = conversation.name
        log.warning("%s: Slack refuses: %s", name, code)
        if code in NO_ENTRY_CODES:
            # A user's id as the channel makes Slack open a direct message.
            if conversation.fallback_user in ("", conversation.channel):
                log.error("%s: its messages have no place where the bot may post", name)
                return self._pause(name, CLOSED_CHANNEL_PAUSE)
            conversation.record.redirect(conversation.fallback_user)
            return IMMEDIATELY
        if code in MISSING_MESSAGE_CODES:
            conversation.record.withdraw([key])
            return IMMEDIATELY
        blocks = [block for message in refused_messages for block in self._charts.build_blocks(message)]
        if code in MALFORMED_CODES and any(map(is_chart, blocks)):
            self._charts.record_rejection(refused_messages)
            return IMMEDIATELY
        if code in NO_PERMISSION_CODES:
            log.error("Slack does not let the bot speak: %s. `verlbot manifest` prints the rights it needs.", code)
            self._muted_until = self._now() + REFUSAL_PAUSE
        return self._pause(name, REFUSAL_PAUSE)

    def _build_sent(self, messages: Sequence[Message], ts: str | None) -> dict[str, SentMessage]:
        """Return the records of messages that are sent now; `ts` is None while their fate is unknown."""
        now = self._now()
        return {message.key: SentMessage(ts, message.digest, message.urgent, now) for message in messages}

    def _link_sent(
        self, sent: Mapping[str, SentMessage], conversation: Conversation, channel: str
    ) -> dict[str, SentMessage]:
        """Return the records of messages that Slack has confirmed in this channel, with their web addresses."""
        workspace_url = self._find_workspace_url()
        return {
            key: replace(message, permalink=build_permalink(workspace_url, channel, message.ts, conversation.thread_ts))
            if message.ts and message.ts != UNSEEN
            else message
            for key, message in sent.items()
        }

    def _pause(self, name: str, wait: timedelta) -> timedelta:
        """Leave a record alone for the given time, even if its notifier is woken earlier."""
        self._paused_until[name] = self._now() + wait
        return wait

    def _acquire_turn(self, conversation: Conversation) -> timedelta:
        """Use up the turn to post in the channel if it is now. Return zero then, or else how long it takes until it."""
        now = self._now()
        turn = self._turns.pop(conversation.name, None) or self._channel_limiter.reserve_post(conversation.channel, now)
        turn = max(turn, self._limited_until.get(f"{POST} {conversation.channel}", turn))
        if turn > now:
            self._turns[conversation.name] = turn
        return max(turn - now, IMMEDIATELY)

    def _acquire_edit(self, conversation: Conversation, is_urgent: bool) -> timedelta:
        """Use up the turn to edit if it is now. Return zero then, or else after how long to ask again. All channels
        share this limit, in turns.
        """
        bucket = self._urgent_edit_bucket if is_urgent else self._edit_bucket
        with self._edit_lock:
            return self._get_limit(EDIT) or bucket.acquire(conversation.name, conversation.channel, self._now())

    def _get_limit(self, kind: str) -> timedelta:
        """Return for how long Slack accepts no call of this kind."""
        now = self._now()
        return max(self._limited_until.get(kind, now) - now, IMMEDIATELY)

    @contextmanager
    def _record_limit(self, kind: str) -> Iterator[None]:
        """Record until when Slack limits this kind of call. Slack limits each method by itself, so other kinds
        continue.
        """
        try:
            yield
        except SlackRateLimited as limited:
            self._limited_until[kind] = self._now() + limited.retry_after
            raise
