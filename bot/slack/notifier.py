"""Brings Slack up to date with the records, in its own time: nothing here holds up a tick."""

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
"""Slack's limit: 50 edits a minute in a workspace, the two bursts of a busy minute counted in. A part is kept for
those that show a change of state."""

POST, EDIT, URGENT_EDIT = "post", "edit", "urgent edit"
"""What a run may wait for its turn with."""

DOUBT = timedelta(seconds=3)
"""After a message of unknown fate, before it is looked for: it may still be on its way."""

RETRY = timedelta(seconds=5)
"""After a failure that may pass by itself."""

LOOK_AGAIN = timedelta(seconds=60)
"""After a look at a run of which there was nothing to say."""

RUNS_PER_TURN = 100

FILED = "file"
"""In place of Slack's id of a message: a file has none that is told."""

NO_ENTRY = {
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "no_permission",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel",
}
"""Codes that say: not in this channel. The run is then told of in a direct message."""

NOT_THERE = {"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"}
"""Codes that say: that message stands no more, or cannot be edited any more."""

NO_RIGHT = {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope"}
"""Codes that only the person who installed the bot can mend."""


class SlackNotifier:
    """Level, not edge: a run is compared with what stands in Slack, and one step is made at a time.

    Args:
        leads: whether this bot is, of those that share the store, the one that speaks.
        card_period: between two edits of a card that are not urgent.
        gallery: how charts are shown.
        language: of everything that is said of a run.
        channels: whose turns all who post share.
        render_task: the exact task of a run as YAML, for a file.
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
        """These runs have changed."""
        now = self._now()
        with self._lock:
            self._due.update({run.id: now for run in runs})
        self._wake()

    def speak(self) -> timedelta | None:
        """One turn: a step for every run that lacks one. Returns in how long the next turn is wanted."""
        if not self._leads():
            self._started = False
            return RETRY
        if not self._started:
            self.show(self._store.open())  # whatever a bot before this one left unsaid
            self._started = True
        now = self._now()
        if self._mute_until and now < self._mute_until:
            return self._mute_until - now
        for run_id in self._turn(now):
            self._precedence.give_way()
            self._bring(run_id)
        return self._next_turn()

    def _turn(self, now: datetime) -> list[str]:
        """The runs that are due, those that have waited longest first; they are taken off the list."""
        with self._lock:
            due = sorted((at, run_id) for run_id, at in self._due.items() if at <= now)[:RUNS_PER_TURN]
            for _, run_id in due:
                del self._due[run_id]
        return [run_id for _, run_id in due]

    def _next_turn(self) -> timedelta | None:
        with self._lock:
            first = min(self._due.values(), default=None)
        return max(first - self._now(), timedelta()) if first else None

    def _again(self, run_id: str, wait: timedelta = timedelta()) -> None:
        """Take the run up again then, unless it is wanted sooner."""
        at = self._now() + wait
        with self._lock:
            self._due[run_id] = min(at, self._due.get(run_id, at))

    def _bring(self, run_id: str) -> None:
        """One step for one run. What fails is tried again, and holds up no other run for long."""
        turn = self._reserved.get((run_id, POST))
        if turn and turn > self._now():  # a post comes before anything else, so there is nothing to do until then
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
        except UnreadableRecord as error:  # it has nothing to show; what is done about it is announced
            log.error("run %s: %s", run_id, error)
        except Exception as error:
            report_once(f"run {run_id}: speaking failed", error)
            self._again(run_id, RETRY * 6)

    @contextmanager
    def _limits(self, what: str) -> Iterator[None]:
        """Slack limits each method by itself: where it asks to wait with one, the others go on."""
        try:
            yield
        except Limited as limited:
            self._held[what] = self._now() + limited.wait
            raise

    def _step(self, run: Run) -> None:
        now = self._now()
        log = self._store.log(run.id)
        with speaking(self._language):
            wanted = conversation(run, now, log)
        step = next_step(run, wanted, now, self._card_period)
        match step:
            case None:
                if run.status is not Status.ENDED:
                    self._again(run.id, LOOK_AGAIN)  # time alone may bring a warning
                    return
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
        """How long to wait until these can be sent: none, but where they show pictures that are new."""
        with speaking(self._language):
            return self._gallery.prepare(messages)

    def _post(self, run: Run, step: Post) -> None:
        """Record that it is sent, send it, record where it stands: a crash between leaves a doubt, not a second one."""
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
            self._store.mark(stands_in, ts, run.id)
        self._store.update(run.id, lambda run: marked(run, step, ts, self._now()).stands_in(stands_in))
        self._again(run.id)

    def _attach(self, run: Run, step: Post) -> None:
        """Put a file into the thread, once. Whether one of unknown fate has arrived cannot be seen; it counts as there.

        Where the bot may not upload, the button on the card shows the same.
        """
        if not self._may_post(run):
            return
        self._store.update(run.id, lambda run: marked(run, step, FILED, self._now()))
        upload = Upload(f"{run.id}.yaml", step.messages[0].text, self._render_task(run))
        into_thread(self._client, run, upload)
        self._again(run.id)

    def _may_post(self, run: Run) -> bool:
        """Whether the run may post now; else it is taken up again when its turn in its channel comes."""
        now = self._now()
        at = self._reserved.pop((run.id, POST), None) or self._channels.reserve(channel_of(run), now)
        at = max(at, self._held.get(POST, at))
        if at <= now:
            return True
        self._reserved[run.id, POST] = at
        self._again(run.id, at - now)
        return False

    def _may_edit(self, run: Run, what: str, bucket: FairBucket) -> bool:
        """Whether the run may edit now; else it is taken up again. The limit is of all channels, in turns."""
        now = self._now()
        held = self._held.get(what, now)
        wait = held - now if held > now else bucket.wait(run.id, channel_of(run), now)
        if wait:
            self._again(run.id, wait)
        return not wait

    def _edit(self, run: Run, step: Edit) -> None:
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
        """Look whether a message of unknown fate has arrived; where that cannot be seen, it is said again."""
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
        """Slack will not have it here or so: another place, shape or time. `key` is what is not there then."""
        log.warning("run %s: Slack refuses: %s", run.id, code)
        if code in NO_ENTRY and run.thread_channel != run.requester:
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
    return Posted(ts, message.digest, message.urgent, now)


def marked(run: Run, step: Post, ts: str | None, now: datetime) -> Run:
    for message in step.messages:
        run = run.said(message.key, posted(message, ts, now))
    return run


def unmarked(run: Run, step: Post) -> Run:
    for message in step.messages:
        run = run.unsaid(message.key)
    return run
