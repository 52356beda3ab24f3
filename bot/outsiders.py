"""Reservations of external clusters: made when SkyPilot asks for admission, released when the clusters are gone."""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from bot.core.holds import Ledger
from bot.core.orphans import LATE, Standing, claim
from bot.core.outside import Outsider, came_to_stand, counts
from bot.core.policy import Policy
from bot.ports import Now, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outsiders:
    """Compares records with the listed clusters, not with past events: the next look corrects what was missed."""

    store: Store
    read_policy: Callable[[], Policy]
    now: Now

    def missing(self, standing: Sequence[Standing]) -> set[str]:
        """Return the ids of external clusters that were listed before and are not listed now."""
        return {one.cluster_id for one in self._missing(standing)} - {""}

    def unlisted(self, standing: Sequence[Standing], gone: Collection[str]) -> list[Outsider]:
        """Return the clusters that no list has shown for a while and whose end is unknown. See `sync`."""
        now = self.now()
        return [one for one in self._missing(standing) if one.is_unlisted(now) and one.cluster_id not in gone]

    def _missing(self, standing: Sequence[Standing]) -> list[Outsider]:
        """Return the recorded external clusters that are not listed."""
        names = {one.name for one in standing}
        return [one for name, one in self.store.outsiders().items() if name not in names]

    def settle(self, standing: Sequence[Standing], gone: Collection[str]) -> bool:
        """Update all records by one look. Return whether another look is needed soon, because a cluster may be gone.

        Args:
            gone: ids of clusters that are known to be gone. A cluster that was listed before keeps its reservation
                until then, or for a week: otherwise a SkyPilot whose database is lost for good would keep
                reservations for ever.
        """
        for one in standing:
            if counts(claim(one, self.store.get)):
                self._seen(one)
        now = self.now()
        missing = [one for one in self._missing(standing) if one.cluster_id in ("", *gone) or one.has_lapsed(now)]
        waiting = [self._missed(one.cluster) for one in missing]
        return any(waiting)

    def has_admitted(self, standing: Standing) -> bool:
        """Return whether this cluster's launch was admitted, so that it has an owner and a reservation."""
        known = self.store.outsiders().get(standing.name)
        if known is None or known.asked_at is None:
            return False
        return standing.since is None or standing.since >= known.asked_at - LATE

    def _seen(self, standing: Standing) -> None:
        """Record that a cluster is listed."""
        now = self.now()

        def change(known: Outsider | None, _: Ledger) -> Outsider:
            return (known or came_to_stand(standing, self.read_policy().outside, now)).seen(standing, now)

        self.store.change_outsider(standing.name, change, now)

    def _missed(self, cluster: str) -> bool:
        """Record that a cluster is not listed. Return whether it may be gone and another look will show it."""
        now = self.now()

        def change(known: Outsider | None, _: Ledger) -> Outsider | None:
            return known and known.missed(now, self.read_policy().outside.grace)

        left = self.store.change_outsider(cluster, change, now)
        if left is None:
            log.info("the place of cluster %s, launched outside Slack, is free again", cluster)
        return left is not None and left.seen_at is not None
