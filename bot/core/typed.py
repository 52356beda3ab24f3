"""The words of a typed line, sorted by what they are, and what is read out of them."""

import re
from dataclasses import dataclass

from bot.core.line import shown
from bot.errors import UserError
from bot.language import say


@dataclass(frozen=True, slots=True)
class Typed:
    """The words after a command's own.

    Attributes:
        here: the run whose thread they were typed in, or None.
    """

    names: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    here: str | None = None

    def name(self, index: int) -> str | None:
        return self.names[index] if index < len(self.names) else None

    def option(self, key: str) -> str | None:
        return dict(self.parameters).get(key)


def whole(typed: Typed, key: str, least: int, most: int) -> int:
    """The whole number that an option was given."""
    text = typed.option(key) or ""
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not least <= int(text) <= most:
        valid = say("Give a whole number from {low} to {high}: `{key}=20`.", low=least, high=f"{most:,}", key=key)
        raise UserError(say("`{name}` cannot be {value}.", name=key, value=shown(text)), valid)
    return int(text)
