"""A team's own patterns of secrets, from a YAML file."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import re2
import yaml

from bot.core.model.typed_text import describe_re2_error
from bot.errors import UserError
from bot.runtime.secret_filter import compile_search

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
            f"The secret patterns {path} cannot be read: {' '.join(str(error).split())}", PATTERNS_HINT
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
