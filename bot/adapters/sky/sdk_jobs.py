"""Calls of SkyPilot's SDK for managed jobs, as in `sdk_clusters`: one query for all, and calls that change one.

SkyPilot's controller launches a job's clusters, relaunches them after a loss of machines, and removes them at the end.
The controller identifies a job by a number; the name is ours, and is the key that prevents a second launch.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.adapters.sky.mapping import CANCELLING, FAILED_CONTROLLER, FINAL_STATES, REQUEST_STATES, is_done
from bot.adapters.sky.refusal_advice import describe_error
from bot.adapters.sky.refusal_text import ANSI
from bot.adapters.sky.remote_output import read_end
from bot.adapters.sky.sdk_client import (
    fetch_server_identity,
    sdk_without_retries,
    translate_errors,
)
from bot.adapters.sky.sdk_clusters import (
    DOWN_REQUEST,
    FOREIGN,
    REQUEST_FIELDS,
    find_failure_reason,
    find_requests,
    validate_task,
)
from bot.adapters.sky.sky_records import LaunchRecord, ManagedJobCosts, ManagedJobRecord, ManagedJobSnapshot
from bot.core.model.cluster import RequestState
from bot.core.model.managed_job import JobsController, describe_agreement, describe_controller, get_bot_metadata
from bot.core.model.money import Rate
from bot.core.model.orphan import RUN_CLUSTER_PREFIX
from bot.core.model.recipe import Task
from bot.errors import Unavailable, UserError
from bot.phrase import Phrase, Text

MANAGED_LAUNCH_REQUEST = "sky.jobs.launch"
"""SkyPilot's name of the request. It carries the controller's name, not the job's: only its id shows whose it is."""

NO_CONTROLLER_ERROR = "ClusterNotUpError"
"""SkyPilot's exception for a query of a controller that does not exist, or has stopped itself."""

NO_LOG_MESSAGE = re.compile(r"Job \d{1,9} (is already in terminal state|not found)|Task .{0,200}? log has been cleaned")
"""What a read of a log returns where there is no log, or none any more."""

JOB_FIELDS = [
    "job_id", "job_name", "status", "schedule_state", "recovery_count", "failure_reason", "cloud", "region",
    "submitted_at", "user_name", "metadata",
]  # fmt: skip
"""Fields of a job. By default SkyPilot leaves out why a job failed, and whether its controller is done with it."""


def observe_managed_jobs(
    identities: Mapping[str, tuple[int | None, str | None]], requested_names: Collection[str]
) -> ManagedJobSnapshot:
    """Return the jobs of these names.

    Args:
        identities: each name's job number and launch request, where these are known.
        requested_names: the names that the bot has requested before.
    """
    with translate_errors():
        # Requests first: a launch that ends between the two queries is then observed as under way, not as absent.
        live = list_live_launches()
        numbers = {name: number for name, (number, _) in identities.items() if number is not None}
        answer = (
            read_jobs(job_ids=list(numbers.values()))
            if len(numbers) == len(identities)
            else read_jobs(name_match=RUN_CLUSTER_PREFIX)
        )
        records = [] if isinstance(answer, JobsController) else answer
        jobs = {name: first for name in identities if (first := select_first_job(name, records))}
        missing = {
            name: request for name, (_, request) in identities.items() if name not in jobs and name in requested_names
        }
        return ManagedJobSnapshot(
            jobs=jobs,
            launches=find_launches(missing, live),
            controller_stopped=isinstance(answer, JobsController) and answer.is_stopped,
            names_with_job=frozenset(numbers),
            has_unclaimed_launches=bool(live - {request for _, request in identities.values()}) and bool(missing),
            server=fetch_server_identity() if len(jobs) < len(identities) else "",
        )


def find_launches(missing: Mapping[str, str | None], live: Collection[str]) -> dict[str, LaunchRecord]:
    """Return the state of the launches that have no job yet, where their request is known and not forgotten."""
    ids = {name: request for name, request in missing.items() if request}
    ended = [request for request in ids.values() if request not in live]
    rows = sdk_without_retries().api_status(request_ids=ended, all_status=True, fields=REQUEST_FIELDS) if ended else []
    states = {row.request_id: REQUEST_STATES[row.status] for row in rows} | dict.fromkeys(live, RequestState.LIVE)
    return {name: launch_record(request, states[request]) for name, request in ids.items() if request in states}


def launch_record(request_id: str, state: RequestState) -> LaunchRecord:
    """Return the record of a launch request, with the reason of its failure."""
    return LaunchRecord(request_id, state, find_failure_reason(request_id) if state is RequestState.FAILED else None)


def list_live_launches() -> set[str]:
    """Return the ids of the live launch requests of managed jobs."""
    return {
        str(request.request_id)
        for request in sdk_without_retries().api_status(fields=REQUEST_FIELDS)
        if request.name == MANAGED_LAUNCH_REQUEST
    }


def read_jobs(**filters: Any) -> list[ManagedJobRecord] | JobsController:
    """Return the matching jobs of all users, or the controller that must be started first. A single query."""
    sdk = sdk_without_retries()
    try:
        records, *_ = sdk.get(jobs_sdk().queue_v2(False, all_users=True, fields=JOB_FIELDS, **filters))
    except Exception as error:
        if type(error).__name__ == NO_CONTROLLER_ERROR:
            # Not consolidated: SkyPilot keeps the jobs on a machine that it rents at the first launch, and stops when
            # idle.
            return JobsController(is_stopped=getattr(error, "cluster_status", None) is not None)
        raise
    return [build_job_record(row) for row in records]


def build_job_record(row: Any) -> ManagedJobRecord:
    """Return the record of one row of SkyPilot's table of managed jobs."""
    status = row.status.value
    tags = {str(key): str(value) for key, value in get_bot_metadata({"_metadata": row.metadata}).items() if value}
    return ManagedJobRecord(
        id=row.job_id,
        name=str(row.job_name or ""),
        status=status,
        done=is_done(status, str(row.schedule_state or "")),
        infra="/".join(filter(None, [str(row.cloud or "").lower().strip("-"), row.region])).strip("/-"),
        recoveries=row.recovery_count or 0,
        error=describe_error("", row.failure_reason) if row.failure_reason else None,
        user=str(row.user_name or ""),
        since=row.submitted_at,
        order_id=tags.get("asked", ""),
        tags=tags,
    )


def select_first_job(name: str, candidates: Iterable[ManagedJobRecord]) -> ManagedJobRecord | None:
    """Return the first job of a name; cancel the further ones, which are second launches.

    The records are filtered again: SkyPilot's filter by name also matches parts of names, and names may occur twice.
    """
    matching = sorted((record for record in candidates if record.name == name), key=lambda record: record.id)
    surplus = [record.id for record in matching[1:] if record.status not in (*FINAL_STATES, CANCELLING)]
    if surplus:
        sdk_without_retries().get(jobs_sdk().cancel(job_ids=surplus))
    return matching[0] if matching else None


def launch(name: str, task: Task, is_retry: bool, may_rent: bool, rate: Rate | None = None) -> str:
    """Request a managed job, unless its name has left a trace: SkyPilot would launch twice.

    Returns the request's id; an empty one where there is a job of the name, FOREIGN where another bot has launched it.

    Args:
        is_retry: whether the job was requested before: then any launch under way may be that one.
        may_rent: whether a controller may be rented for it; rate: the controller's price.

    Raises:
        UserError: SkyPilot refused before it accepted anything, or a controller would have to be rented.
        Unavailable: it is unknown whether SkyPilot accepted the request.
    """
    with translate_errors():
        # The request of an earlier attempt may be any launch under way: it carries no name of a job.
        if is_retry and list_live_launches():
            raise Unavailable(
                Phrase("SkyPilot is launching a managed job, and I do not know yet whether it is this one.")
            )
        answer = read_jobs(name_match=name)
    if isinstance(answer, JobsController):
        if not may_rent:
            raise UserError(describe_controller(replace(answer, rate=rate)), describe_agreement())
    elif matching := [record for record in answer if record.name == name]:
        return FOREIGN if matching[0].order_id and matching[0].order_id != get_bot_metadata(task).get("asked") else ""
    valid_task = validate_task(task)
    with translate_errors():
        return str(jobs_sdk().launch(valid_task, name=name))


def cancel(name: str, request_id: str | None) -> Text | None:
    """Cancel the jobs of a name, and its launch where that is under way; return why the controller left it, or None.

    A job in cancellation is left alone. SkyPilot reports a job as cancelled once its controller has the order; the
    removal of the cluster follows later, and only an observation shows it.
    """
    with translate_errors():
        sdk = sdk_without_retries()
        if request_id and request_id in list_live_launches():
            sdk.get(sdk.api_cancel([request_id], silent=True))
        answer = read_jobs(name_match=name)
        if isinstance(answer, JobsController):
            return None
        matching = [record for record in answer if record.name == name]
        live_ids = [record.id for record in matching if record.status not in (*FINAL_STATES, CANCELLING)]
        if live_ids:
            sdk.get(jobs_sdk().cancel(job_ids=live_ids))
        abandoned = [record for record in matching if record.done and record.status == FAILED_CONTROLLER]
        for cluster in (cluster_name(record.name, record.id) for record in abandoned):  # no other process removes it
            if not any(request.name == DOWN_REQUEST for request in find_requests(cluster, finished=False)):
                sdk.down(cluster)  # a second removal would kill the one under way
        return abandoned[0].error if abandoned else None


def tail_log(job_id: int, lines: int, max_bytes: int) -> str:
    """Return the last lines of a job's log. For a job that waits for machines, SkyPilot answers only once it runs."""
    with translate_errors():
        sdk_without_retries()
        return read_end(
            lambda: jobs_sdk().tail_logs(job_id=job_id, follow=False, tail=lines, preload_content=False), max_bytes
        )


def remove_no_log_message(text: str) -> str:
    r"""Return a log; empty where it is only SkyPilot's message that there is none.

    >>> remove_no_log_message("Job 7 is already in terminal state CANCELLED. For more details, run: sky jobs logs 7\n")
    ''
    """
    return "" if NO_LOG_MESSAGE.match(ANSI.sub("", text)) else text


def fetch_costs(numbers: Mapping[str, int], days: int) -> dict[str, ManagedJobCosts]:
    """Return the total costs of each job's clusters, all recoveries included; jobs without a cluster are left out.

    Where a controller was rented, the clusters are in the controller's report and not in the server's, so that nothing
    is known here.
    """
    with translate_errors():
        sdk = sdk_without_retries()
        clusters = {cluster_name(name, number): name for name, number in numbers.items()}
        totals: dict[str, ManagedJobCosts] = {}
        for row in sdk.get(sdk.cost_report(days=days)):
            if name := clusters.get(row["name"]):
                totals[name] = add_costs(totals.get(name), row)
    return totals


def cluster_name(name: str, number: int) -> str:
    """Return SkyPilot's name of a job's clusters, which all have the same one. Not public."""
    from sky.jobs.utils import generate_managed_job_cluster_name  # noqa: PLC0415

    return str(generate_managed_job_cluster_name(name, number))


def add_costs(earlier: ManagedJobCosts | None, row: Mapping[str, Any]) -> ManagedJobCosts:
    """Return the costs with those of one more cluster."""
    row_costs = ManagedJobCosts(
        float(row["total_cost"] or 0.0), float(row["duration"] or 0.0), row["status"] is not None
    )
    if earlier is None:
        return row_costs
    return ManagedJobCosts(
        earlier.dollars + row_costs.dollars,
        earlier.seconds + row_costs.seconds,
        earlier.has_cluster or row_costs.has_cluster,
    )


def find_missing_controller() -> JobsController | None:
    """Return the controller that must be rented, or started, before a managed job; None where the server needs none."""
    with translate_errors():
        answer = read_jobs(limit=1)
    return answer if isinstance(answer, JobsController) else None


def list_own_jobs() -> Sequence[ManagedJobRecord]:
    """Return every unfinished job that has a name like a run's."""
    with translate_errors():
        answer = read_jobs(skip_finished=True, name_match=RUN_CLUSTER_PREFIX)
    return (
        []
        if isinstance(answer, JobsController)
        else [record for record in answer if record.name.startswith(RUN_CLUSTER_PREFIX)]
    )


def find_gone_jobs(numbers: Sequence[int]) -> set[int]:
    """Return which of these jobs have ended and had their clusters removed."""
    with translate_errors():
        answer = read_jobs(job_ids=list(numbers))
    return set() if isinstance(answer, JobsController) else {record.id for record in answer if record.done}


def jobs_sdk() -> Any:
    """Return SkyPilot's client for managed jobs; call `sdk_without_retries` first."""
    from sky.jobs.client import sdk  # noqa: PLC0415

    return sdk


MANAGED_JOB_SHARES: Mapping[Callable[..., Any], float] = {tail_log: 0.25}
"""Share of the concurrent calls for each function. It is an SSH, as the read of every log."""
