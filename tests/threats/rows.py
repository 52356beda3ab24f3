"""Read the rows of the threats, and say what is wrong with one."""

import ast
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

FOLDER = Path(__file__).parent


NOT_EMPTY = ("id", "attacker", "door", "threat", "stops", "test", "file", "old")


@dataclass(frozen=True, slots=True)
class Threat:
    """One threat, its guard, and a mutant of the guard.

    Attributes:
        stops: what stops it, a sentence.
        test: pytest's id of the test that fails with the mutant.
        file: where the guard is; `old` is found there once, and the mutant has `new` in its place.
    """

    id: str
    attacker: str
    door: str
    threat: str
    stops: str
    test: str
    file: str
    old: str
    new: str

    def mutate(self, text: str) -> str:
        """Return the text of `file` with the mutant in it."""
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Theme:
    """The threats of one file.

    Attributes:
        name: of its file, such as `logs`.
        title: what the documentation calls it.
    """

    name: str
    title: str
    threats: tuple[Threat, ...]


def read_themes(folder: Path = FOLDER) -> list[Theme]:
    """Return every theme, in the order of their names.

    Raises:
        ValueError: a file is no TOML, or a row is not of the fields that a threat has.
    """
    return [read_theme(file) for file in sorted(folder.glob("*.toml"))]


def read_theme(file: Path) -> Theme:
    found = tomllib.loads(file.read_text())
    if set(found) != {"title", "threat"} or not isinstance(found["title"], str):
        raise ValueError(f"{file.name}: a title and threats belong there, not {', '.join(sorted(found))}")
    return Theme(file.stem, found["title"], tuple(make_threat(file.name, row) for row in found["threat"]))


def make_threat(where: str, row: dict[str, Any]) -> Threat:
    names = {one.name for one in fields(Threat)}
    if set(row) != names or not all(isinstance(value, str) for value in row.values()):
        raise ValueError(f"{where}, {row.get('id', 'a row without an id')}: the fields are {', '.join(sorted(names))}")
    return Threat(**row)


def find_faults(themes: Sequence[Theme], root: Path = ROOT) -> list[str]:
    """Return what is wrong with the rows, a sentence each: what the code has moved away from, above all."""
    threats = [one for theme in themes for one in theme.threats]
    counted = Counter(one.id for one in threats)
    twice = [f"{name}: {count} rows have this id." for name, count in counted.items() if count > 1]
    return twice + [f"{one.id}: {fault}" for one in threats for fault in faults_of(one, root)]


def faults_of(one: Threat, root: Path) -> Iterator[str]:
    for name in NOT_EMPTY:
        if not getattr(one, name):
            yield f"its {name} is empty."
    if not has_test(one.test, root):
        yield f"there is no test {one.test}."
    yield from faults_of_mutant(one, root / one.file)


def faults_of_mutant(one: Threat, file: Path) -> Iterator[str]:
    if not file.is_file():
        yield f"there is no file {one.file}."
        return
    text = file.read_text()
    if (count := text.count(one.old)) != 1:
        yield f"its guard is found {count} times in {one.file}, not once: {one.old!r}."
    elif one.old == one.new:
        yield "its mutant changes nothing."
    elif file.suffix == ".py" and not is_python(one.mutate(text)):
        yield "its mutant is no Python."


def has_test(test: str, root: Path) -> bool:
    """Return whether pytest would find it; which parameters it has is left to pytest."""
    path, _, name = test.partition("::")
    return name.partition("[")[0] in tests_in(root / path)


@lru_cache
def tests_in(file: Path) -> frozenset[str]:
    if not file.is_file():
        return frozenset()
    top = ast.parse(file.read_text()).body
    return frozenset(one.name for one in top if isinstance(one, ast.FunctionDef) and one.name.startswith("test_"))


def is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True
