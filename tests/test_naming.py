"""The code is named and worded by the rules of docs/glossary.md: each of these counts in `make measure` is zero."""

from collections.abc import Callable
from itertools import chain

import pytest

from tests.naming import (
    ROOT,
    Function,
    Module,
    find_banned,
    find_banned_names,
    find_duplicates,
    find_number_pairs,
    is_imperative,
    is_participle,
    read_modules,
    read_word_lists,
    without_bad_examples,
)

CODE = [*read_modules("bot"), *read_modules("playground/slack_playground")]
BOT = [module for module in CODE if module.path.parts[0] == "bot"]
DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
MAX_MODULE_LINES = 400
PROSE = read_word_lists()["prose"]


def test_a_class_has_a_name_of_its_own() -> None:
    assert find_duplicates(list(chain.from_iterable(module.classes for module in BOT))) == []


def test_a_module_has_a_name_of_its_own_and_not_the_plural_of_anothers() -> None:
    names = [module.path.stem for module in BOT if module.path.stem != "__init__"]
    assert find_duplicates(names) == []
    assert find_number_pairs(names) == []


def test_no_name_has_a_banned_word() -> None:
    assert collect(find_banned_names) == {}


def test_no_function_is_named_by_a_participle() -> None:
    def find(module: Module) -> list[str]:
        named = [function for function in module.functions if not (function.is_property or function.is_dunder)]
        return [function.name for function in named if is_participle(function.first_word)]

    assert collect(find) == {}


def test_a_docstring_opens_with_a_verb() -> None:
    def find(module: Module) -> list[str]:
        documented = filter(is_documented, module.functions)
        return [function.name for function in documented if not is_imperative(function.docstring)]

    assert collect(find) == {}


def test_docstrings_and_comments_are_plain_english() -> None:
    assert collect(lambda module: find_banned(module.prose, PROSE)) == {}


def test_phrases_are_plain_english() -> None:
    assert collect(lambda module: find_banned(module.phrases, PROSE)) == {}


def test_documents_are_plain_english() -> None:
    found = {path.name: find_banned([without_bad_examples(path.read_text())], PROSE) for path in DOCUMENTS}
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_a_module_is_read_at_one_sitting() -> None:
    assert {str(module.path): module.lines for module in CODE if module.lines > MAX_MODULE_LINES} == {}


def collect(find: Callable[[Module], list[str]]) -> dict[str, list[str]]:
    """Return what is found in the bot's modules, by path; every module is looked at before a test fails."""
    return {str(module.path): found for module in BOT if (found := find(module))}


def is_documented(function: Function) -> bool:
    """Return whether a function has a docstring that is more than an example."""
    return bool(function.docstring) and not function.docstring.startswith(">>>")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("Nobody knows.", ["Nobody knows."], id="a banned word"),
        pytest.param("`nobody` is a user of Unix.", [], id="code is quoted"),
        pytest.param("It has two purses.", ["It has two purses."], id="a plural"),
        pytest.param("It has a purser.", [], id="a part of another word"),
    ],
)
def test_banned_words_are_found_in_prose_alone(text: str, found: list[str]) -> None:
    assert find_banned([text], ["nobody", "purses?"]) == found


@pytest.mark.parametrize(("docstring", "opens"), [("Return x.", True), ("What x is.", False), ("The x.", False)])
def test_a_verb_opens_a_docstring(docstring: str, opens: bool) -> None:
    assert is_imperative(docstring) is opens
