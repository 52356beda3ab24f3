"""A parameter of a recipe: what people may type for it, and what that means."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.core.expression import fits
from bot.core.line import shown
from bot.errors import UserError
from bot.language import mark, say

Value = str | int | float | bool


Bounds = Mapping[tuple[bool, bool], str]
"""Phrases by whether there is a lowest and a highest number."""

WHOLE_NUMBERS: Bounds = {
    (False, False): mark("a whole number"),
    (True, False): mark("a whole number from {low}"),
    (False, True): mark("a whole number up to {high}"),
    (True, True): mark("a whole number from {low} to {high}"),
}
NUMBERS: Bounds = {
    (False, False): mark("a number"),
    (True, False): mark("a number from {low}"),
    (False, True): mark("a number up to {high}"),
    (True, True): mark("a number from {low} to {high}"),
}


class Kind(StrEnum):
    """What values a parameter takes."""

    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    CHOICE = "choice"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A setting of a recipe's own.

    Attributes:
        name: as it is typed, in lower case.
        kind: what values it takes.
        meaning: one phrase for the help.
        sets: the place in the task that it sets, as a dotted path, such as `num_nodes` or
            `envs.MODEL`; empty for settings of the run that the task does not hold.
        default: what stands there unless it is set; empty where nothing does.
        minimum, maximum: the range of a number, both ends included.
        choices: the values of a choice.
        pattern: an expression of RE2's that a text must match as a whole, with `shape` to say it in words.
        unit: of a number.
        removable: whether the word `none` takes away what stands there.
    """

    name: str
    kind: Kind
    meaning: str
    sets: str = ""
    default: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    shape: str = ""
    unit: str = ""
    removable: bool = False

    def read(self, text: str) -> Value:
        """The value that a person typed.

        >>> Parameter(name="nodes", kind=Kind.INTEGER, meaning="", minimum=1, maximum=8).read("2")
        2

        Raises:
            UserError: it is not of this kind or out of range; the hint says what is valid.
        """
        value = self.convert(text.strip())
        if value is None or not self.admits(value):
            raise UserError(
                say("`{name}` cannot be {value}.", name=self.name, value=shown(text)),
                say("Valid: {range}.", range=self.range),
            )
        return value

    def convert(self, text: str) -> Value | None:
        """The text as this kind of value, or None where it is none."""
        match self.kind:
            case Kind.INTEGER:
                return int(text) if re.fullmatch(r"[+-]?\d{1,15}", text, re.ASCII) else None
            case Kind.NUMBER:
                return number(without_unit(text, self.unit))
            case Kind.TEXT:
                return text or None
            case Kind.CHOICE:
                return text if text in self.choices else None
            case Kind.FLAG:
                return FLAGS.get(text.lower())

    def admits(self, value: Value) -> bool:
        """Whether a value of the right kind is within the range or pattern."""
        if isinstance(value, str):
            return self.pattern is None or fits(self.pattern, value)
        above = self.minimum is None or value >= self.minimum
        return above and (self.maximum is None or value <= self.maximum)

    @property
    def range(self) -> str:
        """What is valid, in words.

        >>> Parameter(name="nodes", kind=Kind.INTEGER, meaning="", minimum=1, maximum=8).range
        'a whole number from 1 to 8'
        """
        match self.kind:
            case Kind.INTEGER:
                return self.bounded(WHOLE_NUMBERS)
            case Kind.NUMBER:
                return self.bounded(NUMBERS)
            case Kind.TEXT:
                return say(self.shape) or say("any text")
            case Kind.CHOICE:
                return say(" or ").join(f"`{choice}`" for choice in self.choices)
            case Kind.FLAG:
                return say("`true` or `false`")

    def bounded(self, phrases: Bounds) -> str:
        """The range of a number: of its four phrases the one for the ends that it has."""
        low, high = (end if end is None else plain(end) for end in (self.minimum, self.maximum))
        found = say(phrases[low is not None, high is not None], low=low, high=high)
        return say("{range} {unit}", range=found, unit=say(self.unit)) if self.unit else found


FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0}


def without_unit(text: str, unit: str) -> str:
    """
    >>> without_unit("$5", "dollars"), without_unit("90m", "hours"), without_unit("1d", "hours"), without_unit("2h", "")
    ('5', '1.5', '24', '2h')
    """
    match unit:
        case "dollars":
            return text.removeprefix("$")
        case "hours" if text[-1:].lower() in HOURS and (value := number(text[:-1].strip())) is not None:
            return f"{value * HOURS[text[-1].lower()]:g}"
        case _:
            return text


def number(text: str) -> float | None:
    """A finite decimal number, with an exponent if wanted; None where the text is none."""
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", text, re.ASCII | re.IGNORECASE):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def plain(value: float) -> str:
    """
    >>> plain(1e6), plain(0.01)
    ('1,000,000', '0.01')
    """
    return f"{int(value):,}" if value == int(value) else f"{value:g}"
