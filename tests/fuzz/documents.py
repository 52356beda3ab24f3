"""Documents that are nearly right: values taken away, put in other places, or of another type; and YAML of them."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.fuzz.texts import ANY, changed

Place = tuple[Any, ...]
"""Keys and indexes that lead to a value."""

NUMBERS = st.sampled_from([0, 1, -1, 7, 2**63, 10**30, 0.5, -0.0, 1e308, 1e-320])

SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, ANY)

VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
"""What JSON can hold."""

YAML_VALUES = VALUES | st.sampled_from(
    [float("nan"), float("inf"), date(2026, 1, 2), b"\xff", {1: 2}, {None: 1}, {date(2026, 1, 2): [1]}, {(1, 2): 3}]
)

RAW = st.sampled_from(
    [
        *("&a [*a]", "*a", "&a", "!!python/object/apply:os.system ['touch pwned']", "!!python/name:os.system", "!x"),
        *("- ", "? ", ": ", "<<: *a", "%YAML 9.9", "---\n", "...\n", "\t", "2026-13-45", "0o99", "1_000", "0x", "!!"),
        *("!!binary x", "!!set {a}", "!!omap [a: 1]", "!!timestamp x", "{a: 1, a: 2}", "[" * 60, "{" * 60, "|\n  x"),
        *("? [a]\n: b", "!!int x", "!!float .", ".nan", ".inf", "yes", "~", "'", '"\\uD800"', '"\\x00"', "\ufeff"),
        *(
            "1" * 5_000,
            "190:20:30.15",
            "0b",
            "-",
            "=",
            "!!int ''",
            "!!float ''",
            "!!bool x",
            "!!null x",
            "? {a: b}\n: c",
        ),
    ]
)
"""Pieces of YAML itself."""


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Yield the place of each value within one."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*at, key)
        yield from places(one, (*at, key))


def found(value: Any, place: Place) -> Any:
    for key in place:
        value = value[key]
    return value


def without(value: Any, place: Place) -> Any:
    """A copy without one of its values."""
    copy = deepcopy(value)
    del found(copy, place[:-1])[place[-1]]
    return copy


def having(value: Any, place: Place, new: Any) -> Any:
    """A copy that holds something else at a place."""
    copy = deepcopy(value)
    found(copy, place[:-1])[place[-1]] = new
    return copy


@st.composite
def damaged(draw: st.DrawFn, originals: st.SearchStrategy[Any], values: st.SearchStrategy[Any] = VALUES) -> Any:
    """A document with up to three of its values changed."""
    document = draw(originals)
    for _ in range(draw(st.integers(1, 3))):
        if there := list(places(document)):
            place = draw(st.sampled_from(there))
            keeps = draw(st.booleans())
            document = having(document, place, draw(values)) if keeps else without(document, place)
    return document


def as_yaml(document: Any) -> str:
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


def yaml_texts(originals: list[str]) -> st.SearchStrategy[str]:
    """YAML made from texts of it, by their values and by their characters."""
    documents = st.sampled_from([yaml.safe_load(text) for text in originals])
    texts = damaged(documents, YAML_VALUES).map(as_yaml) | st.sampled_from(originals)
    pieces = st.lists(RAW | ANY | st.sampled_from(originals).flatmap(lines_of), max_size=8).map("".join)
    return st.one_of(texts, changed(texts), with_piece(texts), pieces)


def lines_of(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from(text.splitlines(keepends=True))


@st.composite
def with_piece(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A text with one piece of YAML in the place of the end of one of its lines, or as a line of its own."""
    lines = draw(texts).splitlines(keepends=True) or [""]
    at = draw(st.integers(0, len(lines) - 1))
    start = lines[at].partition(":")[0] + ": " if draw(st.booleans()) else ""
    lines[at] = start + draw(RAW) + "\n"
    return "".join(lines)
