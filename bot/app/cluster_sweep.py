"""Look at every cluster that the cloud lists: find those without a run and those launched outside of the bot, charge,
adopt or remove them.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from bot.app.operator_notices import Announcer
from bot.app.ports import ClusterControl, EventRecorder, Now, discard_event
from bot.app.store_ports import LedgerStore, OrphanStore, RunReader
from bot.core.model.audit import BOT, AuditEvent
from bot.core.model.cluster import Observation
from bot.core.model.launch_plan import ClusterRef
from bot.core.model.ledger import Ledger
from bot.core.model.orphan import (
    CLOCK_TOLERANCE,
    ListedCluster,
    Orphan,
    OrphanTimings,
    Ownership,
    build_orphan,
    determine_ownership,
    is_teardown_due,
    needs_attention,
)
from bot.core.model.policy import Policy
from bot.core.model.run import Run
from bot.core.rules.external_clusters import UNLISTED_AFTER, ExternalCluster, discover_cluster, needs_reservation
from bot.errors import BeingStopped, Unavailable, UserError
from bot.phrase import N_, Phrase

log = logging.getLogger(__name__)


class ExternalClusterStore(RunReader, LedgerStore, Protocol):
    """The external clusters with what they reserve, and the runs that own clusters."""


class ClusterSweepStore(RunReader, OrphanStore, Protocol):
    """The orphans, and the runs that own clusters."""


@dataclass(frozen=True, slots=True)
class ExternalClusterTracker:
    """Compares records with the listed clusters, not with past events: the next look corrects what was missed."""

    store: ExternalClusterStore
    read_policy: Callable[[], Policy]
    now: Now

    def find_missing_ids(self, clusters: Sequence[ListedCluster]) -> set[str]:
        """Return the ids of external clusters that were listed before and are not listed now."""
        return {external.cluster_id for external in self._find_missing(clusters)} - {""}

    def find_unlisted(self, clusters: Sequence[ListedCluster], gone: Collection[str]) -> list[ExternalCluster]:
        """Return the clusters that no list has shown for a while and whose end is unknown. See `sync`."""
        now = self.now()
        return [
            external
            for external in self._find_missing(clusters)
            if external.is_unlisted(now) and external.cluster_id not in gone
        ]

    def _find_missing(self, clusters: Sequence[ListedCluster]) -> list[ExternalCluster]:
        """Return the recorded external clusters that are not listed."""
        names = {cluster.name for cluster in clusters}
        return [cluster for name, cluster in self.store.get_external_clusters().items() if name not in names]

    def sync(self, clusters: Sequence[ListedCluster], gone: Collection[str]) -> bool:
        """Update all records by one look. Return whether another look is needed soon, because a cluster may be gone.

        Args:
            gone: ids of clusters that are known to be gone. A cluster that was listed before keeps its reservation
                until then, or for a week: otherwise a SkyPilot whose database is lost for good would keep
                reservations for ever.
        """
        for cluster in clusters:
            if needs_reservation(determine_ownership(cluster, self.store.get)):
                self._record_seen(cluster)
        now = self.now()
        missing = [
            cluster
            for cluster in self._find_missing(clusters)
            if cluster.cluster_id in ("", *gone) or cluster.has_expired(now)
        ]
        waiting = [self._record_missing(cluster.cluster) for cluster in missing]
        return any(waiting)

    def has_admitted(self, cluster: ListedCluster) -> bool:
        """Return whether this cluster's launch was admitted, so that it has an owner and a reservation."""
        record = self.store.get_external_clusters().get(cluster.name)
        if record is None or record.admitted_at is None:
            return False
        return cluster.launched_at is None or cluster.launched_at >= record.admitted_at - CLOCK_TOLERANCE

    def _record_seen(self, cluster: ListedCluster) -> None:
        """Record that a cluster is listed."""
        now = self.now()

        def change(record: ExternalCluster | None, _: Ledger) -> ExternalCluster:
            return (record or discover_cluster(cluster, self.read_policy().external_launches, now)).record_observation(
                cluster, now
            )

        self.store.change_external_cluster(cluster.name, change, now)

    def _record_missing(self, cluster: str) -> bool:
        """Record that a cluster is not listed. Return whether it may be gone and another look will show it."""
        now = self.now()

        def change(record: ExternalCluster | None, _: Ledger) -> ExternalCluster | None:
            return record and record.record_absence(now, self.read_policy().external_launches.reservation_ttl)

        remaining = self.store.change_external_cluster(cluster, change, now)
        if remaining is None:
            log.info("the place of cluster %s, launched outside Slack, is free again", cluster)
        return remaining is not None and remaining.last_seen_at is not None


UNLISTED = N_(
    ":rotating_light: *SkyPilot no longer lists `{cluster}`*, and has no record of its removal. It may be "
    "running and billing: look for its machines by hand."
)


@dataclass(frozen=True, slots=True)
class ClusterSweep:
    """Looks at every cluster that the cloud lists.

    Attributes:
        is_leader: whether this bot, of those that share the store, is the one that acts.
        notify: called when a message may have to be sent or changed.
        channel: the channel of the people who run the machines; empty for none, and then the bot's own log is used.
        retry_period: between two sweeps while something is unsettled.
        external_clusters: tracks the reservations of external clusters; None where the admin policy is not used.
        announcer: reports clusters that are not listed any more; None for no reports.
        record: writes to the audit.
        take_back: takes back the run of a cluster whose record the store has lost; returns whether it has.
        find_owner: returns the channel and the person that a cluster of this bot names; empty where it names none.
    """

    cloud: ClusterControl
    store: ClusterSweepStore
    now: Now
    is_leader: Callable[[], bool]
    notify: Callable[[], None]
    channel: str = ""
    timings: OrphanTimings = field(default_factory=OrphanTimings)
    retry_period: timedelta = timedelta(seconds=30)
    external_clusters: ExternalClusterTracker | None = None
    announcer: Announcer | None = None
    record: EventRecorder = discard_event
    take_back: Callable[[ListedCluster], bool] = lambda cluster: False
    find_owner: Callable[[ListedCluster], tuple[str, str]] = lambda cluster: ("", "")

    def sweep(self) -> timedelta | None:
        """Look at everything once. Return the delay until the next sweep, None for the usual period.

        Raises:
            Unavailable: the cloud does not answer, and nothing is known.
        """
        if not self.is_leader():
            return None
        # Listed before the runs are read: see `claim`.
        clusters = {cluster.id: cluster for cluster in self.cloud.list_clusters()}
        known_orphans = self.store.get_orphans()
        for cluster in clusters.values():
            self._try_judge(cluster, known_orphans.get(cluster.id))
        missing = [orphan for orphan in known_orphans.values() if orphan.id not in clusters]
        external_ids = (
            self.external_clusters.find_missing_ids(list(clusters.values())) if self.external_clusters else set()
        )
        gone = self._find_gone({orphan.id for orphan in missing} | external_ids)
        self._record_all_missing(missing, gone or ())
        orphans = list(self.store.get_orphans().values())
        for orphan in orphans:
            if orphan.id in clusters and is_teardown_due(orphan, self.now(), self.timings):
                self._remove(orphan)
        unsettled = False
        if self.external_clusters:
            unsettled = self.external_clusters.sync(list(clusters.values()), gone or ())
        if gone is not None:
            self._announce_unlisted(missing, list(clusters.values()), gone)
        self.notify()
        return self._next_delay(orphans, unsettled)

    def _find_gone(self, ids: Collection[str]) -> Collection[str] | None:
        """Return which of these the cloud knows to be gone; None where it does not answer."""
        try:
            return self.cloud.find_gone_clusters(ids) if ids else ()
        except Unavailable as error:
            log.warning("what has become of %d clusters is not known: %s", len(ids), error)
            return None

    def _next_delay(self, orphans: list[Orphan], missing: bool) -> timedelta | None:
        """Return the delay until the next sweep: short while something is unsettled, else until an orphan needs one."""
        now = self.now()
        if missing or any(needs_attention(orphan, now) for orphan in orphans):
            return self.retry_period
        return min((at - now for orphan in orphans if (at := orphan.next_event_at(now))), default=None)

    def _try_judge(self, cluster: ListedCluster, orphan: Orphan | None) -> None:
        """Judge one cluster. One that cannot be judged is left alone, and blocks no other.

        That is so where the record of its run cannot be read, for example.
        """
        try:
            self._judge(cluster, orphan)
        except Exception:
            log.exception("cluster %s cannot be judged, and is left alone", cluster.name)

    def _judge(self, cluster: ListedCluster, known_orphan: Orphan | None) -> None:
        """Record a listed cluster that no run owns; delete the record of one that a run owns."""
        ownership = determine_ownership(cluster, self._find_run)
        if ownership is None:  # a run owns it, perhaps since a moment ago
            if known_orphan:
                self.store.change_orphan(cluster.id, lambda _: None)
            return
        if (
            ownership is Ownership.UNCLAIMED
            and known_orphan is None
            and self.external_clusters
            and self.external_clusters.has_admitted(cluster)
        ):
            return
        if ownership is Ownership.OUR_NAME and self.take_back(cluster):
            self.store.change_orphan(cluster.id, lambda _: None)
            return
        now = self.now()

        def change(orphan: Orphan | None) -> Orphan:
            updated = orphan.record_observation(cluster, ownership, now, self.timings) if orphan else None
            return self._assign_channel(updated or build_orphan(cluster, ownership, now, self.timings))

        changed = self.store.change_orphan(cluster.id, change)
        if changed and changed.reported_at == now:
            log.warning("cluster %s is up, and no run owns it (%s): %s", cluster.name, ownership, cluster)

    def _assign_channel(self, orphan: Orphan) -> Orphan:
        """Return the orphan with its channel: that of the people who run the machines, or else that of its run."""
        if orphan.sent_message:
            return orphan
        run = (
            self._find_run(orphan.cluster.run_id)
            if orphan.ownership in (Ownership.ENDED_RUN, Ownership.REAPPEARED)
            else None
        )
        channel, owner = (run.message_channel, run.requester) if run else self.find_owner(orphan.cluster)
        owned = orphan.with_owner(owner) if owner else orphan
        return owned.with_channel(self.channel or channel)

    def _find_run(self, run_id: str) -> Run | None:
        return self.store.get(run_id) if run_id else None

    def _record_all_missing(self, orphans: list[Orphan], gone: Collection[str]) -> None:
        """Record the orphans that are not listed any more.

        They are found by their ids: a look at a name may show another cluster, and goes through the queues of jobs,
        which belong to the tick. A cluster without a record at the cloud may still exist: the cloud's database may be
        lost, or another server may answer.
        """
        for orphan in orphans:
            self._record_missing(orphan, Observation() if orphan.id in gone else None)

    def _announce_unlisted(
        self, missing: Sequence[Orphan], clusters: Sequence[ListedCluster], gone: Collection[str]
    ) -> None:
        """Report once each cluster that no list has shown for a while and that has no record of its end."""
        if self.announcer is None:
            return
        orphans = [
            cluster
            for cluster in missing
            if cluster.id not in gone and self.now() - cluster.last_seen_at >= UNLISTED_AFTER
        ]
        external = self.external_clusters.find_unlisted(clusters, gone) if self.external_clusters else []
        targets = [(cluster.id, cluster.cluster.name, cluster.channel) for cluster in orphans]
        for cluster_id, name, channel in [
            *targets,
            *((cluster.cluster_id, cluster.cluster, "") for cluster in external),
        ]:
            self.announcer.announce(f"unlisted-{cluster_id}", Phrase(UNLISTED, cluster=name), channel)

    def _record_missing(self, orphan: Orphan, observation: Observation | None) -> None:
        """Record one orphan as not listed; delete the record where it is gone and was never reported."""
        now = self.now()
        changed = self.store.change_orphan(
            orphan.id, lambda record: record and record.record_absence(observation, now, self.timings)
        )
        if changed and changed.gone_at and changed.reported_at is None:  # it was never reported
            self.store.change_orphan(orphan.id, lambda _: None)

    def _remove(self, orphan: Orphan) -> None:
        """Request its removal; a failure is reported, and the removal tried again."""
        name = orphan.cluster.name
        rule = (
            "remove_asked" if orphan.removal_requested_by else "adoption_over" if orphan.adopted_until else "run_ended"
        )
        self.record(AuditEvent(at=self.now(), who=BOT, what="ask for removal", on=name, rule=rule))
        log.warning(
            "cluster %s is removed: %s",
            name,
            orphan.removal_requested_by or orphan.adopted_until or "its run has ended",
        )
        try:
            failure = self.cloud.tear_down(ClusterRef(name, is_managed=orphan.cluster.is_managed))
        except BeingStopped:  # nothing was refused: the next start tries again
            raise
        except (Unavailable, UserError) as error:
            failure = error.message
        self.store.change_orphan(
            orphan.id, lambda record: record and record.record_teardown_request(failure, self.now())
        )
