"""Runs whose records cannot be read: reported in their channels, stopped by lease or person, and closed."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from bot.app.operator_notices import Announcer
from bot.app.ports import ClusterControl, EventRecorder, Now, discard_event
from bot.app.store_ports import RunStore, UnreadableRunStore
from bot.core.model.audit import BOT, AuditEvent
from bot.core.model.cluster import Observation
from bot.core.model.run_state import Reason
from bot.core.model.run_stub import RunStub
from bot.core.rules.actions import ReconcileTimings
from bot.core.rules.unreadable_record import UnreadableRun, UnreadableRunStep, decide_unreadable_step
from bot.errors import BeingStopped, Unavailable, UnreadableRecord, UnwritableRecord, UserError
from bot.phrase import N_, Phrase, Text, join_sentences

log = logging.getLogger(__name__)

FAILING_FOR = timedelta(minutes=5)
"""Time of failing ticks, by the bot's own mistake, after which a run is handled as unreadable."""

UNREADABLE_RULE = "unreadable_record"
"""The rule that the audit names for the end of such a run."""

MISTAKE = N_("a bug in verlbot; its log has the details")

UNREADABLE = N_(
    ":rotating_light: *I cannot read the record of `{run}`* ({why}). I cannot show its steps, its cost or its model."
)
LEASE = N_(
    "Its cluster `{cluster}` may be running and billing. I remove it when its lease ends, {time}; "
    "`/verl stop {run}` removes it now."
)
NO_LEASE = N_(
    "I do not know when its lease ends, so its cluster `{cluster}` keeps running until you type `/verl stop {run}`."
)
NO_CLUSTER = N_("It never had a cluster. Launch it again: `/verl launch {recipe}`.")
FORGOTTEN = N_(
    ":rotating_light: *SkyPilot's server no longer knows the cluster of `{run}`*: its database was lost, or another "
    "server answers. Look for machines named `{cluster}` by hand. If they are gone, type `/verl stop {run} gone=yes`."
)
GONE_BY_HAND = N_(
    ":white_check_mark: The cluster of `{run}` counts as gone: a person confirmed it. I still cannot read the "
    "run's record."
)
BY_HAND = N_("Copy what you need from the cluster by hand: I cannot download its checkpoints.")
DOES_NOT_GO = N_(":rotating_light: *The cluster of `{run}` is still up.* Remove it by hand: `{command}`")
GONE = N_(":white_check_mark: The cluster of `{run}` is confirmed gone. I still cannot read the run's record.")


class UnreadableReconcilerStore(RunStore, UnreadableRunStore, Protocol):
    """The runs, and what is done about the unreadable ones."""


@dataclass(frozen=True, slots=True)
class UnreadableRunReconciler:
    """Looks after the clusters of runs whose records cannot be read, by their stubs.

    Attributes:
        is_leader: whether this process, of those that share the store, is the one that acts.
        wake: lets `reconcile` run now.
        failing_since: when the ticks of a run began to fail by the bot's own mistake, by the run's id.
        record: writes to the audit.
    """

    cloud: ClusterControl
    store: UnreadableReconcilerStore
    announcer: Announcer
    now: Now
    read_timings: Callable[[], ReconcileTimings]
    is_leader: Callable[[], bool]
    wake: Callable[[], None] = lambda: None
    failing_since: Mapping[str, datetime] = field(default_factory=dict)
    record: EventRecorder = discard_event

    def reconcile(self) -> timedelta | None:
        """Advance each run by one step. Return the delay until the next look, None for the usual period."""
        if not self.is_leader():
            return None
        late = self.now() - FAILING_FOR
        failing: list[tuple[RunStub, Text]] = [
            (self.store.get_stub(run_id), Phrase(MISTAKE)) for run_id, at in self.failing_since.items() if at <= late
        ]
        broken = [*self.store.list_unreadable_runs(), *failing]
        if not broken:
            return None
        observations = self._observe([stub for stub, _ in broken])
        for stub, why in broken:
            self._try_step(stub, why, observations.get(stub.cluster))
        return self.read_timings().teardown_confirm

    def request_stop(self, run_id: str, by: str, gone: bool = False) -> None:
        """Record a person's request to stop a run; the next look removes its cluster.

        Args:
            gone: whether that person reports that its machines are gone, which counts where the cloud cannot say.
        """
        self.store.change_unreadable(run_id, lambda run: (run or self._new_record(run_id)).request_stop(by, gone))
        self.wake()

    def _new_record(self, run_id: str) -> UnreadableRun:
        return UnreadableRun(run_id=run_id, discovered_at=self.now())

    def _observe(self, stubs: Sequence[RunStub]) -> Mapping[str, Observation]:
        try:
            observations = self.cloud.observe([stub.cluster_ref for stub in stubs])
            return {
                name: observation for name, observation in observations.items() if isinstance(observation, Observation)
            }
        except Unavailable as error:
            log.warning("nothing can be seen of runs whose records cannot be read: %s", error)
        except Exception:  # a removal that is due must still be requested
            log.exception("looking failed")
        return {}

    def _try_step(self, stub: RunStub, why: Text, observation: Observation | None) -> None:
        """Take one step of one run; a failure is tried again, and blocks no other run."""
        try:
            self._take_step(stub, why, observation)
        except Unavailable as error:
            log.warning("run %s: %s", stub.run_id, error)
        except Exception:
            log.exception("run %s, whose record cannot be read: the look failed", stub.run_id)

    def _take_step(self, stub: RunStub, why: Text, observation: Observation | None) -> None:
        self._announce_unreadable(stub, why)
        if is_lost := observation is not None and stub.is_forgotten_by(observation):
            self._announce(stub, "forgotten", Phrase(FORGOTTEN, run=stub.run_id, cluster=stub.cluster))
        usable_observation = None if is_lost else observation
        run = self._change(stub, lambda run: run.record_observation(usable_observation, self.now()))
        match decide_unreadable_step(run, stub, observation, self.now(), self.read_timings()):
            case UnreadableRunStep.WAIT:
                return
            case UnreadableRunStep.TEAR_DOWN:
                self._remove(stub)
            case UnreadableRunStep.REPORT_OVERDUE:
                command = self.cloud.teardown_command(stub.cluster_ref)
                self._announce(stub, "not-gone", Phrase(DOES_NOT_GO, run=stub.run_id, command=command))
                self._change(stub, UnreadableRun.record_overdue_report)
            case UnreadableRunStep.ARCHIVE:
                self._announce(stub, "gone", Phrase(GONE_BY_HAND if is_lost else GONE, run=stub.run_id))
                self._close(stub)

    def _close(self, stub: RunStub) -> None:
        """Release the reservation; a record that can be read after all is marked as ended."""
        try:
            self.store.update(stub.run_id, lambda run: run.close(Reason.CLUSTER_LOST, self.now()))
        except (UnreadableRecord, UnwritableRecord):
            self.store.close_unreadable(stub, self.now())
            self._record("settle", stub)
        else:
            self.store.change_unreadable(stub.run_id, lambda _: None)

    def _change(self, stub: RunStub, change: Callable[[UnreadableRun], UnreadableRun]) -> UnreadableRun:
        changed = self.store.change_unreadable(stub.run_id, lambda run: change(run or self._new_record(stub.run_id)))
        return changed or self._new_record(stub.run_id)

    def _record(self, what: str, stub: RunStub) -> None:
        """Write to the audit what the run's record cannot show."""
        self.record(AuditEvent(at=self.now(), who=BOT, what=what, on=stub.run_id, rule=UNREADABLE_RULE))

    def _remove(self, stub: RunStub) -> None:
        """Request the removal of the run's cluster, and record why it failed."""
        self._record("ask for removal", stub)
        log.warning("run %s, whose record cannot be read: its cluster %s is removed", stub.run_id, stub.cluster)
        try:
            failure = self.cloud.tear_down(stub.cluster_ref)
        except BeingStopped:  # nothing was refused: the next start tries again
            raise
        except (Unavailable, UserError) as error:
            failure = error.message
        self._change(stub, lambda run: run.record_teardown_request(self.now(), failure))

    def _announce_unreadable(self, stub: RunStub, why: Text) -> None:
        """Announce that the record cannot be read, and what becomes of the cluster."""
        opening = Phrase(UNREADABLE, run=stub.run_id, why=why)
        if stub.lease_end_time is not None:
            end = f"{stub.lease_end_time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            next_sentence = Phrase(LEASE, run=stub.run_id, cluster=stub.cluster, time=end)
            self._announce(stub, "found", join_sentences(opening, next_sentence, Phrase(BY_HAND)))
        elif stub.requester and stub.launch_requested_at is None:  # a complete stub, of a run that was never launched
            self._announce(
                stub, "found", join_sentences(opening, Phrase(NO_CLUSTER, recipe=stub.run_id.rpartition("-")[0]))
            )
        else:
            no_lease = Phrase(NO_LEASE, run=stub.run_id, cluster=stub.cluster)
            self._announce(stub, "found", join_sentences(opening, no_lease, Phrase(BY_HAND)))

    def _announce(self, stub: RunStub, what: str, text: Text) -> None:
        self.announcer.announce(f"unreadable-{stub.run_id}-{what}", text, stub.channel, stub.requester)
