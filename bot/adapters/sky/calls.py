"""Calls of SkyPilot's SDK for clusters: plain values in, plain values out.

An `SdkWorker` runs each call in a process of its own. SkyPilot is imported inside the functions, because the bot
imports this module for the names of its functions. What is not in SkyPilot's public SDK is marked; all of it was
measured with 0.14.1.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.adapters.sky.client import answered, impatient, is_silence
from bot.adapters.sky.errors import ANSI, in_words
from bot.adapters.sky.meaning import CLUSTERS, REQUESTS
from bot.adapters.sky.records import ClusterRecord, JobRecord, LaunchRecord, Look, Server
from bot.adapters.sky.streams import read_end
from bot.core.recipe import Task
from bot.core.seen import Cluster, Job, Request
from bot.language import say

FIELDS = ["request_id", "name", "status", "cluster_name", "created_at", "user_id"]
"""Fields of a request. Without them the server sends whole tasks, and their secrets in plain text."""

LAUNCH, DOWN = "sky.launch", "sky.down"
"""SkyPilot's names of the requests that change a cluster."""

FOREIGN = "foreign"
"""Result in place of a request's id: the cluster of that name is another bot's."""

ASKED = "verlbot-asked"
"""The label that distinguishes orders of one name: the time of the run's request, in milliseconds."""

REMEMBERED_DAYS = 7
"""Days for which a launch looks back for an earlier one of its name; retries follow within minutes or never."""

ABSENT = "does not exist"
"""Part of the message of a removal that failed because it came before its cluster."""

DIED = (Job.FAILED, Job.FAILED_SETUP, Job.FAILED_DRIVER)
"""States of a failed job, which SkyPilot also gives to a job whose node is gone."""

NOT_SET_UP = "ClusterNotUpError"
"""SkyPilot's exception for a queue of a cluster that is up without ever having been set up."""

FINISHED = "✓ Job finished"
"""The line that a log ends with once its job has ended; a job may print it too, so it is only a hint."""

CHATTER = ("Job ID not provided.", "INFO: Waiting", "INFO: Tip:", "├── ", "└── ", "📋 ", "<sky-payload", FINISHED)
"""Beginnings of the log lines that SkyPilot writes for its command line, or for its user."""


LONGEST_BEGINNING = 256
"""Characters at the beginning of a line that are compared with these."""


def greet(start: bool) -> Server:
    """Return the version, the user and the usable infra of the API server that answers.

    Args:
        start: whether a server is started on this machine where none answers.

    Raises:
        Unavailable: no server answers, or its version does not fit; the message says what to do.
    """
    with answered():
        sdk = impatient()
        if start:
            sdk.api_start()
        clouds = sdk.get(sdk.enabled_clouds())
        info = sdk.api_info()
    user = (info.user or {}).get("name") if isinstance(info.user, dict) else None
    return Server(str(info.version), str(user or ""), tuple(sorted(str(cloud).lower() for cloud in clouds)))


def look(clusters: Sequence[str], jobless: Collection[str]) -> Look:
    """Return the clusters of these names, and the newest launch request of each.

    Args:
        jobless: the clusters without a known job; for these an ended launch request is reported too.
    """
    with answered():
        sdk = impatient()
        # Requests first: a launch that ends between the two queries is then observed as under way, not as absent.
        under_way = newest(request for request in sdk.api_status(fields=FIELDS) if request.name == LAUNCH)
        records = {one["name"]: one for one in sdk.get(sdk.status(list(clusters), all_users=True, **SUMMARY))}
        launches = {name: LaunchRecord(found.request_id, Request.LIVE) for name, found in under_way.items()}
        for name in jobless:
            if name not in launches and (found := last_launch(name)):
                launches[name] = found
    return Look(launches, {name: cluster_record(one) for name, one in records.items()})


SUMMARY: dict[str, Any] = {"_summary_response": True}
"""Options for records without tasks, a tenth of the bytes. Not public."""


def launch(cluster: str, task: Task) -> str:
    """Request a cluster and its job, unless the name has left a trace: SkyPilot would launch twice.

    Returns the request's id. It is empty where a cluster of the name exists or existed whose request SkyPilot has
    forgotten, and FOREIGN where a cluster exists whose labels say that another bot has launched it.

    Raises:
        UserError: SkyPilot refused before it accepted anything; a second request would be refused too.
        Unavailable: it is unknown whether SkyPilot accepted the request.
    """
    with answered():
        sdk = impatient()
        standing = sdk.get(sdk.status([cluster], all_users=True, **SUMMARY))
        if any(is_foreign(one["labels"] or {}, task) for one in standing):
            return FOREIGN
        if known := newest(requests_of(cluster, finished=True, name=LAUNCH)).get(cluster):
            return str(known.request_id)
        # A cluster without a request: SkyPilot has forgotten the launch, and would launch again.
        if standing or cluster in spent():
            return ""
    checked = accepted(task)
    with answered():
        return str(sdk.launch(checked, cluster_name=cluster))


def is_foreign(labels: Mapping[str, str], task: Task) -> bool:
    """Return whether a cluster belongs to another order than the task, as far as its labels show.

    >>> [is_foreign({"verlbot-asked": "7"}, {"resources": {"labels": {"verlbot-asked": asked}}}) for asked in "78"]
    [False, True]
    >>> is_foreign({}, {"resources": {"labels": {"verlbot-asked": "7"}}})
    False
    """
    asked = ((task.get("resources") or {}).get("labels") or {}).get(ASKED)
    return ASKED in labels and labels[ASKED] != asked


def accepted(task: Task) -> Any:
    """Return the task as SkyPilot parses it, once SkyPilot's server has found no fault with it."""
    import sky  # noqa: PLC0415

    with answered(refusals=True):
        parsed = sky.Task.from_yaml_config(json.loads(json.dumps(task)))
        with sky.Dag() as dag:
            dag.add(parsed)
        impatient().validate(dag)
    return parsed


def remove(cluster: str) -> str | None:
    """Request the removal of a cluster and of the launches of its name; return why an earlier removal failed, or None.

    A launch under way is cancelled first: where it has no record yet, `down` would find nothing, and the launch would
    continue. A removal under way is left alone: a second one would kill it and start from the beginning.
    """
    with answered():
        sdk = impatient()
        under_way = list(requests_of(cluster, finished=False))
        launches = [request.request_id for request in under_way if request.name == LAUNCH]
        if launches:
            sdk.get(sdk.api_cancel(launches, silent=True))
        # A second `down` would kill the removal under way.
        if not launches and any(request.name == DOWN for request in under_way):
            return None
        earlier = newest(requests_of(cluster, finished=True, name=DOWN)).get(cluster)
        sdk.down(cluster)
        why = why_failed(earlier.request_id) if earlier and REQUESTS[earlier.status] is Request.FAILED else None
    return None if why and ABSENT in why else why


def jobs(cluster: str, name: str | None) -> list[JobRecord] | None:
    """Return the jobs on a cluster, the first one first; cancel further jobs of one name, which are second launches.

    Returns None where SkyPilot says that the cluster was never set up. A server that dies during a launch leaves such a
    cluster: at its next refresh it takes the cluster for up, though it has neither a queue nor an autostop.

    Args:
        name: of the run's job; other jobs belong to people who use the cluster. None for all jobs.
    """
    with answered():
        sdk = impatient()
        try:
            records = sorted(sdk.get(sdk.queue(cluster, all_users=True)), key=lambda one: one["job_id"])
        except Exception as error:
            if type(error).__name__ == NOT_SET_UP:
                return None
            raise
        mine = [one for one in records if name in (None, one["job_name"])]
        found = [JobRecord(one["job_id"], Job(one["status"].value.lower())) for one in mine]
        surplus = [one.id for one in found[1:] if not one.job.over]
        if surplus and name is not None:  # among all jobs are those of other people
            sdk.get(sdk.cancel(cluster, job_ids=surplus))
        # SkyPilot reports the loss of a node as a failure of the job, so the cluster is checked as well.
        if found and found[0].job in DIED:
            found[0] = replace(found[0], broken=broken(cluster))
    return found


def broken(cluster: str) -> str | None:
    """Return why SkyPilot takes a cluster for broken, after a forced refresh; None where it is healthy.

    The refresh is forced because SkyPilot's table is up to a minute old.
    """
    from sky import StatusRefreshMode  # noqa: PLC0415

    sdk = impatient()
    asked = sdk.status([cluster], refresh=StatusRefreshMode.FORCE, all_users=True, **SUMMARY)
    records = sdk.get(asked)
    return cluster_record(records[0]).unhealthy if records else say("SkyPilot does not find its machines any more.")


def tail(cluster: str, job_id: int | None, lines: int, most_bytes: int) -> str:
    """Return the last lines of a job's log with SkyPilot's additions; only their last bytes where they are too many."""
    with answered():
        sdk = impatient()
        return read_end(
            lambda: sdk.tail_logs(cluster, job_id, follow=False, tail=lines, preload_content=False), most_bytes
        )


def spent() -> set[str]:
    """Return the names of the clusters in the cost report, both existing and gone."""
    sdk = impatient()
    return {row["name"] for row in sdk.get(sdk.cost_report(days=REMEMBERED_DAYS))}


def requests_of(cluster: str, *, finished: bool, name: str | None = None) -> Iterator[Any]:
    """Yield the requests of a cluster's name that SkyPilot remembers."""
    for request in impatient().api_status(cluster_name=cluster, all_status=finished, fields=FIELDS):
        if name in (None, request.name) and request.cluster_name == cluster:
            yield request


def newest(requests: Iterable[Any]) -> dict[str, Any]:
    """Return the newest request of each cluster."""
    return {one.cluster_name: one for one in sorted(requests, key=lambda one: one.created_at)}


def last_launch(cluster: str) -> LaunchRecord | None:
    """Return the newest launch request of a cluster, with why it failed.

    Returns None where SkyPilot has none, or has forgotten it.
    """
    found = newest(requests_of(cluster, finished=True, name=LAUNCH)).get(cluster)
    if found is None:
        return None
    request = REQUESTS[found.status]
    error = why_failed(found.request_id) if request is Request.FAILED else None
    return LaunchRecord(found.request_id, request, error)


def why_failed(request_id: str) -> str | None:
    """Return the message of a failed request's exception; None where SkyPilot has forgotten the request meanwhile."""
    try:
        impatient().get(request_id)
    except Exception as error:  # the caller wants to know any exception
        if is_silence(error):
            raise
        return in_words(type(error).__name__, str(error))
    return None


def cluster_record(one: Mapping[str, Any]) -> ClusterRecord:
    """Return the record of one row of SkyPilot's table of clusters."""
    status = CLUSTERS[one["status"].value]
    removes_itself = one["autostop"] >= 0 and one["to_down"]
    unhealthy = status is Cluster.INIT and one["init_kind"] == "unhealthy"
    return ClusterRecord(
        cluster=status,
        infra="/".join(filter(None, [str(one["cloud"] or "").lower(), one["region"]])),
        autostop_minutes=one["autostop"] if removes_itself else None,
        unhealthy=in_words("", one["init_status_reason"] or say("SkyPilot does not say why.")) if unhealthy else None,
        hash=str(one["cluster_hash"] or ""),
    )


def without_chatter(text: str) -> str:
    r"""Return a log without SkyPilot's own messages and without empty lines; complete lines end with a newline.

    >>> without_chatter("Job ID not provided.\n(head, pid=1) a\n\x1b[32m✓ Job finished (status: FAILED).\n")
    '(head, pid=1) a\n'
    >>> without_chatter("a\r\n\nb")
    'a\nb'
    """
    *whole, last = text.replace("\r\n", "\n").split("\n")
    return "".join(line + "\n" for line in whole if is_of_the_job(line)) + (last if is_of_the_job(last) else "")


def is_of_the_job(line: str) -> bool:
    """Return whether a line is the job's own output, and neither empty nor a message of SkyPilot's."""
    return line != "" and not ANSI.sub("", line[:LONGEST_BEGINNING]).startswith(CHATTER)


SHARES: Mapping[Callable[..., Any], float] = {tail: 0.5, jobs: 0.25}
"""Share of the concurrent calls for each function. Each is an SSH and a Python started there: 2 to 10 s."""
