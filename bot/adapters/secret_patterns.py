"""A team's own patterns of secrets, from a YAML file."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import re2
import yaml

from bot.adapters.secret_filter import compiled
from bot.core.expression import reason_of
from bot.errors import UserError

HINT = "It holds a name and an expression of RE2's a line, such as `our-badge: 'badge-[0-9a-f]{16}'` (docs/secrets.md)."

MOST_PATTERNS, LONGEST_PATTERN = 100, 500
"""Maximum number of a team's own patterns, and maximum characters of each."""


def read_patterns(path: Path) -> Mapping[str, str]:
    """Return a team's own patterns of secrets, by name.

    Raises:
        UserError: the file cannot be read, or RE2 cannot search an expression in linear time.
    """
    try:
        found = msgspec.convert(yaml.safe_load(path.read_text()), dict[str, str])
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise UserError(f"The secret patterns {path} cannot be read: {' '.join(str(error).split())}", HINT) from error
    if len(found) > MOST_PATTERNS:
        raise UserError(f"The secret patterns {path} are {len(found)}; {MOST_PATTERNS} are the most.", HINT)
    for name, text in found.items():
        if why := problem_of(text):
            raise UserError(f"The secret pattern `{name}` of {path} is not valid: {why}.", HINT)
    return found


def problem_of(text: str) -> str:
    """Return what is wrong with an expression; empty if it is valid."""
    if len(text) > LONGEST_PATTERN:
        return f"it has {len(text)} characters, and {LONGEST_PATTERN} are the most"
    try:
        search = compiled(text.encode())
    except re2.error as error:
        return reason_of(error)
    return "it finds nothing as well as something" if search(b"", 0) else ""
