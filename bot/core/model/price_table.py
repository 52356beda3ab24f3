"""The team's own price table: what machines cost where no catalogue has a price. Pure."""

from collections.abc import Mapping

from bot.core.model.money import Rate
from bot.core.model.recipe import Accelerators
from bot.phrase import N_

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
