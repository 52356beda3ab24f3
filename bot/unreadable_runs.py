"""Runs whose records cannot be read: reported in their channels, stopped by lease or person, and closed."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.announcer import Announcer
from bot.core.audit import BOT, AuditEvent
from bot.core.rules import Rules
from bot.core.run_stub import RunStub
from bot.core.seen import Seen
from bot.core.status import Reason
from bot.core.unreadable import Step, UnreadableRun, next_step
from bot.errors import BeingStopped, Unavailable, UnreadableRecord, UnwritableRecord, UserError
from bot.language import ENGLISH, mark, say, speaking, together
from bot.ports import Cloud, Now, Record, Store, unrecorded

log = logging.getLogger(__name__)

FAILING_FOR = timedelta(minutes=5)
"""Time of failing ticks, by the bot's own mistake, after which a run is handled as unreadable."""

UNREADABLE_RULE = "unreadable_record"
"""The rule that the audit names for the end of such a run."""

MISTAKE = mark("a mistake of mine, which my own log describes")

FOUND = mark(
    ":rotating_light: *The record of `{run}` cannot be read* ({why}). I cannot show its steps, its cost or its model."
)
LEASE = mark(
    "Its cluster `{cluster}` may be running and billing. I remove it when its lease ends, {time}; "
    "`/verl stop {run}` removes it now."
)
NO_LEASE = mark(
    "When its lease ends is not known, so its cluster `{cluster}` runs on until `/verl stop {run}` removes it."
)
NO_CLUSTER = mark("No cluster was asked for. Launch it again: `/verl launch {recipe}`.")
FORGOTTEN = mark(
    ":rotating_light: *SkyPilot's server does not remember the cluster of `{run}`*: its database was lost, or another "
    "server answers. Look for machines named `{cluster}` by hand. If they are gone, type `/verl stop {run} gone=yes`."
)
GONE_BY_HAND = mark(
    ":white_check_mark: The cluster of `{run}` counts as gone, because a person says so. Its record stays unreadable."
)
BY_HAND = mark("Copy what you need from it by hand: I cannot fetch its checkpoints.")
DOES_NOT_GO = mark(":rotating_light: *The cluster of `{run}` is not going away.* Remove it by hand: `{command}`")
GONE = mark(":white_check_mark: The cluster of `{run}` is confirmed gone. Its record stays unreadable.")


@dataclass(frozen=True, slots=True)
class UnreadableRuns:
    """Looks after the clusters of runs whose records cannot be read, by their stubs.

    Attributes:
        is_leader: whether this process, of those that share the store, is the one that acts.
        wake: lets `reconcile` run now.
        failing_since: when the ticks of a run began to fail by the bot's own mistake, by the run's id.
        record: writes to the audit.
    """

    cloud: Cloud
    store: Store
    announcer: Announcer
    now: Now
    read_rules: Callable[[], Rules]
    leads: Callable[[], bool]
    wake: Callable[[], None] = lambda: None
    failing: Mapping[str, datetime] = field(default_factory=dict)
    language: str = ENGLISH
    record: Record = unrecorded

    def look(self) -> timedelta | None:
        """Advance each run by one step. Return the delay until the next look, None for the usual period."""
        if not self.leads():
            return None
        with speaking(self.language):
            late = self.now() - FAILING_FOR
            failing = [(self.store.stub(run_id), say(MISTAKE)) for run_id, at in self.failing.items() if at <= late]
            broken = [*self.store.unreadable_runs(), *failing]
            if not broken:
                return None
            seen = self._observe([stub for stub, _ in broken])
            for stub, why in broken:
                self._try_step(stub, why, seen.get(stub.cluster))
        return self.read_rules().gone

    def request_stop(self, run_id: str, by: str, gone: bool = False) -> None:
        """Record a person's request to stop a run; the next look removes its cluster.

        Args:
            gone: whether that person reports that its machines are gone, which counts where the cloud cannot say.
        """
        self.store.change_unreadable(run_id, lambda run: (run or self._found(run_id)).request_stop(by, gone))
        self.wake()

    def _found(self, run_id: str) -> UnreadableRun:
        return UnreadableRun(run_id=run_id, found_at=self.now())

    def _observe(self, stubs: Sequence[RunStub]) -> Mapping[str, Seen]:
        try:
            looks = self.cloud.observe([stub.watched for stub in stubs])
            return {name: seen for name, seen in looks.items() if isinstance(seen, Seen)}
        except Unavailable as error:
            log.warning("nothing can be seen of runs whose records cannot be read: %s", error)
        except Exception:  # a removal that is due must still be requested
            log.exception("looking failed")
        return {}

    def _try_step(self, stub: RunStub, why: str, seen: Seen | None) -> None:
        """Take one step of one run; a failure is tried again, and blocks no other run."""
        try:
            self._step(stub, why, seen)
        except Unavailable as error:
            log.warning("run %s: %s", stub.run_id, error)
        except Exception:
            log.exception("run %s, whose record cannot be read: the look failed", stub.run_id)

    def _step(self, stub: RunStub, why: str, seen: Seen | None) -> None:
        self._say_found(stub, why)
        if is_lost := seen is not None and stub.is_forgotten_by(seen):
            self._say(stub, "forgotten", say(FORGOTTEN, run=stub.run_id, cluster=stub.cluster))
        look = None if is_lost else seen
        run = self._change(stub, lambda run: run.observe(look, self.now()))
        match next_step(run, stub, seen, self.now(), self.read_rules()):
            case Step.WAIT:
                return
            case Step.REMOVE:
                self._remove(stub)
            case Step.ALARM:
                command = self.cloud.by_hand(stub.watched)
                self._say(stub, "not-gone", say(DOES_NOT_GO, run=stub.run_id, command=command))
                self._change(stub, UnreadableRun.record_alarm)
            case Step.SETTLE:
                self._say(stub, "gone", say(GONE_BY_HAND if is_lost else GONE, run=stub.run_id))
                self._settle(stub)

    def _settle(self, stub: RunStub) -> None:
        """Release the reservation; a record that can be read after all is marked as ended."""
        try:
            self.store.update(stub.run_id, lambda run: run.ended(Reason.CLUSTER_LOST, self.now()))
        except (UnreadableRecord, UnwritableRecord):
            self.store.settle_unreadable(stub, self.now())
            self._record("settle", stub)
        else:
            self.store.change_unreadable(stub.run_id, lambda _: None)

    def _change(self, stub: RunStub, change: Callable[[UnreadableRun], UnreadableRun]) -> UnreadableRun:
        changed = self.store.change_unreadable(stub.run_id, lambda run: change(run or self._found(stub.run_id)))
        return changed or self._found(stub.run_id)

    def _record(self, what: str, stub: RunStub) -> None:
        """Write to the audit what the run's record cannot show."""
        self.record(AuditEvent(at=self.now(), who=BOT, what=what, on=stub.run_id, rule=UNREADABLE_RULE))

    def _remove(self, stub: RunStub) -> None:
        """Request the removal of the run's cluster, and record why it failed."""
        self._record("ask for removal", stub)
        log.warning("run %s, whose record cannot be read: its cluster %s is removed", stub.run_id, stub.cluster)
        try:
            trouble = self.cloud.down(stub.watched)
        except BeingStopped:  # nothing was refused: the next start tries again
            raise
        except (Unavailable, UserError) as error:
            trouble = str(error)
        self._change(stub, lambda run: run.record_removal(self.now(), trouble))

    def _say_found(self, stub: RunStub, why: str) -> None:
        """Announce that the record cannot be read, and what becomes of the cluster."""
        found = say(FOUND, run=stub.run_id, why=why)
        if stub.lease_end is not None:
            end = f"{stub.lease_end.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            next_sentence = say(LEASE, run=stub.run_id, cluster=stub.cluster, time=end)
            self._say(stub, "found", together(found, next_sentence, say(BY_HAND)))
        elif stub.requester and stub.asked_at is None:  # a complete stub, of a run that was never launched
            self._say(stub, "found", together(found, say(NO_CLUSTER, recipe=stub.run_id.rpartition("-")[0])))
        else:
            no_lease = say(NO_LEASE, run=stub.run_id, cluster=stub.cluster)
            self._say(stub, "found", together(found, no_lease, say(BY_HAND)))

    def _say(self, stub: RunStub, what: str, text: str) -> None:
        self.announcer.announce(f"unreadable-{stub.run_id}-{what}", text, stub.channel, stub.requester)
