"""Bounds for the numbers and shapes of a task: a launch is refused if a number in its task makes no sense, or if the
task cannot be counted. Pure.

SkyPilot 0.14.1 itself accepts `H100:nan` and `H100:1e308`, so both arrive here. The texts are English: SkyPilot's
command line shows them.
"""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from bot.core.recipe import Task
from bot.errors import UserError

MOST_NODES = 10_000
MOST_PER_NODE = 1_024
"""Maximum accelerators of one kind per node; the largest machines that clouds offer have 256."""

MOST_CHOICES = 256
"""Maximum machines that SkyPilot may choose from; each kind of accelerators counts as one."""

LARGEST = 10**9
"""Maximum of any other number among a task's resources: gigabytes, minutes, dollars."""

LONGEST = 10_000
"""Maximum characters of a text among the resources."""

COUNT = re.compile(r"\d{1,12}(?:\.\d{1,12})?")
WORD = re.compile(r"\w{1,60}", re.ASCII)
"""A key that may be named in a refusal."""

QUANTITIES = ("cpus", "memory", "disk_size", "max_hourly_cost")
"""Keys whose numbers cannot be negative; others can, such as a priority or an autostop that is cancelled."""

MAPPINGS = ("resources", "envs", "file_mounts", "volumes", "config", "service")

NODES = "`num_nodes` must be a whole number from 1 to {most}."
ACCELERATORS = "`accelerators` must be a name and a count above 0 and up to {most}, such as `H100:8`."
CHOICES = "`any_of` and `ordered` must list machines, {most} at the most, and no lists of them."
NUMBER = "`{key}` must be a number that is neither negative nor larger than {most}."
SHAPE = "`{key}` must be a mapping, as in a SkyPilot task."
SECRETS = "`secrets` must be a mapping or a list of names, as in a SkyPilot task."


def check_bounds(task: Task) -> None:
    """Raise UserError if the shape of a task or a number in it makes no sense; after this check the task can be
    counted.
    """
    for key in MAPPINGS:
        if not isinstance(task.get(key) or {}, Mapping):
            raise UserError(SHAPE.format(key=key))
    if not isinstance(task.get("secrets") or {}, Mapping | list):
        raise UserError(SECRETS)
    check_nodes(task.get("num_nodes"))
    resources = task.get("resources") or {}
    check_choices(resources)
    check_numbers(resources, "resources")


def check_nodes(asked: object) -> None:
    """Raise UserError if the number of nodes makes no sense.

    >>> check_nodes(None), check_nodes(16), check_nodes("2")
    (None, None, None)
    """
    if asked is not None and not 1 <= (whole(asked) or 0) <= MOST_NODES:
        raise UserError(NODES.format(most=MOST_NODES))


def whole(asked: object) -> int | None:
    """Return a whole number, or None if the value is not one."""
    if isinstance(asked, str):
        return int(asked) if re.fullmatch(r"\d{1,9}", asked, re.ASCII) else None
    return asked if isinstance(asked, int) and not isinstance(asked, bool) else None


def check_choices(resources: Mapping[str, Any]) -> None:
    """Raise UserError if the choices of machines make no sense or are too many."""
    kinds = check_accelerators(resources.get("accelerators"))
    machines = 0
    for key in ("any_of", "ordered"):
        listed = resources.get(key) or []
        if not (isinstance(listed, list | tuple) and all(is_machine(one) for one in listed)):
            raise UserError(CHOICES.format(most=MOST_CHOICES))
        if len(listed) > MOST_CHOICES:
            raise UserError(CHOICES.format(most=MOST_CHOICES))
        # A machine without accelerators of its own has those of the task.
        machines += sum(max(check_accelerators(one.get("accelerators")), kinds, 1) for one in listed)
    if max(machines, kinds) > MOST_CHOICES:
        raise UserError(CHOICES.format(most=MOST_CHOICES))


def is_machine(listed: object) -> bool:
    """Return whether this is a machine and not a choice of machines, which would be counted as none."""
    return isinstance(listed, Mapping) and not (listed.get("any_of") or listed.get("ordered"))


def check_accelerators(asked: object) -> int:
    """Return how many kinds a choice may have.

    >>> [check_accelerators(one) for one in ("H100:8", {"H100": 8, "L4": None}, ["L4:0.5"], None)]
    [1, 2, 1, 0]
    """
    match asked:
        case None:
            return 0
        case str():
            counts = [counted(asked)]
        case Mapping():
            counts = [1 if count is None else count for count in asked.values()]
        case list() | tuple() | set():
            counts = [counted(one) for one in asked]
        case _:
            counts = [None]
    if not all(is_count(one) for one in counts):
        raise UserError(ACCELERATORS.format(most=MOST_PER_NODE))
    return len(counts)


def counted(kind: object) -> object:
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
        return bool(COUNT.fullmatch(count)) and 0 < float(count) <= MOST_PER_NODE
    return isinstance(count, int | float) and not isinstance(count, bool) and 0 < count <= MOST_PER_NODE


def check_numbers(value: Any, key: str) -> None:
    """Raise UserError at a number that is not finite, too large, or negative where that makes no sense."""
    match value:
        case bool():
            return
        case int() | float():
            if not (isfinite_number(value) and abs(value) <= LARGEST) or (key in QUANTITIES and value < 0):
                raise UserError(NUMBER.format(key=key, most=LARGEST))
        case str():
            if len(value) > LONGEST or (key in (*QUANTITIES, "autostop", "idle_minutes") and not is_quantity(value)):
                raise UserError(NUMBER.format(key=key, most=LARGEST))
        case Mapping():
            for name, inner in value.items():
                check_numbers(inner, str(name) if WORD.fullmatch(str(name)) else key)
        case list() | tuple() | set():
            for inner in value:
                check_numbers(inner, key)


def isfinite_number(value: int | float) -> bool:
    """Return whether a number is finite; an integer is, however many digits it has."""
    return isinstance(value, int) or isfinite(value)


def is_quantity(text: str) -> bool:
    """Return whether a text begins with a number in bounds, and not with a word such as `nan`.

    >>> [is_quantity(one) for one in ("16+", "4x", "64.5", "1TB", "2h", "-1", "nan", "inf", "1e308", "9" * 40)]
    [True, True, True, True, True, False, False, False, False, False]
    """
    found = re.match(r"\s*([\d.]{1,14})(?!\d|e\d)", text, re.IGNORECASE | re.ASCII)
    if found is None or not COUNT.fullmatch(found[1]):
        return False
    return float(found[1]) <= LARGEST
