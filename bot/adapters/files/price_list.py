"""The team's own price table: what machines cost if no catalogue has a price."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec

from bot.adapters.files.yaml_reader import READ_ERRORS, describe_error, read_yaml_as
from bot.core.model.price_table import PriceTable
from bot.errors import UserError
from bot.phrase import Phrase

PriceTableYaml = Mapping[str, Mapping[str, Annotated[float, msgspec.Meta(ge=0, le=1e6)]]]
"""A price table as it is read: each price is from 0 to a million dollars."""


def read_prices(path: Path) -> PriceTable:
    """Return the price table of a YAML file.

    Raises:
        UserError: the file is not such a table; the message names the place.
    """
    try:
        return cast(PriceTable, read_yaml_as(path, cast(Any, PriceTableYaml)))
    except READ_ERRORS as error:
        why = describe_error(error)
        raise UserError(
            Phrase("The price table {path} cannot be read: {why}", path=str(path), why=why),
            "It holds lines such as `k8s: {H100: 2.5, node: 0.4}`.",
        ) from error
