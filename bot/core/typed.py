"""The arguments of a typed line, sorted by kind, and the values read from them."""

import re
from dataclasses import dataclass

from bot.core.line import format_inline_code
from bot.errors import UserError
from bot.language import translate


@dataclass(frozen=True, slots=True)
class ParsedArguments:
    """The arguments after a command's name.

    Attributes:
        thread_run: the run whose thread they were typed in, or None.
    """

    names: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    thread_run: str | None = None

    def get_name(self, index: int) -> str | None:
        """Return the name at this position, or None if there are fewer."""
        return self.names[index] if index < len(self.names) else None

    def get_option(self, key: str) -> str | None:
        """Return the value of an option, or None if it was not typed."""
        return dict(self.parameters).get(key)


def parse_whole_option(arguments: ParsedArguments, key: str, least: int, most: int) -> int:
    """Return the value of an option that is a whole number.

    Raises:
        UserError: it is not a whole number, or out of range.
    """
    text = arguments.get_option(key) or ""
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not least <= int(text) <= most:
        valid = translate("Give a whole number from {low} to {high}: `{key}=20`.", low=least, high=f"{most:,}", key=key)
        raise UserError(translate("`{name}` cannot be {value}.", name=key, value=format_inline_code(text)), valid)
    return int(text)
