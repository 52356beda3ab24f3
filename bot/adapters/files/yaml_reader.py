"""YAML files that people write: read strictly, in bounded time, with error messages that name the place."""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from bot.phrase import N_, Phrase, Text, join_alternatives

T = TypeVar("T")

MERGE_TAG = "tag:yaml.org,2002:merge"
"""The tag of YAML's `<<`, which one mapping may contain twice."""

MAX_FILE_BYTES = 1_000_000
"""Maximum bytes of one file; the bot's own recipes have 16 KB."""

MAX_VALUES = 100_000
"""Maximum values in one file. Values that aliases repeat count each time: a few lines of aliases can expand to
billions.
"""

MAX_DEPTH = 50
"""Maximum depth of one file in levels."""

MAX_BRACKETS = 20_000
"""Maximum brackets of one kind in one file, which bounds the parser's depth and work before it begins."""


INTEGER_BOUND = 2**63
"""Integers in a file must be smaller than this, so that other programs can read them."""

SURROGATE_PATTERN = re.compile(r"[\ud800-\udfff]")
"""Half of a character, which no file can contain."""


class RefusedYaml(yaml.YAMLError):
    """YAML that the bot does not take, for a reason of its own.

    Args:
        why: a clause.
    """

    def __init__(self, why: Text) -> None:
        super().__init__(why)
        self.why = why


class YamlTooLarge(RefusedYaml):
    """A file that would take too long to read, or too much memory."""


class UnsupportedYamlValue(RefusedYaml):
    """A value that its tag does not fit, such as `!!int x`: PyYAML fails on it with errors of various types."""


class StrictLoader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]  # either base
    """A loader that rejects a key that one mapping contains twice; YAML would silently keep the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        """Return the mapping of a node, and raise ConstructorError for a key that it contains twice."""
        keys = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE_TAG:
                continue
            if (key.tag, key.value) in keys:
                raise yaml.constructor.ConstructorError(None, None, f"`{key.value}` occurs twice", key.start_mark)
            keys.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


def load_yaml(text: str) -> Any:
    """Return the one document of a text.

    Raises:
        yaml.YAMLError: the text is not a document, or is larger than people write by hand.
    """
    if len(text.encode(errors="replace")) > MAX_FILE_BYTES:
        raise YamlTooLarge(Phrase("it has more than {count} bytes", count=f"{MAX_FILE_BYTES:,}"))
    if max(text.count("["), text.count("{")) > MAX_BRACKETS:
        raise YamlTooLarge(Phrase("it has more than {count} brackets", count=f"{MAX_BRACKETS:,}"))
    try:
        document = yaml.load(text, Loader=StrictLoader)  # noqa: S506  # a safe loader
    # Such as for a date in month 13, or for 10,000 brackets.
    except (RecursionError, ValueError, OverflowError) as error:
        raise YamlTooLarge(" ".join(str(error).split())[:200]) from error
    except (AttributeError, LookupError, TypeError) as error:
        raise UnsupportedYamlValue(
            Phrase("a value in it is not what its tag says, such as `{example}`", example="!!int x")
        ) from error
    check_expanded_size(document)
    return document


def check_expanded_size(document: Any) -> None:
    """Check that a document is not too deep, and does not expand to too many values.

    Raises:
        YamlTooLarge: it is or does.
    """
    pending, level = [document], 0
    count = 0
    while pending:
        level += 1
        count += len(pending)
        if level > MAX_DEPTH or count > MAX_VALUES:
            raise YamlTooLarge(Phrase("it is nested too deeply, or its aliases expand too far"))
        pending = [inner for value in pending for inner in list_inner_values(value)]


def check_json_compatible(document: Any) -> None:
    """Check that JSON can express a document of `load_yaml`: it has no dates, and no keys that are numbers.

    Raises:
        yaml.YAMLError: JSON cannot express it.
    """
    pending = [("", document)]
    while pending:
        place, value = pending.pop()
        if isinstance(value, Mapping):
            pending += [(f"{place}.{key}".lstrip("."), inner) for key, inner in value.items()]
            bad_key = next((key for key in value if not isinstance(key, str)), None)
            if bad_key is not None or None in value:
                raise UnsupportedYamlValue(
                    Phrase("the key `{key}` must be text: write it in quotes", key=f"{place}.{bad_key}".lstrip("."))
                )
        elif isinstance(value, list):
            pending += [(f"{place}.{at}".lstrip("."), inner) for at, inner in enumerate(value)]
        elif not is_json_value(value):
            raise UnsupportedYamlValue(
                Phrase("`{place}` is neither text nor a number: write it in quotes", place=place)
            )


def is_json_value(value: object) -> bool:
    """Return whether JSON can express a single value, in a size that other programs can read."""
    if isinstance(value, str):
        return not SURROGATE_PATTERN.search(value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and abs(value) < INTEGER_BOUND)


def list_inner_values(value: Any) -> Iterable[Any]:
    """Return the values inside a value; empty if it is a single value."""
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple | set) else ()


def read_yaml_as(path: Path, kind: type[T]) -> T:
    """Return the content of a YAML file as a type; an empty file counts as an empty mapping.

    Raises:
        OSError, yaml.YAMLError, msgspec.ValidationError: the file does not fit; `describe_error` explains the error.
    """
    content = load_yaml(path.read_text(encoding="utf-8", errors="strict"))
    return msgspec.convert({} if content is None else content, kind)


READ_ERRORS = (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError)
"""The errors that `read_yaml_as` raises."""

WRONG_TYPE = re.compile(r"Expected `([^`]{1,200})`, got `([^`]{1,60})`")
OUT_OF_RANGE = re.compile(r"Expected `[^`]{1,60}` (>=|>|<=|<) (\S{1,40})")
WRONG_PATTERN = re.compile(r"Expected `str` matching regex '([^\n]{1,200}?)'")
UNKNOWN_FIELD = re.compile(r"Object contains unknown field `([^`]{1,200})`")
INVALID_CHOICE = re.compile(r"Invalid enum value '?([^'\n]{0,100}?)'?(?: - at|$)")
MISSING_FIELD = re.compile(r"Object missing required field `([^`]{1,100})`")
ERROR_PLACE = re.compile(r" - at `(?:key in )?\$([^`]{0,300})`")

TYPE_PHRASES: dict[str, str] = {
    "array": N_("a list, such as `[a, b]`"),
    "object": N_("a mapping, such as `name: value`"),
    "str": N_("text"),
    "int": N_("a whole number"),
    "float": N_("a number"),
    "bool": N_("`true` or `false`"),
    "null": N_("nothing (`null`)"),
}
"""Phrases for msgspec's names of JSON types."""

TYPE_NAMES: Mapping[str, str] = TYPE_PHRASES | {"array": N_("a list"), "object": N_("a mapping")}
"""The same without examples."""

WHOLE_FILE = Phrase("the file")

PATTERN_PHRASES: Mapping[str, str] = {
    "[a-z0-9]+(-": N_("words of small letters and digits with hyphens between them"),
    "[UW]": N_("a person's Slack id, such as `U024BE7LH`"),
    "[CGD]": N_("a channel's Slack id, such as `C012AB3CD`"),
    "[TE]": N_("a workspace's Slack id, such as `T012AB3CD`"),
    "[UWS]": N_("a Slack id of a person (`U…`) or user group (`S…`), or one of the words `members` and `guests`"),
}
"""Phrases for what a pattern requires, by the beginning of the pattern."""

COMPARISON_PHRASES: Mapping[str, str] = {
    ">=": N_("at least {number}"),
    ">": N_("above {number}"),
    "<=": N_("at most {number}"),
    "<": N_("below {number}"),
}


def describe_error(error: Exception, under: str = "") -> Text:
    """Return what is wrong with a file and where, a sentence without its full stop.

    Args:
        under: the place in the file of what was read as a type, if that is only a part of the file.

    >>> str(describe_error(msgspec.ValidationError("Expected `array`, got `str` - at `$.roles.approver`")))
    '`roles.approver` must be a list, such as `[a, b]`, not text'
    """
    if isinstance(error, UnicodeDecodeError):
        return Phrase("it is not UTF-8 text")
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, RefusedYaml):
        return error.why
    if isinstance(error, yaml.YAMLError):
        return " ".join(str(error).replace('in "<unicode string>", ', "").split())
    text = " ".join(str(error).split())
    place_match = ERROR_PLACE.search(text)
    place = f"{under}{place_match[1]}".lstrip(".") if place_match else under
    where = f"`{place}`" if place else WHOLE_FILE
    return describe_validation_message(text, where)


def describe_validation_message(text: str, where: Text) -> Text:
    """Return msgspec's message in plainer words if it is a known one, else unchanged."""
    if unknown := UNKNOWN_FIELD.search(text):
        flaw = Phrase("there is no setting `{name}`", name=unknown[1])
        return flaw if where == WHOLE_FILE else Phrase("{place}: {flaw}", place=where, flaw=flaw)
    if missing := MISSING_FIELD.search(text):
        return Phrase("`{name}` is missing in {place}", place=where, name=missing[1])
    if pattern := WRONG_PATTERN.search(text):
        shape = next(
            (Phrase(words) for start, words in PATTERN_PHRASES.items() if pattern[1].startswith(f"^{start}")), None
        )
        return Phrase("{place} must be {shape}", place=where, shape=shape or f"`{pattern[1]}`")
    if below := OUT_OF_RANGE.search(text):
        return Phrase(
            "{place} must be {shape}", place=where, shape=Phrase(COMPARISON_PHRASES[below[1]], number=below[2])
        )
    if expected := WRONG_TYPE.search(text):
        allowed_types = join_alternatives(
            Phrase(TYPE_PHRASES.get(type_name.strip(), type_name)) for type_name in expected[1].split("|")
        )
        actual_type = Phrase(TYPE_NAMES.get(expected[2], expected[2]))
        return Phrase("{place} must be {shape}, not {found}", place=where, shape=allowed_types, found=actual_type)
    if invalid := INVALID_CHOICE.search(text):
        return Phrase("{place} cannot be `{value}`", place=where, value=invalid[1])
    return text


def find_setting_lines(text: str) -> dict[str, int]:
    r"""Return the line, counted from 1, of each setting of a YAML text that `load_yaml` accepts, by its place.

    >>> find_setting_lines("a:\n  b: [x]\n")
    {'a': 1, 'a.b': 2}
    """
    lines: dict[str, int] = {}
    pending: list[tuple[str, yaml.Node | None]] = [("", yaml.compose(text, Loader=StrictLoader))]
    while pending:
        place, node = pending.pop()
        if not isinstance(node, yaml.MappingNode):
            continue
        for key, value in node.value:
            name = f"{place}.{key.value}".lstrip(".")
            lines[name] = key.start_mark.line + 1
            pending.append((name, value))
    return lines
