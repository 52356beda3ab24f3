"""The sweep: compares every cluster with the runs. A cluster without a run is reported and, where
it may be, removed."""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bot.announcer import Announcer
from bot.core.audit import BOT, AuditEvent
from bot.core.order import Watched
from bot.core.orphans import (
    Claim,
    Orphan,
    Patience,
    Standing,
    claim,
    first_sight,
    is_unsettled,
    wants_removal,
)
from bot.core.outside import UNLISTED_FOR
from bot.core.run import Run
from bot.core.seen import Seen
from bot.errors import BeingStopped, Unavailable, UserError
from bot.language import ENGLISH, mark, say, speaking
from bot.outsiders import Outsiders
from bot.ports import Cloud, Now, Record, Store, unrecorded

log = logging.getLogger(__name__)

UNLISTED = mark(
    ":rotating_light: *SkyPilot does not list `{cluster}` any more*, and has no record that it is gone. "
    "It may be running and billing: look for its machines by hand."
)


@dataclass(frozen=True, slots=True)
class Sweep:
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
    leads: Callable[[], bool]
    show: Callable[[], None]
    channel: str = ""
    patience: Patience = field(default_factory=Patience)
    soon: timedelta = timedelta(seconds=30)
    language: str = ENGLISH
    outsiders: Outsiders | None = None
    announcer: Announcer | None = None
    record: Record = unrecorded

    def sweep(self) -> timedelta | None:
        """Look at everything once. Return the delay until the next sweep, None for the usual period.

        Raises:
            Unavailable: the cloud does not answer, and nothing is known.
        """
        if not self.leads():
            return None
        with speaking(self.language):
            return self._sweep()

    def _sweep(self) -> timedelta | None:
        # Listed before the runs are read: see `claim`.
        standing = {one.id: one for one in self.cloud.clusters()}
        known = self.store.orphans()
        for one in standing.values():
            self._sighted(one, known.get(one.id))
        missing = [orphan for orphan in known.values() if orphan.id not in standing]
        outside = self.outsiders.missing(list(standing.values())) if self.outsiders else set()
        gone = self._find_gone({orphan.id for orphan in missing} | outside)
        self._miss(missing, gone or ())
        orphans = list(self.store.orphans().values())
        for orphan in orphans:
            if orphan.id in standing and wants_removal(orphan, self.now(), self.patience):
                self._remove(orphan)
        unsettled = False
        if self.outsiders:
            unsettled = self.outsiders.settle(list(standing.values()), gone or ())
        if gone is not None:
            self._announce_unlisted(missing, list(standing.values()), gone)
        self.show()
        return self._next(orphans, unsettled)

    def _find_gone(self, ids: Collection[str]) -> Collection[str] | None:
        """Return which of these the cloud knows to be gone; None where it does not answer."""
        try:
            return self.cloud.gone(ids) if ids else ()
        except Unavailable as error:
            log.warning("what has become of %d clusters is not known: %s", len(ids), error)
            return None

    def _next(self, orphans: list[Orphan], missing: bool) -> timedelta | None:
        """Return the delay until the next sweep: short while something is unsettled, else until an orphan needs one."""
        now = self.now()
        if missing or any(is_unsettled(one, now) for one in orphans):
            return self.soon
        return min((at - now for one in orphans if (at := one.comes(now))), default=None)

    def _sighted(self, standing: Standing, known: Orphan | None) -> None:
        """Judge one cluster. One that cannot be judged is left alone, and blocks no other.

        That is so where the record of its run cannot be read, for example.
        """
        try:
            self._sight(standing, known)
        except Exception:
            log.exception("cluster %s cannot be judged, and is left alone", standing.name)

    def _sight(self, standing: Standing, known: Orphan | None) -> None:
        """Record a listed cluster that no run owns; delete the record of one that a run owns."""
        found = claim(standing, self._find)
        if found is None:  # a run owns it, perhaps since a moment ago
            if known:
                self.store.change_orphan(standing.id, lambda _: None)
            return
        if found is Claim.NOBODY and known is None and self.outsiders and self.outsiders.has_admitted(standing):
            return
        now = self.now()

        def change(orphan: Orphan | None) -> Orphan:
            seen = orphan.seen(standing, found, now, self.patience) if orphan else None
            return self._placed(seen or first_sight(standing, found, now, self.patience))

        changed = self.store.change_orphan(standing.id, change)
        if changed and changed.told_at == now:
            log.warning("cluster %s stands, and no run owns it (%s): %s", standing.name, found, standing)

    def _placed(self, orphan: Orphan) -> Orphan:
        """Return the orphan with its channel: that of the people who run the machines, or else that of its run."""
        if orphan.posted:
            return orphan
        run = self._find(orphan.standing.run_id) if orphan.claim in (Claim.ENDED, Claim.RETURNED) else None
        owned = orphan.owned_by(run.requester) if run else orphan
        return owned.told_in(self.channel or (run.thread_channel or run.channel if run else ""))

    def _find(self, run_id: str) -> Run | None:
        return self.store.get(run_id) if run_id else None

    def _miss(self, orphans: list[Orphan], gone: Collection[str]) -> None:
        """Record the orphans that are not listed any more.

        They are found by their ids: a look at a name may show another cluster, and goes through the queues of jobs,
        which belong to the tick. A cluster without a record at the cloud may still exist: the cloud's database may be
        lost, or another server may answer.
        """
        for orphan in orphans:
            self._missed(orphan, Seen() if orphan.id in gone else None)

    def _announce_unlisted(
        self, missing: Sequence[Orphan], standing: Sequence[Standing], gone: Collection[str]
    ) -> None:
        """Report once each cluster that no list has shown for a while and that has no record of its end."""
        if self.announcer is None:
            return
        found = [one for one in missing if one.id not in gone and self.now() - one.last_at >= UNLISTED_FOR]
        outside = self.outsiders.unlisted(standing, gone) if self.outsiders else []
        named = [(one.id, one.standing.name, one.channel) for one in found]
        for cluster_id, name, channel in [*named, *((one.cluster_id, one.cluster, "") for one in outside)]:
            self.announcer.announce(f"unlisted-{cluster_id}", say(UNLISTED, cluster=name), channel)

    def _missed(self, orphan: Orphan, look: Seen | None) -> None:
        """Record one orphan as not listed; delete the record where it is gone and was never reported."""
        now = self.now()
        changed = self.store.change_orphan(orphan.id, lambda one: one and one.missed(look, now, self.patience))
        if changed and changed.gone_at and changed.told_at is None:  # it was never reported
            self.store.change_orphan(orphan.id, lambda _: None)

    def _remove(self, orphan: Orphan) -> None:
        """Request its removal; a failure is reported, and the removal tried again."""
        name = orphan.standing.name
        rule = "remove_asked" if orphan.remove_by else "adoption_over" if orphan.adopted_until else "run_ended"
        self.record(AuditEvent(at=self.now(), who=BOT, what="ask for removal", on=name, rule=rule))
        log.warning("cluster %s is removed: %s", name, orphan.remove_by or orphan.adopted_until or "its run has ended")
        try:
            trouble = self.cloud.down(Watched(name, managed=orphan.standing.managed))
        except BeingStopped:  # nothing was refused: the next start tries again
            raise
        except (Unavailable, UserError) as error:
            trouble = str(error)
        self.store.change_orphan(orphan.id, lambda one: one and one.downed(trouble, self.now()))
