"""Calls of SkyPilot's SDK: plain values in, plain values out.

Each is carried out in a process of its own (see `courier`). SkyPilot is imported where it is used,
because the bot imports this module for the names of its functions. What is not in its public SDK is
marked; all of it was measured with 0.14.1.
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
"""Of a request. Without them the server sends whole tasks, and their secrets in plain text."""

LAUNCH, DOWN = "sky.launch", "sky.down"
"""SkyPilot's names of the requests that change a cluster."""

FOREIGN = "foreign"
"""In place of a request's id: the cluster of that name is another bot's."""

ASKED = "verlbot-asked"
"""The label that tells orders of one name apart: when the run was asked for, in milliseconds."""

REMEMBERED_DAYS = 7
"""How far back a launch looks for an earlier one of its name; a launch is asked for within minutes or never."""

ABSENT = "does not exist"
"""What the failure of a removal says that came before its cluster."""

DIED = (Job.FAILED, Job.FAILED_SETUP, Job.FAILED_DRIVER)
"""What a job is called too whose node has gone."""

NOT_SET_UP = "ClusterNotUpError"
"""SkyPilot's exception for a queue of a cluster that is up without ever having been set up."""

FINISHED = "✓ Job finished"
"""What a log ends with once its job is over; a job may print it too, so it is a hint only."""

CHATTER = ("Job ID not provided.", "INFO: Waiting", "INFO: Tip:", "├── ", "└── ", "📋 ", "<sky-payload", FINISHED)
"""Beginnings of lines of a log that SkyPilot writes for its command line, or for somebody at it."""


LONGEST_BEGINNING = 256
"""Characters of a line by which it is known."""


def greet(start: bool) -> Server:
    """Who answers.

    Args:
        start: whether a server is started on this machine where none answers.

    Raises:
        Unavailable: nobody, or somebody whose version does not fit; the message says what to do.
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
    """The clusters, and the newest launch request of each.

    The requests are read first: a launch that ends between the two is then seen as under way, not as nothing.

    Args:
        jobless: the clusters whose job is not known, of which an ended request is told too.
    """
    with answered():
        sdk = impatient()
        under_way = newest(request for request in sdk.api_status(fields=FIELDS) if request.name == LAUNCH)
        records = {one["name"]: one for one in sdk.get(sdk.status(list(clusters), all_users=True, **SUMMARY))}
        launches = {name: LaunchRecord(found.request_id, Request.LIVE) for name, found in under_way.items()}
        for name in jobless:
            if name not in launches and (found := last_launch(name)):
                launches[name] = found
    return Look(launches, {name: cluster_record(one) for name, one in records.items()})


SUMMARY: dict[str, Any] = {"_summary_response": True}
"""Records without tasks: a tenth of the bytes. Not public."""


def launch(cluster: str, task: Task) -> str:
    """Ask for a cluster and its job, unless its name has left a trace: SkyPilot would launch twice.

    Returns the request's id; an empty one where a cluster of the name stands or stood whose request is forgotten;
    FOREIGN where one stands whose labels say that another bot has launched it.

    Raises:
        UserError: SkyPilot refused before it accepted anything; asking again would not change that.
        Unavailable: nobody knows whether it was accepted.
    """
    with answered():
        sdk = impatient()
        standing = sdk.get(sdk.status([cluster], all_users=True, **SUMMARY))
        if any(is_foreign(one["labels"] or {}, task) for one in standing):
            return FOREIGN
        if known := newest(requests_of(cluster, finished=True, name=LAUNCH)).get(cluster):
            return str(known.request_id)
        if standing or cluster in spent():
            return ""
    checked = accepted(task)
    with answered():
        return str(sdk.launch(checked, cluster_name=cluster))


def is_foreign(labels: Mapping[str, str], task: Task) -> bool:
    """Whether a cluster is of another order than the task, where its labels tell.

    >>> [is_foreign({"verlbot-asked": "7"}, {"resources": {"labels": {"verlbot-asked": asked}}}) for asked in "78"]
    [False, True]
    >>> is_foreign({}, {"resources": {"labels": {"verlbot-asked": "7"}}})
    False
    """
    asked = ((task.get("resources") or {}).get("labels") or {}).get(ASKED)
    return ASKED in labels and labels[ASKED] != asked


def accepted(task: Task) -> Any:
    """The task as SkyPilot has it, once its server has found nothing wrong with it."""
    import sky  # noqa: PLC0415

    with answered(refusals=True):
        parsed = sky.Task.from_yaml_config(json.loads(json.dumps(task)))
        with sky.Dag() as dag:
            dag.add(parsed)
        impatient().validate(dag)
    return parsed


def remove(cluster: str) -> str | None:
    """Ask for the removal of a cluster and of the launches of its name; why an earlier one failed, if one has.

    A launch under way is cancelled first: where it has no record yet, `down` would find nothing, and it would go on.
    A removal under way is left alone: another would kill it and begin anew.
    """
    with answered():
        sdk = impatient()
        under_way = list(requests_of(cluster, finished=False))
        launches = [request.request_id for request in under_way if request.name == LAUNCH]
        if launches:
            sdk.get(sdk.api_cancel(launches, silent=True))
        if not launches and any(request.name == DOWN for request in under_way):
            return None
        earlier = newest(requests_of(cluster, finished=True, name=DOWN)).get(cluster)
        sdk.down(cluster)
        why = why_failed(earlier.request_id) if earlier and REQUESTS[earlier.status] is Request.FAILED else None
    return None if why and ABSENT in why else why


def jobs(cluster: str, name: str | None) -> list[JobRecord] | None:
    """The jobs on a cluster, the first one first; more than one of a name is a second launch, and is cancelled.

    None where SkyPilot says that the cluster was never set up: a server that dies under a launch leaves one that
    it takes for up at its next refresh, without a queue and without an autostop.

    Args:
        name: of the run's job; others are somebody else's, who looks around there. None for all.
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
        if surplus and name is not None:  # of all jobs, some are somebody else's
            sdk.get(sdk.cancel(cluster, job_ids=surplus))
        if found and found[0].job in DIED:
            found[0] = replace(found[0], broken=broken(cluster))
    return found


def broken(cluster: str) -> str | None:
    """Why SkyPilot takes a cluster for broken when it looks anew, since its table is up to a minute old."""
    from sky import StatusRefreshMode  # noqa: PLC0415

    sdk = impatient()
    asked = sdk.status([cluster], refresh=StatusRefreshMode.FORCE, all_users=True, **SUMMARY)
    records = sdk.get(asked)
    return cluster_record(records[0]).unhealthy if records else say("SkyPilot does not find its machines any more.")


def tail(cluster: str, job_id: int | None, lines: int, most_bytes: int) -> str:
    """The last lines of a job's log, with what SkyPilot adds; the last of them where they are too many bytes."""
    with answered():
        sdk = impatient()
        return read_end(
            lambda: sdk.tail_logs(cluster, job_id, follow=False, tail=lines, preload_content=False), most_bytes
        )


def spent() -> set[str]:
    """Names of the clusters that the cost report knows, standing and gone."""
    sdk = impatient()
    return {row["name"] for row in sdk.get(sdk.cost_report(days=REMEMBERED_DAYS))}


def requests_of(cluster: str, *, finished: bool, name: str | None = None) -> Iterator[Any]:
    """The requests of a cluster's name that SkyPilot remembers."""
    for request in impatient().api_status(cluster_name=cluster, all_status=finished, fields=FIELDS):
        if name in (None, request.name) and request.cluster_name == cluster:
            yield request


def newest(requests: Iterable[Any]) -> dict[str, Any]:
    """The newest request of each cluster."""
    return {one.cluster_name: one for one in sorted(requests, key=lambda one: one.created_at)}


def last_launch(cluster: str) -> LaunchRecord | None:
    """The newest launch request of a cluster, with why it failed; None where SkyPilot has none, or forgot it."""
    found = newest(requests_of(cluster, finished=True, name=LAUNCH)).get(cluster)
    if found is None:
        return None
    request = REQUESTS[found.status]
    error = why_failed(found.request_id) if request is Request.FAILED else None
    return LaunchRecord(found.request_id, request, error)


def why_failed(request_id: str) -> str | None:
    """What the exception of a failed request says; None where SkyPilot has forgotten it meanwhile."""
    try:
        impatient().get(request_id)
    except Exception as error:  # whatever it was, is what is asked
        if is_silence(error):
            raise
        return in_words(type(error).__name__, str(error))
    return None


def cluster_record(one: Mapping[str, Any]) -> ClusterRecord:
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
    """A log without what SkyPilot says around it, and without empty lines; whole lines end with a newline.

    >>> without_chatter("Job ID not provided.\\n(head, pid=1) a\\n\\x1b[32m✓ Job finished (status: FAILED).\\n")
    '(head, pid=1) a\\n'
    >>> without_chatter("a\\r\\n\\nb")
    'a\\nb'
    """
    *whole, last = text.replace("\r\n", "\n").split("\n")
    return "".join(line + "\n" for line in whole if is_of_the_job(line)) + (last if is_of_the_job(last) else "")


def is_of_the_job(line: str) -> bool:
    return line != "" and not ANSI.sub("", line[:LONGEST_BEGINNING]).startswith(CHATTER)


SHARES: Mapping[Callable[..., Any], float] = {tail: 0.5, jobs: 0.25}
"""Of the calls under way at once. Each of these is an SSH to the cluster and a Python started there: 2 to 10 s."""
