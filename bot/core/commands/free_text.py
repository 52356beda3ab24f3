"""Sentences in a command: a note, a reason or a name, kept as it was typed, without quotes around it."""

import re
from collections.abc import Iterator

from bot.core.commands.specs import CommandSpec
from bot.core.model.characters import EQUALS_SIGNS, WORD_SEPARATORS, to_half_width
from bot.core.model.typed_text import TypedLine

FREE_TEXT_SETTINGS = ("grep", "name", "note", "reason", "what", "why")
"""Settings whose values are kept as they were typed."""

SENTENCE_SETTINGS = ("name", "note", "reason", "why")
"""Settings whose value may be a sentence without quotes, to the end of the line or to the next setting."""


def join_sentences_of(line: TypedLine, spec: CommandSpec) -> tuple[str, ...]:
    """Return the words behind the command, with each sentence as one.

    >>> from bot.core.commands.specs import COMMAND_SPECS
    >>> from bot.core.model.typed_text import read_line
    >>> join_sentences_of(read_line("decline ppo-7f3a too big, and dear"), COMMAND_SPECS["decline"])
    ('ppo-7f3a', 'why=too big, and dear')
    >>> join_sentences_of(read_line("launch ppo why=too big, nodes=2"), COMMAND_SPECS["launch"])
    ('ppo', 'why=too big', 'nodes=2')
    """
    begin = next((place for place, word in enumerate(line.words) if takes_sentence(word, spec)), len(line.words))
    if spec.word == "decline" and begin > 2:
        parts = (line.take_text(2, begin), take_value(line, begin, len(line.words)))
        return (line.words[1], f"why={' '.join(filter(None, parts))}")
    return tuple(join_words_of(line, spec))


def join_words_of(line: TypedLine, spec: CommandSpec) -> Iterator[str]:
    """Return the words behind the command, with the sentence of each setting that takes one."""
    words, place = line.words, 1
    while place < len(words):
        end = find_sentence_end(words, place, spec) if takes_sentence(words[place], spec) else place + 1
        key = words[place].partition("=")[0]
        yield words[place] if end == place + 1 else f"{key}={take_value(line, place, end)}"
        place = end


def find_sentence_end(words: tuple[str, ...], place: int, spec: CommandSpec) -> int:
    """Return the place behind the last word of the sentence that begins with the setting at a place.

    Before another setting only where all names of the command precede it.
    """
    if " " in words[place].partition("=")[2]:  # it was quoted
        return place + 1
    end = next((at for at in range(place + 1, len(words)) if "=" in words[at] or is_flag(words[at])), len(words))
    takes_no_more = not spec.takes_settings and set(spec.options) <= set(SENTENCE_SETTINGS)
    if takes_no_more or end == len(words):
        return len(words)
    named = [word for word in words[1:place] if "=" not in word and not is_flag(word)]
    return end if spec.required and len(named) >= len(spec.required) else place + 1


def takes_sentence(word: str, spec: CommandSpec) -> bool:
    """Return whether a word begins a setting of the command whose value may be a sentence."""
    typed, equals, value = word.partition("=")
    key = to_half_width(typed).lower()
    is_known = spec.takes_settings or key in (*spec.options, *spec.option_aliases)
    return bool(equals and value) and is_known and key in SENTENCE_SETTINGS


def take_value(line: TypedLine, place: int, end: int) -> str:
    """Return the value of the setting at a place, with the words behind it; nothing where there is no word."""
    if place >= len(line.words):
        return ""
    if end == place + 1 or " " in line.words[place]:
        return line.words[place].partition("=")[2]
    typed = re.split(f"[{EQUALS_SIGNS}]", line.take_text(place, end), maxsplit=1)[1]
    return typed if end == len(line.words) else typed.rstrip(WORD_SEPARATORS + " ")


def is_flag(word: str) -> bool:
    """Return whether a word is written as a flag; a negative number is none.

    >>> is_flag("--yes"), is_flag("-n"), is_flag("-1"), is_flag("--")
    (True, True, False, False)
    """
    return word.startswith("-") and word.strip("-") != "" and re.match(r"-[$\d.]", word, re.ASCII) is None
