"""The resources that a task requests, as SkyPilot writes them: `any_of`, accelerators, nodes. Pure."""

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

from bot.core.recipe import Task


def choices(task: Task) -> list[Mapping[str, Any]]:
    """Return the resources of which SkyPilot may choose one, each with at most one kind of accelerators.

    Usually there is one.

    >>> choices({"resources": {"infra": "aws", "any_of": [{"accelerators": ["L4:1", "T4:2"]}]}})
    [{'infra': 'aws', 'accelerators': 'L4:1'}, {'infra': 'aws', 'accelerators': 'T4:2'}]
    """
    common = dict(task.get("resources") or {})
    several = common.pop("any_of", None) or common.pop("ordered", None) or [{}]
    found: list[Mapping[str, Any]] = []
    for one in several:
        kinds = kinds_of({**common, **one}.get("accelerators"))
        found += [{**common, **one, "accelerators": kind} for kind in kinds] or [{**common, **one}]
    return found


def kinds_of(accelerators: object) -> list[str]:
    """Return the kinds of accelerators with their counts, as SkyPilot writes them.

    >>> kinds_of({"H100": 8, "A100": 4}), kinds_of("L4"), kinds_of(None)
    (['H100:8', 'A100:4'], ['L4'], [])
    """
    if isinstance(accelerators, Mapping):
        return [f"{name}:{count or 1}" for name, count in accelerators.items()]
    if isinstance(accelerators, str):
        return [accelerators]
    return [str(one) for one in accelerators] if isinstance(accelerators, Iterable) else []


def gpus_of(choice: Mapping[str, Any], nodes: int) -> int:
    """Return the accelerators of all nodes together, rounded up.

    >>> gpus_of({"accelerators": "H100:8"}, 2), gpus_of({"accelerators": "L4:0.5"}, 3), gpus_of({}, 2)
    (16, 2, 0)
    """
    counts = [float(kind.partition(":")[2] or 1) for kind in kinds_of(choice.get("accelerators"))]
    return ceil(nodes * max(counts, default=0.0))


def nodes_of(task: Task) -> int:
    """Return the number of nodes, one unless the task sets it."""
    return int(task.get("num_nodes") or 1)


def dearest(task: Task) -> dict[str, Any]:
    """Return the task with only those of its resources that have the most accelerators: the most that it may cost."""
    most = max(choices(task), key=lambda one: gpus_of(one, 1))
    return {**task, "resources": dict(most)}


def cloud_of(choice: Mapping[str, Any]) -> str:
    """Return SkyPilot's name of the cloud; empty for any.

    >>> cloud_of({"infra": "k8s/east"}), cloud_of({"cloud": "AWS"}), cloud_of({})
    ('kubernetes', 'aws', '')
    """
    name = str(choice.get("infra") or choice.get("cloud") or "").partition("/")[0].lower()
    return {"k8s": "kubernetes", "*": ""}.get(name, name)
