"""Reservations of external clusters: made when SkyPilot asks for admission, released when the clusters are gone."""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from bot.core.holds import Ledger
from bot.core.orphans import CLOCK_TOLERANCE, ListedCluster, determine_ownership
from bot.core.outside import ExternalCluster, discover_cluster, needs_reservation
from bot.core.policy import Policy
from bot.ports import Now, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExternalClusterTracker:
    """Compares records with the listed clusters, not with past events: the next look corrects what was missed."""

    store: Store
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
