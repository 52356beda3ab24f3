"""The sweep: compares every cluster with the runs. A cluster without a run is reported and, where
it may be, removed."""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bot.announcer import Announcer
from bot.core.audit import BOT, AuditEvent
from bot.core.order import ClusterRef
from bot.core.orphans import (
    ListedCluster,
    Orphan,
    OrphanTimings,
    Ownership,
    build_orphan,
    determine_ownership,
    is_teardown_due,
    needs_attention,
)
from bot.core.outside import UNLISTED_AFTER
from bot.core.run import Run
from bot.core.seen import Observation
from bot.errors import BeingStopped, Unavailable, UserError
from bot.language import ENGLISH, N_, translate, use_language
from bot.outsiders import ExternalClusterTracker
from bot.ports import Cloud, EventRecorder, Now, Store, discard_event

log = logging.getLogger(__name__)

UNLISTED = N_(
    ":rotating_light: *SkyPilot does not list `{cluster}` any more*, and has no record that it is gone. "
    "It may be running and billing: look for its machines by hand."
)


@dataclass(frozen=True, slots=True)
class ClusterSweep:
    """Looks at every cluster that the cloud lists.

    Attributes:
        is_leader: whether this bot, of those that share the store, is the one that acts.
        notify: called when a message may have to be sent or changed.
        channel: the channel of the people who run the machines; empty for none, and then the bot's own log is used.
        retry_period: between two sweeps while something is unsettled.
        language: the language of texts in a record.
        external_clusters: tracks the reservations of external clusters; None where the admin policy is not used.
        announcer: reports clusters that are not listed any more; None for no reports.
        record: writes to the audit.
    """

    cloud: Cloud
    store: Store
    now: Now
    is_leader: Callable[[], bool]
    notify: Callable[[], None]
    channel: str = ""
    timings: OrphanTimings = field(default_factory=OrphanTimings)
    retry_period: timedelta = timedelta(seconds=30)
    language: str = ENGLISH
    external_clusters: ExternalClusterTracker | None = None
    announcer: Announcer | None = None
    record: EventRecorder = discard_event

    def sweep(self) -> timedelta | None:
        """Look at everything once. Return the delay until the next sweep, None for the usual period.

        Raises:
            Unavailable: the cloud does not answer, and nothing is known.
        """
        if not self.is_leader():
            return None
        with use_language(self.language):
            return self._sweep()

    def _sweep(self) -> timedelta | None:
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
        now = self.now()

        def change(orphan: Orphan | None) -> Orphan:
            updated = orphan.record_observation(cluster, ownership, now, self.timings) if orphan else None
            return self._assign_channel(updated or build_orphan(cluster, ownership, now, self.timings))

        changed = self.store.change_orphan(cluster.id, change)
        if changed and changed.reported_at == now:
            log.warning("cluster %s stands, and no run owns it (%s): %s", cluster.name, ownership, cluster)

    def _assign_channel(self, orphan: Orphan) -> Orphan:
        """Return the orphan with its channel: that of the people who run the machines, or else that of its run."""
        if orphan.sent_message:
            return orphan
        run = (
            self._find_run(orphan.cluster.run_id)
            if orphan.ownership in (Ownership.ENDED_RUN, Ownership.REAPPEARED)
            else None
        )
        owned = orphan.with_owner(run.requester) if run else orphan
        return owned.with_channel(self.channel or (run.thread_channel or run.channel if run else ""))

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
            self.announcer.announce(f"unlisted-{cluster_id}", translate(UNLISTED, cluster=name), channel)

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
            failure = str(error)
        self.store.change_orphan(
            orphan.id, lambda record: record and record.record_teardown_request(failure, self.now())
        )
