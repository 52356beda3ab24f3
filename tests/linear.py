"""Whether work grows in proportion to text, by processor time; and texts that are hard for a pattern, made from it.

A pattern that takes quadratic time does so on texts that nearly match it many times. Such texts are put together from
the pattern itself: what it begins with, over and over; a beginning of it and then one of its characters without end.
"""

import ast
import importlib
import pkgutil
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import bot

SMALL, LARGE = (24, 300, 1_000, 2_500), 8_000
"""Characters of a text at first: what takes cubic or exponential time shows with few, and is not waited for."""

PATIENCE_SECONDS, MOST_SECONDS = 0.05, 0.25
"""For a smaller text, and for a large one: a hundred times what takes linear time needs."""

FLOOR_SECONDS = 0.002
"""For a large text. What is done in less is quick enough, and not measured further: 250 ns a character."""

MOST_GROWTH, TRIES = 8.0, 3
"""Of the time, where the text is doubled twice: linear time takes 4 times as long, quadratic 16 times. On a machine
that others use one measurement proves nothing, so that it must come out too high each time."""

MOST_SAMPLES, MOST_TOKENS, MOST_CHARACTERS = 3, 8, 8
"""Of a pattern."""

ANCHORED = ("slack_playground.elements.FORMS",)
"""Patterns that are matched against whole texts alone, in ways that `is_searched` does not see."""

IMPORT = re.compile(r"^from ([\w.]+) import (?:\(([^)]*)\)|(.*))$", re.MULTILINE)
INLINE = re.compile(r"\bre\.[a-z]+\(")

SEARCHES = ("search", "sub", "subn", "findall", "finditer", "split")
"""Methods that begin at every place of a text."""


def seconds(action: Callable[[str], object], text: str, tries: int) -> float:
    """Return the least processor time that the action takes."""
    found = []
    for _ in range(tries):
        start = time.thread_time()
        action(text)
        found.append(time.thread_time() - start)
    return min(found)


def exceeds(action: Callable[[str], object], text: str, limit: float, tries: int = TRIES) -> bool:
    """Return whether the action takes more seconds than the limit each time."""
    return all(seconds(action, text, 1) > limit for _ in range(tries))


def grows_linearly(
    action: Callable[[str], object],
    make: Callable[[int], str],
    large: int = LARGE,
    floor: float = FLOOR_SECONDS,
) -> bool:
    """Return whether the action's time is in proportion to the length of its text.

    Args:
        make: a text of about so many characters.
        large: characters of the text that is measured; floor: seconds that it may always take.
    """
    if any(exceeds(action, make(size), max(PATIENCE_SECONDS, floor)) for size in SMALL):
        return False
    if not exceeds(action, make(large), floor, tries=1):
        return True
    if exceeds(action, make(large), MOST_SECONDS * max(large / LARGE, 1.0)):
        return False
    for _ in range(TRIES):
        once = seconds(action, make(large), 3)
        if once < floor or seconds(action, make(4 * large), 2) < MOST_GROWTH * once:
            return True
    return False


@dataclass(frozen=True, slots=True)
class Use:
    """A pattern, and whether it is looked for everywhere in a text or only at its beginning."""

    name: str
    pattern: re.Pattern[str]
    is_searched: bool

    @property
    def actions(self) -> Sequence[Callable[[str], object]]:
        return [self.pattern.findall] if self.is_searched else [self.pattern.match, self.pattern.fullmatch]


@cache
def uses() -> Sequence[Use]:
    """Return every pattern of the package: those of its modules, in whatever container, and those within functions."""
    found: list[Use] = []
    for module in modules():
        for name, value in vars(module).items():
            for label, pattern in patterns(name, value):
                found.append(Use(f"{module.__name__}.{label}", pattern, is_searched(module.__name__, name)))
        found += inline(module)
    return found


@cache
def modules() -> Sequence[ModuleType]:
    names = [one.name for one in pkgutil.walk_packages(bot.__path__, "bot.")]
    return [importlib.import_module(name) for name in names if not name.endswith("__main__")]


@cache
def sources() -> Mapping[str, str]:
    return {one.__name__: Path(str(one.__file__)).read_text() for one in modules() if one.__file__}


def patterns(label: str, value: object) -> Iterator[tuple[str, re.Pattern[str]]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield label, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from patterns(f"{label}[{key}]", one)
    elif isinstance(value, tuple | list | frozenset):
        for at, one in enumerate(value):
            yield from patterns(f"{label}[{at}]", one)


def is_searched(module: str, name: str) -> bool:
    """Return whether a pattern of this name is used otherwise than at a text's beginning, in its module or beyond."""
    if f"{module}.{name}" in ANCHORED:
        return False
    return any(name in searched(where) for where in (module, *importers().get((module, name), ())))


@cache
def importers() -> Mapping[tuple[str, str], Sequence[str]]:
    """Return the modules that import a name of a module, by both."""
    found = defaultdict(list)
    for where, text in sources().items():
        for module, one_line, in_brackets in IMPORT.findall(text):
            for name in re.findall(r"\w+", one_line or in_brackets):
                found[module, name].append(where)
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(sources()[module])


@cache
def searched(module: str) -> frozenset[str]:
    """Return the names that a module uses otherwise than by `match` and `fullmatch`."""
    loaded: list[str] = []
    anchored: list[str] = []
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            loaded.append(node.id)
        elif (
            isinstance(node, ast.Attribute) and node.attr in ("match", "fullmatch") and isinstance(node.value, ast.Name)
        ):
            anchored.append(node.value.id)
    return frozenset((Counter(loaded) - Counter(anchored)).keys())


def inline(module: ModuleType) -> Iterator[Use]:
    """Yield the patterns that are written where they are used."""
    calls = INLINE.search(sources().get(module.__name__, ""))
    for node in ast.walk(tree(module.__name__)) if calls else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_re(node.func.value):
            written = literal(node.args[0]) if node.args else None
            if written is not None and node.func.attr != "compile" and node.func.attr != "escape":
                name = f"{module.__name__}:{node.lineno}"
                yield Use(name, re.compile(written, flags(node)), node.func.attr in SEARCHES)


def is_re(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "re"


def literal(node: ast.expr) -> str | None:
    """Return a pattern as it is written; what is filled in counts as a word."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "word" for one in node.values)
    return None


def flags(node: ast.Call) -> int:
    names = {one.attr for arg in node.args[1:] for one in ast.walk(arg) if isinstance(one, ast.Attribute)}
    return sum(getattr(re, name) for name in names if name in {"ASCII", "IGNORECASE", "MULTILINE", "DOTALL"})


def hard_texts(pattern: re.Pattern[str]) -> Iterator[Callable[[int], str]]:
    """Yield makers of texts that are hard for the pattern."""
    parser: Any = re._parser  # type: ignore[attr-defined]  # the standard library's own, of 3.11 on
    tree = parser.parse(pattern.pattern, pattern.flags)
    letters = list(islice(dict.fromkeys([*characters(tree), *"aA1 (!_."]), MOST_CHARACTERS))
    for letter in letters:
        yield repeated("", letter)
    for tokens in islice(samples(tree), MOST_SAMPLES):
        for count in range(1, min(len(tokens), MOST_TOKENS) + 1):
            begin = "".join(tokens[:count])
            for first in range(count):
                yield repeated("".join(tokens[:first]), "".join(tokens[first:count]))
            for letter in letters:
                yield repeated(begin, letter)
                yield repeated("", begin + letter * 3)


def repeated(begin: str, part: str) -> Callable[[int], str]:
    return lambda size: begin + part * max((size - len(begin)) // max(len(part), 1), 1) + "\x00"


def characters(tree: Any) -> Iterator[str]:
    """Yield characters that the pattern speaks of, one of each kind."""
    for kind, value in walk(tree):
        match kind:
            case "LITERAL" | "NOT_LITERAL":
                yield chr(value)
            case "IN":
                yield member(value)
            case "ANY":
                yield "x"
            case _:
                continue


def walk(tree: Any) -> Iterator[tuple[str, Any]]:
    for op, value in tree:
        yield str(op), value
        for part in parts(str(op), value):
            yield from walk(part)


def parts(kind: str, value: Any) -> Sequence[Any]:
    """Return the patterns within one part of a pattern."""
    match kind:
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return [value[2]]
        case "SUBPATTERN":
            return [value[3]]
        case "ATOMIC_GROUP":
            return [value]
        case "BRANCH":
            return list(value[1])
        case "ASSERT" | "ASSERT_NOT":
            return [value[1]]
        case _:
            return []


def member(items: Any) -> str:
    """Return a character that is in a set, or not in one that is negated."""
    found = [one for op, value in items if (one := of_set(str(op), value))]
    if str(items[0][0]) == "NEGATE":
        return next(letter for letter in " a1(-" if letter not in found and not ("1" in found and letter == "1"))
    return found[0]


def of_set(kind: str, value: Any) -> str:
    match kind:
        case "LITERAL":
            return chr(value)
        case "RANGE":
            return chr(value[0])
        case "CATEGORY":
            name = str(value)
            return "1" if name.endswith("DIGIT") else " " if name.endswith("_SPACE") and "NOT" not in name else "a"
        case _:
            return ""


def samples(tree: Any) -> Iterator[list[str]]:
    """Yield texts that the pattern matches, or nearly, each in the parts that it is made of; a word is one part."""
    found: list[list[str]] = [[]]
    for op, value in merged(tree):
        ways = list(islice(samples_of(str(op), value), MOST_SAMPLES))
        found = [[*before, *after] for before in found for after in ways][: 2 * MOST_SAMPLES]
    yield from found


def merged(tree: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a pattern, characters that follow each other as one."""
    word = ""
    for op, value in tree:
        if str(op) == "LITERAL":
            word += chr(value)
            continue
        if word:
            yield "WORD", word
        word = ""
        yield str(op), value
    if word:
        yield "WORD", word


def samples_of(kind: str, value: Any) -> Iterator[list[str]]:
    match kind:
        case "WORD":
            yield [value]
        case "NOT_LITERAL":
            yield ["a" if chr(value) != "a" else "b"]
        case "ANY":
            yield ["x"]
        case "IN":
            yield [member(value)]
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            for sample in samples(value[2]):
                yield ["".join(sample)] * max(min(value[1], 2), min(value[0], 9))
            if value[0] == 0:
                yield []
        case "SUBPATTERN" | "ATOMIC_GROUP" | "BRANCH":
            for part in parts(kind, value):
                yield from samples(part)
        case _:
            yield []
