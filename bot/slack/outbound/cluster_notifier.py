"""Keeps one message per cluster without a run up to date, and records what people decide about it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from slack_bolt import Ack, App

from bot.app.ports import EventRecorder, Now, discard_event
from bot.app.store_ports import OrphanStore
from bot.core.model.audit import build_request_event
from bot.core.model.orphan import ListedCluster, Orphan
from bot.core.model.sent_message import SentMessage
from bot.runtime.request_origin import get_origin
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.outbox import RETRY_AFTER, Outbox
from bot.slack.payloads import parse_number, parse_time, read_value
from bot.slack.views.cluster_views import (
    ADOPT,
    LEAVE,
    ORPHAN,
    REMOVE,
    build_orphan_messages,
    name_removal_warning,
)

ADOPT_CLUSTER = "adopt cluster"
"""Name of the act in the audit."""


@dataclass(frozen=True, slots=True)
class OrphanNotifier:
    """Keeps one Slack message per orphan up to date. Level, not edge: it compares each record with its message in
    Slack.

    Attributes:
        is_leader: whether this process is the leader among those that share the store; only the leader sends.
        wake: starts the next sweep now.
        may_manage: returns Slack's id of the person who pressed a button, given Slack's delivery, the cluster, and
            whether it is to be adopted; raises UserError where that person may not.
        edit_period: time between two edits that change the dollars alone.
        record_event: writes to the audit.
    """

    store: OrphanStore
    outbox: Outbox
    now: Now
    is_leader: Callable[[], bool]
    wake: Callable[[], None]
    may_manage: Callable[[dict[str, Any], ListedCluster | None, bool], str]
    edit_period: timedelta = timedelta(minutes=5)
    record_event: EventRecorder = discard_event

    def listen(self, app: App) -> None:
        """Register the listeners of the buttons."""
        app.action(REMOVE)(self.on_remove)
        app.action(LEAVE)(self.on_leave)
        app.action(ADOPT)(self.on_adopt)

    def on_remove(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Record the request to remove the cluster. The message itself shows the request."""
        self._record_request("remove cluster", read_value(action), body, Orphan.request_removal)
        ack()

    def on_leave(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Record the request to leave the cluster alone."""
        self._record_request("leave cluster", read_value(action), body, Orphan.leave_alone)
        ack()

    def on_adopt(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Record that a person adopts the cluster. The message itself shows the person and the end."""
        orphan_id, _, end = read_value(action).rpartition(" ")
        shown_end = parse_time(end) if parse_number(end) else None
        self._record_request(
            ADOPT_CLUSTER,
            orphan_id,
            body,
            lambda orphan, by: orphan.adopt(by, shown_end, truncate_to_second(self.now())),
        )
        ack()

    def sync(self) -> timedelta | None:
        """Advance every message by one step. Return the delay until the next pass."""
        if not self.is_leader():
            return RETRY_AFTER
        waits = [
            self.outbox.attempt(name_cluster(orphan), partial(self._advance, orphan))
            for orphan in self.store.get_orphans().values()
            if orphan.reported_at
        ]
        return min((wait for wait in waits if wait is not None), default=None)

    def _record_request(
        self, action: str, orphan_id: str, body: dict[str, Any], change: Callable[[Orphan, str], Orphan]
    ) -> None:
        """Record what a person wants done with a cluster. A cluster that is gone by then has no record, and nothing is
        done.

        Raises:
            UserError: the person may not.
        """
        current = self.store.get_orphans().get(orphan_id)
        by = self.may_manage(body, current.cluster if current else None, action == ADOPT_CLUSTER)
        changed = self.store.change_orphan(orphan_id, lambda orphan: orphan and change(orphan, by))
        if changed and changed != current:
            until = changed.adopted_until.isoformat() if changed.adopted_until else None
            after = {"kept_until": until} if action == ADOPT_CLUSTER else {}
            self.record_event(build_request_event(action, changed.cluster.name, self.now(), get_origin(), after=after))
        self.wake()

    def _advance(self, orphan: Orphan) -> timedelta | None:
        """Advance one cluster's messages by one step. Return the delay until the next; None where they are up to
        date.
        """
        wait = self.outbox.advance(self._build_conversation(orphan))
        if wait is None and orphan.gone_at:
            # Its message says that it is gone, so its record is not needed any more.
            self.store.change_orphan(orphan.id, lambda current: current if current and not current.gone_at else None)
            self.outbox.forget(name_cluster(orphan))
        return wait

    def _build_conversation(self, orphan: Orphan) -> Conversation:
        """Return the message about a cluster, and the warning of its end, which comes in the thread and in the channel
        because an edit notifies no person.
        """
        is_shown = orphan.sent_message or (orphan.channel and not orphan.gone_at)
        return Conversation(
            name=name_cluster(orphan),
            identity={"cluster": orphan.id},
            channel=orphan.channel,
            desired=build_orphan_messages(orphan, self.now()) if is_shown else [],
            sent=list_sent(orphan),
            record=OrphanMessageRecord(self.store, orphan),
            fallback_user=orphan.adopted_by or orphan.owner,
            edit_period=self.edit_period,
            recorded_at=orphan.first_seen_at,
            # The message above says the same, and a channel must not be notified every few seconds for an hour.
            once_keys={name_removal_warning(orphan)},
        )


@dataclass(frozen=True, slots=True)
class OrphanMessageRecord:
    """Stores in the record of a cluster which of its messages were sent."""

    store: OrphanStore
    orphan: Orphan

    def begin(self, sent: Mapping[str, SentMessage]) -> bool:
        """Record a message that is about to be sent; return False if it must not be, because a person has postponed
        the end meanwhile, or the record is gone.
        """
        changed = self._change(
            lambda orphan: self._with_sent(orphan, sent) if self._must_send(orphan, sent) else orphan
        )
        recorded = list_sent(changed) if changed else {}
        return all(
            key in recorded and (recorded[key].ts, recorded[key].sent_at) == (message.ts, message.sent_at)
            for key, message in sent.items()
        )

    def confirm(self, sent: Mapping[str, SentMessage], channel: str) -> None:
        """Record a message that is in Slack."""
        self._change(lambda orphan: self._with_sent(orphan, sent).with_channel(channel))

    def withdraw(self, keys: Collection[str]) -> None:
        """Record that a message is not in Slack."""
        self._change(lambda orphan: orphan.with_sent_message(None) if ORPHAN in keys else orphan.clear_warning())

    def await_repeat(self, key: str, since: datetime) -> None:
        """Record that a message is to be sent again; of a warning, that it is not in Slack."""
        if key != ORPHAN:
            self.withdraw([key])
            return
        self._change(
            lambda orphan: orphan.with_sent_message(orphan.sent_message and orphan.sent_message.await_repeat(since))
        )

    def redirect(self, user: str, edited_keys: Collection[str]) -> None:
        """Record that the message begins again in a direct message."""
        self._change(lambda orphan: orphan.with_sent_message(None).with_channel(user))

    @staticmethod
    def _must_send(orphan: Orphan, sent: Mapping[str, SentMessage]) -> bool:
        """Return whether none of these messages was sent, or each of them must be sent again."""
        return all(message.must_repeat for key, message in list_sent(orphan).items() if key in sent)

    def _with_sent(self, orphan: Orphan, sent: Mapping[str, SentMessage]) -> Orphan:
        """Return the record with a sent message; a warning counts for the end that it is about alone."""
        for key, message in sent.items():
            if key == ORPHAN:
                orphan = orphan.with_sent_message(message)
            elif orphan.has_same_deadline(self.orphan):
                orphan = orphan.record_warning(message.ts, message.sent_at, message.channel)
        return orphan

    def _change(self, change: Callable[[Orphan], Orphan]) -> Orphan | None:
        return self.store.change_orphan(self.orphan.id, lambda current: current and change(current))


def list_sent(orphan: Orphan) -> dict[str, SentMessage]:
    """Return the messages about a cluster that were sent, by key: the warning of its present end alone."""
    messages = {ORPHAN: orphan.sent_message, name_removal_warning(orphan): orphan.current_warning}
    return {key: message for key, message in messages.items() if message}


def name_cluster(orphan: Orphan) -> str:
    """Return a cluster's name for the outbox and the log."""
    return f"cluster {orphan.cluster.name} ({orphan.id})"


def truncate_to_second(now: datetime) -> datetime:
    """Return a time without its fraction of a second, as a button can carry it."""
    return now.replace(microsecond=0)
