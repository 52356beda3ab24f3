"""Brings Slack up to date with the runs' records, at its own pace: nothing here delays a tick."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock

from slack_sdk import WebClient

from bot.app.ports import Now, Store
from bot.app.rate_limits import InteractivePriority
from bot.core.model.bot_clock import has_passed
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.model.sent_message import SentMessage
from bot.core.model.token_bucket import FairTokenBucket
from bot.errors import Unavailable, UnreadableRecord
from bot.i18n import use_language
from bot.phrase import ENGLISH
from bot.runtime.failure_isolation import report_once
from bot.slack.outbound import outbox
from bot.slack.outbound.chart_publisher import ChartPublisher, upload_to_thread
from bot.slack.outbound.outbox import MessageCheck, MessageEdit, MessagePost, MessageWait, find_next_step, get_channel
from bot.slack.outbound.web_client import ChannelRateLimiter, SlackRateLimited, SlackRejected, SlackUncertain
from bot.slack.views.message import CARD, FileUpload, Message
from bot.slack.views.run_thread import build_conversation

log = logging.getLogger(__name__)

EDITS_PER_SECOND, URGENT_EDITS_PER_SECOND, EDITS_AT_ONCE = 24 / 60, 16 / 60, 5
"""Limits of edits, as rates and as a burst. Slack allows 50 edits a minute in a workspace; the two bursts of a busy
minute are counted in. A part of the rate is reserved for edits that show a change of state."""

POST, EDIT, URGENT_EDIT = "post", "edit", "urgent edit"
"""Kinds of calls that a run may have to wait for."""

VERIFY_AFTER = timedelta(seconds=3)
"""Time after a message of unknown fate before the bot looks for it: it may still be on its way."""

RETRY_AFTER = timedelta(seconds=5)
"""Delay after a failure that may pass by itself."""

RECHECK_AFTER = timedelta(seconds=60)
"""Delay after a pass in which a run had nothing to send."""

MAX_RUNS_PER_PASS = 100

FILE_PLACEHOLDER = "file"
"""Placeholder for Slack's id of a message: Slack reports none for a file."""

NO_ENTRY_CODES = {
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "no_permission",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel",
}
"""Slack's error codes for a channel that the bot may not post in. The run's messages then go to a direct message."""

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


class RunNotifier:
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
        is_leader: Callable[[], bool],
        card_period: timedelta,
        wake: Callable[[], None],
        priority: InteractivePriority,
        chart_publisher: ChartPublisher,
        language: str = ENGLISH,
        rate_limiter: ChannelRateLimiter | None = None,
        render_task: Callable[[Run], str] = lambda run: "",
    ) -> None:
        self._render_task = render_task
        self._language = language
        self._priority = priority
        self._chart_publisher = chart_publisher
        self._store = store
        self._client = client
        self._now = now
        self._is_leader = is_leader
        self._card_period = card_period
        self._wake = wake
        self._lock = Lock()
        self._due_times: dict[str, datetime] = {}
        self._rate_limiter = rate_limiter or ChannelRateLimiter()
        self._edit_bucket = FairTokenBucket(EDITS_PER_SECOND, EDITS_AT_ONCE)
        self._urgent_edit_bucket = FairTokenBucket(URGENT_EDITS_PER_SECOND, EDITS_AT_ONCE)
        self._reserved_turns: dict[tuple[str, str], datetime] = {}
        self._limited_until: dict[str, datetime] = {}
        self._mute_until: datetime | None = None
        self._has_started = False

    def show(self, runs: Iterable[Run]) -> None:
        """Schedule these changed runs for the next pass."""
        now = self._now()
        with self._lock:
            self._due_times.update({run.id: now for run in runs})
        self._wake()

    def sync(self) -> timedelta | None:
        """Advance every due run by one step. Return the delay until the next pass."""
        if not self._is_leader():
            self._has_started = False
            return RETRY_AFTER
        if not self._has_started:
            # An earlier process may have left messages unsent.
            self.show(self._store.list_open_runs())
            self._has_started = True
        now = self._now()
        if self._mute_until and now < self._mute_until:
            return self._mute_until - now
        for run_id in self._take_due_runs(now):
            self._priority.yield_to_interactive()
            self._sync_run(run_id)
        return self._get_next_delay()

    def _take_due_runs(self, now: datetime) -> list[str]:
        """Return the runs that are due, those that have waited longest first, and remove them from the schedule."""
        with self._lock:
            due = sorted((at, run_id) for run_id, at in self._due_times.items() if at <= now)[:MAX_RUNS_PER_PASS]
            for _, run_id in due:
                del self._due_times[run_id]
        return [run_id for _, run_id in due]

    def _get_next_delay(self) -> timedelta | None:
        """Return the delay until the next run is due; None where none is scheduled."""
        with self._lock:
            next_due = min(self._due_times.values(), default=None)
        return max(next_due - self._now(), timedelta()) if next_due else None

    def _schedule(self, run_id: str, wait: timedelta = timedelta()) -> None:
        """Schedule the run after this wait, unless it is due sooner."""
        at = self._now() + wait
        with self._lock:
            self._due_times[run_id] = min(at, self._due_times.get(run_id, at))

    def _sync_run(self, run_id: str) -> None:
        """Advance one run by one step. A failure is retried, and delays no other run for long."""
        turn = self._reserved_turns.get((run_id, POST))
        # A post comes before anything else, so there is nothing to do until its turn.
        if turn and turn > self._now():
            self._schedule(run_id, turn - self._now())
            return
        try:
            if run := self._store.get(run_id):
                self._advance(run)
        except SlackRateLimited as limited:
            log.info("run %s: Slack asks to wait %s", run_id, limited.retry_after)
            self._schedule(run_id, min(limited.retry_after, RETRY_AFTER))
        except (SlackUncertain, Unavailable) as error:
            log.warning("run %s: %s", run_id, error)
            self._schedule(run_id, RETRY_AFTER)
        except UnreadableRecord as error:  # there is nothing to show; the announcer reports it
            log.error("run %s: %s", run_id, error)
        except Exception as error:
            report_once(f"run {run_id}: speaking failed", error)
            self._schedule(run_id, RETRY_AFTER * 6)

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

    def _advance(self, run: Run) -> None:
        """Make the next step for one run: post, edit, verify or wait."""
        now = self._now()
        log = self._store.get_log(run.id)
        with use_language(self._language):
            desired = build_conversation(run, now, log)
        step = find_next_step(run, desired, now, self._card_period)
        match step:
            case None:
                if run.status is not RunStatus.ENDED:
                    self._schedule(run.id, RECHECK_AFTER)  # a warning may become due by time alone
                    return
                # Ended, and every message is sent: nothing can change any more.
                self._store.archive(run.id)
                self._reserved_turns = {key: at for key, at in self._reserved_turns.items() if key[0] != run.id}
            case MessageWait(until):
                self._schedule(run.id, until - now)
            case MessageCheck(key, sent_at):
                self._verify_sent(run, key, sent_at)
            case MessagePost(messages) if wait := self._prepare_charts(messages):
                self._schedule(run.id, wait)
            case MessagePost() if step.messages[0].attachment:
                self._upload_attachment(run, step)
            case MessagePost():
                self._post(run, step)
            case MessageEdit(message) if wait := self._prepare_charts([message]):
                self._schedule(run.id, wait)
            case MessageEdit():
                self._edit(run, step)

    def _prepare_charts(self, messages: Sequence[Message]) -> timedelta:
        """Return how long to wait until these messages can be sent: not at all, unless they show new pictures."""
        with use_language(self._language):
            return self._chart_publisher.prepare_charts(messages)

    def _post(self, run: Run, step: MessagePost) -> None:
        """Record that the messages are sent, send them, record their id: a crash in between leaves a doubt, not a
        second message.
        """
        if not self._may_post(run):
            return
        run = self._store.update(run.id, lambda run: with_sent(run, step, None, self._now()))
        try:
            with self._record_limit(POST):
                ts, channel = outbox.send(self._client, run, step, self._chart_publisher.build_blocks)
        except (SlackRejected, SlackRateLimited) as error:
            self._store.update(run.id, lambda run: without_sent(run, step))
            if isinstance(error, SlackRateLimited):
                raise
            self._handle_refusal(run, error.code, CARD, step.messages)
            return
        if step.is_card:
            # A command in the card's thread finds its run by this.
            self._store.link_card(channel, ts, run.id)
        self._store.update(run.id, lambda run: with_sent(run, step, ts, self._now()).move_thread(channel))
        self._schedule(run.id)

    def _upload_attachment(self, run: Run, step: MessagePost) -> None:
        """Upload a file into the thread, once. Whether a file of unknown fate has arrived cannot be seen; it counts as
        sent.

        Where the bot may not upload, the button on the card shows the same.
        """
        if not self._may_post(run):
            return
        self._store.update(run.id, lambda run: with_sent(run, step, FILE_PLACEHOLDER, self._now()))
        upload = FileUpload(f"{run.id}.yaml", step.messages[0].text, self._render_task(run))
        upload_to_thread(self._client, run, upload)
        self._schedule(run.id)

    def _may_post(self, run: Run) -> bool:
        """Return whether the run may post now; else schedule it for its turn in its channel."""
        now = self._now()
        at = self._reserved_turns.pop((run.id, POST), None) or self._rate_limiter.reserve_post(get_channel(run), now)
        at = max(at, self._limited_until.get(POST, at))
        if at <= now:
            return True
        self._reserved_turns[run.id, POST] = at
        self._schedule(run.id, at - now)
        return False

    def _may_edit(self, run: Run, kind: str, bucket: FairTokenBucket) -> bool:
        """Return whether the run may edit now; else schedule it. All channels share this limit, in turns."""
        now = self._now()
        limited_until = self._limited_until.get(kind, now)
        wait = limited_until - now if limited_until > now else bucket.acquire(run.id, get_channel(run), now)
        if wait:
            self._schedule(run.id, wait)
        return not wait

    def _edit(self, run: Run, step: MessageEdit) -> None:
        """Edit a message, and record what it shows."""
        kind, bucket = (URGENT_EDIT, self._urgent_edit_bucket) if step.is_urgent else (EDIT, self._edit_bucket)
        if not self._may_edit(run, kind, bucket):
            return
        message = step.message
        try:
            with self._record_limit(EDIT), self._record_limit(URGENT_EDIT):
                outbox.edit(self._client, run, step, self._chart_publisher.build_blocks)
        except SlackRejected as error:
            self._handle_refusal(run, error.code, message.key, [message])
            return
        self._store.update(
            run.id, lambda run: run.record_sent_message(message.key, make_sent_message(message, step.ts, self._now()))
        )
        self._schedule(run.id)

    def _verify_sent(self, run: Run, key: str, sent_at: datetime) -> None:
        """Look whether a message of unknown fate has arrived; where the bot cannot see that, send it again."""
        if not has_passed(VERIFY_AFTER, sent_at, self._now()):
            self._schedule(run.id, sent_at + VERIFY_AFTER - self._now())
            return
        try:
            ts = outbox.find(self._client, run, key)
        except SlackRejected as error:
            log.warning("run %s: cannot look for %s (%s); it may come twice", run.id, key, error.code)
            ts = None
        if ts and key == CARD:
            self._store.link_card(get_channel(run), ts, run.id)
        self._store.update(run.id, lambda run: run.confirm_message(key, ts) if ts else run.record_lost_message(key))
        self._schedule(run.id)

    def _handle_refusal(self, run: Run, code: str, key: str, refused_messages: Sequence[Message]) -> None:
        """Respond to a refusal with another channel, shape or time. `key` names the message that is missing then."""
        log.warning("run %s: Slack refuses: %s", run.id, code)
        if code in NO_ENTRY_CODES and run.thread_channel != run.requester:
            # A user's id as the channel makes Slack open a direct message.
            self._store.update(run.id, lambda run: run.record_lost_message(CARD).move_thread(run.requester))
            self._schedule(run.id)
        elif code in MISSING_MESSAGE_CODES:
            self._store.update(run.id, lambda run: run.record_lost_message(key))
            self._schedule(run.id)
        elif code in outbox.MALFORMED_CODES:
            self._chart_publisher.record_rejection(refused_messages)
            self._schedule(run.id)
        else:
            if code in NO_PERMISSION_CODES:
                log.error("Slack does not let the bot speak: %s. `verlbot manifest` prints the rights it needs.", code)
                self._mute_until = self._now() + RETRY_AFTER * 6
            self._schedule(run.id, RETRY_AFTER * 6)


def make_sent_message(message: Message, ts: str | None, now: datetime) -> SentMessage:
    """Return the record of a message that was sent; `ts` is None while its fate is unknown."""
    return SentMessage(ts, message.digest, message.urgent, now)


def with_sent(run: Run, step: MessagePost, ts: str | None, now: datetime) -> Run:
    """Return the run with these messages recorded as sent."""
    for message in step.messages:
        run = run.record_sent_message(message.key, make_sent_message(message, ts, now))
    return run


def without_sent(run: Run, step: MessagePost) -> Run:
    """Return the run with these messages recorded as not sent."""
    for message in step.messages:
        run = run.record_lost_message(message.key)
    return run
