"""A parameter of a recipe: the values that a user may type for it, and their meaning."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.core.model.linear_patterns import is_full_match
from bot.core.model.typed_quantities import parse_amount, parse_timespan, suggest_amounts
from bot.core.model.typed_text import format_inline_code
from bot.errors import UserError
from bot.phrase import N_, Phrase, Text, join_alternatives, plural_phrase

Value = str | int | float | bool


RangePhrases = Mapping[tuple[bool, bool], str]
"""Phrases for a range, by whether it has a lowest and a highest number."""

INTEGER_RANGE_PHRASES: RangePhrases = {
    (False, False): N_("a whole number"),
    (True, False): N_("a whole number from {low}"),
    (False, True): N_("a whole number up to {high}"),
    (True, True): N_("a whole number from {low} to {high}"),
}
NUMBER_RANGE_PHRASES: RangePhrases = {
    (False, False): N_("a number"),
    (True, False): N_("a number from {low}"),
    (False, True): N_("a number up to {high}"),
    (True, True): N_("a number from {low} to {high}"),
}


ANY_TEXT = N_("any text")

DOLLARS, HOURS = "dollars", "hours"
"""The units whose numbers people write in their own ways: `$3.50`, `90m`."""


class ParameterKind(StrEnum):
    """The kind of values that a parameter takes."""

    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    CHOICE = "choice"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A setting that belongs to a recipe.

    Attributes:
        name: as it is typed, in lower case.
        kind: the kind of values that it takes.
        meaning: one phrase for the help.
        target: the place in the task that it sets, as a dotted path, such as `num_nodes` or `envs.MODEL`; empty for
            settings of the run that are not part of the task.
        default: the value that the task has there unless it is set; empty if the task has none.
        minimum, maximum: the range of a number, both ends included.
        choices: the values of a choice.
        pattern: an RE2 expression that a text must match in full; `shape` describes it in words.
        unit: the unit of a number.
        removable: whether the word `none` removes the value from the task.
        option: the option of the framework that it sets; empty for none, or if that is not known.
    """

    name: str
    kind: ParameterKind
    meaning: str
    target: str = ""
    default: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    shape: str = ""
    unit: str = ""
    removable: bool = False
    option: str = ""

    def parse(self, text: str) -> Value:
        """Return the value that a user typed.

        >>> Parameter(name="nodes", kind=ParameterKind.INTEGER, meaning="", minimum=1, maximum=8).parse("2")
        2

        Raises:
            UserError: the text is not of this kind or out of range; the hint names the valid values.
        """
        value = self.convert(text.strip())
        if value is None or not self.accepts(value):
            raise UserError(
                Phrase(
                    "`{name}` must be {range}, not {value}.",
                    name=self.name,
                    range=self.range,
                    value=format_inline_code(text),
                ),
                suggest_amounts(text) if self.unit == DOLLARS and parse_amount(text) is None else "",
            )
        return value

    def convert(self, text: str) -> Value | None:
        """Return the text as a value of this kind, or None if it is not one."""
        match self.kind:
            case ParameterKind.INTEGER:
                return int(text) if re.fullmatch(r"[+-]?\d{1,15}", text, re.ASCII) else None
            case ParameterKind.NUMBER:
                return self.convert_number(text)
            case ParameterKind.TEXT:
                return text or None
            case ParameterKind.CHOICE:
                return text if text in self.choices else None
            case ParameterKind.FLAG:
                return FLAG_VALUES.get(text.lower())

    def convert_number(self, text: str) -> float | None:
        """Return the number of a text in this parameter's unit, or None if it is not one."""
        match self.unit:
            case "dollars":
                return parse_amount(text)
            case "hours":
                timespan = parse_timespan(text, "h")
                return None if timespan is None else timespan.total_seconds() / 3600
            case _:
                return parse_number(text)

    def accepts(self, value: Value) -> bool:
        """Return whether a value of the right kind is within the range or matches the pattern."""
        if isinstance(value, str):
            return self.pattern is None or is_full_match(self.pattern, value)
        above = self.minimum is None or value >= self.minimum
        return above and (self.maximum is None or value <= self.maximum)

    @property
    def range(self) -> Text:
        """Return the valid values in words.

        >>> str(Parameter(name="nodes", kind=ParameterKind.INTEGER, meaning="", minimum=1, maximum=8).range)
        'a whole number from 1 to 8'
        """
        match self.kind:
            case ParameterKind.INTEGER:
                return self.describe_range(INTEGER_RANGE_PHRASES)
            case ParameterKind.NUMBER if self.unit == HOURS and self.maximum is not None:
                return describe_timespans(self.maximum / 24)
            case ParameterKind.NUMBER:
                return self.describe_range(NUMBER_RANGE_PHRASES)
            case ParameterKind.TEXT:
                return Phrase(self.shape or ANY_TEXT)
            case ParameterKind.CHOICE:
                return join_alternatives(f"`{choice}`" for choice in self.choices)
            case ParameterKind.FLAG:
                return Phrase("`true` or `false`")

    def describe_range(self, phrases: RangePhrases) -> Text:
        """Return the range of a number in words: of the four phrases, the one for the ends that it has."""
        low, high = (end if end is None else format_number(end) for end in (self.minimum, self.maximum))
        range_text = Phrase(phrases[low is not None, high is not None], low=low or "", high=high or "")
        return Phrase("{range} {unit}", range=range_text, unit=Phrase(self.unit)) if self.unit else range_text

    @property
    def default_with_unit(self) -> Text:
        """Return the default with its unit: an amount and hours as they can be typed; empty without a default.

        >>> lease = Parameter(name="lease", kind=ParameterKind.NUMBER, meaning="", unit=HOURS, default="3")
        >>> lease.default_with_unit
        '3h'
        """
        if self.default and self.unit == DOLLARS:
            return f"${self.default}"
        if self.default and self.unit == HOURS:
            return f"{self.default}h"
        # The plural unit does not follow a one.
        has_unit = self.unit and self.default not in ("", "1")
        return Phrase("{range} {unit}", range=self.default, unit=Phrase(self.unit)) if has_unit else self.default


def describe_timespans(max_days: float) -> Text:
    """Return the valid times in words.

    >>> str(describe_timespans(1)), str(describe_timespans(90))
    ('a time such as `2h`, `90m` or `1d`, at most 1 day', 'a time such as `2h`, `90m` or `1d`, at most 90 days')
    """
    if max_days != int(max_days):
        return Phrase("a time such as `2h`, `90m` or `1d`, at most {days} days", days=format_number(max_days))
    return plural_phrase(
        "a time such as `2h`, `90m` or `1d`, at most {count} day",
        "a time such as `2h`, `90m` or `1d`, at most {count} days",
        int(max_days),
    )


FLAG_VALUES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def parse_number(text: str) -> float | None:
    """Return a finite decimal number, which may have an exponent; None if the text is not one."""
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", text, re.ASCII | re.IGNORECASE):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def format_number(value: float) -> str:
    """Return a number as users read it.

    >>> format_number(1e6), format_number(0.01)
    ('1,000,000', '0.01')
    """
    return f"{int(value):,}" if value == int(value) else f"{value:g}"
