"""The form of a rule: it takes a value and its place, and yields what is wrong with it."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Problem = tuple[str, str]
"""A sentence in Slack's words, and the JSON pointer of what it is about."""

Rule = Callable[[Any, str], Iterator[Problem]]


class Refusal(Exception):
    """Slack's error code, with its messages where it gives them."""

    def __init__(self, code: str, messages: list[str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages or []

    @classmethod
    def over(cls, code: str, problems: list[Problem]) -> "Refusal":
        return cls(code, [f"[ERROR] {sentence} [json-pointer:{where}]" for sentence, where in problems])


def anything(value: Any, where: str) -> Iterator[Problem]:
    """No rule at all."""
    yield from ()


def flag(value: Any, where: str) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield "must provide a boolean", where


def string(most: int, least: int = 1) -> Rule:
    """Characters, from `least` to `most`."""

    def rule(value: Any, where: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield "must provide a string", where
        elif len(value) < least:
            yield f"must be more than {least - 1} characters", where
        elif len(value) > most:
            yield f"must be less than {most + 1} characters", where

    return rule


def matching(pattern: str, form: str) -> Rule:
    """A string of a form, which is named to those who write another."""

    def rule(value: Any, where: str) -> Iterator[Problem]:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            yield f"must be {form}", where

    return rule


def whole(least: int, most: int | None = None) -> Rule:
    """A whole number, from `least` to `most`."""

    def rule(value: Any, where: str) -> Iterator[Problem]:
        if not isinstance(value, int) or isinstance(value, bool):
            yield "must provide an integer", where
        elif value < least:
            yield f"must be at least {least}", where
        elif most is not None and value > most:
            yield f"must be at most {most}", where

    return rule


def number(value: Any, where: str) -> Iterator[Problem]:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        yield "must provide a number", where


def one_of(*values: str) -> Rule:
    def rule(value: Any, where: str) -> Iterator[Problem]:
        if value not in values:
            yield f"must be one of {', '.join(values)}", where

    return rule


def items(each: Rule, most: int, least: int = 1) -> Rule:
    """A list of `least` to `most`, each by a rule."""

    def rule(value: Any, where: str) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield "must provide an array", where
            return
        if len(value) < least:
            yield f"no fewer than {least} items allowed", where
        if len(value) > most:
            yield f"no more than {most} items allowed", where
        for at, one in enumerate(value):
            yield from each(one, f"{where}/{at}")

    return rule


def record(needed: Mapping[str, Rule], optional: Mapping[str, Rule], *more: Rule, is_open: bool = False) -> Rule:
    """An object.

    Args:
        needed, optional: its properties; it may have no others unless it `is_open`.
        more: rules for the whole, where each property is as it should be.
    """

    def rule(value: Any, where: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield "must provide an object", where
            return
        problems = [(f"missing required field: {name}", where) for name in needed if name not in value]
        known = {"type": anything, **needed, **optional}
        problems += [
            (f"invalid additional property: {name}", where) for name in value if name not in known and not is_open
        ]
        for name, one in known.items():
            if name in value:
                problems += one(value[name], f"{where}/{name}")
        yield from problems
        if not problems:
            for one in more:
                yield from one(value, where)

    return rule


def kinds(table: Mapping[str, Rule]) -> Rule:
    """An object whose `type` says which rule is meant."""

    def rule(value: Any, where: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield "must provide an object", where
        elif value.get("type") not in table:
            yield f"unsupported type: {value.get('type')}", f"{where}/type"
        else:
            yield from table[value["type"]](value, where)

    return rule


def exactly_one(*names: str) -> Rule:
    def rule(value: Any, where: str) -> Iterator[Problem]:
        if sum(name in value for name in names) != 1:
            yield f"must provide exactly one of {' and '.join(names)}", where

    return rule


def at_least_one(*names: str) -> Rule:
    def rule(value: Any, where: str) -> Iterator[Problem]:
        if not any(value.get(name) for name in names):
            yield f"missing required field: {' or '.join(names)}", where

    return rule


def ordered(low: str, high: str) -> Rule:
    """A lower bound that is not above its upper."""

    def rule(value: Any, where: str) -> Iterator[Problem]:
        if low in value and high in value and float(value[low]) > float(value[high]):
            yield f"{low} must not be greater than {high}", f"{where}/{low}"

    return rule


def unique(values: list[Any], what: str, where: str) -> Iterator[Problem]:
    if len(values) != len({str(value) for value in values}):
        yield f"{what} must be unique", where
