"""The catalogues hold every phrase of the code, and what is said comes from them."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from babel.messages.catalog import Message

from bot.i18n import (
    catalogue_file_name,
    current_language,
    load_catalogue,
    ngettext,
    set_language,
    translate,
    use_language,
    with_language_context,
)
from bot.phrase import ENGLISH, join_sentences
from tests import words
from tests.words import CATALOGUES, CODE, FIELD, TRANSLATED, phrases, translated, unsayable, written


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_has_every_phrase_of_the_code_and_no_other(language: str) -> None:
    found = {tuple(written(message)) for message in words.catalogue(language)}
    wanted = {tuple(written(message)) for message in phrases()}
    assert sorted(wanted - found) == [], "run `make words` and translate what comes in"
    assert sorted(found - wanted) == [], "run `make words`"


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_stands_as_make_words_writes_it(language: str) -> None:
    stands = words.catalogue(language)
    stands.update(phrases(), no_fuzzy_matching=True, update_creation_date=False)
    assert words.as_file(stands, language) == (CATALOGUES / catalogue_file_name(language)).read_bytes(), (
        "run `make words`"
    )
    assert not stands.obsolete


def test_the_phrases_are_found_wherever_they_stand() -> None:
    found = {text for message in phrases() for text in written(message)}
    assert "{run}: status came back at {time}." in found  # within an f-string
    assert "{run} *succeeded* after {time}" in found  # marked in a table
    assert {"{count} node", "{count} nodes"} <= found
    assert "GRPO on MATH" in found  # of a recipe
    assert len(found) > 300


def test_nothing_is_said_that_no_catalogue_can_hold() -> None:
    assert unsayable() == []


def entries(language: str) -> list[Message]:
    """A catalogue's phrases, without its header."""
    found = [message for message in words.catalogue(language) if message.id]
    assert len(found) > 300
    return found


def amiss(message: Message, plurals: int) -> list[str]:
    """What is wrong with a translation, of a language that has so many forms for numbers."""
    said, texts = translated(message), written(message)
    fields = {name for text in texts for name in FIELD.findall(text)}
    quoted = Counter(CODE.findall(texts[-1]))  # what is typed is the same in every language
    wrong = {
        "it lacks its translation": not all(said),
        "it is marked as fuzzy": message.fuzzy,
        "it lacks a form": len(texts) == 2 and len(said) != plurals,
        "its fields are others": any(set(FIELD.findall(text)) != fields for text in said),
        "its code is another": any(Counter(CODE.findall(text)) != quoted for text in said),
    }
    return [what for what, is_so in wrong.items() if is_so] or unfilled(said, fields)


def unfilled(said: list[str], fields: set[str]) -> list[str]:
    """The texts of which nothing is left, or that break, once their fields are filled."""
    try:
        return [text for text in said if fields and not text.format_map(dict.fromkeys(fields, "…"))]
    except (ValueError, LookupError) as error:
        return [repr(error)]


@pytest.mark.parametrize("language", TRANSLATED)
def test_each_translation_is_whole_and_says_the_same_of_the_same_things(language: str) -> None:
    plurals = words.catalogue(language).num_plurals
    found = {written(message)[0]: amiss(message, plurals) for message in entries(language)}
    assert {text: wrong for text, wrong in found.items() if wrong} == {}


def test_chinese_leaves_room_around_code_and_emphasis() -> None:
    """Slack takes a back-tick or a star for markup only where no letter touches it."""
    touched = re.compile(r"[一-鿿](?:`[^`]*`|\*[^*]*\*)|(?:`[^`]*`|\*[^*]*\*)[一-鿿]")
    texts = [text for message in entries("zh-CN") for text in translated(message)]
    assert [text for text in texts if touched.search(re.sub(r"\{[^{}]*\}", "x", text))] == []


OLD_CHINESE_WORDS = {
    "消息串": "消息列",
    "移除": "删除",
    "历时": "用时",
    "托管任务": "托管作业",
    "看管": "管理",
    "取回": "下载",
    "租约": "租期",
    "接续": "继续",
    "回溯": "traceback",
    "杀死": "终止",
    "主内存": "内存",
    "云厂商": "云服务商",
    "您": "你",
}
"""Words that once stood beside those of the glossary in docs/languages.md, and the one that each thing has."""


def test_chinese_has_one_word_for_each_thing() -> None:
    texts = [text for message in entries("zh-CN") for text in translated(message)]
    assert [(old, text) for text in texts for old in OLD_CHINESE_WORDS if old in text] == []
    assert all(any(word in text for text in texts) for word in OLD_CHINESE_WORDS.values())


def test_a_phrase_is_said_in_the_language_that_is_spoken_and_then_in_the_one_before() -> None:
    with use_language("zh-CN"):
        assert translate("{count} h", count=2) == "2 小时"
        with use_language(ENGLISH):
            assert translate("{count} h", count=2) == "2 h"
        assert ngettext("{count} node", "{count} nodes", 1) == "1 个节点"
        assert current_language() == "zh-CN"
    assert (translate("{count} h", count=2), current_language()) == ("2 h", ENGLISH)


@pytest.mark.parametrize("language", ["xx", "", "../zh_CN"])
def test_an_unknown_language_is_english(language: str) -> None:
    with use_language(language):
        assert translate("{count} h", count=2) == "2 h"


def test_an_unknown_phrase_is_said_as_it_is() -> None:
    with use_language("zh-CN"):
        assert translate("Our {own} recipe") == "Our {own} recipe"
        assert translate("Our {own} recipe", own="best") == "Our best recipe"
        assert translate("") == ""  # which to gettext is the catalogue's header


def test_a_translation_that_asks_for_another_field_is_said_in_english() -> None:
    class Broken(type(load_catalogue(ENGLISH))):  # type: ignore[misc]  # gettext's own class for no translation
        def gettext(self, message: str) -> str:
            return "{wrong} {"

    with use_language("xx", Broken()):
        assert translate("{count} h", count=2) == "2 h"


def test_what_is_filled_in_is_not_read_as_a_phrase() -> None:
    assert translate("{command} launches nothing.", command="{run} {0}") == "{run} {0} launches nothing."


def test_sentences_that_are_not_there_leave_no_gap() -> None:
    assert join_sentences("", "One.", "") == "One."
    assert join_sentences() == ""


def test_another_thread_speaks_the_language_that_it_was_given() -> None:
    with ThreadPoolExecutor(1) as pool:
        with use_language("zh-CN"):
            kept = with_language_context(current_language)
        assert pool.submit(kept).result() == "zh-CN"
        assert pool.submit(current_language).result() == ENGLISH


def test_a_language_that_is_spoken_in_a_thread_ends_with_its_context() -> None:
    with_language_context(lambda: set_language("zh-CN"))()
    assert current_language() == ENGLISH


ALWAYS_SEVERAL = {
    "it has more than {count} bytes": "a limit of megabytes",
    "it has more than {count} brackets": "a limit of hundreds",
    "This channel has {count} reports already.": "a limit of ten",
    "The line has {count} characters; the limit is {most}.": "a line of thousands",
    "{value} (median of {count} earlier runs: {middle}, range {low} to {high})": "one run has no range",
    "{source} counts, the first of {count} data sources; {others}": "it is said only beside others",
}
"""Phrases whose number is never one, each with the reason."""


def test_a_phrase_that_counts_has_a_singular() -> None:
    counted = re.compile(r"\{count\} (?:\w+ )?\w+s\b")
    several = [message.id for message in phrases() if isinstance(message.id, str) and counted.search(message.id)]
    assert sorted(several) == sorted(ALWAYS_SEVERAL)
