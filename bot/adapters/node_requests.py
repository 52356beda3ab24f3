"""Requests for a run's files to the reader on its nodes, and its answers as values."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from bot.adapters.node_reader import PROCESS_LOG
from bot.core.frameworks import FRAMEWORK
from bot.core.model.failure import ProcessLog
from bot.core.model.rollout import MAX_SAMPLE_BYTES, FilePart, FilePosition, SampleBatch, SampleRequest
from bot.errors import BeingStopped, Unavailable
from bot.phrase import N_, Phrase

Request = Mapping[str, Any]
NodeReading = Callable[[Request], Mapping[str, Any]]
"""Returns the answer of one node's reader to a request."""

FILE_UNREADABLE = N_("Its files could not be read: {why}")

FOLDER_MISSING = N_("Its folder does not exist yet.")

log = logging.getLogger(__name__)

MAX_PROCESS_BYTES = 65_536
"""Maximum bytes of Ray's logs that leave a node."""

MAX_METRICS_BYTES = 196_608
"""Maximum bytes of new metrics in one read: twenty steps of a training with many validation sources."""


def collect_samples(nodes: Iterable[NodeReading], request: SampleRequest) -> SampleBatch:
    """Return samples from the first node that has a file of the step; the head is asked first.

    Raises:
        Unavailable: no node has it, and one could not be read.
    """
    message = {
        "reader": "samples",
        "step": request.step,
        "order": str(request.order),
        "count": request.count,
        "seed": request.seed,
        "score_keys": list(FRAMEWORK.samples.score_keys),
        "max_bytes": MAX_SAMPLE_BYTES,
    }
    best = SampleBatch()
    for batch in (FRAMEWORK.samples.parse(ask(node, message)) for node in nodes):
        if batch.step is not None:
            return batch
        best = max(best, batch, key=lambda batch: batch.steps)
    return best


def collect_metrics(nodes: Iterable[NodeReading], prefix: str, position: FilePosition) -> FilePart:
    """Return the new lines of a file of metrics from the first node that has one; none where no node has one.

    Raises:
        Unavailable: a node could not be read.
    """
    message = {
        "reader": "metrics",
        "prefix": prefix,
        "name": position.name,
        "identity": position.identity,
        "offset": position.offset,
        "max_bytes": MAX_METRICS_BYTES,
    }
    return next((parse_part(answer) for node in nodes if (answer := ask(node, message))), FilePart(position))


def create_request(nodes: Iterable[NodeReading], name: str) -> None:
    """Create a file that asks a run's program for something, on the first node: the head looks for it.

    Raises:
        Unavailable: the node could not be reached, or has no such folder yet.
    """
    if not any(ask(node, {"reader": "request", "name": name}) for node in islice(nodes, 1)):
        raise Unavailable(Phrase(FOLDER_MISSING))


def collect_process_logs(nodes: Iterable[NodeReading], pids: Sequence[int]) -> Sequence[ProcessLog]:
    """Return the ends of Ray's logs on all nodes that answer; the nodes are asked at once, because time is short.

    Raises:
        BeingStopped: the bot stops.
    """
    message = {"reader": "processes", "pids": list(pids), "max_bytes": MAX_PROCESS_BYTES}
    readings = list(nodes)
    with ThreadPoolExecutor(max(len(readings), 1), thread_name_prefix="ray-logs") as pool:
        answers = list(pool.map(lambda node: ask_if_reachable(node, message), readings))
    return [process_log for rank, answer in enumerate(answers) for process_log in parse_process_logs(rank, answer)]


def ask_if_reachable(node: NodeReading, message: Request) -> Mapping[str, Any]:
    """Return the answer of one node; nothing where it cannot be read: it may be the reason of the failure."""
    try:
        return ask(node, message)
    except BeingStopped:
        raise
    except Unavailable as error:
        log.info("Ray's logs of a node cannot be read: %s", error)
        return {}


def parse_process_logs(rank: int, answer: Mapping[str, Any]) -> Iterator[ProcessLog]:
    """Yield the logs in a node's answer; nothing of what has another form."""
    logs = answer.get("logs")
    for entry in logs if isinstance(logs, list) else ():
        match entry:
            case {"name": str(name), "text": str(text)} if PROCESS_LOG.fullmatch(name):
                yield ProcessLog(rank, name, text[:MAX_PROCESS_BYTES])


def ask(node: NodeReading, message: Request) -> Mapping[str, Any]:
    """Return the answer of one node.

    Raises:
        Unavailable: its reader could not read a file.
    """
    answer = node(message)
    if why := answer.get("error"):
        raise Unavailable(Phrase(FILE_UNREADABLE, why=str(why)))
    return answer


def parse_part(answer: Mapping[str, Any]) -> FilePart:
    """Return the new lines in an answer.

    Raises:
        Unavailable: the answer is not complete.
    """
    match answer:
        case {"name": str(name), "identity": str(identity), "offset": int(offset), "text": str(text), "more": more}:
            return FilePart(FilePosition(name, identity, offset), text, bool(more))
    raise Unavailable(Phrase(FILE_UNREADABLE, why="JSON"))
