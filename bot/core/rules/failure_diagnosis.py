"""Finds in a log why a run died: the error that explains most, where it happened, and what kind it is of."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from bot.core.model.failure import FailureSummary
from bot.core.model.split_lines import is_of_container, join_split_lines
from bot.core.rules.failure_exits import find_exit_node
from bot.core.rules.failure_lines import IP_ADDRESS, NODE_PREFIX, LogLine, parse_line
from bot.core.rules.failure_search import ErrorSearch, FailureWeight, LoggedError
from bot.core.rules.log_lines import shorten_for_display, split_clean_lines

EXCERPT_LINES_BEFORE, EXCERPT_LINES_AFTER = 8, 2
"""Lines of the same process that are shown before and after an error."""

LINES_PER_TIME_CHECK = 256
"""Lines that are read between two looks at the clock."""

MAX_LINES_TO_ADDRESS = 12
"""Lines after an error of Ray's among which the IP of the dead actor is looked for."""

NAMED_ADDRESS = re.compile(r"(?:\bip|\baddress|\bWorker IP address): ([\d.]{7,15}|[\da-f:]{3,45})(?![\w.:])")
"""The node that a line of Ray's names: as a dead node's, or as that of a dead worker."""


def has_time() -> bool:
    """Return True: the default for a diagnosis without a time limit."""
    return True


def diagnose(text: str, nodes: int = 1, in_time: Callable[[], bool] = has_time) -> FailureSummary | None:
    r"""Return the failure summary of a log's last lines; None where they contain no error.

    Args:
        text: the lines, with any prefixes and colours.
        nodes: number of nodes of the run.
        in_time: called every `LINES_PER_TIME_CHECK` lines. Once it returns False, the summary covers the lines read so
            far.

    >>> diagnose("(worker1, rank=1, pid=7) Traceback (most recent call last):\n"
    ...          "(worker1, rank=1, pid=7) RuntimeError: CUDA out of memory.", nodes=2)
    ... # doctest: +ELLIPSIS
    FailureSummary(error='RuntimeError: CUDA out of memory.', kind=<FailureKind.GPU_MEMORY: 'gpu_memory'>, node=1, ...)
    """
    lines: list[LogLine] = []
    search = ErrorSearch()
    for line_index, raw_line in enumerate(split_clean_lines(join_parts(text))):
        if line_index % LINES_PER_TIME_CHECK == 0 and not in_time():
            break
        lines.append(parse_line(raw_line))
        search.add_line(line_index, lines[-1])
    error = search.first_error
    if error is None:
        return None
    line = lines[error.line_index]
    shown = shorten_for_display(" ".join(error.message.split()))
    digest = FailureSummary(error=shown, kind=error.kind, rank=line.rank, place=error.place)
    if error.weight is not FailureWeight.EXIT:
        digest = replace(digest, excerpt=build_excerpt(lines, error.line_index))
    return with_location(digest, error, lines, nodes)


def join_parts(text: str) -> str:
    r"""Return a text in which the parts of lines that a container cut are joined; a part without an end is kept.

    >>> join_parts("2026-11-30T14:20:51Z stderr P KeyError:\n2026-11-30T14:20:51Z stderr F  'a'\n")
    "2026-11-30T14:20:51Z stderr F KeyError: 'a'\n"
    """
    return "".join(join_split_lines(text)) if is_of_container(text) else text


def with_location(digest: FailureSummary, error: LoggedError, lines: Sequence[LogLine], nodes: int) -> FailureSummary:
    """Return the summary with the node where the failure happened, as far as the log is certain about it."""
    if nodes < 2:
        return digest
    line = lines[error.line_index]
    if (exit_node := find_exit_node(line.text)) is not None:
        return replace(digest, node=exit_node)
    address = find_named_address(lines, error.line_index) or error.address or line.address
    if address is None:
        return replace(digest, node=line.node)
    nodes_by_address = map_addresses(lines)
    if address in nodes_by_address:
        return replace(digest, node=nodes_by_address[address])
    # SkyPilot prints no IP of the first node, so an unknown IP is that node's once all others are known.
    return replace(digest, node=0) if len(nodes_by_address) == nodes - 1 else replace(digest, address=address)


def find_named_address(lines: Sequence[LogLine], line_index: int) -> str | None:
    """Return the IP that an error of Ray's names, in its line or in the details below it; None for none."""
    line = lines[line_index]
    if match := NAMED_ADDRESS.search(line.text):
        return match[1]
    if "ray.exceptions." not in line.text:
        return None
    details = lines[line_index + 1 : line_index + 1 + MAX_LINES_TO_ADDRESS]
    matches = (NAMED_ADDRESS.match(one.text.strip()) for one in details if one.source == line.source)
    return next((match[1] for match in matches if match), None)


def map_addresses(lines: Iterable[LogLine]) -> dict[str, int]:
    """Return the nodes by their IPs. SkyPilot prints the IPs of all nodes but the first."""
    sources = {line.source: line.node for line in lines}
    matches = {source: (NODE_PREFIX.search(source), node) for source, node in sources.items() if node is not None}
    ips = {match[0]: node for match, node in matches.values() if match}
    return {ip[1]: node for prefix, node in ips.items() if (ip := IP_ADDRESS.search(prefix))}


def build_excerpt(lines: Sequence[LogLine], line_index: int) -> tuple[str, ...]:
    """Return the lines that the same process printed around a line."""
    own_lines = [number for number, line in enumerate(lines) if line.source == lines[line_index].source]
    position = own_lines.index(line_index)
    return tuple(
        shorten_for_display(lines[number].text)
        for number in own_lines[max(position - EXCERPT_LINES_BEFORE, 0) : position + EXCERPT_LINES_AFTER + 1]
    )
