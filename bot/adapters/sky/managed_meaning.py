"""The mapping of SkyPilot's managed jobs to observations. Pure: values in, values out."""

from datetime import datetime

from bot.adapters.sky.records import Costs, ManagedLook, ManagedRecord
from bot.core.money import Bill, Rate
from bot.core.seen import Cluster, Ending, Job, Request, Seen
from bot.language import mark, say

CANCELLING = "CANCELLING"
RECOVERING = "RECOVERING"
FAILED_CONTROLLER = "FAILED_CONTROLLER"

LAUNCHING = ("PENDING", "SUBMITTED", "STARTING")
"""States of a job that has no machines yet, or is getting its first."""

RUNNING = ("RUNNING", "WINDING_DOWN")
"""States of a job that runs. They include its setup, which SkyPilot does not distinguish from training here."""

OVER = {
    "SUCCEEDED": Job.SUCCEEDED,
    "CANCELLED": Job.CANCELLED,
    "FAILED": Job.FAILED,
    "FAILED_SETUP": Job.FAILED_SETUP,
    "FAILED_CONTROLLER": Job.FAILED_DRIVER,
    "FAILED_PRECHECKS": None,
    "FAILED_NO_RESOURCE": None,
}
"""The result of a job by its final state; None where it found no machines, so that nothing could fail."""

MANAGED_ID = "managed-job-"
"""Prefix of a managed job's number, where it is listed beside the ids of clusters."""

NEVER_BEGUN = ("INACTIVE", "WAITING")
"""Schedule states of a job that no controller has started; one that is cancelled in them keeps them forever."""

SOURCE = mark("SkyPilot's cost report, interruptions left out")

STOPPED = mark(
    "SkyPilot's controller of managed jobs has stopped itself, which it does once none is left; "
    "how this one ended, it tells when it is started again."
)


def is_done(status: str, schedule_state: str) -> bool:
    """Return whether SkyPilot has removed what it had for the job.

    A job is called SUCCEEDED before its cluster is removed; its controller is DONE only after the removal.

    >>> is_done("SUCCEEDED", "ALIVE"), is_done("SUCCEEDED", "DONE"), is_done("CANCELLED", "WAITING")
    (False, True, True)
    """
    return status in OVER and (schedule_state == "DONE" or (status == "CANCELLED" and schedule_state in NEVER_BEGUN))


def seen_managed(one: ManagedRecord | None, name: str, look: ManagedLook, costs: Costs | None, at: datetime) -> Seen:
    """Return a managed job as an observation, the form that decisions are based on.

    While its controller gets machines, the launch is under way; while the controller removes them, the cluster removes
    itself. Only the controller confirms the removal, and it is done only then.

    Args:
        at: the time of the cost query.
    """
    if one is None:
        return seen_missing(name, look)
    return Seen(
        request=request(one),
        cluster=cluster(one, costs),
        job=job(one),
        job_id=one.id,
        error=one.error,
        ending=ending(one, costs),
        infra=one.infra,
        bill=bill(costs, at),
        recovering=one.status == RECOVERING,
        recoveries=one.recoveries,
        keeps_log=one.status in OVER,
        cluster_id=managed_id(one.id),
        server=look.server,
    )


def seen_missing(name: str, look: ManagedLook) -> Seen:
    """Return the observation of a name without a job.

    Where the launch's id was lost, any launch under way may be the one.
    """
    if launch := look.launches.get(name):
        return Seen(request=launch.request, error=launch.error, server=look.server)
    if look.stopped and name in look.known:
        return Seen(ending=Ending.LOST, error=say(STOPPED), server=look.server)
    return Seen(request=Request.LIVE if look.unclaimed else Request.NONE, server=look.server)


def request(one: ManagedRecord) -> Request:
    """Return the state of the job's launch."""
    if one.status in (*LAUNCHING, RECOVERING, CANCELLING):
        return Request.LIVE
    return Request.FAILED if one.status in OVER and OVER[one.status] is None else Request.SUCCEEDED


def cluster(one: ManagedRecord, costs: Costs | None) -> Cluster:
    """Return the state of the job's cluster."""
    if one.status in RUNNING:
        return Cluster.UP
    if one.status == CANCELLING or (one.status in OVER and not one.done):
        return Cluster.AUTOSTOPPING
    if one.status in OVER:
        return Cluster.UP if is_left(one, costs) else Cluster.ABSENT
    return Cluster.INIT


def job(one: ManagedRecord) -> Job | None:
    """Return the state of the job itself; during a recovery it waits for machines again."""
    if one.status in RUNNING:
        return Job.RUNNING
    return Job.PENDING if one.status == RECOVERING else OVER.get(one.status)


def ending(one: ManagedRecord, costs: Costs | None) -> Ending | None:
    """Return how the job's cluster has ended; None while it exists or its controller is not done."""
    if not one.done or is_left(one, costs):
        return None
    return Ending.LOST if OVER[one.status] is None else Ending.DOWNED


def is_left(one: ManagedRecord, costs: Costs | None) -> bool:
    """Return whether the job's cluster exists without a controller: a failed controller may leave it behind."""
    return one.done and one.status == FAILED_CONTROLLER and costs is not None and costs.stands


def bill(costs: Costs | None, at: datetime) -> Bill | None:
    """Return the costs of a job's clusters; they do not grow while no cluster exists.

    Returns None where SkyPilot has no price, or no report.

    >>> from datetime import UTC
    >>> found = bill(Costs(4.0, 3600.0, stands=False), datetime(2026, 1, 2, tzinfo=UTC))
    >>> found.rate.dollars_per_hour, found.total(datetime(2026, 1, 3, tzinfo=UTC))
    (4.0, 4.0)
    """
    if costs is None or costs.dollars <= 0 or costs.seconds <= 0:
        return None
    rate = Rate(costs.dollars * 3600 / costs.seconds, SOURCE)
    return Bill(costs.dollars, rate, at, closed=not costs.stands)


def managed_id(number: int) -> str:
    """Return the id of a managed job in the lists of clusters."""
    return f"{MANAGED_ID}{number}"


def number_of(cluster_id: str) -> int | None:
    """Return the number of a managed job; None for the id of a cluster.

    >>> number_of(managed_id(7)), number_of("5ad1a7c1-7d2e")
    (7, None)
    """
    number = cluster_id.removeprefix(MANAGED_ID)
    return int(number) if number != cluster_id and number.isascii() and number.isdigit() else None
