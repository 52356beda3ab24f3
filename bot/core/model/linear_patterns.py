"""Patterns of recipes, which are matched in linear time."""

from functools import cache
from typing import Any

import re2

from bot.core.model.typed_text import format_inline_code
from bot.errors import UserError
from bot.phrase import Phrase


def is_full_match(pattern: str, text: str) -> bool:
    """Return whether an expression matches the whole text.

    A text with half a surrogate pair, which is no character, never matches.
    """
    try:
        return compile_pattern(pattern).fullmatch(text) is not None
    except UnicodeEncodeError:
        return False


@cache
def compile_pattern(pattern: str) -> Any:
    """Return a compiled expression.

    Raises:
        UserError: RE2 cannot compile it. RE2 supports neither look-around nor back references.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        why = describe_re2_error(error)
        raise UserError(
            Phrase("{pattern} is not a valid RE2 expression: {why}.", pattern=format_inline_code(pattern), why=why)
        ) from error


def describe_re2_error(error: re2.error) -> str:
    """Return the reason that RE2 gives for rejecting an expression."""
    reason = error.args[0] if error.args else error
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
