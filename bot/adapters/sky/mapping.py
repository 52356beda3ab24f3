"""Map SkyPilot's records of clusters and of managed jobs to observations."""

import re
from datetime import datetime

from bot.adapters.sky.sky_records import (
    ClusterCosts,
    ClusterRecord,
    JobRecord,
    LaunchRecord,
    ManagedJobCosts,
    ManagedJobRecord,
    ManagedJobSnapshot,
)
from bot.core.model.cluster import ClusterState, Ending, JobState, Observation, RequestState
from bot.core.model.money import Bill, Rate
from bot.phrase import N_, Phrase, Text, join_sentences

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

LOOK_BY_HAND = N_(
    "Only SkyPilot shows me its machines. If its record was deleted by hand, they may still run and be billed: look "
    "for {cluster} at the provider, on Slurm with `squeue`."
)
"""What an end says for which SkyPilot has no event: nothing else has confirmed it."""


def map_cluster_ending(events: tuple[str, ...]) -> tuple[Ending, Text | None]:
    """Return how a cluster has ended, and a sentence where more is known.

    The events are searched in the order of their importance, not of time: a late refresh may be written after the
    removal. An autodown that begins and ends between two of SkyPilot's refreshes leaves no event (except on
    Kubernetes).

    >>> map_cluster_ending(("All nodes up.", "Cluster was terminated by user ana (request ID: 1).", "All nodes up."))[0]
    <Ending.DOWNED: 'downed'>
    >>> map_cluster_ending(("Cluster is autodowning.", "All nodes terminated, cleaning up the cluster."))[0]
    <Ending.AUTODOWNED: 'autodowned'>
    """
    for event in reversed(events):
        if termination := TERMINATED_EVENT.search(event):
            return Ending.DOWNED, Phrase("{person} removed it.", person=termination["user"])
    if any(AUTODOWN_EVENT.search(event) for event in events):
        return Ending.AUTODOWNED, None
    last = Phrase("SkyPilot says: {event}", event=events[-1]) if events else ""
    unknown_end = Phrase("The provider took its machines, or its autostop removed it: SkyPilot does not say which.")
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
    launch: LaunchRecord | None, history: ClusterCosts | None, now: datetime, server: str = "", name: str = ""
) -> Observation | None:
    """Return the observation of a name without a cluster in SkyPilot's table.

    Args:
        server: identity of the database that the cost report came from.
        name: the cluster's, for what to look at by hand; empty for nothing.
    """
    request, error = (launch.request, launch.error) if launch else (RequestState.NONE, None)
    if request is RequestState.LIVE or history is None:
        return Observation(request=request, error=error, server=server)
    # The cluster exists in the cost report: `status` drops unreadable records, and records of workspaces that the bot
    # may not see. So nothing was observed.
    if history.exists:
        return None
    ending_kind, detail = map_cluster_ending(history.events)
    if ending_kind is Ending.LOST and name:
        detail = join_sentences(detail or "", Phrase(LOOK_BY_HAND, cluster=f"`{name}`"))
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


CANCELLING = "CANCELLING"
RECOVERING = "RECOVERING"
FAILED_CONTROLLER = "FAILED_CONTROLLER"

LAUNCHING_STATES = ("PENDING", "SUBMITTED", "STARTING")
"""States of a job that has no machines yet, or is getting its first."""

RUNNING_STATES = ("RUNNING", "WINDING_DOWN")
"""States of a job that runs. They include its setup, which SkyPilot does not distinguish from training here."""

FINAL_STATES = {
    "SUCCEEDED": JobState.SUCCEEDED,
    "CANCELLED": JobState.CANCELLED,
    "FAILED": JobState.FAILED,
    "FAILED_SETUP": JobState.FAILED_SETUP,
    "FAILED_CONTROLLER": JobState.FAILED_DRIVER,
    "FAILED_PRECHECKS": None,
    "FAILED_NO_RESOURCE": None,
}
"""The result of a job by its final state; None where it found no machines, so that nothing could fail."""

MANAGED_ID_PREFIX = "managed-job-"
"""Prefix of a managed job's number, where it is listed beside the ids of clusters."""

UNSTARTED_SCHEDULE_STATES = ("INACTIVE", "WAITING")
"""Schedule states of a job that no controller has started; one that is cancelled in them keeps them forever."""

MANAGED_COST_SOURCE = N_("SkyPilot's cost report, without interruptions")

CONTROLLER_STOPPED = N_(
    "SkyPilot's controller of managed jobs has stopped, as it does when no job is left. SkyPilot can say how "
    "this job ended only when the controller runs again."
)


def is_done(status: str, schedule_state: str) -> bool:
    """Return whether SkyPilot has removed what it had for the job.

    A job is called SUCCEEDED before its cluster is removed; its controller is DONE only after the removal.

    >>> is_done("SUCCEEDED", "ALIVE"), is_done("SUCCEEDED", "DONE"), is_done("CANCELLED", "WAITING")
    (False, True, True)
    """
    return status in FINAL_STATES and (
        schedule_state == "DONE" or (status == "CANCELLED" and schedule_state in UNSTARTED_SCHEDULE_STATES)
    )


def map_managed_job(
    record: ManagedJobRecord | None,
    name: str,
    snapshot: ManagedJobSnapshot,
    costs: ManagedJobCosts | None,
    at: datetime,
) -> Observation:
    """Return a managed job as an observation, the form that decisions are based on.

    While its controller gets machines, the launch is under way; while the controller removes them, the cluster removes
    itself. Only the controller confirms the removal, and it is done only then.

    Args:
        at: the time of the cost query.
    """
    if record is None:
        return map_missing_job(name, snapshot)
    return Observation(
        request=map_request_state(record),
        cluster=map_cluster_state(record, costs),
        job=map_job_state(record),
        job_id=record.id,
        error=record.error,
        ending=map_job_ending(record, costs),
        infra=record.infra,
        bill=compute_job_bill(costs, at),
        recovering=record.status == RECOVERING,
        recoveries=record.recoveries,
        keeps_log=record.status in FINAL_STATES,
        cluster_id=format_managed_id(record.id),
        server=snapshot.server,
    )


def map_missing_job(name: str, snapshot: ManagedJobSnapshot) -> Observation:
    """Return the observation of a name without a job.

    Where the launch's id was lost, any launch under way may be the one.
    """
    if launch := snapshot.launches.get(name):
        return Observation(request=launch.request, error=launch.error, server=snapshot.server)
    if snapshot.controller_stopped and name in snapshot.names_with_job:
        return Observation(ending=Ending.LOST, error=Phrase(CONTROLLER_STOPPED), server=snapshot.server)
    return Observation(
        request=RequestState.LIVE if snapshot.has_unclaimed_launches else RequestState.NONE, server=snapshot.server
    )


def map_request_state(record: ManagedJobRecord) -> RequestState:
    """Return the state of the job's launch."""
    if record.status in (*LAUNCHING_STATES, RECOVERING, CANCELLING):
        return RequestState.LIVE
    return (
        RequestState.FAILED
        if record.status in FINAL_STATES and FINAL_STATES[record.status] is None
        else RequestState.SUCCEEDED
    )


def map_cluster_state(record: ManagedJobRecord, costs: ManagedJobCosts | None) -> ClusterState:
    """Return the state of the job's cluster."""
    if record.status in RUNNING_STATES:
        return ClusterState.UP
    if record.status == CANCELLING or (record.status in FINAL_STATES and not record.done):
        return ClusterState.AUTOSTOPPING
    if record.status in FINAL_STATES:
        return ClusterState.UP if has_abandoned_cluster(record, costs) else ClusterState.ABSENT
    return ClusterState.INIT


def map_job_state(record: ManagedJobRecord) -> JobState | None:
    """Return the state of the job itself; during a recovery it waits for machines again."""
    if record.status in RUNNING_STATES:
        return JobState.RUNNING
    return JobState.PENDING if record.status == RECOVERING else FINAL_STATES.get(record.status)


def map_job_ending(record: ManagedJobRecord, costs: ManagedJobCosts | None) -> Ending | None:
    """Return how the job's cluster has ended; None while it exists or its controller is not done."""
    if not record.done or has_abandoned_cluster(record, costs):
        return None
    return Ending.LOST if FINAL_STATES[record.status] is None else Ending.DOWNED


def has_abandoned_cluster(record: ManagedJobRecord, costs: ManagedJobCosts | None) -> bool:
    """Return whether the job's cluster exists without a controller: a failed controller may leave it behind."""
    return record.done and record.status == FAILED_CONTROLLER and costs is not None and costs.has_cluster


def compute_job_bill(costs: ManagedJobCosts | None, at: datetime) -> Bill | None:
    """Return the costs of a job's clusters; they do not grow while no cluster exists.

    Returns None where SkyPilot has no price, or no report.

    >>> from datetime import UTC
    >>> found = compute_job_bill(ManagedJobCosts(4.0, 3600.0, has_cluster=False), datetime(2026, 1, 2, tzinfo=UTC))
    >>> found.rate.dollars_per_hour, found.compute_total(datetime(2026, 1, 3, tzinfo=UTC))
    (4.0, 4.0)
    """
    if costs is None or costs.dollars <= 0 or costs.seconds <= 0:
        return None
    rate = Rate(costs.dollars * 3600 / costs.seconds, MANAGED_COST_SOURCE)
    return Bill(costs.dollars, rate, at, is_closed=not costs.has_cluster)


def format_managed_id(number: int) -> str:
    """Return the id of a managed job in the lists of clusters."""
    return f"{MANAGED_ID_PREFIX}{number}"


def parse_managed_id(cluster_id: str) -> int | None:
    """Return the number of a managed job; None for the id of a cluster.

    >>> parse_managed_id(format_managed_id(7)), parse_managed_id("5ad1a7c1-7d2e")
    (7, None)
    """
    number = cluster_id.removeprefix(MANAGED_ID_PREFIX)
    return int(number) if number != cluster_id and number.isascii() and number.isdigit() else None
