"""YAML files that people write: read strictly, in bounded time, with error messages that name the place."""

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
"""The tag of YAML's `<<`, which one mapping may contain twice."""

LARGEST_BYTES = 1_000_000
"""Maximum bytes of one file; the bot's own recipes have 16 KB."""

MOST_VALUES = 100_000
"""Maximum values in one file. Values that aliases repeat count each time: a few lines of aliases can expand to
billions.
"""

DEEPEST = 50
"""Maximum depth of one file in levels."""

MOST_MARKS = 20_000
"""Maximum brackets of one kind in one file, which bounds the parser's depth and work before it begins."""


MOST_NUMBER = 2**63
"""Integers in a file must be smaller than this, so that other programs can read them."""

SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Half of a character, which no file can contain."""


class TooLarge(yaml.YAMLError):
    """A file that would take too long to read, or too much memory."""


class Unfit(yaml.YAMLError):
    """A value that its tag does not fit, such as `!!int x`: PyYAML fails on it with errors of various types."""


class StrictLoader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]  # either base
    """A loader that rejects a key that one mapping contains twice; YAML would silently keep the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        """Return the mapping of a node, and raise ConstructorError for a key that it contains twice."""
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
        yaml.YAMLError: the text is not a document, or is larger than people write by hand.
    """
    if len(text.encode(errors="replace")) > LARGEST_BYTES:
        raise TooLarge(say("it has more than {count} bytes", count=f"{LARGEST_BYTES:,}"))
    if max(text.count("["), text.count("{")) > MOST_MARKS:
        raise TooLarge(say("it has more than {count} brackets", count=f"{MOST_MARKS:,}"))
    try:
        found = yaml.load(text, Loader=StrictLoader)  # noqa: S506  # a safe loader
    # Such as for a date in month 13, or for 10,000 brackets.
    except (RecursionError, ValueError, OverflowError) as error:
        raise TooLarge(" ".join(str(error).split())[:200]) from error
    except (AttributeError, LookupError, TypeError) as error:
        raise Unfit(say("a value in it is not what its tag says, such as `{example}`", example="!!int x")) from error
    refuse_overgrown(found)
    return found


def refuse_overgrown(document: Any) -> None:
    """Check that a document is not too deep, and does not expand to too many values.

    Raises:
        YamlTooLarge: it is or does.
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
    """Check that JSON can express a document of `load_yaml`: it has no dates, and no keys that are numbers.

    Raises:
        yaml.YAMLError: JSON cannot express it.
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
    """Return whether JSON can express a single value, in a size that other programs can read."""
    if isinstance(value, str):
        return not SURROGATE.search(value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and abs(value) < MOST_NUMBER)


def children(value: Any) -> Iterable[Any]:
    """Return the values inside a value; empty if it is a single value."""
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple | set) else ()


def read_as(path: Path, kind: type[T]) -> T:
    """Return the content of a YAML file as a type; an empty file counts as an empty mapping.

    Raises:
        OSError, yaml.YAMLError, msgspec.ValidationError: the file does not fit; `describe_error` explains the error.
    """
    found = load_yaml(path.read_text(encoding="utf-8", errors="strict"))
    return msgspec.convert({} if found is None else found, kind)


FAILURES = (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError)
"""The errors that `read_yaml_as` raises."""

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
"""Phrases for msgspec's names of JSON types."""

SHAPES: Mapping[str, str] = {
    "[a-z0-9]+(-": mark("words of small letters and digits with hyphens between them"),
    "[UW]": mark("a person's Slack id, such as `U024BE7LH`"),
    "[CGD]": mark("a channel's Slack id, such as `C012AB3CD`"),
    "[TE]": mark("a workspace's Slack id, such as `T012AB3CD`"),
    "[UWS]": mark("a Slack id of a person (`U…`) or user group (`S…`), or one of the words `members` and `guests`"),
}
"""Phrases for what a pattern requires, by the beginning of the pattern."""

SIGNS: Mapping[str, str] = {
    ">=": mark("at least {number}"),
    ">": mark("above {number}"),
    "<=": mark("at most {number}"),
    "<": mark("below {number}"),
}


def describe_error(error: Exception, under: str = "") -> str:
    """Return what is wrong with a file and where, a sentence without its full stop.

    Args:
        under: the place in the file of what was read as a type, if that is only a part of the file.

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
    """Return msgspec's message in plainer words if it is a known one, else unchanged."""
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
    """Return the name of a type that a file contains, without its example."""
    return say(TYPES[name]).partition(",")[0] if name in TYPES else name


def lines_of(text: str) -> dict[str, int]:
    r"""Return the line, counted from 1, of each setting of a YAML text that `load_yaml` accepts, by its place.

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
