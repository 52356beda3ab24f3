"""YAML files that people write: read strictly, in bounded time, and refused in words that name the place."""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from bot.language import mark, say

T = TypeVar("T")

MERGE = "tag:yaml.org,2002:merge"
"""YAML's `<<`, which may be in a mapping twice."""

LARGEST_BYTES = 1_000_000
"""Of one file: the recipes that come with the bot have 16 KB."""

MOST_VALUES = 100_000
"""In one file, what aliases repeat counted each time: a few lines of aliases can stand for billions."""

DEEPEST = 50
"""Levels of one file."""

MOST_MARKS = 20_000
"""Brackets and colons in one file, by which the parser's depth and work are bounded before it begins."""


MOST_NUMBER = 2**63

SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Half of a character, which no file can hold."""


class TooLarge(yaml.YAMLError):
    """A file that would take too long to read, or too much memory."""


class Unfit(yaml.YAMLError):
    """A value that is none of what its tag says, such as `!!int x`: PyYAML fails on it in ways of its own."""


class StrictLoader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]  # either
    """Refuses a key that is in one mapping twice, of which YAML would keep the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        known = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
                continue
            if (key.tag, key.value) in known:
                raise yaml.constructor.ConstructorError(None, None, f"`{key.value}` stands twice", key.start_mark)
            known.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


def load_yaml(text: str) -> Any:
    """Return the one document of a text.

    Raises:
        yaml.YAMLError: it is none, or larger than anybody writes by hand.
    """
    if len(text.encode(errors="replace")) > LARGEST_BYTES:
        raise TooLarge(say("it has more than {count} bytes", count=f"{LARGEST_BYTES:,}"))
    if max(text.count("["), text.count("{")) > MOST_MARKS:
        raise TooLarge(say("it has more than {count} brackets", count=f"{MOST_MARKS:,}"))
    try:
        found = yaml.load(text, Loader=StrictLoader)  # noqa: S506  # a safe one
    except (RecursionError, ValueError, OverflowError) as error:  # as of a date in month 13, or of 10,000 brackets
        raise TooLarge(" ".join(str(error).split())[:200]) from error
    except (AttributeError, LookupError, TypeError) as error:
        raise Unfit(say("a value in it is not what its tag says, such as `{example}`", example="!!int x")) from error
    refuse_overgrown(found)
    return found


def refuse_overgrown(document: Any) -> None:
    """Refuse a document that is too deep, or that stands for too many values.

    Raises:
        TooLarge: so it is.
    """
    left, level = [document], 0
    count = 0
    while left:
        level += 1
        count += len(left)
        if level > DEEPEST or count > MOST_VALUES:
            raise TooLarge(say("it is nested too deeply, or its aliases stand for too much"))
        left = [inner for value in left for inner in children(value)]


def refuse_unwritable(document: Any) -> None:
    """Refuse a document of `load_yaml` that holds what JSON has no word for, such as a date, or a key that is a number.

    Raises:
        yaml.YAMLError: it does.
    """
    left = [("", document)]
    while left:
        place, value = left.pop()
        if isinstance(value, Mapping):
            left += [(f"{place}.{key}".lstrip("."), inner) for key, inner in value.items()]
            strange = next((key for key in value if not isinstance(key, str)), None)
            if strange is not None or None in value:
                raise Unfit(
                    say("the key `{key}` must be text: write it in quotes", key=f"{place}.{strange}".lstrip("."))
                )
        elif isinstance(value, list):
            left += [(f"{place}.{at}".lstrip("."), inner) for at, inner in enumerate(value)]
        elif not is_writable(value):
            raise Unfit(say("`{place}` is neither text nor a number: write it in quotes", place=place))


def is_writable(value: object) -> bool:
    """Whether a single value is one of JSON's, and no larger than others read."""
    if isinstance(value, str):
        return not SURROGATE.search(value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and abs(value) < MOST_NUMBER)


def children(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple | set) else ()


def read_as(path: Path, kind: type[T]) -> T:
    """Return what a YAML file holds, as a type; an empty file holds an empty mapping.

    Raises:
        OSError, yaml.YAMLError, msgspec.ValidationError: it does not; `describe_error` says it in words.
    """
    found = load_yaml(path.read_text(encoding="utf-8", errors="strict"))
    return msgspec.convert({} if found is None else found, kind)


FAILURES = (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError)
"""What `read_as` raises."""

EXPECTED = re.compile(r"Expected `([^`]{1,200})`, got `([^`]{1,60})`")
BELOW = re.compile(r"Expected `[^`]{1,60}` (>=|>|<=|<) (\S{1,40})")
PATTERN = re.compile(r"Expected `str` matching regex '([^\n]{1,200}?)'")
UNKNOWN = re.compile(r"Object contains unknown field `([^`]{1,200})`")
INVALID = re.compile(r"Invalid enum value '?([^'\n]{0,100}?)'?(?: - at|$)")
MISSING = re.compile(r"Object missing required field `([^`]{1,100})`")
PLACE = re.compile(r" - at `(?:key in )?\$([^`]{0,300})`")

TYPES: Mapping[str, str] = {
    "array": mark("a list, such as `[a, b]`"),
    "object": mark("a mapping, such as `name: value`"),
    "str": mark("text"),
    "int": mark("a whole number"),
    "float": mark("a number"),
    "bool": mark("`true` or `false`"),
    "null": mark("nothing (`null`)"),
}
"""msgspec's names of JSON's types, in words."""

SHAPES: Mapping[str, str] = {
    "[a-z0-9]+(-": mark("words of small letters and digits with hyphens between them"),
    "[UW]": mark("a person's Slack id, such as `U024BE7LH`"),
    "[CGD]": mark("a channel's Slack id, such as `C012AB3CD`"),
    "[TE]": mark("a workspace's Slack id, such as `T012AB3CD`"),
    "[UWS]": mark("a Slack id of a person (`U…`) or user group (`S…`), or one of the words `members` and `guests`"),
}
"""By the beginning of a pattern: what it asks for."""

SIGNS: Mapping[str, str] = {
    ">=": mark("at least {number}"),
    ">": mark("above {number}"),
    "<=": mark("at most {number}"),
    "<": mark("below {number}"),
}


def describe_error(error: Exception, under: str = "") -> str:
    """Return what is wrong with a file and where, a sentence without its full stop.

    Args:
        under: the place in the file of what was read as a type, where that is a part of it.

    >>> describe_error(msgspec.ValidationError("Expected `array`, got `str` - at `$.roles.approver`"))
    '`roles.approver` must be a list, such as `[a, b]`, not text'
    """
    if isinstance(error, UnicodeDecodeError):
        return say("it is not UTF-8 text")
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, yaml.YAMLError):
        return " ".join(str(error).replace('in "<unicode string>", ', "").split())
    text = " ".join(str(error).split())
    found = PLACE.search(text)
    place = f"{under}{found[1]}".lstrip(".") if found else under
    where = f"`{place}`" if place else say("the file")
    return described(text, where)


def described(text: str, where: str) -> str:
    """Return msgspec's words in plainer ones, where they are known."""
    if unknown := UNKNOWN.search(text):
        inside = "" if where == say("the file") else f"{where}: "
        return inside + say("there is no setting `{name}`", name=unknown[1])
    if missing := MISSING.search(text):
        return say("{place} lacks `{name}`", place=where, name=missing[1])
    if pattern := PATTERN.search(text):
        shape = next((say(words) for start, words in SHAPES.items() if pattern[1].startswith(f"^{start}")), None)
        return say("{place} must be {shape}", place=where, shape=shape or f"`{pattern[1]}`")
    if below := BELOW.search(text):
        return say("{place} must be {shape}", place=where, shape=say(SIGNS[below[1]], number=below[2]))
    if expected := EXPECTED.search(text):
        wanted = say(" or ").join(say(TYPES.get(one.strip(), one)) for one in expected[1].split("|"))
        return say("{place} must be {shape}, not {found}", place=where, shape=wanted, found=type_word(expected[2]))
    if invalid := INVALID.search(text):
        return say("{place} cannot be `{value}`", place=where, value=invalid[1])
    return text


def type_word(name: str) -> str:
    """Return a type that was found, without its example."""
    return say(TYPES[name]).partition(",")[0] if name in TYPES else name


def lines_of(text: str) -> dict[str, int]:
    r"""Return the line, counted from 1, of each setting of a YAML text that `load_yaml` takes, by its place.

    >>> lines_of("a:\n  b: [x]\n")
    {'a': 1, 'a.b': 2}
    """
    found: dict[str, int] = {}
    left: list[tuple[str, yaml.Node | None]] = [("", yaml.compose(text, Loader=StrictLoader))]
    while left:
        place, node = left.pop()
        if not isinstance(node, yaml.MappingNode):
            continue
        for key, value in node.value:
            name = f"{place}.{key.value}".lstrip(".")
            found[name] = key.start_mark.line + 1
            left.append((name, value))
    return found
