"""The mapping of SkyPilot's records to observations. Pure: records in, observations out."""

import re
from datetime import datetime

from bot.adapters.sky.records import ClusterRecord, History, JobRecord, LaunchRecord
from bot.core.money import Bill, Rate
from bot.core.seen import Cluster, Ending, Request, Seen
from bot.language import mark, say, together

REQUESTS = {
    "PENDING": Request.LIVE,
    "WAITING": Request.LIVE,
    "RUNNING": Request.LIVE,
    "SUCCEEDED": Request.SUCCEEDED,
    "FAILED": Request.FAILED,
    "CANCELLED": Request.CANCELLED,
}
"""SkyPilot's states of a request (sky/server/requests/requests.py, RequestStatus). A queued request is live."""

CLUSTERS = {
    "INIT": Cluster.INIT,
    "PENDING": Cluster.INIT,
    "UP": Cluster.UP,
    "STOPPED": Cluster.STOPPED,
    "AUTOSTOPPING": Cluster.AUTOSTOPPING,
}
"""SkyPilot's states of a cluster (sky/utils/status_lib.py, ClusterStatus)."""

TERMINATED = re.compile(r"Cluster was terminated by user (?P<user>.{1,200}?) \(request ID: ")
AUTODOWN = re.compile(r"autodown(ing|ed)", re.IGNORECASE)
"""What SkyPilot writes into a cluster's events (sky/core.py, down; sky/backends/backend_utils.py)."""

SOURCE = mark("SkyPilot's cost report")


def ending(events: tuple[str, ...]) -> tuple[Ending, str | None]:
    """Return how a cluster has ended, and a sentence where more is known.

    The events are searched in the order of their importance, not of time: a late refresh may be written after the
    removal. An autodown that begins and ends between two of SkyPilot's refreshes leaves no event (except on
    Kubernetes).

    >>> ending(("All nodes up.", "Cluster was terminated by user ana (request ID: 1).", "All nodes up."))
    (<Ending.DOWNED: 'downed'>, 'It was taken down by ana.')
    >>> ending(("Cluster is autodowning.", "All nodes terminated, cleaning up the cluster."))[0]
    <Ending.AUTODOWNED: 'autodowned'>
    """
    for event in reversed(events):
        if found := TERMINATED.search(event):
            return Ending.DOWNED, say("It was taken down by {person}.", person=found["user"])
    if any(AUTODOWN.search(event) for event in events):
        return Ending.AUTODOWNED, None
    last = say("SkyPilot says: {event}", event=events[-1]) if events else ""
    untold = say("Its machines went away, or its own autostop removed it: SkyPilot does not tell.")
    return Ending.LOST, together(last, untold)


def bill(history: History, now: datetime) -> Bill | None:
    """Return what a cluster has cost according to SkyPilot; None where SkyPilot has no price for it: 0 is not free.

    SkyPilot's prices for Kubernetes and Slurm are 0 unless its server is configured with others.
    """
    if history.dollars <= 0 or history.seconds <= 0:
        return None
    rate = Rate(history.dollars * 3600 / history.seconds, SOURCE)
    return Bill(history.dollars, rate, now, closed=not history.stands)


def seen_absent(launch: LaunchRecord | None, history: History | None, now: datetime, server: str = "") -> Seen | None:
    """Return the observation of a name without a cluster in SkyPilot's table.

    Args:
        server: identity of the database that the cost report came from.
    """
    request, error = (launch.request, launch.error) if launch else (Request.NONE, None)
    if request is Request.LIVE or history is None:
        return Seen(request=request, error=error, server=server)
    # The cluster exists in the cost report: `status` drops unreadable records, and records of workspaces that the bot
    # may not see. So nothing was observed.
    if history.stands:
        return None
    how, told = ending(history.events)
    return Seen(
        request=request,
        ending=how,
        error=error or told,
        bill=bill(history, now),
        cluster_id=history.hash,
        server=server,
    )


def seen_standing(
    launch: LaunchRecord | None, record: ClusterRecord, job: JobRecord | None, asked: bool, known: Bill | None
) -> Seen:
    """Return the observation of an existing cluster.

    Until its queue has answered, a successful launch still counts as under way.
    """
    request = launch.request if launch else Request.NONE
    if not asked and request in (Request.NONE, Request.SUCCEEDED):
        request = Request.LIVE
    return Seen(
        request=request,
        cluster=record.cluster,
        job=job.job if job else None,
        job_id=job.id if job else None,
        error=launch.error if launch else None,
        infra=record.infra,
        autostop_minutes=record.autostop_minutes,
        unhealthy=(job and job.broken) or record.unhealthy,
        bill=known,
        cluster_id=record.hash,
    )
