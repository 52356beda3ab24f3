"""Brings Slack up to date with the runs' records, at its own pace: nothing here delays a tick."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock

from slack_sdk import WebClient

from bot.core.clock import has_passed
from bot.core.pace import FairBucket
from bot.core.posted import Posted
from bot.core.run import Run
from bot.core.status import Status
from bot.errors import Unavailable, UnreadableRecord
from bot.isolation import report_once
from bot.language import ENGLISH, speaking
from bot.ports import Now, Store
from bot.precedence import Precedence
from bot.slack import messages
from bot.slack.channels import Channels
from bot.slack.client import Doubtful, Limited, Refused
from bot.slack.files import Upload, into_thread
from bot.slack.gallery import Gallery
from bot.slack.gap import Check, Edit, Post, Wait, next_step
from bot.slack.message import CARD, Message
from bot.slack.messages import channel_of
from bot.slack.views import conversation

log = logging.getLogger(__name__)

EDITS_PER_SECOND, URGENT_EDITS_PER_SECOND, EDITS_AT_ONCE = 24 / 60, 16 / 60, 5
"""Limits of edits, as rates and as a burst. Slack allows 50 edits a minute in a workspace; the two bursts of a busy
minute are counted in. A part of the rate is reserved for edits that show a change of state."""

POST, EDIT, URGENT_EDIT = "post", "edit", "urgent edit"
"""Kinds of calls that a run may have to wait for."""

DOUBT = timedelta(seconds=3)
"""Time after a message of unknown fate before the bot looks for it: it may still be on its way."""

RETRY = timedelta(seconds=5)
"""Delay after a failure that may pass by itself."""

LOOK_AGAIN = timedelta(seconds=60)
"""Delay after a pass in which a run had nothing to send."""

RUNS_PER_TURN = 100

FILED = "file"
"""Placeholder for Slack's id of a message: Slack reports none for a file."""

NO_ENTRY = {
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "no_permission",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel",
}
"""Slack's error codes for a channel that the bot may not post in. The run's messages then go to a direct message."""

NOT_THERE = {"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"}
"""Slack's error codes for a message that no longer exists, or can no longer be edited."""

NO_RIGHT = {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope"}
"""Slack's error codes that only the person who installed the bot can fix."""


class SlackNotifier:
    """Keeps one card and one thread per run up to date. Level, not edge: it compares a run with its messages in Slack,
    and makes one step at a time.

    Args:
        is_leader: whether this process is the leader among those that share the store; only the leader sends.
        card_period: time between two edits of a card that are not urgent.
        wake: starts the next pass now.
        chart_publisher: shows charts as this workspace takes them.
        language: of all messages about runs.
        rate_limiter: the limit of posts per channel, shared by all senders.
        render_task: returns the exact task of a run as YAML, for a file.
    """

    def __init__(
        self,
        store: Store,
        client: WebClient,
        now: Now,
        leads: Callable[[], bool],
        card_period: timedelta,
        wake: Callable[[], None],
        precedence: Precedence,
        gallery: Gallery,
        language: str = ENGLISH,
        channels: Channels | None = None,
        render_task: Callable[[Run], str] = lambda run: "",
    ) -> None:
        self._render_task = render_task
        self._language = language
        self._precedence = precedence
        self._gallery = gallery
        self._store = store
        self._client = client
        self._now = now
        self._leads = leads
        self._card_period = card_period
        self._wake = wake
        self._lock = Lock()
        self._due: dict[str, datetime] = {}
        self._channels = channels or Channels()
        self._edits = FairBucket(EDITS_PER_SECOND, EDITS_AT_ONCE)
        self._urgent_edits = FairBucket(URGENT_EDITS_PER_SECOND, EDITS_AT_ONCE)
        self._reserved: dict[tuple[str, str], datetime] = {}
        self._held: dict[str, datetime] = {}
        self._mute_until: datetime | None = None
        self._started = False

    def show(self, runs: Iterable[Run]) -> None:
        """Schedule these changed runs for the next pass."""
        now = self._now()
        with self._lock:
            self._due.update({run.id: now for run in runs})
        self._wake()

    def speak(self) -> timedelta | None:
        """Advance every due run by one step. Return the delay until the next pass."""
        if not self._leads():
            self._started = False
            return RETRY
        if not self._started:
            # An earlier process may have left messages unsent.
            self.show(self._store.open())
            self._started = True
        now = self._now()
        if self._mute_until and now < self._mute_until:
            return self._mute_until - now
        for run_id in self._turn(now):
            self._precedence.give_way()
            self._bring(run_id)
        return self._next_turn()

    def _turn(self, now: datetime) -> list[str]:
        """Return the runs that are due, those that have waited longest first, and remove them from the schedule."""
        with self._lock:
            due = sorted((at, run_id) for run_id, at in self._due.items() if at <= now)[:RUNS_PER_TURN]
            for _, run_id in due:
                del self._due[run_id]
        return [run_id for _, run_id in due]

    def _next_turn(self) -> timedelta | None:
        """Return the delay until the next run is due; None where none is scheduled."""
        with self._lock:
            first = min(self._due.values(), default=None)
        return max(first - self._now(), timedelta()) if first else None

    def _again(self, run_id: str, wait: timedelta = timedelta()) -> None:
        """Schedule the run after this wait, unless it is due sooner."""
        at = self._now() + wait
        with self._lock:
            self._due[run_id] = min(at, self._due.get(run_id, at))

    def _bring(self, run_id: str) -> None:
        """Advance one run by one step. A failure is retried, and delays no other run for long."""
        turn = self._reserved.get((run_id, POST))
        # A post comes before anything else, so there is nothing to do until its turn.
        if turn and turn > self._now():
            self._again(run_id, turn - self._now())
            return
        try:
            if run := self._store.get(run_id):
                self._step(run)
        except Limited as limited:
            log.info("run %s: Slack asks to wait %s", run_id, limited.wait)
            self._again(run_id, min(limited.wait, RETRY))
        except (Doubtful, Unavailable) as error:
            log.warning("run %s: %s", run_id, error)
            self._again(run_id, RETRY)
        except UnreadableRecord as error:  # there is nothing to show; the announcer reports it
            log.error("run %s: %s", run_id, error)
        except Exception as error:
            report_once(f"run {run_id}: speaking failed", error)
            self._again(run_id, RETRY * 6)

    @contextmanager
    def _limits(self, what: str) -> Iterator[None]:
        """Record until when Slack limits this kind of call. Slack limits each method by itself, so other kinds
        continue.
        """
        try:
            yield
        except Limited as limited:
            self._held[what] = self._now() + limited.wait
            raise

    def _step(self, run: Run) -> None:
        """Make the next step for one run: post, edit, verify or wait."""
        now = self._now()
        log = self._store.log(run.id)
        with speaking(self._language):
            wanted = conversation(run, now, log)
        step = next_step(run, wanted, now, self._card_period)
        match step:
            case None:
                if run.status is not Status.ENDED:
                    self._again(run.id, LOOK_AGAIN)  # a warning may become due by time alone
                    return
                # Ended, and every message is sent: nothing can change any more.
                self._store.settle(run.id)
                self._reserved = {key: at for key, at in self._reserved.items() if key[0] != run.id}
            case Wait(until):
                self._again(run.id, until - now)
            case Check(key, sent_at):
                self._check(run, key, sent_at)
            case Post(messages) if wait := self._prepared(messages):
                self._again(run.id, wait)
            case Post() if step.messages[0].attachment:
                self._attach(run, step)
            case Post():
                self._post(run, step)
            case Edit(message) if wait := self._prepared([message]):
                self._again(run.id, wait)
            case Edit():
                self._edit(run, step)

    def _prepared(self, messages: Sequence[Message]) -> timedelta:
        """Return how long to wait until these messages can be sent: not at all, unless they show new pictures."""
        with speaking(self._language):
            return self._gallery.prepare(messages)

    def _post(self, run: Run, step: Post) -> None:
        """Record that the messages are sent, send them, record their id: a crash in between leaves a doubt, not a
        second message.
        """
        if not self._may_post(run):
            return
        run = self._store.update(run.id, lambda run: marked(run, step, None, self._now()))
        try:
            with self._limits(POST):
                ts, stands_in = messages.send(self._client, run, step, self._gallery.blocks)
        except (Refused, Limited) as error:
            self._store.update(run.id, lambda run: unmarked(run, step))
            if isinstance(error, Limited):
                raise
            self._refused(run, error.code, CARD, step.messages)
            return
        if step.is_card:
            # A command in the card's thread finds its run by this.
            self._store.mark(stands_in, ts, run.id)
        self._store.update(run.id, lambda run: marked(run, step, ts, self._now()).stands_in(stands_in))
        self._again(run.id)

    def _attach(self, run: Run, step: Post) -> None:
        """Upload a file into the thread, once. Whether a file of unknown fate has arrived cannot be seen; it counts as
        sent.

        Where the bot may not upload, the button on the card shows the same.
        """
        if not self._may_post(run):
            return
        self._store.update(run.id, lambda run: marked(run, step, FILED, self._now()))
        upload = Upload(f"{run.id}.yaml", step.messages[0].text, self._render_task(run))
        into_thread(self._client, run, upload)
        self._again(run.id)

    def _may_post(self, run: Run) -> bool:
        """Return whether the run may post now; else schedule it for its turn in its channel."""
        now = self._now()
        at = self._reserved.pop((run.id, POST), None) or self._channels.reserve(channel_of(run), now)
        at = max(at, self._held.get(POST, at))
        if at <= now:
            return True
        self._reserved[run.id, POST] = at
        self._again(run.id, at - now)
        return False

    def _may_edit(self, run: Run, what: str, bucket: FairBucket) -> bool:
        """Return whether the run may edit now; else schedule it. All channels share this limit, in turns."""
        now = self._now()
        held = self._held.get(what, now)
        wait = held - now if held > now else bucket.wait(run.id, channel_of(run), now)
        if wait:
            self._again(run.id, wait)
        return not wait

    def _edit(self, run: Run, step: Edit) -> None:
        """Edit a message, and record what it shows."""
        what, bucket = (URGENT_EDIT, self._urgent_edits) if step.urgent else (EDIT, self._edits)
        if not self._may_edit(run, what, bucket):
            return
        message = step.message
        try:
            with self._limits(EDIT), self._limits(URGENT_EDIT):
                messages.edit(self._client, run, step, self._gallery.blocks)
        except Refused as error:
            self._refused(run, error.code, message.key, [message])
            return
        self._store.update(run.id, lambda run: run.said(message.key, posted(message, step.ts, self._now())))
        self._again(run.id)

    def _check(self, run: Run, key: str, sent_at: datetime) -> None:
        """Look whether a message of unknown fate has arrived; where the bot cannot see that, send it again."""
        if not has_passed(DOUBT, sent_at, self._now()):
            self._again(run.id, sent_at + DOUBT - self._now())
            return
        try:
            found = messages.find(self._client, run, key)
        except Refused as error:
            log.warning("run %s: cannot look for %s (%s); it may come twice", run.id, key, error.code)
            found = None
        if found and key == CARD:
            self._store.mark(channel_of(run), found, run.id)
        self._store.update(run.id, lambda run: run.found(key, found) if found else run.unsaid(key))
        self._again(run.id)

    def _refused(self, run: Run, code: str, key: str, said: Sequence[Message]) -> None:
        """Respond to a refusal with another channel, shape or time. `key` names the message that is missing then."""
        log.warning("run %s: Slack refuses: %s", run.id, code)
        if code in NO_ENTRY and run.thread_channel != run.requester:
            # A user's id as the channel makes Slack open a direct message.
            self._store.update(run.id, lambda run: run.unsaid(CARD).stands_in(run.requester))
            self._again(run.id)
        elif code in NOT_THERE:
            self._store.update(run.id, lambda run: run.unsaid(key))
            self._again(run.id)
        elif code in messages.MALFORMED:
            self._gallery.refused(said)
            self._again(run.id)
        else:
            if code in NO_RIGHT:
                log.error("Slack does not let the bot speak: %s. `verlbot manifest` prints the rights it needs.", code)
                self._mute_until = self._now() + RETRY * 6
            self._again(run.id, RETRY * 6)


def posted(message: Message, ts: str | None, now: datetime) -> Posted:
    """Return the record of a message that was sent; `ts` is None while its fate is unknown."""
    return Posted(ts, message.digest, message.urgent, now)


def marked(run: Run, step: Post, ts: str | None, now: datetime) -> Run:
    """Return the run with these messages recorded as sent."""
    for message in step.messages:
        run = run.said(message.key, posted(message, ts, now))
    return run


def unmarked(run: Run, step: Post) -> Run:
    """Return the run with these messages recorded as not sent."""
    for message in step.messages:
        run = run.unsaid(message.key)
    return run
