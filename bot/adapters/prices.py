"""The team's own price table: what machines cost if no catalogue has a price."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec

from bot.adapters.yaml_files import READ_ERRORS, describe_error, read_yaml_as
from bot.core.money import Rate
from bot.core.recipe import Accelerators
from bot.errors import UserError
from bot.language import N_

ANY_INFRA = "*"
"""The infra whose prices apply if no other line fits."""

WHOLE_NODE = "node"
"""The name of a whole node without accelerators."""

PRICE_SOURCE = N_("the price table")

HourlyDollars = Annotated[float, msgspec.Meta(ge=0, le=1e6)]

PriceTable = Mapping[str, Mapping[str, HourlyDollars]]
"""Dollars per hour, by infra and then by accelerator: `{"k8s": {"H100": 2.5, "node": 0.4}}`."""


def read_prices(path: Path) -> PriceTable:
    """Return the price table of a YAML file.

    Raises:
        UserError: the file is not such a table; the message names the place.
    """
    try:
        return cast(PriceTable, read_yaml_as(path, cast(Any, PriceTable)))
    except READ_ERRORS as error:
        why = describe_error(error)
        raise UserError(
            f"The price table {path} cannot be read: {why}", "It holds lines such as `k8s: {H100: 2.5, node: 0.4}`."
        ) from error


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
