"""The arguments of a typed line, sorted by kind, and the values read from them."""

import re
from dataclasses import dataclass

from bot.core.line import shown
from bot.errors import UserError
from bot.language import say


@dataclass(frozen=True, slots=True)
class Typed:
    """The arguments after a command's name.

    Attributes:
        thread_run: the run whose thread they were typed in, or None.
    """

    names: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    here: str | None = None

    def name(self, index: int) -> str | None:
        """Return the name at this position, or None if there are fewer."""
        return self.names[index] if index < len(self.names) else None

    def option(self, key: str) -> str | None:
        """Return the value of an option, or None if it was not typed."""
        return dict(self.parameters).get(key)


def whole(typed: Typed, key: str, least: int, most: int) -> int:
    """Return the value of an option that is a whole number.

    Raises:
        UserError: it is not a whole number, or out of range.
    """
    text = typed.option(key) or ""
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not least <= int(text) <= most:
        valid = say("Give a whole number from {low} to {high}: `{key}=20`.", low=least, high=f"{most:,}", key=key)
        raise UserError(say("`{name}` cannot be {value}.", name=key, value=shown(text)), valid)
    return int(text)
