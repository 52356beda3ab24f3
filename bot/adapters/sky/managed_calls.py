"""Calls of SkyPilot's SDK for managed jobs, as in `sdk_clusters`: one query for all, and calls that change one.

SkyPilot's controller launches a job's clusters, relaunches them after a loss of machines, and removes them at the end.
The controller identifies a job by a number; the name is ours, and is the key that prevents a second launch.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.adapters.sky.calls import DOWN, FIELDS, FOREIGN, accepted, requests_of, why_failed
from bot.adapters.sky.client import answered, impatient, server_identity
from bot.adapters.sky.errors import ANSI, in_words
from bot.adapters.sky.managed_meaning import CANCELLING, FAILED_CONTROLLER, OVER, is_done
from bot.adapters.sky.meaning import REQUESTS
from bot.adapters.sky.records import Costs, LaunchRecord, ManagedLook, ManagedRecord
from bot.adapters.sky.streams import read_end
from bot.core.managed import Controller, agreement, needs, own
from bot.core.money import Rate
from bot.core.orphans import PREFIX
from bot.core.recipe import Task
from bot.core.seen import Request
from bot.errors import Unavailable, UserError
from bot.language import say

JOBS_LAUNCH = "sky.jobs.launch"
"""SkyPilot's name of the request. It carries the controller's name, not the job's: only its id shows whose it is."""

NO_CONTROLLER = "ClusterNotUpError"
"""SkyPilot's exception for a query of a controller that does not exist, or has stopped itself."""

EPITAPH = re.compile(r"Job \d{1,9} (is already in terminal state|not found)|Task .{0,200}? log has been cleaned")
"""What a read of a log returns where there is no log, or none any more."""

COLUMNS = [
    "job_id", "job_name", "status", "schedule_state", "recovery_count", "failure_reason", "cloud", "region",
    "submitted_at", "user_name", "metadata",
]  # fmt: skip
"""Fields of a job. By default SkyPilot leaves out why a job failed, and whether its controller is done with it."""


def look(watched: Mapping[str, tuple[int | None, str | None]], asked: Collection[str]) -> ManagedLook:
    """Return the jobs of these names.

    Args:
        identities: each name's job number and launch request, where these are known.
        requested_names: the names that the bot has requested before.
    """
    with answered():
        # Requests first: a launch that ends between the two queries is then observed as under way, not as absent.
        live = launches_under_way()
        numbers = {name: number for name, (number, _) in watched.items() if number is not None}
        found = read(job_ids=list(numbers.values())) if len(numbers) == len(watched) else read(name_match=PREFIX)
        records = [] if isinstance(found, Controller) else found
        jobs = {name: first for name in watched if (first := only_one(name, records))}
        missing = {name: request for name, (_, request) in watched.items() if name not in jobs and name in asked}
        return ManagedLook(
            jobs=jobs,
            launches=launches(missing, live),
            stopped=isinstance(found, Controller) and found.stopped,
            known=frozenset(numbers),
            unclaimed=bool(live - {request for _, request in watched.values()}) and bool(missing),
            server=server_identity() if len(jobs) < len(watched) else "",
        )


def launches(missing: Mapping[str, str | None], live: Collection[str]) -> dict[str, LaunchRecord]:
    """Return the state of the launches that have no job yet, where their request is known and not forgotten."""
    ids = {name: request for name, request in missing.items() if request}
    ended = [request for request in ids.values() if request not in live]
    told = impatient().api_status(request_ids=ended, all_status=True, fields=FIELDS) if ended else []
    states = {one.request_id: REQUESTS[one.status] for one in told} | dict.fromkeys(live, Request.LIVE)
    return {name: launch_record(request, states[request]) for name, request in ids.items() if request in states}


def launch_record(request_id: str, state: Request) -> LaunchRecord:
    """Return the record of a launch request, with the reason of its failure."""
    return LaunchRecord(request_id, state, why_failed(request_id) if state is Request.FAILED else None)


def launches_under_way() -> set[str]:
    """Return the ids of the live launch requests of managed jobs."""
    return {str(one.request_id) for one in impatient().api_status(fields=FIELDS) if one.name == JOBS_LAUNCH}


def read(**which: Any) -> list[ManagedRecord] | Controller:
    """Return the matching jobs of all users, or the controller that must be started first. A single query."""
    sdk = impatient()
    try:
        records, *_ = sdk.get(jobs().queue_v2(False, all_users=True, fields=COLUMNS, **which))
    except Exception as error:
        if type(error).__name__ == NO_CONTROLLER:
            # Not consolidated: SkyPilot keeps the jobs on a machine that it rents at the first launch, and stops when
            # idle.
            return Controller(stopped=getattr(error, "cluster_status", None) is not None)
        raise
    return [managed_record(one) for one in records]


def managed_record(one: Any) -> ManagedRecord:
    """Return the record of one row of SkyPilot's table of managed jobs."""
    status = one.status.value
    return ManagedRecord(
        id=one.job_id,
        name=str(one.job_name or ""),
        status=status,
        done=is_done(status, str(one.schedule_state or "")),
        infra="/".join(filter(None, [str(one.cloud or "").lower().strip("-"), one.region])).strip("/-"),
        recoveries=one.recovery_count or 0,
        error=in_words("", one.failure_reason) if one.failure_reason else None,
        user=str(one.user_name or ""),
        since=one.submitted_at,
        asked=str(own({"_metadata": one.metadata}).get("asked") or ""),
    )


def only_one(name: str, found: Iterable[ManagedRecord]) -> ManagedRecord | None:
    """Return the first job of a name; cancel the further ones, which are second launches.

    The records are filtered again: SkyPilot's filter by name also matches parts of names, and names may occur twice.
    """
    mine = sorted((one for one in found if one.name == name), key=lambda one: one.id)
    surplus = [one.id for one in mine[1:] if one.status not in (*OVER, CANCELLING)]
    if surplus:
        impatient().get(jobs().cancel(job_ids=surplus))
    return mine[0] if mine else None


def launch(name: str, task: Task, again: bool, may_rent: bool, rate: Rate | None = None) -> str:
    """Request a managed job, unless its name has left a trace: SkyPilot would launch twice.

    Returns the request's id; an empty one where there is a job of the name, FOREIGN where another bot has launched it.

    Args:
        is_retry: whether the job was requested before: then any launch under way may be that one.
        may_rent: whether a controller may be rented for it; rate: the controller's price.

    Raises:
        UserError: SkyPilot refused before it accepted anything, or a controller would have to be rented.
        Unavailable: it is unknown whether SkyPilot accepted the request.
    """
    with answered():
        # The request of an earlier attempt may be any launch under way: it carries no name of a job.
        if again and launches_under_way():
            raise Unavailable(say("A managed job is being launched just now, and whether it is this one is not known."))
        found = read(name_match=name)
    if isinstance(found, Controller):
        if not may_rent:
            raise UserError(needs(replace(found, rate=rate)), agreement())
    elif mine := [one for one in found if one.name == name]:
        return FOREIGN if mine[0].asked and mine[0].asked != own(task).get("asked") else ""
    checked = accepted(task)
    with answered():
        return str(jobs().launch(checked, name=name))


def cancel(name: str, request_id: str | None) -> str | None:
    """Cancel the jobs of a name, and its launch where that is under way; return why the controller left it, or None.

    A job in cancellation is left alone. SkyPilot reports a job as cancelled once its controller has the order; the
    removal of the cluster follows later, and only an observation shows it.
    """
    with answered():
        sdk = impatient()
        if request_id and request_id in launches_under_way():
            sdk.get(sdk.api_cancel([request_id], silent=True))
        found = read(name_match=name)
        if isinstance(found, Controller):
            return None
        mine = [one for one in found if one.name == name]
        alive = [one.id for one in mine if one.status not in (*OVER, CANCELLING)]
        if alive:
            sdk.get(jobs().cancel(job_ids=alive))
        left = [one for one in mine if one.done and one.status == FAILED_CONTROLLER]
        for cluster in (cluster_of(one.name, one.id) for one in left):  # no other process removes it
            if not any(request.name == DOWN for request in requests_of(cluster, finished=False)):
                sdk.down(cluster)  # a second removal would kill the one under way
        return left[0].error if left else None


def tail(job_id: int, lines: int, most_bytes: int) -> str:
    """Return the last lines of a job's log. For a job that waits for machines, SkyPilot answers only once it runs."""
    with answered():
        impatient()
        return read_end(
            lambda: jobs().tail_logs(job_id=job_id, follow=False, tail=lines, preload_content=False), most_bytes
        )


def without_epitaph(text: str) -> str:
    r"""Return a log; empty where it is only SkyPilot's message that there is none.

    >>> without_epitaph("Job 7 is already in terminal state CANCELLED. For more details, run: sky jobs logs 7\n")
    ''
    """
    return "" if EPITAPH.match(ANSI.sub("", text)) else text


def costs(numbers: Mapping[str, int], days: int) -> dict[str, Costs]:
    """Return the total costs of each job's clusters, all recoveries included; jobs without a cluster are left out.

    Where a controller was rented, the clusters are in the controller's report and not in the server's, so that nothing
    is known here.
    """
    with answered():
        sdk = impatient()
        clusters = {cluster_of(name, number): name for name, number in numbers.items()}
        found: dict[str, Costs] = {}
        for row in sdk.get(sdk.cost_report(days=days)):
            if name := clusters.get(row["name"]):
                found[name] = added(found.get(name), row)
    return found


def cluster_of(name: str, number: int) -> str:
    """Return SkyPilot's name of a job's clusters, which all have the same one. Not public."""
    from sky.jobs.utils import generate_managed_job_cluster_name  # noqa: PLC0415

    return str(generate_managed_job_cluster_name(name, number))


def added(before: Costs | None, row: Mapping[str, Any]) -> Costs:
    """Return the costs with those of one more cluster."""
    one = Costs(float(row["total_cost"] or 0.0), float(row["duration"] or 0.0), row["status"] is not None)
    if before is None:
        return one
    return Costs(before.dollars + one.dollars, before.seconds + one.seconds, before.stands or one.stands)


def controller() -> Controller | None:
    """Return the controller that must be rented, or started, before a managed job; None where the server needs none."""
    with answered():
        found = read(limit=1)
    return found if isinstance(found, Controller) else None


def ours() -> Sequence[ManagedRecord]:
    """Return every unfinished job that has a name like a run's."""
    with answered():
        found = read(skip_finished=True, name_match=PREFIX)
    return [] if isinstance(found, Controller) else [one for one in found if one.name.startswith(PREFIX)]


def gone(numbers: Sequence[int]) -> set[int]:
    """Return which of these jobs have ended and had their clusters removed."""
    with answered():
        found = read(job_ids=list(numbers))
    return set() if isinstance(found, Controller) else {one.id for one in found if one.done}


def jobs() -> Any:
    """Return SkyPilot's client for managed jobs; call `sdk_without_retries` first."""
    from sky.jobs.client import sdk  # noqa: PLC0415

    return sdk


SHARES: Mapping[Callable[..., Any], float] = {tail: 0.25}
"""Share of the concurrent calls for each function. It is an SSH, as the read of every log."""
