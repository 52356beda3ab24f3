"""Keeps one message per cluster without a run up to date, and records what people decide about it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.core.audit import wish_event
from bot.core.clock import has_passed
from bot.core.orphans import Orphan, Standing
from bot.core.pace import Bucket, Turns
from bot.core.posted import Posted
from bot.errors import Unavailable
from bot.language import ENGLISH, speaking
from bot.origin import current_origin
from bot.ports import Now, Record, Store, unrecorded
from bot.slack.answers import answer
from bot.slack.blocks import section
from bot.slack.client import Doubtful, Limited, Refused, sorted_failures
from bot.slack.deliveries import moment, number, value_of
from bot.slack.message import Message, mark_of
from bot.slack.messages import call
from bot.slack.notifier import DOUBT, NOT_THERE, RETRY
from bot.slack.orphans import ADOPT, LEAVE, REMOVE, ends, orphan_message

log = logging.getLogger(__name__)

EVENT = "verlbot_orphan"
"""Type of the metadata by which the bot recognizes an orphan's message."""

WARNING = "verlbot_orphan_ends"
"""Type of the metadata of a warning."""


ADOPT_CLUSTER = "adopt cluster"
"""Name of the act in the audit."""


@dataclass(frozen=True, slots=True)
class Teller:
    """Keeps one Slack message per orphan up to date. Level, not edge: it compares each record with its message in
    Slack.

    Attributes:
        is_leader: whether this process is the leader among those that share the store; only the leader sends.
        wake: starts the next sweep now.
        may_manage: returns Slack's id of the person who pressed a button, given Slack's delivery, the cluster, and
            whether it is to be adopted; raises UserError where that person may not.
        edit_period: time between two edits that change the dollars alone.
        post_bucket: limit of posts in the whole workspace; a first sweep may find many clusters. reservations: its
            turns.
        record_event: writes to the audit.
    """

    store: Store
    client: WebClient
    now: Now
    leads: Callable[[], bool]
    wake: Callable[[], None]
    may_manage: Callable[[dict[str, Any], Standing | None, bool], str]
    language: str = ENGLISH
    period: timedelta = timedelta(minutes=5)
    posts: Bucket = field(default_factory=lambda: Bucket(per_second=1, most=3))
    turns: Turns = field(default_factory=Turns)
    record: Record = unrecorded

    def listen(self, app: App) -> None:
        """Register the listeners of the buttons."""
        app.action(REMOVE)(self.on_remove)
        app.action(LEAVE)(self.on_leave)
        app.action(ADOPT)(self.on_adopt)

    def on_remove(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Record the request to remove the cluster. The message itself shows the request."""
        self._wish("remove cluster", value_of(action), body, Orphan.removal_asked)
        ack()

    def on_leave(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Record the request to leave the cluster alone."""
        self._wish("leave cluster", value_of(action), body, Orphan.left)
        ack()

    def on_adopt(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Record that a person adopts the cluster. The message itself shows the person and the end."""
        orphan_id, _, end = value_of(action).rpartition(" ")
        shown = moment(end) if number(end) else None
        self._wish(ADOPT_CLUSTER, orphan_id, body, lambda orphan, by: orphan.adopted(by, shown, whole(self.now())))
        ack()

    def tell(self) -> timedelta | None:
        """Advance every message by one step. Return the delay until the next pass."""
        if not self.leads():
            return RETRY
        waits = [self._tried(orphan) for orphan in self.store.orphans().values() if orphan.told_at]
        return min((wait for wait in waits if wait is not None), default=None)

    def _wish(self, what: str, orphan_id: str, body: dict[str, Any], wish: Callable[[Orphan, str], Orphan]) -> None:
        """Record what a person wants done with a cluster. A cluster that is gone by then has no record, and nothing is
        done.

        Raises:
            UserError: the person may not.
        """
        known = self.store.orphans().get(orphan_id)
        by = self.may_manage(body, known.standing if known else None, what == ADOPT_CLUSTER)
        changed = self.store.change_orphan(orphan_id, lambda orphan: orphan and wish(orphan, by))
        if changed and changed != known:
            until = changed.adopted_until.isoformat() if changed.adopted_until else None
            after = {"kept_until": until} if what == ADOPT_CLUSTER else {}
            self.record(wish_event(what, changed.standing.name, self.now(), current_origin(), after=after))
        self.wake()

    def _tried(self, orphan: Orphan) -> timedelta | None:
        """Advance one message by one step. A failure is retried, and delays no other message."""
        try:
            return self._step(orphan)
        except Limited as limited:
            return limited.wait
        except (Doubtful, Unavailable) as error:
            log.warning("cluster %s: %s", orphan.standing.name, error)
            return RETRY
        except Refused as error:
            log.error("cluster %s stands, and Slack will not have it said: %s", orphan.standing.name, error.code)
            return RETRY * 60

    def _step(self, orphan: Orphan) -> timedelta | None:
        """Advance one message by one step. Return the delay until the next; None where it is up to date."""
        with speaking(self.language):
            message = orphan_message(orphan, self.now())
        posted = orphan.posted
        if posted is None and orphan.channel and not orphan.gone_at:
            return self._post(orphan, message)
        if posted and posted.ts is None:
            return self._check(orphan, posted)
        if posted and posted.ts:
            steps = [self._warn(orphan, posted.ts), self._edit(orphan, posted, posted.ts, message)]
            if any(wait is not None for wait in steps):
                return min(wait for wait in steps if wait is not None)
        self._settle(orphan)
        return None

    def _settle(self, orphan: Orphan) -> None:
        """Remove the record of a cluster that is gone, and whose message says so."""
        if orphan.gone_at:
            self.store.change_orphan(orphan.id, lambda one: one if one and not one.gone_at else None)

    def _post(self, orphan: Orphan, message: Message) -> timedelta | None:
        """Record that the message is sent, send it, record its id: a crash in between leaves a doubt, not a second
        message.
        """
        if wait := self.turns.wait(orphan.id, self.posts.reserve, self.now()):
            return wait
        self._says(orphan, Posted(None, message.digest, state(orphan), self.now()))
        try:
            response = call(
                self.client.chat_postMessage, channel=orphan.channel, unfurl_links=False, **content(orphan, message)
            )
        except (Refused, Limited):
            self._says(orphan, None)
            raise
        posted = Posted(str(response["ts"]), message.digest, state(orphan), self.now())
        stands_in = str(response["channel"])
        self.store.change_orphan(orphan.id, lambda one: one and one.says(posted).told_in(stands_in))
        return timedelta()

    def _warn(self, orphan: Orphan, above: str) -> timedelta | None:
        """Send the warning of the end in the thread and in the channel, because an edit notifies no person. Return
        None where no warning is due.

        It is sent once, as the message itself: see `_post`. It comes before an edit, which may be for money alone.
        """
        if not orphan.ends_soon(self.now()):
            return None
        if orphan.warned:
            return self._look_for_warning(orphan, orphan.warned, above)
        if wait := self.turns.wait(f"{orphan.id} warning", self.posts.reserve, self.now()):
            return wait
        # The end has changed meanwhile: a person may have postponed it.
        if not self._warned(orphan, None):
            return timedelta()
        try:
            response = call(
                self.client.chat_postMessage,
                channel=orphan.channel,
                thread_ts=above,
                reply_broadcast=True,
                metadata=warning_metadata(orphan),
                **self._warning(orphan),
            )
        except (Refused, Limited):
            self.store.change_orphan(orphan.id, lambda one: one and one.unwarned())
            raise
        self._warned(orphan, str(response["ts"]))
        return timedelta()

    def _warning(self, orphan: Orphan) -> dict[str, Any]:
        with speaking(self.language):
            return answer(ends(orphan), [section(ends(orphan))])

    def _warned(self, orphan: Orphan, ts: str | None) -> bool:
        """Record the warning, with the end that it is about. Return whether that still is the cluster's end: a person
        may have postponed it.
        """
        changed = self.store.change_orphan(
            orphan.id, lambda one: one and (one.warns(ts, self.now()) if one.goes_as(orphan) else one)
        )
        return changed is not None and changed.goes_as(orphan)

    def _look_for_warning(self, orphan: Orphan, sent: Posted, above: str) -> timedelta:
        """Look whether a warning of unknown fate has arrived; if not, it is sent again.

        Where the bot may not look, it counts as sent: the message above says the same, and a channel must not be
        notified every few seconds for an hour.
        """
        if not has_passed(DOUBT, sent.at, self.now()):
            return sent.at + DOUBT - self.now()
        try:
            ts = self._found_in(self.client.conversations_replies, warning_metadata(orphan), orphan, ts=above)
        except Refused:
            # Any id that is not None marks the warning as sent.
            ts = above
        if ts:
            self._warned(orphan, ts)
        else:
            self.store.change_orphan(orphan.id, lambda one: one and one.unwarned())
        return timedelta()

    def _edit(self, orphan: Orphan, posted: Posted, ts: str, message: Message) -> timedelta | None:
        """Edit the message: at once where more than the dollars has changed. Return None where nothing has."""
        if posted.digest == message.digest:
            return None
        urgent = state(orphan)
        due = posted.at + self.period
        if urgent == posted.urgent and not has_passed(self.period, posted.at, self.now()):
            return due - self.now()
        try:
            call(self.client.chat_update, channel=orphan.channel, ts=ts, **content(orphan, message))
        except Refused as error:
            # A message that no longer exists, or can no longer be edited, is sent again.
            if error.code not in NOT_THERE:
                raise
            self._says(orphan, None)
            return timedelta()
        self._says(orphan, Posted(ts, message.digest, urgent, self.now()))
        return timedelta()

    def _check(self, orphan: Orphan, posted: Posted) -> timedelta | None:
        """Look whether a message of unknown fate has arrived; where the bot cannot see that, it is sent again."""
        if not has_passed(DOUBT, posted.at, self.now()):
            return posted.at + DOUBT - self.now()
        try:
            ts = self._found(orphan, posted)
        except Refused:
            ts = None
        self._says(orphan, Posted(ts, posted.digest, posted.urgent, posted.at) if ts else None)
        return timedelta()

    def _found(self, orphan: Orphan, posted: Posted) -> str | None:
        """Return Slack's id of the message; None where the channel does not have it."""
        oldest = str((posted.at - timedelta(hours=6)).timestamp())
        return self._found_in(self.client.conversations_history, metadata(orphan), orphan, oldest=oldest)

    def _found_in(self, read: Callable[..., Any], wanted: dict[str, Any], orphan: Orphan, **where: str) -> str | None:
        """Return Slack's id of the message with this metadata among those of the channel, or of a thread in it."""
        with sorted_failures():
            pages = read(channel=orphan.channel, limit=200, include_all_metadata=True, **where)
            messages = [message for page in pages for message in page["messages"]]
        return next((str(one["ts"]) for one in messages if (one.get("metadata") or {}) == wanted), None)

    def _says(self, orphan: Orphan, posted: Posted | None) -> None:
        self.store.change_orphan(orphan.id, lambda one: one and one.says(posted))


def state(orphan: Orphan) -> str:
    """Return the part of a record whose change is shown at once."""
    wishes = (orphan.remove_by, orphan.left_by, orphan.adopted_until, orphan.downed_at is None)
    return "|".join(map(str, (*wishes, orphan.trouble, orphan.gone_at, orphan.claim)))


def whole(now: datetime) -> datetime:
    """Return a time without its fraction of a second, as a button can carry it."""
    return now.replace(microsecond=0)


def metadata(orphan: Orphan) -> dict[str, Any]:
    """Return the metadata of an orphan's message."""
    return {"event_type": EVENT, "event_payload": {"cluster": mark_of(orphan.id)}}


def warning_metadata(orphan: Orphan) -> dict[str, Any]:
    """Return the metadata of a warning, which name the end that it is about."""
    payload = {"cluster": mark_of(orphan.id), "removed_at": str(orphan.adopted_until)}
    return {"event_type": WARNING, "event_payload": payload}


def content(orphan: Orphan, message: Message) -> dict[str, Any]:
    """Return the text, blocks and metadata of a message, as Slack's methods take them."""
    return {"text": message.text, "blocks": list(message.blocks), "metadata": metadata(orphan)}
