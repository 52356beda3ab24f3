"""The mapping of SkyPilot's records to observations. Pure: records in, observations out."""

import re
from datetime import datetime

from bot.adapters.sky.records import ClusterCosts, ClusterRecord, JobRecord, LaunchRecord
from bot.core.money import Bill, Rate
from bot.core.seen import ClusterState, Ending, Observation, RequestState
from bot.language import N_, join_sentences, translate

REQUEST_STATES = {
    "PENDING": RequestState.LIVE,
    "WAITING": RequestState.LIVE,
    "RUNNING": RequestState.LIVE,
    "SUCCEEDED": RequestState.SUCCEEDED,
    "FAILED": RequestState.FAILED,
    "CANCELLED": RequestState.CANCELLED,
}
"""SkyPilot's states of a request (sky/server/requests/requests.py, RequestStatus). A queued request is live."""

CLUSTER_STATES = {
    "INIT": ClusterState.INIT,
    "PENDING": ClusterState.INIT,
    "UP": ClusterState.UP,
    "STOPPED": ClusterState.STOPPED,
    "AUTOSTOPPING": ClusterState.AUTOSTOPPING,
}
"""SkyPilot's states of a cluster (sky/utils/status_lib.py, ClusterStatus)."""

TERMINATED_EVENT = re.compile(r"Cluster was terminated by user (?P<user>.{1,200}?) \(request ID: ")
AUTODOWN_EVENT = re.compile(r"autodown(ing|ed)", re.IGNORECASE)
"""What SkyPilot writes into a cluster's events (sky/core.py, down; sky/backends/backend_utils.py)."""

COST_REPORT_SOURCE = N_("SkyPilot's cost report")


def map_cluster_ending(events: tuple[str, ...]) -> tuple[Ending, str | None]:
    """Return how a cluster has ended, and a sentence where more is known.

    The events are searched in the order of their importance, not of time: a late refresh may be written after the
    removal. An autodown that begins and ends between two of SkyPilot's refreshes leaves no event (except on
    Kubernetes).

    >>> map_cluster_ending(("All nodes up.", "Cluster was terminated by user ana (request ID: 1).", "All nodes up."))
    (<Ending.DOWNED: 'downed'>, 'It was taken down by ana.')
    >>> map_cluster_ending(("Cluster is autodowning.", "All nodes terminated, cleaning up the cluster."))[0]
    <Ending.AUTODOWNED: 'autodowned'>
    """
    for event in reversed(events):
        if termination := TERMINATED_EVENT.search(event):
            return Ending.DOWNED, translate("It was taken down by {person}.", person=termination["user"])
    if any(AUTODOWN_EVENT.search(event) for event in events):
        return Ending.AUTODOWNED, None
    last = translate("SkyPilot says: {event}", event=events[-1]) if events else ""
    unknown_end = translate("Its machines went away, or its own autostop removed it: SkyPilot does not tell.")
    return Ending.LOST, join_sentences(last, unknown_end)


def compute_cluster_bill(history: ClusterCosts, now: datetime) -> Bill | None:
    """Return what a cluster has cost according to SkyPilot; None where SkyPilot has no price for it: 0 is not free.

    SkyPilot's prices for Kubernetes and Slurm are 0 unless its server is configured with others.
    """
    if history.dollars <= 0 or history.seconds <= 0:
        return None
    rate = Rate(history.dollars * 3600 / history.seconds, COST_REPORT_SOURCE)
    return Bill(history.dollars, rate, now, is_closed=not history.exists)


def map_absent_cluster(
    launch: LaunchRecord | None, history: ClusterCosts | None, now: datetime, server: str = ""
) -> Observation | None:
    """Return the observation of a name without a cluster in SkyPilot's table.

    Args:
        server: identity of the database that the cost report came from.
    """
    request, error = (launch.request, launch.error) if launch else (RequestState.NONE, None)
    if request is RequestState.LIVE or history is None:
        return Observation(request=request, error=error, server=server)
    # The cluster exists in the cost report: `status` drops unreadable records, and records of workspaces that the bot
    # may not see. So nothing was observed.
    if history.exists:
        return None
    ending_kind, detail = map_cluster_ending(history.events)
    return Observation(
        request=request,
        ending=ending_kind,
        error=error or detail,
        bill=compute_cluster_bill(history, now),
        cluster_id=history.hash,
        server=server,
    )


def map_existing_cluster(
    launch: LaunchRecord | None,
    record: ClusterRecord,
    job: JobRecord | None,
    queue_answered: bool,
    known_bill: Bill | None,
) -> Observation:
    """Return the observation of an existing cluster.

    Until its queue has answered, a successful launch still counts as under way.
    """
    request = launch.request if launch else RequestState.NONE
    if not queue_answered and request in (RequestState.NONE, RequestState.SUCCEEDED):
        request = RequestState.LIVE
    return Observation(
        request=request,
        cluster=record.state,
        job=job.job if job else None,
        job_id=job.id if job else None,
        error=launch.error if launch else None,
        infra=record.infra,
        autostop_minutes=record.autostop_minutes,
        unhealthy=(job and job.cluster_problem) or record.unhealthy,
        bill=known_bill,
        cluster_id=record.hash,
    )
