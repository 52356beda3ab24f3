"""Calls of SkyPilot's SDK about one cluster: launch, observe, log, autostop, cancel, tear down."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.adapters.sky.mapping import CLUSTER_STATES, REQUEST_STATES
from bot.adapters.sky.refusal_advice import describe_error
from bot.adapters.sky.refusal_text import ANSI
from bot.adapters.sky.remote_output import read_end
from bot.adapters.sky.sdk_client import is_no_answer, sdk_without_retries, translate_errors
from bot.adapters.sky.sky_records import ClusterRecord, ClusterSnapshot, JobRecord, LaunchRecord, ServerInfo
from bot.core.model.cluster import AutostopSetting, ClusterState, JobState, RequestState
from bot.core.model.recipe import Task
from bot.errors import Unavailable
from bot.phrase import Phrase, Text

REQUEST_FIELDS = ["request_id", "name", "status", "cluster_name", "created_at", "user_id"]
"""Fields of a request. Without them the server sends whole tasks, and their secrets in plain text."""

LAUNCH_REQUEST, DOWN_REQUEST = "sky.launch", "sky.down"
"""SkyPilot's names of the requests that change a cluster."""

FOREIGN = "foreign"
"""Result in place of a request's id: the cluster of that name is another bot's."""

ORDER_LABEL = "verlbot-asked"
"""The label that distinguishes orders of one name: the time of the run's request, in milliseconds."""

COST_REPORT_DAYS = 7
"""Days for which a launch looks back for an earlier one of its name; retries follow within minutes or never."""

ABSENT_MESSAGE = "does not exist"
"""Part of the message of a removal that failed because it came before its cluster."""

NODE_LOSS_STATES = (JobState.FAILED, JobState.FAILED_SETUP, JobState.FAILED_DRIVER)
"""States of a failed job, which SkyPilot also gives to a job whose node is gone."""

NOT_SET_UP_ERROR = "ClusterNotUpError"
"""SkyPilot's exception for a queue of a cluster that is up without ever having been set up."""

FINISHED_LINE = "✓ Job finished"
"""The line that a log ends with once its job has ended; a job may print it too, so it is only a hint."""

SKYPILOT_LINE_PREFIXES = (
    "Job ID not provided.",
    "INFO: Waiting",
    "INFO: Tip:",
    "├── ",
    "└── ",
    "📋 ",
    "<sky-payload",
    FINISHED_LINE,
)
"""Beginnings of the log lines that SkyPilot writes for its command line, or for its user."""


PREFIX_CHARACTERS = 256
"""Characters at the beginning of a line that are compared with these."""


def server_info(start: bool) -> ServerInfo:
    """Return the version, the user and the usable infra of the API server that answers.

    Args:
        start: whether a server is started on this machine where none answers.

    Raises:
        Unavailable: no server answers, or its version does not fit; the message says what to do.
    """
    with translate_errors():
        sdk = sdk_without_retries()
        if start:
            sdk.api_start()
        clouds = sdk.get(sdk.enabled_clouds())
        info = sdk.api_info()
    user = (info.user or {}).get("name") if isinstance(info.user, dict) else None
    return ServerInfo(str(info.version), str(user or ""), tuple(sorted(str(cloud).lower() for cloud in clouds)))


def observe_clusters(clusters: Sequence[str], jobless: Collection[str]) -> ClusterSnapshot:
    """Return the clusters of these names, and the newest launch request of each.

    Args:
        jobless: the clusters without a known job; for these an ended launch request is reported too.
    """
    with translate_errors():
        sdk = sdk_without_retries()
        # Requests first: a launch that ends between the two queries is then observed as under way, not as absent.
        under_way = newest_by_cluster(
            request for request in sdk.api_status(fields=REQUEST_FIELDS) if request.name == LAUNCH_REQUEST
        )
        records = {row["name"]: row for row in sdk.get(sdk.status(list(clusters), all_users=True, **SUMMARY_OPTIONS))}
        launches = {name: LaunchRecord(latest.request_id, RequestState.LIVE) for name, latest in under_way.items()}
        for name in jobless:
            if name not in launches and (latest := find_last_launch(name)):
                launches[name] = latest
    return ClusterSnapshot(launches, {name: cluster_record(row) for name, row in records.items()})


SUMMARY_OPTIONS: dict[str, Any] = {"_summary_response": True}
"""Options for records without tasks, a tenth of the bytes. Not public."""


def launch(cluster: str, task: Task) -> str:
    """Request a cluster and its job, unless the name has left a trace: SkyPilot would launch twice.

    Returns the request's id. It is empty where a cluster of the name exists or existed whose request SkyPilot has
    forgotten, and FOREIGN where a cluster exists whose labels say that another bot has launched it.

    Raises:
        UserError: SkyPilot refused before it accepted anything; a second request would be refused too.
        Unavailable: it is unknown whether SkyPilot accepted the request.
    """
    with translate_errors():
        sdk = sdk_without_retries()
        existing = sdk.get(sdk.status([cluster], all_users=True, **SUMMARY_OPTIONS))
        if any(is_foreign(row["labels"] or {}, task) for row in existing):
            return FOREIGN
        if earlier := find_newest_launch(cluster):
            return str(earlier.request_id)
        # A cluster without a request: SkyPilot has forgotten the launch, and would launch again.
        if existing or cluster in list_known_clusters():
            return ""
    valid_task = validate_task(task)
    with translate_errors():
        # The check of the task takes seconds, and another bot may have launched meanwhile.
        if earlier := find_newest_launch(cluster):
            return str(earlier.request_id)
        request_id = str(sdk.launch(valid_task, cluster_name=cluster))
    return keep_first_launch(cluster, request_id)


def keep_first_launch(cluster: str, request_id: str) -> str:
    """Return the id of the first launch request of a name, after the cancellation of this one if it is a later one.

    A leader that is paused between its look and its request does not know that another has taken over and launched: no
    check before the request can exclude that. Where SkyPilot does not answer, a job of the second request is cancelled
    later; see `list_jobs`.
    """
    try:
        with translate_errors():
            launches = find_requests(cluster, finished=True, name=LAUNCH_REQUEST)
            order = sorted(launches, key=lambda request: (request.created_at, request.request_id))
            if not order or order[0].request_id == request_id:
                return request_id
            sdk = sdk_without_retries()
            sdk.get(sdk.api_cancel([request_id], silent=True))
            return str(order[0].request_id)
    except Unavailable:
        return request_id


def is_foreign(labels: Mapping[str, str], task: Task) -> bool:
    """Return whether a cluster belongs to another order than the task, as far as its labels show.

    >>> [is_foreign({"verlbot-asked": "7"}, {"resources": {"labels": {"verlbot-asked": asked}}}) for asked in "78"]
    [False, True]
    >>> is_foreign({}, {"resources": {"labels": {"verlbot-asked": "7"}}})
    False
    """
    own_label = ((task.get("resources") or {}).get("labels") or {}).get(ORDER_LABEL)
    return ORDER_LABEL in labels and labels[ORDER_LABEL] != own_label


def validate_task(task: Task) -> Any:
    """Return the task as SkyPilot parses it, once SkyPilot's server has found no fault with it."""
    import sky  # noqa: PLC0415

    with translate_errors(refusals=True):
        sky_task = sky.Task.from_yaml_config(json.loads(json.dumps(task)))
        with sky.Dag() as dag:
            dag.add(sky_task)
        sdk_without_retries().validate(dag)
    return sky_task


def tear_down(cluster: str) -> Text | None:
    """Request the removal of a cluster and of the launches of its name; return why an earlier removal failed, or None.

    A launch under way is cancelled first: where it has no record yet, `down` would find nothing, and the launch would
    continue. A removal under way is left alone: a second one would kill it and start from the beginning.
    """
    with translate_errors():
        sdk = sdk_without_retries()
        under_way = list(find_requests(cluster, finished=False))
        launches = [request.request_id for request in under_way if request.name == LAUNCH_REQUEST]
        if launches:
            sdk.get(sdk.api_cancel(launches, silent=True))
        # A second `down` would kill the removal under way.
        if not launches and any(request.name == DOWN_REQUEST for request in under_way):
            return None
        earlier = newest_by_cluster(find_requests(cluster, finished=True, name=DOWN_REQUEST)).get(cluster)
        sdk.down(cluster)
        failure_reason = (
            find_failure_reason(earlier.request_id)
            if earlier and REQUEST_STATES[earlier.status] is RequestState.FAILED
            else None
        )
    return None if ABSENT_MESSAGE in str(failure_reason or "") else failure_reason


def list_jobs(cluster: str, name: str | None) -> list[JobRecord] | None:
    """Return the jobs on a cluster, the first one first; cancel further jobs of one name, which are second launches.

    Returns None where SkyPilot says that the cluster was never set up. A server that dies during a launch leaves such a
    cluster: at its next refresh it takes the cluster for up, though it has neither a queue nor an autostop.

    Args:
        name: of the run's job; other jobs belong to people who use the cluster. None for all jobs.
    """
    with translate_errors():
        sdk = sdk_without_retries()
        try:
            records = sorted(sdk.get(sdk.queue(cluster, all_users=True)), key=lambda record: record["job_id"])
        except Exception as error:
            if type(error).__name__ == NOT_SET_UP_ERROR:
                return None
            raise
        matching = [record for record in records if name in (None, record["job_name"])]
        job_records = [JobRecord(record["job_id"], JobState(record["status"].value.lower())) for record in matching]
        surplus = [record.id for record in job_records[1:] if not record.job.is_finished]
        if surplus and name is not None:  # among all jobs are those of other people
            sdk.get(sdk.cancel(cluster, job_ids=surplus))
        # SkyPilot reports the loss of a node as a failure of the job, so the cluster is checked as well.
        if job_records and job_records[0].job in NODE_LOSS_STATES:
            job_records[0] = replace(job_records[0], cluster_problem=find_cluster_problem(cluster))
    return job_records


def find_cluster_problem(cluster: str) -> Text | None:
    """Return why SkyPilot takes a cluster for broken, after a forced refresh; None where it is healthy.

    The refresh is forced because SkyPilot's table is up to a minute old.
    """
    from sky import StatusRefreshMode  # noqa: PLC0415

    sdk = sdk_without_retries()
    request_id = sdk.status([cluster], refresh=StatusRefreshMode.FORCE, all_users=True, **SUMMARY_OPTIONS)
    records = sdk.get(request_id)
    return cluster_record(records[0]).unhealthy if records else Phrase("SkyPilot no longer finds its machines.")


def tail_log(cluster: str, job_id: int | None, lines: int, max_bytes: int) -> str:
    """Return the last lines of a job's log with SkyPilot's additions; only their last bytes where they are too many."""
    with translate_errors():
        sdk = sdk_without_retries()
        return read_end(
            lambda: sdk.tail_logs(cluster, job_id, follow=False, tail=lines, preload_content=False), max_bytes
        )


def list_known_clusters() -> set[str]:
    """Return the names of the clusters in the cost report, both existing and gone."""
    sdk = sdk_without_retries()
    return {row["name"] for row in sdk.get(sdk.cost_report(days=COST_REPORT_DAYS))}


def find_requests(cluster: str, *, finished: bool, name: str | None = None) -> Iterator[Any]:
    """Yield the requests of a cluster's name that SkyPilot remembers."""
    for request in sdk_without_retries().api_status(cluster_name=cluster, all_status=finished, fields=REQUEST_FIELDS):
        if name in (None, request.name) and request.cluster_name == cluster:
            yield request


def newest_by_cluster(requests: Iterable[Any]) -> dict[str, Any]:
    """Return the newest request of each cluster."""
    return {request.cluster_name: request for request in sorted(requests, key=lambda request: request.created_at)}


def find_newest_launch(cluster: str) -> Any | None:
    """Return the newest launch request of a cluster's name; None where SkyPilot has none, or has forgotten it."""
    return newest_by_cluster(find_requests(cluster, finished=True, name=LAUNCH_REQUEST)).get(cluster)


def find_last_launch(cluster: str) -> LaunchRecord | None:
    """Return the newest launch request of a cluster, with why it failed.

    Returns None where SkyPilot has none, or has forgotten it.
    """
    latest = find_newest_launch(cluster)
    if latest is None:
        return None
    request = REQUEST_STATES[latest.status]
    error = find_failure_reason(latest.request_id) if request is RequestState.FAILED else None
    return LaunchRecord(latest.request_id, request, error)


def find_failure_reason(request_id: str) -> Text | None:
    """Return the message of a failed request's exception; None where SkyPilot has forgotten the request meanwhile."""
    try:
        sdk_without_retries().get(request_id)
    except Exception as error:  # the caller wants to know any exception
        if is_no_answer(error):
            raise
        return describe_error(type(error).__name__, str(error))
    return None


def describe_unhealthy(reason: str | None) -> Text:
    """Return why SkyPilot takes a cluster for broken, in one line."""
    return describe_error("", reason) if reason else Phrase("SkyPilot does not say why.")


def cluster_record(row: Mapping[str, Any]) -> ClusterRecord:
    """Return the record of one row of SkyPilot's table of clusters."""
    status = CLUSTER_STATES[row["status"].value]
    removes_itself = row["autostop"] >= 0 and row["to_down"]
    unhealthy = status is ClusterState.INIT and row["init_kind"] == "unhealthy"
    return ClusterRecord(
        state=status,
        infra="/".join(filter(None, [str(row["cloud"] or "").lower(), row["region"]])),
        autostop_minutes=row["autostop"] if removes_itself else None,
        unhealthy=describe_unhealthy(row["init_status_reason"]) if unhealthy else None,
        hash=str(row["cluster_hash"] or ""),
    )


def remove_skypilot_lines(text: str) -> str:
    r"""Return a log without SkyPilot's own messages and without empty lines; complete lines end with a newline.

    >>> remove_skypilot_lines("Job ID not provided.\n(head, pid=1) a\n\x1b[32m✓ Job finished (status: FAILED).\n")
    '(head, pid=1) a\n'
    >>> remove_skypilot_lines("a\r\n\nb")
    'a\nb'
    """
    *full_lines, last = text.replace("\r\n", "\n").split("\n")
    return "".join(line + "\n" for line in full_lines if is_job_output(line)) + (last if is_job_output(last) else "")


def is_job_output(line: str) -> bool:
    """Return whether a line is the job's own output, and neither empty nor a message of SkyPilot's."""
    return line != "" and not ANSI.sub("", line[:PREFIX_CHARACTERS]).startswith(SKYPILOT_LINE_PREFIXES)


CLUSTER_CALL_SHARES: Mapping[Callable[..., Any], float] = {tail_log: 0.5, list_jobs: 0.25}
"""Share of the concurrent calls for each function. Each is an SSH and a Python started there: 2 to 10 s."""


AUTOSTOP_REQUEST = "sky.autostop"
"""SkyPilot's name of the request."""

AUTOSTOP_WAIT_FOR = "jobs"
"""What must end before a cluster counts as idle: jobs, and not SSH sessions, which people forget to close."""


def set_autostop(cluster: str, minutes: int, own_request_id: str | None) -> AutostopSetting:
    """Make a cluster remove itself after so many idle minutes; return the setting.

    The setting names the user who changed the autostop before, if SkyPilot remembers one.

    Args:
        own_request_id: the id of the bot's last setting, which counts as no other user's change.

    Raises:
        UserError: the cluster's infra supports no autostop.
    """
    with translate_errors(refusals=True):
        sdk = sdk_without_retries()
        earlier = [
            request
            for request in find_requests(cluster, finished=True, name=AUTOSTOP_REQUEST)
            if has_succeeded(request)
        ]
        last = newest_by_cluster(earlier).get(cluster)
        request_id = sdk.autostop(cluster, minutes, wait_for=build_wait_for(), down=True)
        sdk.get(request_id)
    changed_by = last.user_name or last.user_id if last and last.request_id != own_request_id else None
    return AutostopSetting(str(request_id), changed_by)


def build_wait_for() -> Any:
    """Return SkyPilot's value for what an idle cluster waits for."""
    from sky.skylet.autostop_lib import AutostopWaitFor  # noqa: PLC0415

    return AutostopWaitFor(AUTOSTOP_WAIT_FOR)


def has_succeeded(request: Any) -> bool:
    """Return whether a request of SkyPilot's has succeeded."""
    return REQUEST_STATES[request.status] is RequestState.SUCCEEDED


AUTOSTOP_SHARES: Mapping[Callable[..., Any], float] = {set_autostop: 0.25}
"""Share of the concurrent calls for each function. Many autostops may change at once; observations must continue."""


def cancel_job(cluster: str, job_id: int) -> None:
    """Cancel a job; a finished job stays as it is. The call takes an SSH to the cluster, 2 to 10 s (0.14.1)."""
    with translate_errors():
        sdk = sdk_without_retries()
        sdk.get(sdk.cancel(cluster, job_ids=[job_id]))


CANCEL_SHARES: Mapping[Callable[..., Any], float] = {cancel_job: 0.25}
"""Share of the concurrent calls for each function. Many runs may end together; observations must continue."""
