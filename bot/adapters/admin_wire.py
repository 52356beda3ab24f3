"""SkyPilot's admin policy on the wire: JSON that holds JSON that holds YAML, both ways (sky/admin_policy.py, 0.14.1).

A task holds the values of its secrets here. They go back as they came and nowhere else, into no message either: what a
parser says of a text that it cannot read would quote it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from bot.core.admin_request import AdminRequest, Kind
from bot.core.recipe import Task

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


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
        Unreadable: it is no such request.
    """
    try:
        body = msgspec.json.decode(msgspec.json.decode(content, type=str), type=Body)
        task, user = mapping(body.task), mapping(body.user) if body.user else {}
    except (msgspec.DecodeError, yaml.YAMLError, UnicodeError, TypeError):
        raise Unreadable("This is no request of SkyPilot's for an admin policy.") from None
    options = body.request_options
    return AdminRequest(
        kind=Kind.of(body.request_name),
        task=task,
        cluster=options.cluster_name if options else None,
        dry=options.dryrun if options else False,
        of_cluster=options is not None,
        user=None if body.at_client_side else str(user.get("name") or user.get("id") or "nobody"),
    ), body


def mapping(text: str) -> Mapping[str, Any]:
    """The first document of a YAML text."""
    found = next(iter(yaml.load_all(text, LOADER)), None)
    if not isinstance(found, Mapping):
        raise TypeError
    return found


def encode(body: Body, before: Task, after: Task) -> bytes:
    """The answer that lets a task pass; its very text where nothing was changed."""
    task = body.task if after == before else yaml.dump(dict(after), Dumper=DUMPER, sort_keys=False, allow_unicode=True)
    return msgspec.json.encode(msgspec.json.encode(Mutated(task, body.skypilot_config)).decode())
