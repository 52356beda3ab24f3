"""Clusters that no run owns: whose they are, and what is done about them. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from bot.core.clock import has_passed
from bot.core.posted import Posted
from bot.core.run import Run
from bot.core.seen import Cluster, Seen
from bot.core.status import Reason, Status
from bot.errors import UnreadableRecord

PREFIX = "verl-"
"""Of the cluster of every run."""


ADOPTED = timedelta(hours=8)
"""For how long a cluster is adopted, and that is said once more; every cluster that is somebody's has an end."""

WARNED_BEFORE = timedelta(hours=1)

LATE = timedelta(minutes=10)
"""By how much a cluster's own time may differ from ours, and a launch be under way when its run was given up."""


class Claim(StrEnum):
    """What speaks for a cluster that no run owns."""

    ENDED = "ended"  # its run has ended
    RETURNED = "returned"  # its run ended because nothing could be seen of it, by mistake as it shows
    NAMED = "named"  # it has our name or our label, and nobody recorded it
    NOBODY = "nobody"  # nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A cluster that a cloud lists.

    Attributes:
        id: the cloud's own, which another cluster of the same name does not have.
        user: whose it is, as the cloud calls him; empty where it has no users.
        since: when it was launched last; None where that is not known.
        dollars_per_hour: of all of its nodes; None where nobody knows.
        run: the id of the run that its label names; empty for none.
        managed: whether it is a managed job, whose clusters SkyPilot names itself.
        gpus: accelerators of all its nodes together, as far as is known.
    """

    id: str
    name: str
    status: Cluster
    user: str = ""
    infra: str = ""
    nodes: int = 1
    since: datetime | None = None
    dollars_per_hour: float | None = None
    run: str = ""
    managed: bool = False
    gpus: int = 0

    @property
    def run_id(self) -> str:
        """Of the run that it may belong to; empty where it does not look like ours."""
        return self.name.removeprefix(PREFIX) if self.name.startswith(PREFIX) else self.run


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Times that decisions about orphans rest on.

    Attributes:
        sight: between the two looks that must show a cluster of an ended run, or show none.
        down_again: after which a removal is asked for again.
    """

    sight: timedelta = timedelta(seconds=30)
    down_again: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """The record of a cluster that no run owns. People write wishes, the sweep the rest, the teller what was posted.

    Attributes:
        standing: as last seen.
        seen_at: when first, last_at: when last.
        told_at: since when it is spoken of.
        channel: where; empty for nowhere but the log.
        left_by: who wants it left alone; remove_by: who wants it removed.
        owner: Slack's id of who launched it; empty where that is not known.
        adopted_by: who answers for it; adopted_until: until when it stands then.
        warning: of an end, to that person, shortly before; its digest names the end. Without a `ts` while nobody
            knows whether it has arrived.
        downed_at: when its removal was last asked for; trouble: why an earlier one failed.
        missing_since: since when no look has shown it; gone_at: when that was believed.
        posted: its message.
    """

    standing: Standing
    claim: Claim
    seen_at: datetime
    last_at: datetime
    told_at: datetime | None = None
    channel: str = ""
    left_by: str | None = None
    remove_by: str | None = None
    owner: str = ""
    adopted_by: str | None = None
    adopted_until: datetime | None = None
    warning: Posted | None = None
    downed_at: datetime | None = None
    trouble: str | None = None
    missing_since: datetime | None = None
    gone_at: datetime | None = None
    posted: Posted | None = None

    @property
    def id(self) -> str:
        return self.standing.id

    def going(self, now: datetime) -> bool:
        """Whether it is to be removed: by a wish, because its time is over, or as what an ended run has left."""
        if self.remove_by is not None or self.adopted_until is not None:
            return self.remove_by is not None or self.lapsed(now)
        return self.claim is Claim.ENDED and self.left_by is None

    def lapsed(self, now: datetime) -> bool:
        """Whether the time is over for which it was adopted."""
        return self.adopted_until is not None and now >= self.adopted_until

    def ends_soon(self, now: datetime) -> bool:
        """Whether who has adopted it is to hear that it goes, and has not."""
        until, told = self.adopted_until, self.warned is not None and self.warned.ts is not None
        if until is None or self.remove_by or self.gone_at or self.missing_since or told:
            return False
        return until - WARNED_BEFORE <= now < until

    def goes_as(self, other: Self) -> bool:
        """Whether it is to go when the other is, by its end alone."""
        return self.adopted_until == other.adopted_until and not (self.remove_by or self.gone_at)

    @property
    def warned(self) -> Posted | None:
        """The warning of the end that it has now."""
        return self.warning if self.warning and self.warning.digest == str(self.adopted_until) else None

    def comes(self, now: datetime) -> datetime | None:
        """When the clock alone has something happen next: its warning, or its end."""
        if self.adopted_until is None or self.remove_by or self.gone_at:
            return None
        return next((at for at in (self.adopted_until - WARNED_BEFORE, self.adopted_until) if at > now), None)

    def dollars(self, now: datetime) -> float | None:
        """What it has cost since its launch, or else since it was seen; None where nobody knows its price."""
        if self.standing.dollars_per_hour is None:
            return None
        hours = ((self.gone_at or now) - (self.standing.since or self.seen_at)) / timedelta(hours=1)
        return self.standing.dollars_per_hour * max(hours, 0.0)

    # wishes, by listeners

    def removal_asked(self, by: str) -> Self:
        return self if self.remove_by or self.gone_at else replace(self, remove_by=by, left_by=None)

    def left(self, by: str) -> Self:
        """The first wish counts; a removal that was asked for goes on."""
        settled = self.remove_by or self.left_by or self.adopted_by or self.downed_at or self.gone_at
        return self if settled else replace(self, left_by=by)

    def adopted(self, by: str, shown: datetime | None, now: datetime) -> Self:
        """It stands for some hours more, and this person answers for it.

        Args:
            shown: the end that the button was shown with; a second click on the same one adds nothing.
        """
        settled = self.remove_by or self.downed_at or self.gone_at
        if settled or shown != self.adopted_until:
            return self
        return replace(self, adopted_by=by, adopted_until=(shown or now) + ADOPTED, left_by=None)

    # by the sweep

    def seen(self, standing: Standing, claim: Claim, now: datetime, patience: Patience) -> Self:
        """It stands at this look too. What may be a run's that ended a moment ago is spoken of at the second."""
        sure = claim is not Claim.ENDED or now >= self.seen_at + patience.sight
        told_at = self.told_at or (now if sure else None)
        return replace(
            self, standing=standing, claim=claim, last_at=now, told_at=told_at, missing_since=None, gone_at=None
        )

    def missed(self, look: Seen | None, now: datetime, patience: Patience) -> Self:
        """The list does not show it; it is gone where a look at it alone, and a later one, show nothing either."""
        if look is None or not look.nothing:
            return replace(self, missing_since=None)
        since = self.missing_since or now
        gone = self.gone_at or (now if now >= since + patience.sight else None)
        return replace(self, missing_since=since, gone_at=gone)

    def told_in(self, channel: str) -> Self:
        return replace(self, channel=channel)

    def owned_by(self, person: str) -> Self:
        return replace(self, owner=person)

    def downed(self, trouble: str | None, now: datetime) -> Self:
        return replace(self, downed_at=now, trouble=trouble)

    # by the teller

    def warns(self, ts: str | None, now: datetime) -> Self:
        """Who has adopted it is told that it goes, or is being told where `ts` is None."""
        return replace(self, warning=Posted(ts, str(self.adopted_until), "", now))

    def unwarned(self) -> Self:
        return replace(self, warning=None)

    def says(self, posted: Posted | None) -> Self:
        return replace(self, posted=posted)


def first_sight(standing: Standing, claim: Claim, now: datetime, patience: Patience) -> Orphan:
    return Orphan(standing=standing, claim=claim, seen_at=now, last_at=now).seen(standing, claim, now, patience)


def claim(standing: Standing, find: Callable[[str], Run | None]) -> Claim | None:
    """What speaks for a cluster that no run owns; None where one does.

    Args:
        find: the run of an id. It must be asked after the clusters were listed: a run is recorded before its
            cluster is asked for, so that a launch under way is never taken for an orphan.
    """
    try:
        run = find(standing.run_id) if standing.run_id else None
    except UnreadableRecord as error:  # while it is open, its stub looks after its cluster
        return None if error.is_open else Claim.NAMED
    if run is None or run.cluster != standing.name:
        return Claim.NAMED if standing.run_id else Claim.NOBODY
    if run.status is not Status.ENDED:
        return None
    if not is_left_of(run, standing):
        return Claim.NAMED
    return Claim.RETURNED if has_ended_unseen(run) else Claim.ENDED


def has_ended_unseen(run: Run) -> bool:
    """Return whether a run ended because nothing could be seen of its cluster, which proves nothing.

    So have runs of older versions, which knew no cluster's id, and those of which a person has said so.
    """
    is_loss = run.reason in (Reason.CLUSTER_LOST, Reason.AUTODOWNED)
    return run.memory.gone_by is not None or (is_loss and run.memory.cluster_id == "")


def is_left_of(run: Run, standing: Standing) -> bool:
    """Whether it is what an ended run has left: launched while the run lived, and without another run's label.

    A name alone proves nothing: another bot on the same SkyPilot, or a person, may have used it again.
    """
    if run.ended_at is None or standing.since is None or standing.run not in ("", run.id):
        return False
    return run.created_at - LATE <= standing.since <= run.ended_at + LATE


def wants_removal(orphan: Orphan, now: datetime, patience: Patience) -> bool:
    """Whether its removal is to be asked for now: it stood at the last look, and nothing asked for it lately."""
    if not orphan.going(now) or orphan.told_at is None or orphan.missing_since or orphan.gone_at:
        return False
    return orphan.downed_at is None or has_passed(patience.down_again, orphan.downed_at, now)


def is_unsettled(orphan: Orphan, now: datetime) -> bool:
    """Whether it is worth while to look again soon."""
    waits = orphan.told_at is None or orphan.going(now) or orphan.missing_since is not None
    return waits and orphan.gone_at is None
