"""Clusters that belong to no open run: whose they are, and what is done about them. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from bot.core.model.bot_clock import has_passed
from bot.core.model.cluster import ClusterState, Observation
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.model.sent_message import SentMessage
from bot.errors import UnreadableRecord
from bot.phrase import Text

RUN_CLUSTER_PREFIX = "verl-"
"""Begins the name of every run's cluster."""


ADOPTION_TIME = timedelta(hours=8)
"""How long a cluster is adopted, and how much each further adoption adds; every cluster with an owner has an end."""

WARNING_TIME = timedelta(hours=1)

CLOCK_TOLERANCE = timedelta(minutes=10)
"""Maximum difference between a cluster's own time and the bot's, and maximum time for which a launch may be in
progress after its run was given up.
"""


class Ownership(StrEnum):
    """Evidence of who owns a cluster without a run."""

    ENDED_RUN = "ended"  # its run has ended
    REAPPEARED = "returned"  # its run ended because nothing could be seen of the cluster, which was a mistake
    OUR_NAME = "named"  # it has the bot's name or label, and no record
    UNCLAIMED = "unclaimed"  # no evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCluster:
    """A cluster that a cloud lists.

    Attributes:
        id: the cloud's own id; another cluster of the same name has a different one.
        user: the owner's name in the cloud; empty where the cloud has no users.
        launched_at: when it was last launched; None where that is not known.
        dollars_per_hour: for all of its nodes; None where the price is not known.
        run_label: the id of the run in its label; empty where it has no such label.
        tags: what its launch order wrote on it, by key; some clouds have only lower-case letters.
        is_managed: whether it is a managed job, whose clusters SkyPilot names itself.
        gpus: number of accelerators of all its nodes together, as far as known.
    """

    id: str
    name: str
    status: ClusterState
    user: str = ""
    infra: str = ""
    nodes: int = 1
    launched_at: datetime | None = None
    dollars_per_hour: float | None = None
    run_label: str = ""
    is_managed: bool = False
    gpus: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        """Return the id of the run that it may belong to; empty where it does not look like the bot's."""
        return (
            self.name.removeprefix(RUN_CLUSTER_PREFIX) if self.name.startswith(RUN_CLUSTER_PREFIX) else self.run_label
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanTimings:
    """Times that decisions about orphans use.

    Attributes:
        confirm_after: between the two looks that must show a cluster of an ended run, or must not show it.
        teardown_retry: after which a teardown is requested again.
    """

    confirm_after: timedelta = timedelta(seconds=30)
    teardown_retry: timedelta = timedelta(minutes=2)


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

    cluster: ListedCluster
    ownership: Ownership
    first_seen_at: datetime
    last_seen_at: datetime
    reported_at: datetime | None = None
    channel: str = ""
    left_alone_by: str | None = None
    removal_requested_by: str | None = None
    owner: str = ""
    adopted_by: str | None = None
    adopted_until: datetime | None = None
    end_warning: SentMessage | None = None
    teardown_requested_at: datetime | None = None
    last_error: Text | None = None
    missing_since: datetime | None = None
    gone_at: datetime | None = None
    sent_message: SentMessage | None = None

    @property
    def id(self) -> str:
        return self.cluster.id

    def is_due_for_removal(self, now: datetime) -> bool:
        """Return whether it is to be removed.

        That is so by request, once its adoption has expired, or where an ended run left it.
        """
        # A person's request decides before the evidence does.
        if self.removal_requested_by is not None or self.adopted_until is not None:
            return self.removal_requested_by is not None or self.has_expired(now)
        return self.ownership is Ownership.ENDED_RUN and self.left_alone_by is None

    def has_expired(self, now: datetime) -> bool:
        """Return whether the time for which it was adopted is over."""
        return self.adopted_until is not None and now >= self.adopted_until

    def needs_warning(self, now: datetime) -> bool:
        """Return whether the person who adopted it is due for a warning about its end, and has none yet."""
        until, is_warned = self.adopted_until, self.current_warning is not None and self.current_warning.ts is not None
        if until is None or self.removal_requested_by or self.gone_at or self.missing_since or is_warned:
            return False
        return until - WARNING_TIME <= now < until

    def has_same_deadline(self, other: Self) -> bool:
        """Return whether its end, and nothing else, will remove it at the same time as the other."""
        return self.adopted_until == other.adopted_until and not (self.removal_requested_by or self.gone_at)

    @property
    def current_warning(self) -> SentMessage | None:
        """Return the warning about its present end; None where there is none."""
        return (
            self.end_warning if self.end_warning and self.end_warning.content_hash == str(self.adopted_until) else None
        )

    def next_event_at(self, now: datetime) -> datetime | None:
        """Return when time alone next changes something: its warning, or its end; None where nothing does."""
        if self.adopted_until is None or self.removal_requested_by or self.gone_at:
            return None
        return next(
            (event_at for event_at in (self.adopted_until - WARNING_TIME, self.adopted_until) if event_at > now), None
        )

    def compute_dollars(self, now: datetime) -> float | None:
        """Return its cost since its launch, or else since it was first seen; None where its price is not known."""
        if self.cluster.dollars_per_hour is None:
            return None
        hours = ((self.gone_at or now) - (self.cluster.launched_at or self.first_seen_at)) / timedelta(hours=1)
        return self.cluster.dollars_per_hour * max(hours, 0.0)

    # Requests, recorded by listeners

    def request_removal(self, by: str) -> Self:
        """Return the record with a person's request to remove the cluster."""
        return (
            self
            if self.removal_requested_by or self.gone_at
            else replace(self, removal_requested_by=by, left_alone_by=None)
        )

    def leave_alone(self, by: str) -> Self:
        """Return the record with a person's request to leave it alone.

        The first request counts; a removal in progress continues.
        """
        is_decided = (
            self.removal_requested_by
            or self.left_alone_by
            or self.adopted_by
            or self.teardown_requested_at
            or self.gone_at
        )
        return self if is_decided else replace(self, left_alone_by=by)

    def adopt(self, by: str, shown_deadline: datetime | None, now: datetime) -> Self:
        """Return the record with this person as its owner for some hours more.

        Args:
            shown_deadline: the end that the button was shown with; a second click on the same button adds nothing.
        """
        is_decided = self.removal_requested_by or self.teardown_requested_at or self.gone_at
        # A second click on an old button, or a removal in progress: nothing changes.
        if is_decided or shown_deadline != self.adopted_until:
            return self
        return replace(self, adopted_by=by, adopted_until=(shown_deadline or now) + ADOPTION_TIME, left_alone_by=None)

    # Observations, recorded by the sweep

    def record_observation(
        self, cluster: ListedCluster, ownership: Ownership, now: datetime, timings: OrphanTimings
    ) -> Self:
        """Return the record after a look that shows the cluster.

        What an ended run may have left is reported at the second look.
        """
        is_confirmed = ownership is not Ownership.ENDED_RUN or now >= self.first_seen_at + timings.confirm_after
        reported_at = self.reported_at or (now if is_confirmed else None)
        return replace(
            self,
            cluster=cluster,
            ownership=ownership,
            last_seen_at=now,
            reported_at=reported_at,
            missing_since=None,
            gone_at=None,
        )

    def record_absence(self, observation: Observation | None, now: datetime, timings: OrphanTimings) -> Self:
        """Return the record after a list without the cluster.

        It is gone once a look at it alone shows nothing, and a later look shows nothing either.
        """
        # No answer, or a trace of the cluster: its absence from the list proves nothing.
        if observation is None or not observation.is_empty:
            return replace(self, missing_since=None)
        since = self.missing_since or now
        gone_at = self.gone_at or (now if now >= since + timings.confirm_after else None)
        return replace(self, missing_since=since, gone_at=gone_at)

    def with_channel(self, channel: str) -> Self:
        return replace(self, channel=channel)

    def with_owner(self, person: str) -> Self:
        return replace(self, owner=person)

    def record_teardown_request(self, error: Text | None, now: datetime) -> Self:
        """Return the record after a teardown was requested, with the error if that failed."""
        return replace(self, teardown_requested_at=now, last_error=error)

    # Messages, recorded by the notifier

    def record_warning(self, ts: str | None, now: datetime, channel: str = "") -> Self:
        """Return the record with the warning to the person who adopted it; with `ts` None, it is being sent.

        Args:
            channel: where it is, outside of the thread; empty in the thread.
        """
        return replace(self, end_warning=SentMessage(ts, str(self.adopted_until), "", now, channel=channel))

    def clear_warning(self) -> Self:
        """Return the record without its warning, which was not sent."""
        return replace(self, end_warning=None)

    def with_sent_message(self, message: SentMessage | None) -> Self:
        return replace(self, sent_message=message)


def build_orphan(cluster: ListedCluster, ownership: Ownership, now: datetime, timings: OrphanTimings) -> Orphan:
    """Return the record of a cluster that is listed for the first time."""
    return Orphan(cluster=cluster, ownership=ownership, first_seen_at=now, last_seen_at=now).record_observation(
        cluster, ownership, now, timings
    )


def determine_ownership(cluster: ListedCluster, find_run: Callable[[str], Run | None]) -> Ownership | None:
    """Return the evidence of who owns a cluster without an open run; None where an open run owns it.

    Args:
        find_run: returns the run of an id. It must be called after the clusters were listed: a run is recorded before
            its cluster is requested, so a launch in progress never looks like an orphan.
    """
    try:
        run = find_run(cluster.run_id) if cluster.run_id else None
    except UnreadableRecord as error:  # while the run is open, its stub owns the cluster
        return None if error.is_open else Ownership.OUR_NAME
    # The name or label looks like the bot's, but no run has this cluster.
    if run is None or run.cluster != cluster.name:
        return Ownership.OUR_NAME if cluster.run_id else Ownership.UNCLAIMED
    if run.status is not RunStatus.ENDED:
        return None
    if not is_left_by_run(run, cluster):
        return Ownership.OUR_NAME
    return Ownership.REAPPEARED if has_ended_unseen(run) else Ownership.ENDED_RUN


def has_ended_unseen(run: Run) -> bool:
    """Return whether a run ended because nothing could be seen of its cluster, which proves nothing.

    That is true of runs of older versions, which knew no cluster's id, and of those whose end a person confirmed.
    """
    is_loss = run.reason in (Reason.CLUSTER_LOST, Reason.AUTODOWNED)
    return run.observed.memory.confirmed_gone_by is not None or (is_loss and run.observed.memory.cluster_id == "")


def is_left_by_run(run: Run, cluster: ListedCluster) -> bool:
    """Return whether an ended run has left the cluster.

    It was launched while the run was open then, and has no other run's label. A name alone proves nothing: another bot
    on the same SkyPilot, or a person, may have used it again.
    """
    if run.closed_at is None or cluster.launched_at is None or cluster.run_label not in ("", run.id):
        return False
    return run.created_at - CLOCK_TOLERANCE <= cluster.launched_at <= run.closed_at + CLOCK_TOLERANCE


def is_teardown_due(orphan: Orphan, now: datetime, timings: OrphanTimings) -> bool:
    """Return whether its teardown is to be requested now: the last look showed it, and none was requested recently."""
    if not orphan.is_due_for_removal(now) or orphan.reported_at is None or orphan.missing_since or orphan.gone_at:
        return False
    return orphan.teardown_requested_at is None or has_passed(timings.teardown_retry, orphan.teardown_requested_at, now)


def needs_attention(orphan: Orphan, now: datetime) -> bool:
    """Return whether the cluster should be looked at again soon."""
    is_waiting = orphan.reported_at is None or orphan.is_due_for_removal(now) or orphan.missing_since is not None
    return is_waiting and orphan.gone_at is None
