"""The outbox: compares the messages that a record should have in Slack with those that it was sent, and sends the
rest.

It is one engine for runs, clusters, reports and notices. A message is recorded before it is sent and confirmed after,
so that a crash in between leaves a message of unknown fate, which is looked for before it is sent again.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from slack_sdk import WebClient

from bot.app.ports import Now
from bot.core.model.sent_message import UNSEEN, SentMessage
from bot.core.model.store_identity import StoreIdentity
from bot.errors import LeadershipLost, Unavailable
from bot.i18n import use_language
from bot.phrase import ENGLISH
from bot.runtime.failure_isolation import report_once
from bot.slack.outbound.chart_publisher import ChartPublisher
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.doubtful_messages import MAX_LATENESS, DoubtfulMessages
from bot.slack.outbound.file_uploads import upload_file
from bot.slack.outbound.left_messages import is_left
from bot.slack.outbound.message_calls import edit_message, send_message
from bot.slack.outbound.message_steps import (
    DuplicateLook,
    MessageCheck,
    MessageEdit,
    MessagePost,
    MessageWait,
    find_next_step,
)
from bot.slack.outbound.outbox_limits import EDIT, IMMEDIATELY, POST, UPLOAD, OutboxLimits
from bot.slack.outbound.refusal_holds import (
    CLOSED_CHANNEL_PAUSE,
    CLOSED_EDITS_PERIOD,
    REFUSAL_PAUSE,
    ClosedPlaces,
    RefusalHolds,
)
from bot.slack.outbound.refusals import EDIT_CODES, POST_CODES, REPLY_CODES, Refusal, classify_refusal
from bot.slack.outbound.sent_builder import SentMessageBuilder
from bot.slack.outbound.web_client import SlackRateLimited, SlackRejected, SlackUncertain
from bot.slack.views.message import FileUpload, Message, is_chart

log = logging.getLogger(__name__)

RETRY_AFTER = timedelta(seconds=5)
"""Delay after a failure that may pass by itself."""

CLOSED_PLACES = (Refusal.CHANNEL_GONE, Refusal.CHANNEL_CLOSED, Refusal.TOP_LEVEL_CLOSED, Refusal.THREAD_CLOSED)
"""Refusals of a place, after which a reply is tried in the next one."""


class Outbox:
    """Sends, edits and looks for the messages of every record, one step at a time, under limits that all share.

    Args:
        charts: shows charts as this workspace takes them; language: of all messages.
        find_workspace_url: returns the web address of the workspace, for links to messages; empty while it is unknown.
        max_lateness, read_identity: see `DoubtfulMessages`.
    """

    def __init__(
        self,
        client: WebClient,
        now: Now,
        charts: ChartPublisher,
        language: str = ENGLISH,
        find_workspace_url: Callable[[], str] = str,
        max_lateness: timedelta = MAX_LATENESS,
        read_identity: Callable[[], StoreIdentity] = StoreIdentity,
    ) -> None:
        self._client = client
        self._now = now
        self._charts = charts
        self._language = language
        self._limits = OutboxLimits(now)
        self._paused_until: dict[str, datetime] = {}
        self._muted_until: datetime | None = None
        self._holds = RefusalHolds()
        self._closed_places = ClosedPlaces()
        self._closed_edits = ClosedPlaces(CLOSED_EDITS_PERIOD)
        self._builder = SentMessageBuilder(now, find_workspace_url)
        self._doubts = DoubtfulMessages(
            client, now, charts, self._limits, self._holds, self._builder, max_lateness, read_identity
        )

    def attempt(self, name: str, advance: Callable[[], timedelta | None]) -> timedelta | None:
        """Advance one record's messages by one step. A failure is retried, and delays no other record.

        Args:
            name: the record's, as its conversation has it.
            advance: makes the step, in the language of all messages.

        Returns:
            The delay until the next step; None where there is none until the record changes.
        """
        now = self._now()
        times = (self._paused_until.get(name), self._muted_until)
        if waits := [time - now for time in times if time and time > now]:
            return max(waits)
        self._paused_until.pop(name, None)
        try:
            with use_language(self._language):
                return advance()
        except SlackRateLimited as limited:
            log.info("%s: Slack asks to wait %s", name, limited.retry_after)
            return limited.retry_after
        except LeadershipLost as error:
            log.info("%s: %s", name, error)
            return RETRY_AFTER
        except (SlackUncertain, Unavailable) as error:
            log.warning("%s: %s", name, error)
            wait = RETRY_AFTER
            if isinstance(error, SlackUncertain):
                wait = self._holds.extend_outage(name, error.retry_after)
            return self._pause(name, wait)
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
        holds = self._holds.list_holds(conversation.name)
        step = find_next_step(conversation.sent, conversation.desired, now, conversation.edit_period, holds)
        match step:
            case None:
                return None
            case MessageWait(until):
                return until - now
            case MessageCheck():
                return self._doubts.verify(conversation, step)
            case DuplicateLook():
                return self._doubts.remove_duplicates(conversation, step)
            case MessagePost(messages) if (delay := self._doubts.find_unrecorded(conversation, messages)) is not None:
                return delay
            case MessagePost(messages) if wait := self._prepare_charts(conversation, messages):
                return wait
            case MessagePost(messages) if messages[0].attachment:
                return self._upload(conversation, messages[0])
            case MessagePost(messages):
                return self._post(conversation, messages)
            case MessageEdit(message) if wait := self._prepare_charts(conversation, [message]):
                return wait
            case MessageEdit():
                return self._edit(conversation, step)

    def forget(self, name: str) -> None:
        """Forget the turn and the pauses of a record whose messages are all sent."""
        self._limits.forget_turn(name)
        self._paused_until.pop(name, None)
        self._holds.forget_conversation(name)
        self._doubts.forget(name)

    def _prepare_charts(self, conversation: Conversation, messages: Sequence[Message]) -> timedelta:
        """Upload the charts of these messages where they must be pictures. Return the time until they can be sent.

        Where Slack limits files, or does not answer, the messages wait, and the others go on.
        """
        if not self._charts.needs_upload(messages):
            return self._charts.prepare_charts(messages)
        if not self._limits.get_limit(UPLOAD):
            try:
                with self._limits.record_limit(UPLOAD):
                    wait = self._charts.prepare_charts(messages)
                    self._holds.release(UPLOAD, [])
                    return wait
            except SlackRateLimited as limited:
                log.info("%s: Slack takes no picture for %s", conversation.name, limited.retry_after)
            except SlackUncertain as error:
                self._limits.set_limit(UPLOAD, self._holds.extend_outage(UPLOAD, error.retry_after))
        wait = self._limits.get_limit(UPLOAD)
        self._holds.hold_until(conversation.name, messages, self._now() + wait)
        return min(wait, RETRY_AFTER)

    def _post(self, conversation: Conversation, messages: Sequence[Message]) -> timedelta:
        """Record that the messages are sent, send them, record their id: a crash in between leaves a doubt, not a
        second message.
        """
        placed = self._choose_place(conversation, messages)
        if wait := self._limits.acquire_turn(placed, messages):
            return wait
        begun = self._builder.build(placed, messages, None)
        if not conversation.record.begin(begun):
            return IMMEDIATELY
        try:
            with self._limits.record_limit(f"{POST} {placed.channel}"):
                ts, channel = send_message(self._client, placed, messages, self._charts.build_blocks)
        except (SlackRejected, SlackRateLimited) as error:
            # Slack has sent nothing, so the messages are not uncertain and need no look-up.
            self._take_back(conversation, begun)
            if isinstance(error, SlackRateLimited):
                raise
            return self._handle_post_refusal(placed, conversation, error, messages)
        arrived = replace(placed, channel=channel)
        sent = self._builder.link(self._builder.build(arrived, messages, ts), arrived)
        # Words outside of the thread do not move it.
        conversation.record.confirm(sent, conversation.channel if placed.is_outside_thread else channel)
        self._record_success(conversation, messages)
        return IMMEDIATELY

    def _take_back(self, conversation: Conversation, begun: Mapping[str, SentMessage]) -> None:
        """Record that Slack has refused messages. Of those that it may have got before, the record keeps since when."""
        for key, message in begun.items():
            if message.repeated_since:
                conversation.record.await_repeat(key, message.repeated_since)
            else:
                conversation.record.withdraw([key])

    def _choose_place(self, conversation: Conversation, messages: Sequence[Message]) -> Conversation:
        """Return the conversation at the best place for these messages that Slack has not closed; the best where all
        are closed.
        """
        now = self._now()
        places = conversation.list_places(messages[0].key != conversation.root_key)
        return next(
            (place for place in places if self._closed_places.is_open(place.channel, place.thread_ts, now)), places[0]
        )

    def _upload(self, conversation: Conversation, message: Message) -> timedelta:
        """Upload a file into the thread, once. Whether a file of unknown fate has arrived cannot be seen; it counts as
        sent.

        Where the bot may not upload, the button on the card shows the same.
        """
        if wait := self._limits.get_limit(UPLOAD) or self._limits.acquire_turn(conversation, [message]):
            return wait
        sent = self._builder.build(conversation, [message], UNSEEN)
        if conversation.build_upload and conversation.record.begin(sent):
            upload = conversation.build_upload(message)
            try:
                with self._limits.record_limit(UPLOAD):
                    self._upload_to_best_place(conversation, upload)
            except SlackRejected as error:
                log.warning("%s: Slack takes no file: %s", conversation.name, error.code)
            except SlackRateLimited:
                conversation.record.withdraw([message.key])
                raise
        return IMMEDIATELY

    def _upload_to_best_place(self, conversation: Conversation, upload: FileUpload) -> None:
        """Upload a file into the thread, or into its channel where Slack has closed the thread."""
        try:
            upload_file(self._client, upload, conversation.channel, conversation.thread_ts)
        except SlackRejected as error:
            if classify_refusal(error.code, REPLY_CODES) is not Refusal.THREAD_CLOSED:
                raise
            upload_file(self._client, upload, conversation.channel)

    def _edit(self, conversation: Conversation, step: MessageEdit) -> timedelta | None:
        """Edit a message, and record what it shows. Where a channel has refused an edit, the others wait with it."""
        message, now = step.message, self._now()
        placed = conversation.move_to(conversation.sent[message.key].channel)
        if placed.is_outside_thread and not self._closed_edits.is_open(placed.channel, None, now):
            self._holds.hold_until(conversation.name, [message], self._closed_edits.get_end(placed.channel, None, now))
            return IMMEDIATELY
        if wait := self._limits.acquire_edit(conversation, step.is_urgent):
            return wait
        try:
            with self._limits.record_limit(EDIT):
                edit_message(self._client, placed, message, step.ts, self._charts.build_blocks)
        except SlackRejected as error:
            return self._handle_edit_refusal(conversation, error, message)
        sent = self._builder.link(self._builder.build(placed, [message], step.ts), placed)
        conversation.record.confirm(sent, conversation.channel)
        self._record_success(conversation, [message])
        return self._find_delay(replace(conversation, sent={**conversation.sent, **sent}))

    def _find_delay(self, conversation: Conversation) -> timedelta | None:
        """Return the delay until the next step; None where Slack shows what it should. Most edits are the only step
        that is due, and to find that out from the record again would build every message a second time.
        """
        now = self._now()
        holds = self._holds.list_holds(conversation.name)
        match find_next_step(conversation.sent, conversation.desired, now, conversation.edit_period, holds):
            case None:
                return None
            case MessageWait(until):
                return until - now
            case _:
                return IMMEDIATELY

    def _handle_post_refusal(
        self, placed: Conversation, conversation: Conversation, error: SlackRejected, messages: Sequence[Message]
    ) -> timedelta:
        """Respond to a refused post with another place, shape or time.

        Args:
            placed: the conversation at the place that has refused.
        """
        is_reply = messages[0].key != conversation.root_key
        refusal = classify_refusal(error.code, REPLY_CODES if is_reply else POST_CODES)
        log.warning("%s: Slack refuses: %s", conversation.name, error.code)
        if refusal is Refusal.CHANNEL_GONE and placed.channel == conversation.channel:
            return self._leave_channel(conversation, messages)
        if refusal in CLOSED_PLACES and not is_reply:
            return self._leave_channel(conversation, messages)
        if refusal in CLOSED_PLACES:
            return self._try_next_place(placed, conversation, refusal, messages)
        return self._handle_common_refusal(conversation, refusal, error, messages)

    def _try_next_place(
        self, placed: Conversation, conversation: Conversation, refusal: Refusal, messages: Sequence[Message]
    ) -> timedelta:
        """Close the place that refused a reply. Return zero where another one is open; hold the reply where none is."""
        now = self._now()
        self._closed_places.close(placed.channel, placed.thread_ts, now)
        if refusal is Refusal.CHANNEL_CLOSED:
            self._closed_places.close(placed.channel, None, now)
        next_place = self._choose_place(conversation, messages)
        if not self._closed_places.is_open(next_place.channel, next_place.thread_ts, now):
            log.error("%s: the bot may post its messages nowhere", conversation.name)
            self._holds.extend_hold(conversation.name, messages, now, CLOSED_CHANNEL_PAUSE)
        return IMMEDIATELY

    def _handle_edit_refusal(self, conversation: Conversation, error: SlackRejected, message: Message) -> timedelta:
        """Respond to a refused edit with a new message, another shape or another time."""
        refusal = classify_refusal(error.code, EDIT_CODES)
        log.warning("%s: Slack refuses an edit: %s", conversation.name, error.code)
        sent = conversation.sent[message.key]
        if refusal is Refusal.CHANNEL_GONE and not sent.channel:
            return self._leave_channel(conversation, [message])
        if refusal is Refusal.CHANNEL_GONE:
            self._closed_edits.close(sent.channel, None, self._now())
            self._holds.hold_until(conversation.name, [message], self._now() + CLOSED_EDITS_PERIOD)
            return IMMEDIATELY
        if refusal is Refusal.MESSAGE_LOST and is_left(message.key):
            conversation.record.withdraw([message.key])
            return IMMEDIATELY
        # Where Slack lets the bot edit no message, each change of state gets one more, and nothing else does.
        if refusal is Refusal.MESSAGE_LOST and (sent.replacements == 0 or sent.urgent != message.urgent):
            self._builder.replacements[conversation.name, message.key] = sent.replacements + 1
            self._holds.release(conversation.name, [message])
            conversation.record.withdraw([message.key])
            return IMMEDIATELY
        return self._handle_common_refusal(conversation, refusal, error, [message])

    def _handle_common_refusal(
        self, conversation: Conversation, refusal: Refusal, error: SlackRejected, messages: Sequence[Message]
    ) -> timedelta:
        """Show charts in another way, be silent without permission, and try anything else again after a pause."""
        blocks = [block for message in messages for block in self._charts.build_blocks(message)]
        if refusal is Refusal.MALFORMED and any(map(is_chart, blocks)):
            self._charts.record_rejection(messages, error.reasons)
            return IMMEDIATELY
        if refusal is Refusal.NO_PERMISSION:
            permissions = "Slack does not let the bot post: %s. `verlbot manifest` prints the permissions it needs."
            log.error(permissions, error.code)
            self._muted_until = self._now() + REFUSAL_PAUSE
            return self._pause(conversation.name, REFUSAL_PAUSE)
        self._holds.extend_hold(conversation.name, messages, self._now())
        return IMMEDIATELY

    def _leave_channel(self, conversation: Conversation, messages: Sequence[Message]) -> timedelta:
        """Begin the conversation again in a direct message; hold it where it has no person, or is in one already."""
        # A user's id as the channel makes Slack open a direct message.
        if conversation.fallback_user in ("", conversation.channel):
            log.error("%s: the bot may post its messages nowhere", conversation.name)
            self._holds.extend_hold(conversation.name, messages, self._now(), CLOSED_CHANNEL_PAUSE)
        else:
            self._holds.release(conversation.name, messages)
            edited = [
                one.key for one in conversation.desired if one.is_edited and not one.charts and not is_left(one.key)
            ]
            conversation.record.redirect(conversation.fallback_user, edited)
        return IMMEDIATELY

    def _record_success(self, conversation: Conversation, messages: Sequence[Message]) -> None:
        """Record that Slack has accepted messages: the next failure is the first again."""
        self._holds.release(conversation.name, messages)
        self._builder.forget(conversation.name, messages)

    def _pause(self, name: str, wait: timedelta) -> timedelta:
        """Leave a record alone for the given time, even if its notifier is woken earlier."""
        self._paused_until[name] = self._now() + wait
        return wait
