"""A team's own prices and patterns of secrets, from YAML files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
import re2
import yaml

from bot.adapters.files.yaml_reader import READ_ERRORS, describe_error, read_yaml_as
from bot.core.model.linear_patterns import describe_re2_error
from bot.core.model.resources import PriceTable
from bot.errors import UserError
from bot.phrase import Phrase
from bot.runtime.secret_filter import compile_search

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
            Phrase("The price table {path} cannot be read: {why}.", path=str(path), why=why),
            "It holds lines such as `k8s: {H100: 2.5, node: 0.4}`.",
        ) from error


PATTERNS_HINT = (
    "It holds a name and an expression of RE2's a line, such as `our-badge: 'badge-[0-9a-f]{16}'` (docs/secrets.md)."
)

MAX_PATTERNS, MAX_PATTERN_CHARACTERS = 100, 500
"""Maximum number of a team's own patterns, and maximum characters of each."""


def read_patterns(path: Path) -> Mapping[str, str]:
    """Return a team's own patterns of secrets, by name.

    Raises:
        UserError: the file cannot be read, or RE2 cannot search an expression in linear time.
    """
    try:
        patterns = msgspec.convert(yaml.safe_load(path.read_text()), dict[str, str])
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise UserError(
            f"The secret patterns {path} cannot be read: {describe_error(error)}.", PATTERNS_HINT
        ) from error
    if len(patterns) > MAX_PATTERNS:
        raise UserError(f"{path} has {len(patterns)} secret patterns; the limit is {MAX_PATTERNS}.", PATTERNS_HINT)
    for name, text in patterns.items():
        if why := find_problem(text):
            raise UserError(f"The secret pattern `{name}` of {path} is not valid: {why}.", PATTERNS_HINT)
    return patterns


def find_problem(text: str) -> str:
    """Return what is wrong with an expression; empty if it is valid."""
    if len(text) > MAX_PATTERN_CHARACTERS:
        return f"it has {len(text)} characters, and {MAX_PATTERN_CHARACTERS} are the most"
    try:
        search = compile_search(text.encode())
    except re2.error as error:
        return describe_re2_error(error)
    return "it finds nothing as well as something" if search(b"", 0) else ""
