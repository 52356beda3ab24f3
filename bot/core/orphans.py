"""Clusters that belong to no open run: whose they are, and what is done about them. Pure."""

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
"""Begins the name of every run's cluster."""


ADOPTED = timedelta(hours=8)
"""How long a cluster is adopted, and how much each further adoption adds; every cluster with an owner has an end."""

WARNED_BEFORE = timedelta(hours=1)

LATE = timedelta(minutes=10)
"""Maximum difference between a cluster's own time and the bot's, and maximum time for which a launch may be in
progress after its run was given up.
"""


class Claim(StrEnum):
    """Evidence of who owns a cluster without a run."""

    ENDED = "ended"  # its run has ended
    RETURNED = "returned"  # its run ended because nothing could be seen of the cluster, which was a mistake
    NAMED = "named"  # it has the bot's name or label, and no record
    NOBODY = "nobody"  # no evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A cluster that a cloud lists.

    Attributes:
        id: the cloud's own id; another cluster of the same name has a different one.
        user: the owner's name in the cloud; empty where the cloud has no users.
        launched_at: when it was last launched; None where that is not known.
        dollars_per_hour: for all of its nodes; None where the price is not known.
        run_label: the id of the run in its label; empty where it has no such label.
        is_managed: whether it is a managed job, whose clusters SkyPilot names itself.
        gpus: number of accelerators of all its nodes together, as far as known.
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
        """Return the id of the run that it may belong to; empty where it does not look like the bot's."""
        return self.name.removeprefix(PREFIX) if self.name.startswith(PREFIX) else self.run


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Times that decisions about orphans use.

    Attributes:
        confirm_after: between the two looks that must show a cluster of an ended run, or must not show it.
        teardown_retry: after which a teardown is requested again.
    """

    sight: timedelta = timedelta(seconds=30)
    down_again: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """The record of a cluster that belongs to no open run.

    Listeners write requests, the notifier what it sent, the sweep everything else.

    Attributes:
        cluster: as last listed.
        ownership: evidence of who owns it.
        first_seen_at, last_seen_at: when it was listed first and last.
        reported_at: since when people are notified of it.
        channel: where they are; empty for the log only.
        left_alone_by: who wants it left alone.
        removal_requested_by: who wants it removed.
        owner: Slack's id of the person who launched it; empty where that is not known.
        adopted_by: who owns it since it was adopted.
        adopted_until: until when it is kept then.
        end_warning: the warning about its end, to the person who adopted it, shortly before; its digest names the end.
            Without a `ts` while it is unknown whether it has arrived.
        teardown_requested_at: when its teardown was last requested.
        last_error: why an earlier teardown failed.
        missing_since: since when no look has shown it.
        gone_at: when that was confirmed.
        sent_message: its message in Slack.
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
        """Return whether it is to be removed.

        That is so by request, once its adoption has expired, or where an ended run left it.
        """
        # A person's request decides before the evidence does.
        if self.remove_by is not None or self.adopted_until is not None:
            return self.remove_by is not None or self.lapsed(now)
        return self.claim is Claim.ENDED and self.left_by is None

    def lapsed(self, now: datetime) -> bool:
        """Return whether the time for which it was adopted is over."""
        return self.adopted_until is not None and now >= self.adopted_until

    def ends_soon(self, now: datetime) -> bool:
        """Return whether the person who adopted it is due for a warning about its end, and has none yet."""
        until, told = self.adopted_until, self.warned is not None and self.warned.ts is not None
        if until is None or self.remove_by or self.gone_at or self.missing_since or told:
            return False
        return until - WARNED_BEFORE <= now < until

    def goes_as(self, other: Self) -> bool:
        """Return whether its end, and nothing else, will remove it at the same time as the other."""
        return self.adopted_until == other.adopted_until and not (self.remove_by or self.gone_at)

    @property
    def warned(self) -> Posted | None:
        """Return the warning about its present end; None where there is none."""
        return self.warning if self.warning and self.warning.digest == str(self.adopted_until) else None

    def comes(self, now: datetime) -> datetime | None:
        """Return when time alone next changes something: its warning, or its end; None where nothing does."""
        if self.adopted_until is None or self.remove_by or self.gone_at:
            return None
        return next((at for at in (self.adopted_until - WARNED_BEFORE, self.adopted_until) if at > now), None)

    def dollars(self, now: datetime) -> float | None:
        """Return its cost since its launch, or else since it was first seen; None where its price is not known."""
        if self.standing.dollars_per_hour is None:
            return None
        hours = ((self.gone_at or now) - (self.standing.since or self.seen_at)) / timedelta(hours=1)
        return self.standing.dollars_per_hour * max(hours, 0.0)

    # Requests, recorded by listeners

    def removal_asked(self, by: str) -> Self:
        """Return the record with a person's request to remove the cluster."""
        return self if self.remove_by or self.gone_at else replace(self, remove_by=by, left_by=None)

    def left(self, by: str) -> Self:
        """Return the record with a person's request to leave it alone.

        The first request counts; a removal in progress continues.
        """
        settled = self.remove_by or self.left_by or self.adopted_by or self.downed_at or self.gone_at
        return self if settled else replace(self, left_by=by)

    def adopted(self, by: str, shown: datetime | None, now: datetime) -> Self:
        """Return the record with this person as its owner for some hours more.

        Args:
            shown_deadline: the end that the button was shown with; a second click on the same button adds nothing.
        """
        settled = self.remove_by or self.downed_at or self.gone_at
        # A second click on an old button, or a removal in progress: nothing changes.
        if settled or shown != self.adopted_until:
            return self
        return replace(self, adopted_by=by, adopted_until=(shown or now) + ADOPTED, left_by=None)

    # Observations, recorded by the sweep

    def seen(self, standing: Standing, claim: Claim, now: datetime, patience: Patience) -> Self:
        """Return the record after a look that shows the cluster.

        What an ended run may have left is reported at the second look.
        """
        sure = claim is not Claim.ENDED or now >= self.seen_at + patience.sight
        told_at = self.told_at or (now if sure else None)
        return replace(
            self, standing=standing, claim=claim, last_at=now, told_at=told_at, missing_since=None, gone_at=None
        )

    def missed(self, look: Seen | None, now: datetime, patience: Patience) -> Self:
        """Return the record after a list without the cluster.

        It is gone once a look at it alone shows nothing, and a later look shows nothing either.
        """
        # No answer, or a trace of the cluster: its absence from the list proves nothing.
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
        """Return the record after a teardown was requested, with the error if that failed."""
        return replace(self, downed_at=now, trouble=trouble)

    # Messages, recorded by the notifier

    def warns(self, ts: str | None, now: datetime) -> Self:
        """Return the record with the warning to the person who adopted it; with `ts` None, it is being sent."""
        return replace(self, warning=Posted(ts, str(self.adopted_until), "", now))

    def unwarned(self) -> Self:
        """Return the record without its warning, which was not sent."""
        return replace(self, warning=None)

    def says(self, posted: Posted | None) -> Self:
        return replace(self, posted=posted)


def first_sight(standing: Standing, claim: Claim, now: datetime, patience: Patience) -> Orphan:
    """Return the record of a cluster that is listed for the first time."""
    return Orphan(standing=standing, claim=claim, seen_at=now, last_at=now).seen(standing, claim, now, patience)


def claim(standing: Standing, find: Callable[[str], Run | None]) -> Claim | None:
    """Return the evidence of who owns a cluster without an open run; None where an open run owns it.

    Args:
        find_run: returns the run of an id. It must be called after the clusters were listed: a run is recorded before
            its cluster is requested, so a launch in progress never looks like an orphan.
    """
    try:
        run = find(standing.run_id) if standing.run_id else None
    except UnreadableRecord as error:  # while the run is open, its stub owns the cluster
        return None if error.is_open else Claim.NAMED
    # The name or label looks like the bot's, but no run has this cluster.
    if run is None or run.cluster != standing.name:
        return Claim.NAMED if standing.run_id else Claim.NOBODY
    if run.status is not Status.ENDED:
        return None
    if not is_left_of(run, standing):
        return Claim.NAMED
    return Claim.RETURNED if has_ended_unseen(run) else Claim.ENDED


def has_ended_unseen(run: Run) -> bool:
    """Return whether a run ended because nothing could be seen of its cluster, which proves nothing.

    That is true of runs of older versions, which knew no cluster's id, and of those whose end a person confirmed.
    """
    is_loss = run.reason in (Reason.CLUSTER_LOST, Reason.AUTODOWNED)
    return run.memory.gone_by is not None or (is_loss and run.memory.cluster_id == "")


def is_left_of(run: Run, standing: Standing) -> bool:
    """Return whether an ended run has left the cluster.

    It was launched while the run was open then, and has no other run's label. A name alone proves nothing: another bot
    on the same SkyPilot, or a person, may have used it again.
    """
    if run.ended_at is None or standing.since is None or standing.run not in ("", run.id):
        return False
    return run.created_at - LATE <= standing.since <= run.ended_at + LATE


def wants_removal(orphan: Orphan, now: datetime, patience: Patience) -> bool:
    """Return whether its teardown is to be requested now: the last look showed it, and none was requested recently."""
    if not orphan.going(now) or orphan.told_at is None or orphan.missing_since or orphan.gone_at:
        return False
    return orphan.downed_at is None or has_passed(patience.down_again, orphan.downed_at, now)


def is_unsettled(orphan: Orphan, now: datetime) -> bool:
    """Return whether the cluster should be looked at again soon."""
    waits = orphan.told_at is None or orphan.going(now) or orphan.missing_since is not None
    return waits and orphan.gone_at is None
