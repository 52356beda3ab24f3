"""Brings Slack up to date with the runs' records, at its own pace: nothing here delays a tick."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import Protocol

from bot.app.ports import Now
from bot.app.rate_limits import InteractivePriority
from bot.app.store_ports import LogStore, RunStore
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.model.sent_message import SentMessage
from bot.core.rules.policy_resumes import is_resume_due
from bot.core.rules.relaunch import find_comparable_run
from bot.errors import UnreadableRecord
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.left_messages import keep_left_messages, list_left_messages
from bot.slack.outbound.outbox import RETRY_AFTER, Outbox
from bot.slack.views.message import CARD, FileUpload
from bot.slack.views.run_thread import build_conversation

log = logging.getLogger(__name__)

RECHECK_AFTER = timedelta(seconds=60)
"""Delay after a pass in which a run had nothing to send."""

MAX_RUNS_PER_PASS = 100

MAX_COMPARABLE_RUNS = 50
"""Number of ended runs among which the run is looked for that a succeeded one is compared with."""


@dataclass(frozen=True, slots=True)
class RunMessageRecord:
    """Stores in a run's record which of its messages were sent."""

    store: RunStore
    run: Run

    def begin(self, sent: Mapping[str, SentMessage]) -> bool:
        """Record messages that are about to be sent; return False if another process has begun to send one of them."""

        def begin(run: Run) -> Run:
            known = [message for key, message in run.messages.sent.items() if key in sent]
            return with_sent(run, sent) if all(message.must_repeat for message in known) else run

        sent_messages = self.store.update(self.run.id, begin).messages.sent
        return all(sent_messages.get(key) == message for key, message in sent.items())

    def confirm(self, sent: Mapping[str, SentMessage], channel: str) -> None:
        """Record messages that are in Slack, and where the run's thread is."""
        card, known_card = sent.get(CARD), self.run.messages.sent.get(CARD)
        if card and card.ts and not (known_card and known_card.ts):
            # A command in the card's thread finds its run by this.
            self.store.link_card(channel, card.ts, self.run.id)
        self.store.update(self.run.id, lambda run: move_thread(with_sent(run, sent), channel))

    def withdraw(self, keys: Collection[str]) -> None:
        """Record that messages are not in Slack."""
        self.store.update(self.run.id, lambda run: without_sent(run, keys))

    def await_repeat(self, key: str, since: datetime) -> None:
        """Record that a message is to be sent again."""
        self.store.update(self.run.id, lambda run: replace(run, messages=run.messages.await_repeat(key, since)))

    def redirect(self, user: str, edited_keys: Collection[str]) -> None:
        """Record that the thread begins again in a direct message, and what stays in the channel until it can be
        corrected.
        """
        self.store.update(
            self.run.id,
            lambda run: move_thread(without_sent(keep_left_messages(run, edited_keys), [CARD]), user),
        )


class RunNotifierStore(RunStore, LogStore, Protocol):
    """The runs, and the ends of their logs."""


class RunNotifier:
    """Keeps one card and one thread per run up to date. Level, not edge: it compares a run with its messages in Slack,
    and makes one step at a time.

    Args:
        is_leader: whether this process is the leader among those that share the store; only the leader sends.
        card_period: time between two edits of a card that are not urgent.
        wake: starts the next pass now.
        render_task: returns the exact task of a run as YAML, for a file.
        read_report_only: returns the names of the policy's rules that end no run now.
    """

    def __init__(
        self,
        store: RunNotifierStore,
        outbox: Outbox,
        now: Now,
        is_leader: Callable[[], bool],
        card_period: timedelta,
        wake: Callable[[], None],
        priority: InteractivePriority,
        render_task: Callable[[Run], str] = lambda run: "",
        read_report_only: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._now = now
        self._is_leader = is_leader
        self._card_period = card_period
        self._wake = wake
        self._priority = priority
        self._render_task = render_task
        self._read_report_only = read_report_only
        self._lock = Lock()
        self._due_times: dict[str, datetime] = {}
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
        for run_id in self._take_due_runs(self._now()):
            self._priority.yield_to_interactive()
            wait = self._outbox.attempt(name_run(run_id), partial(self._advance, run_id))
            if wait is not None:
                # A warning may become due by time alone.
                self._schedule(run_id, min(wait, RECHECK_AFTER))
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

    def _schedule(self, run_id: str, wait: timedelta) -> None:
        """Schedule the run after this wait, unless it is due sooner."""
        at = self._now() + wait
        with self._lock:
            self._due_times[run_id] = min(at, self._due_times.get(run_id, at))

    def _advance(self, run_id: str) -> timedelta | None:
        """Make the next step for one run. Return the delay until the next; None where nothing can change any more."""
        try:
            run = self._store.get(run_id)
        except UnreadableRecord as error:  # there is nothing to show; the announcer reports it
            log.error("%s: %s", name_run(run_id), error)
            self._outbox.forget(name_run(run_id))
            return None
        if run is None:
            self._outbox.forget(name_run(run_id))
            return None
        wait = self._outbox.advance(self._build_conversation(run))
        if wait is None and (run.status is not RunStatus.ENDED or is_resume_due(run)):
            return RECHECK_AFTER
        if wait is None:
            # Ended, and every message is sent.
            self._store.archive(run_id)
            self._outbox.forget(name_run(run_id))
        return wait

    def _build_conversation(self, run: Run) -> Conversation:
        """Return the card and the thread of a run."""
        desired = build_conversation(
            run, self._now(), self._store.get_log(run.id), self._find_comparable(run), self._read_report_only()
        )
        return Conversation(
            name=name_run(run.id),
            identity={"run": run.id},
            channel=run.message_channel,
            desired=[*desired, *list_left_messages(run, desired, self._now())],
            sent=run.messages.sent,
            record=RunMessageRecord(self._store, run),
            fallback_user=run.requester,
            edit_period=self._card_period,
            recorded_at=run.created_at,
            is_recovered=run.launch.is_recovered,
            build_upload=lambda message: FileUpload(f"{run.id}.yaml", message.text, self._render_task(run)),
        )

    def _find_comparable(self, run: Run) -> Run | None:
        """Return the run with which a succeeded one is compared."""
        if run.reason is not Reason.SUCCEEDED:
            return None
        return find_comparable_run(run, self._store.list_recent_runs(MAX_COMPARABLE_RUNS))


def name_run(run_id: str) -> str:
    """Return a run's name for the outbox and the log."""
    return f"run {run_id}"


def with_sent(run: Run, sent: Mapping[str, SentMessage]) -> Run:
    """Return the run with these messages recorded as sent."""
    for key, message in sent.items():
        run = replace(run, messages=run.messages.record_sent(key, message))
    return run


def move_thread(run: Run, channel: str) -> Run:
    """Return the run with its thread in another channel."""
    return replace(run, messages=run.messages.move_thread(channel))


def without_sent(run: Run, keys: Collection[str]) -> Run:
    """Return the run with these messages recorded as not sent."""
    for key in keys:
        run = replace(run, messages=run.messages.record_lost(key))
    return run
