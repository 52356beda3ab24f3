"""Other words for the commands: each means one command that exists, and hides none."""

import pytest

from bot.core.commands.aliases import (
    CHINESE_ALIASES,
    ENGLISH_ALIASES,
    GREETINGS,
    LANGUAGE_ALIASES,
    find_language_of,
    resolve_command_word,
)
from bot.core.commands.command import WORKSPACE_LANGUAGE
from bot.core.commands.specs import COMMAND_SPECS
from bot.phrase import LANGUAGES

ALIASES = {**ENGLISH_ALIASES, **CHINESE_ALIASES}


def test_every_alias_means_a_command_that_exists() -> None:
    assert set(ALIASES.values()) <= set(COMMAND_SPECS)


def test_no_alias_hides_a_command_or_a_greeting() -> None:
    assert not set(ALIASES) & set(COMMAND_SPECS)
    assert not set(GREETINGS) & (set(ALIASES) | set(COMMAND_SPECS))


def test_no_word_is_english_and_chinese() -> None:
    assert not set(ENGLISH_ALIASES) & set(CHINESE_ALIASES)


def test_aliases_are_in_small_letters_because_a_typed_word_is_made_so() -> None:
    assert [word for word in (*ALIASES, *LANGUAGE_ALIASES, *GREETINGS) if word != word.lower()] == []


@pytest.mark.parametrize(
    ("word", "command"),
    [
        pytest.param("Kill", "stop", id="a phone's capital"),
        pytest.param("ls", "list", id="a shell's word"),
        pytest.param("停止", "stop", id="a Chinese word"),
        pytest.param("？", "help", id="a full-width question mark"),
        pytest.param("status", "status", id="the command itself"),
        pytest.param("lunch", "lunch", id="an unknown word stays as it was typed"),
    ],
)
def test_a_word_becomes_the_command_that_it_means(word: str, command: str) -> None:
    assert resolve_command_word(word) == command


@pytest.mark.parametrize(("word", "language"), [("停止", "zh-CN"), ("stop", None), ("kill", None), ("没有的词", None)])
def test_a_chinese_word_asks_for_an_answer_in_chinese(word: str, language: str | None) -> None:
    assert find_language_of(word) == language


def test_every_name_of_a_language_means_one_that_there_is() -> None:
    assert set(LANGUAGE_ALIASES.values()) <= {*LANGUAGES, WORKSPACE_LANGUAGE}
