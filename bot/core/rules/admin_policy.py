"""What a SkyPilot request outside of the bot asks for, and what no honest task asks for. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Any, Self

from bot.core.model.recipe import Task
from bot.errors import UserError


class AdminRequestKind(StrEnum):
    """What SkyPilot does with a request, by SkyPilot's name of it (sky/server/requests/request_names.py)."""

    VALIDATE = "look"  # launches nothing yet: validate and optimize
    LAUNCH = "launch"  # launches a cluster
    SUBMIT = "submit"  # submits managed jobs and services, whose machines their controller launches
    OTHER = "other"  # launches no machines of its own, or those of a job or service that was checked before

    @classmethod
    def from_name(cls, name: str) -> Self:
        """Return the kind of the request that has this name in SkyPilot.

        >>> [AdminRequestKind.from_name(name) for name in ("launch", "jobs.launch", "exec")]
        [<AdminRequestKind.LAUNCH: 'launch'>, <AdminRequestKind.SUBMIT: 'submit'>, <AdminRequestKind.OTHER: 'other'>]
        """
        return cls(KIND_BY_REQUEST_NAME.get(name, "other"))


KIND_BY_REQUEST_NAME = {
    "validate": "look",
    "optimize": "look",
    "launch": "launch",
    "jobs.launch": "submit",
    "jobs.pool_apply": "submit",
    "serve.up": "submit",
    "serve.update": "submit",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminRequest:
    """One question of SkyPilot's to its admin policy.

    Attributes:
        task: the task as it would be launched, with its secrets' values: it is never shown and never stored.
        cluster: name of the cluster, if it has one already; is_dry_run: whether nothing is to be launched.
        is_about_cluster: whether the request is about a cluster; a validation for a job, or of a running cluster, does
            not say.
        user: SkyPilot's name of the requester; None if the requester's own client asks, whose word proves nothing.
    """

    kind: AdminRequestKind
    task: Task = field(repr=False)
    cluster: str | None = None
    is_dry_run: bool = False
    is_about_cluster: bool = True
    user: str | None = None


MAX_NODES = 10_000
MAX_ACCELERATORS_PER_NODE = 1_024
"""Maximum accelerators of one kind per node; the largest machines that clouds offer have 256."""

MAX_CHOICES = 256
"""Maximum machines that SkyPilot may choose from; each kind of accelerators counts as one."""

LARGEST_NUMBER = 10**9
"""Maximum of any other number among a task's resources: gigabytes, minutes, dollars."""

MAX_TEXT_CHARACTERS = 10_000
"""Maximum characters of a text among the resources."""

COUNT_PATTERN = re.compile(r"\d{1,12}(?:\.\d{1,12})?")
KEY_PATTERN = re.compile(r"\w{1,60}", re.ASCII)
"""A key that may be named in a refusal."""

NONNEGATIVE_KEYS = ("cpus", "memory", "disk_size", "max_hourly_cost")
"""Keys whose numbers cannot be negative; others can, such as a priority or an autostop that is cancelled."""

MAPPING_KEYS = ("resources", "envs", "file_mounts", "volumes", "config", "service")

NODES_ERROR = "`num_nodes` must be a whole number from 1 to {most}."
ACCELERATORS_ERROR = "`accelerators` must be a name and a count above 0 and up to {most}, such as `H100:8`."
CHOICES_ERROR = "`any_of` and `ordered` must list machines, at most {most}, and no lists of them."
NUMBER_ERROR = "`{key}` must be a number that is neither negative nor larger than {most}."
SHAPE_ERROR = "`{key}` must be a mapping, as in a SkyPilot task."
SECRETS_ERROR = "`secrets` must be a mapping or a list of names, as in a SkyPilot task."


def check_bounds(task: Task) -> None:
    """Raise UserError if the shape of a task or a number in it makes no sense; after this check the task can be
    counted.
    """
    for key in MAPPING_KEYS:
        if not isinstance(task.get(key) or {}, Mapping):
            raise UserError(SHAPE_ERROR.format(key=key))
    if not isinstance(task.get("secrets") or {}, Mapping | list):
        raise UserError(SECRETS_ERROR)
    check_nodes(task.get("num_nodes"))
    resources = task.get("resources") or {}
    check_choices(resources)
    check_numbers(resources, "resources")


def check_nodes(node_count: object) -> None:
    """Raise UserError if the number of nodes makes no sense.

    >>> check_nodes(None), check_nodes(16), check_nodes("2")
    (None, None, None)
    """
    if node_count is not None and not 1 <= (parse_whole_number(node_count) or 0) <= MAX_NODES:
        raise UserError(NODES_ERROR.format(most=MAX_NODES))


def parse_whole_number(value: object) -> int | None:
    """Return a whole number, or None if the value is not one."""
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\d{1,9}", value, re.ASCII) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def check_choices(resources: Mapping[str, Any]) -> None:
    """Raise UserError if the choices of machines make no sense or are too many."""
    kinds = check_accelerators(resources.get("accelerators"))
    machine_count = 0
    for key in ("any_of", "ordered"):
        choices = resources.get(key) or []
        if not (isinstance(choices, list | tuple) and all(is_machine(choice) for choice in choices)):
            raise UserError(CHOICES_ERROR.format(most=MAX_CHOICES))
        if len(choices) > MAX_CHOICES:
            raise UserError(CHOICES_ERROR.format(most=MAX_CHOICES))
        # A machine without accelerators of its own has those of the task.
        machine_count += sum(max(check_accelerators(choice.get("accelerators")), kinds, 1) for choice in choices)
    if max(machine_count, kinds) > MAX_CHOICES:
        raise UserError(CHOICES_ERROR.format(most=MAX_CHOICES))


def is_machine(choice: object) -> bool:
    """Return whether this is a machine and not a choice of machines, which would be counted as none."""
    return isinstance(choice, Mapping) and not (choice.get("any_of") or choice.get("ordered"))


def check_accelerators(accelerators: object) -> int:
    """Return how many kinds a choice may have.

    >>> [check_accelerators(one) for one in ("H100:8", {"H100": 8, "L4": None}, ["L4:0.5"], None)]
    [1, 2, 1, 0]
    """
    match accelerators:
        case None:
            return 0
        case str():
            counts = [parse_count(accelerators)]
        case Mapping():
            counts = [1 if count is None else count for count in accelerators.values()]
        case list() | tuple() | set():
            counts = [parse_count(item) for item in accelerators]
        case _:
            counts = [None]
    if not all(is_count(item) for item in counts):
        raise UserError(ACCELERATORS_ERROR.format(most=MAX_ACCELERATORS_PER_NODE))
    return len(counts)


def parse_count(kind: object) -> object:
    """Return the count in `NAME:COUNT`, 1 if there is none."""
    if not isinstance(kind, str):
        return None
    _, separator, count = kind.partition(":")
    return count.strip() if separator else 1


def is_count(count: object) -> bool:
    """Return whether a value is a number of accelerators above 0 and within bounds.

    >>> [is_count(one) for one in (8, 0.5, "8", "", 0, -8, float("nan"), "1e308", "1_0", True, None, 10**400)]
    [True, True, True, False, False, False, False, False, False, False, False, False]
    """
    if isinstance(count, str):
        return bool(COUNT_PATTERN.fullmatch(count)) and 0 < float(count) <= MAX_ACCELERATORS_PER_NODE
    return isinstance(count, int | float) and not isinstance(count, bool) and 0 < count <= MAX_ACCELERATORS_PER_NODE


def check_numbers(value: Any, key: str) -> None:
    """Raise UserError at a number that is not finite, too large, or negative where that makes no sense."""
    match value:
        case bool():
            return
        case int() | float():
            if not (is_finite_number(value) and abs(value) <= LARGEST_NUMBER) or (
                key in NONNEGATIVE_KEYS and value < 0
            ):
                raise UserError(NUMBER_ERROR.format(key=key, most=LARGEST_NUMBER))
        case str():
            if len(value) > MAX_TEXT_CHARACTERS or (
                key in (*NONNEGATIVE_KEYS, "autostop", "idle_minutes") and not is_quantity(value)
            ):
                raise UserError(NUMBER_ERROR.format(key=key, most=LARGEST_NUMBER))
        case Mapping():
            for name, inner in value.items():
                check_numbers(inner, str(name) if KEY_PATTERN.fullmatch(str(name)) else key)
        case list() | tuple() | set():
            for inner in value:
                check_numbers(inner, key)


def is_finite_number(value: int | float) -> bool:
    """Return whether a number is finite; an integer is, however many digits it has."""
    return isinstance(value, int) or isfinite(value)


def is_quantity(text: str) -> bool:
    """Return whether a text begins with a number in bounds, and not with a word such as `nan`.

    >>> [is_quantity(one) for one in ("16+", "4x", "64.5", "1TB", "2h", "-1", "nan", "inf", "1e308", "9" * 40)]
    [True, True, True, True, True, False, False, False, False, False]
    """
    number_match = re.match(r"\s*([\d.]{1,14})(?!\d|e\d)", text, re.IGNORECASE | re.ASCII)
    if number_match is None or not COUNT_PATTERN.fullmatch(number_match[1]):
        return False
    return float(number_match[1]) <= LARGEST_NUMBER
