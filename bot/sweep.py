"""The sweep: every cluster that stands, beside the runs that own one. What is nobody's is told of, and removed."""

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
    """Looks at everything that the cloud shows.

    Attributes:
        leads: whether this bot is, of those that share the store, the one that acts.
        show: called when there may be something to say.
        channel: of those who keep the machines; empty for none, and then the bot's own log is told.
        soon: between two sweeps while something is not settled.
        language: of what is kept in a record.
        outsiders: keeps the places of what was launched beside the bot; None where nobody asks it.
        announcer: tells those who keep the machines of what is not listed any more; None where they are not told.
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
        """One look at everything. Returns in how long the next is wanted, None for at leisure.

        Raises:
            Unavailable: nobody answers, and nothing is known.
        """
        if not self.leads():
            return None
        with speaking(self.language):
            return self._sweep()

    def _sweep(self) -> timedelta | None:
        standing = {one.id: one for one in self.cloud.clusters()}  # before the runs: see `claim`
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
        """In how long another look is wanted: soon where something is not settled, else when a time comes."""
        now = self.now()
        if missing or any(is_unsettled(one, now) for one in orphans):
            return self.soon
        return min((at - now for one in orphans if (at := one.comes(now))), default=None)

    def _sighted(self, standing: Standing, known: Orphan | None) -> None:
        """One that cannot be judged, as where its run's record cannot be read, is left alone, and holds up no other."""
        try:
            self._sight(standing, known)
        except Exception:
            log.exception("cluster %s cannot be judged, and is left alone", standing.name)

    def _sight(self, standing: Standing, known: Orphan | None) -> None:
        found = claim(standing, self._find)
        if found is None:  # a run owns it, or has come to
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
        """Where it is spoken of: with those who keep the machines, or else where its run was."""
        if orphan.posted:
            return orphan
        run = self._find(orphan.standing.run_id) if orphan.claim in (Claim.ENDED, Claim.RETURNED) else None
        owned = orphan.owned_by(run.requester) if run else orphan
        return owned.told_in(self.channel or (run.thread_channel or run.channel if run else ""))

    def _find(self, run_id: str) -> Run | None:
        return self.store.get(run_id) if run_id else None

    def _miss(self, orphans: list[Orphan], gone: Collection[str]) -> None:
        """Those that the list does not show any more. By their ids: a look at a name may meet another cluster,
        and goes through the queues of jobs, which belong to the tick.

        What the cloud has no record of may stand: its database may be lost, or another server answer.
        """
        for orphan in orphans:
            self._missed(orphan, Seen() if orphan.id in gone else None)

    def _announce_unlisted(
        self, missing: Sequence[Orphan], standing: Sequence[Standing], gone: Collection[str]
    ) -> None:
        """Say once of each cluster that no list has shown for a while, and of whose end the cloud has no record."""
        if self.announcer is None:
            return
        found = [one for one in missing if one.id not in gone and self.now() - one.last_at >= UNLISTED_FOR]
        outside = self.outsiders.unlisted(standing, gone) if self.outsiders else []
        named = [(one.id, one.standing.name, one.channel) for one in found]
        for cluster_id, name, channel in [*named, *((one.cluster_id, one.cluster, "") for one in outside)]:
            self.announcer.announce(f"unlisted-{cluster_id}", say(UNLISTED, cluster=name), channel)

    def _missed(self, orphan: Orphan, look: Seen | None) -> None:
        now = self.now()
        changed = self.store.change_orphan(orphan.id, lambda one: one and one.missed(look, now, self.patience))
        if changed and changed.gone_at and changed.told_at is None:  # it was never spoken of
            self.store.change_orphan(orphan.id, lambda _: None)

    def _remove(self, orphan: Orphan) -> None:
        """Ask for its removal; what fails is told of, and tried again."""
        name = orphan.standing.name
        rule = "remove_asked" if orphan.remove_by else "adoption_over" if orphan.adopted_until else "run_ended"
        self.record(AuditEvent(at=self.now(), who=BOT, what="ask for removal", on=name, rule=rule))
        log.warning("cluster %s is removed: %s", name, orphan.remove_by or orphan.adopted_until or "its run has ended")
        try:
            trouble = self.cloud.down(Watched(name, managed=orphan.standing.managed))
        except BeingStopped:  # nothing was refused: the next start asks
            raise
        except (Unavailable, UserError) as error:
            trouble = str(error)
        self.store.change_orphan(orphan.id, lambda one: one and one.downed(trouble, self.now()))
