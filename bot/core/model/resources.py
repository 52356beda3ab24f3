"""The resources that a task requests, as SkyPilot writes them, and what they cost by the team's price table. Pure."""

from collections.abc import Mapping
from math import ceil
from typing import Any

from bot.core.model.accelerators import list_accelerators
from bot.core.model.money import Rate
from bot.core.model.recipe import Accelerators, Task
from bot.phrase import N_


def list_resources(task: Task) -> list[Mapping[str, Any]]:
    """Return the resources of which SkyPilot may choose one, each with at most one kind of accelerators.

    Usually there is one.

    >>> list_resources({"resources": {"infra": "aws", "any_of": [{"accelerators": ["L4:1", "T4:2"]}]}})
    [{'infra': 'aws', 'accelerators': 'L4:1'}, {'infra': 'aws', 'accelerators': 'T4:2'}]
    """
    common = dict(task.get("resources") or {})
    alternatives = common.pop("any_of", None) or common.pop("ordered", None) or [{}]
    resources: list[Mapping[str, Any]] = []
    for alternative in alternatives:
        accelerators = list_accelerators({**common, **alternative}.get("accelerators"))
        resources += [{**common, **alternative, "accelerators": accelerator} for accelerator in accelerators] or [
            {**common, **alternative}
        ]
    return resources


def count_choice_gpus(choice: Mapping[str, Any], nodes: int) -> int:
    """Return the accelerators of all nodes together, rounded up.

    >>> (count_choice_gpus({"accelerators": "H100:8"}, 2), count_choice_gpus({"accelerators": "L4:0.5"}, 3),
    ...  count_choice_gpus({}, 2))
    (16, 2, 0)
    """
    counts = [
        float(accelerator.partition(":")[2] or 1) for accelerator in list_accelerators(choice.get("accelerators"))
    ]
    return ceil(nodes * max(counts, default=0.0))


def find_node_gpus(task: Task) -> int | None:
    """Return the accelerators of each node; None for none, and while SkyPilot may choose among several numbers of them.

    >>> found = [find_node_gpus({"resources": {"accelerators": kinds}}) for kinds in (["H100:2", "A100:2"], "L4", None)]
    >>> found, find_node_gpus({"resources": {"accelerators": ["H100:1", "A100:4"]}})
    ([2, 1, None], None)
    """
    counts = {count_choice_gpus(choice, 1) for choice in list_resources(task)}
    return counts.pop() or None if len(counts) == 1 else None


def count_nodes(task: Task) -> int:
    """Return the number of nodes, one unless the task sets it."""
    return int(task.get("num_nodes") or 1)


def with_most_accelerators(task: Task) -> dict[str, Any]:
    """Return the task with only those of its resources that have the most accelerators: the most that it may cost."""
    largest = max(list_resources(task), key=lambda choice: count_choice_gpus(choice, 1))
    return {**task, "resources": dict(largest)}


def get_cloud_name(choice: Mapping[str, Any]) -> str:
    """Return SkyPilot's name of the cloud; empty for any.

    >>> get_cloud_name({"infra": "k8s/east"}), get_cloud_name({"cloud": "AWS"}), get_cloud_name({})
    ('kubernetes', 'aws', '')
    """
    name = str(choice.get("infra") or choice.get("cloud") or "").partition("/")[0].lower()
    return {"k8s": "kubernetes", "*": ""}.get(name, name)


ANY_INFRA = "*"
"""The infra whose prices apply if no other line fits."""

WHOLE_NODE = "node"
"""The name of a whole node without accelerators."""

PRICE_SOURCE = N_("the price table")

PriceTable = Mapping[str, Mapping[str, float]]
"""Dollars per hour, by infra and then by accelerator: `{"k8s": {"H100": 2.5, "node": 0.4}}`."""


def look_up_rate(table: PriceTable, infra: str, accelerators: Accelerators | None, nodes: int) -> Rate | None:
    """Return the hourly rate of so many nodes; None if the table has no price.

    >>> table = {"k8s": {"H100": 2.5}, "*": {"node": 0.5}}
    >>> look_up_rate(table, "k8s/east", Accelerators("H100", 8), 2)
    Rate(dollars_per_hour=40.0, source='the price table')
    >>> look_up_rate(table, "slurm", None, 2), look_up_rate(table, "slurm", Accelerators("H100", 8), 2)
    (Rate(dollars_per_hour=1.0, source='the price table'), None)
    """
    name, count = (accelerators.name.lower(), accelerators.count) if accelerators else (WHOLE_NODE, 1)
    for place in (infra, infra.partition("/")[0], ANY_INFRA):
        prices = {kind.lower(): dollars for kind, dollars in table.get(place, {}).items()}
        if prices.get(name):
            return Rate(prices[name] * count * nodes, PRICE_SOURCE)
    return None
