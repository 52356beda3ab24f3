"""SkyPilot's admin policy on the wire: JSON that holds JSON that holds YAML, both ways (sky/admin_policy.py, 0.14.1).

A task holds the values of its secrets here. They go back as they came and nowhere else, into no message either: what a
parser says of a text that it cannot read would quote it.

The text may be anybody's, so its shape is checked event by event before it is built: a hundred kilobytes of `[` end the
whole process in PyYAML's C loader (6.0.3, a stack overflow), aliases multiply, and a number of a million digits takes
minutes, or cannot be written again.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from bot.core.admin_request import AdminRequest, Kind
from bot.core.recipe import Task

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

DEEPEST = 40
"""Levels of a text; a pod's specification in a task has some fifteen."""

MOST_EVENTS = 50_000
"""Of a text: every value, key, list and mapping is one or two. A task of 1,000 variables has 2,000."""

MOST_SIZE = 50_000
"""Values once every alias is followed."""

LONGEST_NUMBER = 400
"""Characters of what YAML takes for a number or a date: it multiplies, digit by digit. The largest float has 309."""

LONGEST_NAME = 200
"""Characters of a cluster's name, and of a user's."""

NUMBER = re.compile(r"[-+]?0[xb][0-9a-fA-F_]+|[-+0-9_:.]+")
UNREADABLE = "This is no request of SkyPilot's for an admin policy."


class Unreadable(Exception):
    """A request that is none of SkyPilot's. The message quotes nothing of it."""


class Options(msgspec.Struct):
    cluster_name: str | None = None
    dryrun: bool = False


class Body(msgspec.Struct):
    """What is needed of SkyPilot's `_UserRequestBody`; what else it may hold is let pass."""

    task: str
    skypilot_config: str
    request_name: str
    request_options: Options | None = None
    at_client_side: bool = False
    user: str = ""


class Mutated(msgspec.Struct):
    """SkyPilot's `_MutatedUserRequestBody`."""

    task: str
    skypilot_config: str


def decode(content: bytes) -> tuple[AdminRequest, Body]:
    """
    Raises:
        Unreadable: it is no such request, or larger, deeper or odder than any task.
    """
    try:
        body = msgspec.json.decode(msgspec.json.decode(content, type=str), type=Body)
        task, user = mapping(body.task), mapping(body.user) if body.user else {}
        return understood(body, task, user), body
    except Exception:  # whatever a parser fails with, and its words may quote a secret
        raise Unreadable(UNREADABLE) from None


def understood(body: Body, task: Mapping[str, Any], user: Mapping[str, Any]) -> AdminRequest:
    options = body.request_options
    return AdminRequest(
        kind=Kind.of(body.request_name),
        task=task,
        cluster=name(options.cluster_name) if options else None,
        dry=options.dryrun if options else False,
        of_cluster=options is not None,
        user=None if body.at_client_side else name(user.get("name") or user.get("id") or "nobody"),
    )


def name(given: object) -> Any:
    """Return a name as it is; one that no person would be given is none of SkyPilot's."""
    if given is not None and not (len(str(given)) <= LONGEST_NAME and str(given).isprintable()):
        raise ValueError
    return None if given is None else str(given)


def mapping(text: str) -> Mapping[str, Any]:
    """Return the first document of a YAML text.

    Raises:
        ValueError: it is deeper, larger or odder than any task.
    """
    check_shape(text)
    found = next(iter(yaml.load_all(text, LOADER)), None)
    if not isinstance(found, Mapping):
        raise TypeError
    measure(found, {})
    return found


def check_shape(text: str) -> None:
    """Raise ValueError at the first event that no task has; nothing is built, and the rest is not read."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, LOADER)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentEndEvent):
            return
        if depth > DEEPEST or count > MOST_EVENTS or is_odd(event):
            raise ValueError


def is_odd(event: yaml.Event) -> bool:
    """Return whether it is a merge of mappings, which multiplies, a type of Python's, or a number beyond all use."""
    if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None) not in (None, "!"):
        return True
    if not isinstance(event, yaml.ScalarEvent) or event.style:
        return False
    return event.value in ("<<", "=") or (len(event.value) > LONGEST_NUMBER and bool(NUMBER.fullmatch(event.value)))


def measure(value: Any, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Return how many values there are once every alias is followed, and how deep they lie.

    Args:
        known: both by identity; a value that is under way holds itself, and counts as too large.

    Raises:
        ValueError: it is too large or too deep.
    """
    if not isinstance(value, Mapping | list):
        return 1, 0
    if id(value) not in known:
        known[id(value)] = MOST_SIZE, DEEPEST
        inner = [measure(one, known) for one in (value.values() if isinstance(value, Mapping) else value)]
        count, depth = 1 + sum(one[0] for one in inner), 1 + max((one[1] for one in inner), default=0)
        if count > MOST_SIZE or depth > DEEPEST:
            raise ValueError
        known[id(value)] = count, depth
    return known[id(value)]


def encode(body: Body, before: Task, after: Task) -> bytes:
    """The answer that lets a task pass; its very text where nothing was changed."""
    task = body.task if after == before else yaml.dump(dict(after), Dumper=DUMPER, sort_keys=False, allow_unicode=True)
    return msgspec.json.encode(msgspec.json.encode(Mutated(task, body.skypilot_config)).decode())
