"""Messages of unknown fate: looked for until Slack may not be late any more, and removed where they came twice."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from slack_sdk import WebClient

from bot.app.ports import Now
from bot.core.model.bot_clock import has_passed
from bot.core.model.sent_message import UNSEEN, SentMessage
from bot.core.model.store_identity import StoreIdentity
from bot.slack.outbound.chart_publisher import ChartPublisher
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.message_calls import delete_message, edit_message, find_message, find_messages
from bot.slack.outbound.message_steps import DuplicateLook, MessageCheck
from bot.slack.outbound.outbox_limits import EDIT, IMMEDIATELY, LOOK_UP, OutboxLimits
from bot.slack.outbound.refusal_holds import RefusalHolds
from bot.slack.outbound.sent_builder import SentMessageBuilder
from bot.slack.outbound.web_client import SlackRejected
from bot.slack.views.message import Message

log = logging.getLogger(__name__)

VERIFY_AFTER = timedelta(seconds=3)
"""Time after a message of unknown fate before the bot looks for it: it may still be on its way."""

MAX_LATENESS = timedelta(seconds=30)
"""Default time for which such a message is looked for before it is sent again."""

MAX_RECORD_AGE = timedelta(days=7)
"""How far back a message is looked for whose record a changed store may have lost."""

LOOKS_AFTER_RECOVERY = 1
"""Looks for a second copy of a message that was found after the store had lost its record: there may be many such."""


class DoubtfulMessages:
    """Looks for messages.

    Args:
        max_lateness: how long Slack may take to show a message. What it shows later may come twice for some minutes.
        read_identity: returns the identity of the store, which may have lost records of messages.
    """

    def __init__(
        self,
        client: WebClient,
        now: Now,
        charts: ChartPublisher,
        limits: OutboxLimits,
        holds: RefusalHolds,
        builder: SentMessageBuilder,
        max_lateness: timedelta,
        read_identity: Callable[[], StoreIdentity],
    ) -> None:
        self._client = client
        self._now = now
        self._charts = charts
        self._limits = limits
        self._holds = holds
        self._builder = builder
        self._max_lateness = max_lateness
        self._read_identity = read_identity
        self._looked_for: dict[str, set[str]] = {}
        self._store_id = ""

    def verify(self, conversation: Conversation, step: MessageCheck) -> timedelta:
        """Look whether a message of unknown fate has arrived. Where the bot cannot see that, send it again, unless it
        notifies people. Where it is not there, look again until Slack may not be late any more, then send it again.
        """
        now = self._now()
        if not has_passed(VERIFY_AFTER, step.sent_at, now):
            return step.sent_at + VERIFY_AFTER - now
        if wait := self._limits.get_limit(LOOK_UP):
            return wait
        sent = conversation.sent[step.key]
        placed = conversation.move_to(sent.channel)
        try:
            with self._limits.record_limit(LOOK_UP):
                ts = find_message(self._client, placed, step.key, step.sent_at)
        except SlackRejected as error:
            is_once = step.key in conversation.once_keys
            outcome = "counts as sent" if is_once else "may come twice"
            log.warning("%s: cannot look for %s (%s); it %s", conversation.name, step.key, error.code, outcome)
            ts = UNSEEN if is_once else None
        else:
            if ts is None and not has_passed(self._max_lateness, step.sent_at, now):
                return self._look_again(conversation, step, now)
            if ts and conversation.refreshes_unconfirmed:
                sent = self._refresh_message(placed, step.key, ts)
        if ts is None:
            # Recorded, so that the next process too knows of the first one, if this one is killed.
            conversation.record.await_repeat(step.key, min(sent.repeated_since or step.sent_at, now))
        else:
            self._holds.release(conversation.name, [])
            linked = self._builder.link({step.key: replace(sent, ts=ts)}, placed)
            conversation.record.confirm(linked, conversation.channel)
        return IMMEDIATELY

    def _look_again(self, conversation: Conversation, step: MessageCheck, now: datetime) -> timedelta:
        """Look for a message again after twice the time; the others go on meanwhile."""
        pause = min(max(now - step.sent_at, VERIFY_AFTER), step.sent_at + self._max_lateness - now)
        message = next((message for message in conversation.desired if message.key == step.key), None)
        if message:
            self._holds.hold_until(conversation.name, [message], now + pause)
        return IMMEDIATELY if message else pause

    def find_unrecorded(self, conversation: Conversation, messages: Sequence[Message]) -> timedelta | None:
        """Look for messages that the store may have forgotten, and record those that are in Slack. Return a delay where
        that has changed the record, or must wait; None where the messages are to be sent.
        """
        identity, now = self._read_identity(), self._now()
        self._start_again(identity)
        recorded_at = conversation.recorded_at or now
        looked_for = self._looked_for.get(conversation.name, ())
        keys = [message.key for message in messages if message.key not in looked_for]
        if not keys or not (conversation.is_recovered or identity.is_in_doubt(now)):
            return None
        if messages[0].attachment and identity.may_have_lost(recorded_at):
            # A file cannot be looked for; the button on the card shows the same.
            conversation.record.confirm(self._builder.build(conversation, messages, UNSEEN), conversation.channel)
            return IMMEDIATELY
        if wait := self._limits.get_limit(LOOK_UP):
            return wait
        recovered: dict[str, SentMessage] = {}
        since = max(recorded_at, now - MAX_RECORD_AGE)
        for key in keys:
            copies: list[str] = []
            try:
                with self._limits.record_limit(LOOK_UP):
                    copies = find_messages(self._client, conversation, key, since)
            except SlackRejected as error:
                log.warning("%s: cannot look for %s (%s); it may come twice", conversation.name, key, error.code)
            self._looked_for.setdefault(conversation.name, set()).add(key)
            if copies:  # the oldest has the thread; another may have come, or come yet
                oldest = min(copies, key=float)
                recovered[key] = SentMessage(
                    oldest, "", "", now, repeated_since=since, repeated_at=now, looks_left=LOOKS_AFTER_RECOVERY
                )
            else:  # Slack may show it later: then it has come twice
                self._builder.repeats[conversation.name, key] = since
        if not recovered:
            return None
        log.info("%s: %s are in Slack already", conversation.name, ", ".join(recovered))
        conversation.record.confirm(self._builder.link(recovered, conversation), conversation.channel)
        return IMMEDIATELY

    def _start_again(self, identity: StoreIdentity) -> None:
        """Forget which messages were looked for if the store has changed since: it may have lost the records of what
        was sent after those looks, even if the same state of it has come back before.
        """
        if identity.id != self._store_id:
            self._looked_for.clear()
            self._store_id = identity.id

    def forget(self, name: str) -> None:
        """Forget which messages of a record were looked for: all are sent."""
        self._looked_for.pop(name, None)

    def remove_duplicates(self, conversation: Conversation, step: DuplicateLook) -> timedelta:
        """Delete what has come beside a message that was sent again; record that this was looked for."""
        if wait := self._limits.get_limit(LOOK_UP):
            return wait
        sent = conversation.sent[step.key]
        placed = conversation.move_to(sent.channel)
        recorded = {message.ts for message in conversation.sent.values()}
        try:
            with self._limits.record_limit(LOOK_UP):
                copies = find_messages(self._client, placed, step.key, sent.repeated_since or sent.sent_at)
            for ts in sorted(set(copies) - recorded):
                log.warning("%s: Slack posted %s twice; the bot deletes the later one", conversation.name, step.key)
                delete_message(self._client, placed, ts)
        except SlackRejected as error:
            log.warning("%s: cannot find out if Slack posted %s twice: %s", conversation.name, step.key, error.code)
        conversation.record.confirm({step.key: sent.record_duplicate_look()}, conversation.channel)
        return IMMEDIATELY

    def _refresh_message(self, conversation: Conversation, key: str, ts: str) -> SentMessage:
        """Edit a message that was found; return what it shows: what it was sent with, if Slack refuses the edit."""
        message = next(message for message in conversation.desired if message.key == key)
        try:
            with self._limits.record_limit(EDIT):
                edit_message(self._client, conversation, message, ts, self._charts.build_blocks)
        except SlackRejected as error:
            log.warning("%s: %s stays as it was sent: %s", conversation.name, key, error.code)
            return conversation.sent[key]
        return self._builder.build(conversation, [message], ts)[key]
