"""Builder of the command for a log, whose options people also type as words: `logs ppo-7f3a 100`, `… grep error`."""

from collections.abc import Iterator
from dataclasses import replace

from bot.core.commands.command import FOLLOW_FLAG, RAW_FLAG, ShowLogs
from bot.core.model.typed_text import ParsedArguments, format_inline_code, parse_whole_option, quote_word
from bot.errors import UserError
from bot.phrase import Phrase

MAX_LOG_LINES = 10_000
"""Maximum log lines that one command may request."""

NUMBER_WORDS = {
    "lines": "lines",
    "line": "lines",
    "last": "lines",
    "tail": "lines",
    "node": "node",
    "最后": "lines",
    "最近": "lines",
}
"""Words before a number, by the option that they mean."""

UNIT_WORDS = ("lines", "line", "行")
"""Words behind a number of lines."""

SEARCH_WORDS = ("grep", "search", "find", "搜索", "查找")
"""Words before a text to search for."""


def begins_log_option(word: str) -> bool:
    """Return whether a word behind `logs` is an option, and no run.

    >>> [begins_log_option(word) for word in ("100", "grep", "last", "ppo-7f3a")]
    [True, True, True, False]
    """
    return word.isdecimal() or word.lower() in (*NUMBER_WORDS, *SEARCH_WORDS)


def build_logs_command(arguments: ParsedArguments) -> ShowLogs:
    """Return the command for a log.

    Raises:
        UserError: a word is no option, an option is given twice, or its number is out of range.
    """
    run, *words = arguments.names
    for key, value in read_log_words(run, words):
        if arguments.get_option(key) is not None:
            once = Phrase("Give it once: {setting}.", setting=format_inline_code(f"{key}={value}"))
            raise UserError(Phrase("{key} is given twice.", key=format_inline_code(key)), once)
        arguments = replace(arguments, parameters=(*arguments.parameters, (key, value)))
    return ShowLogs(
        run,
        lines=parse_whole_option(arguments, "lines", 1, MAX_LOG_LINES)
        if arguments.get_option("lines") is not None
        else None,
        grep=arguments.get_option("grep") or None,
        node=parse_whole_option(arguments, "node", 0, 999) if arguments.get_option("node") is not None else None,
        follow=FOLLOW_FLAG in arguments.flags,
        raw=RAW_FLAG in arguments.flags,
    )


def read_log_words(run: str, words: list[str]) -> Iterator[tuple[str, str]]:
    """Return the options that are typed as words, each with its value.

    >>> list(read_log_words("ppo-7f3a", ["last", "100", "lines", "grep", "out", "of", "memory"]))
    [('lines', '100'), ('grep', 'out of memory')]

    Raises:
        UserError: a word is none.
    """
    place = 0
    while place < len(words):
        word, following = words[place].lower(), words[place + 1 : place + 2]
        if word in SEARCH_WORDS and following:
            yield "grep", " ".join(words[place + 1 :])
            return
        if word in NUMBER_WORDS and following and following[0][0].isdecimal():
            yield NUMBER_WORDS[word], following[0]
            place += 2
        elif word[0].isdecimal():
            yield "lines", word
            place += 1
        elif word in UNIT_WORDS and place > 0 and words[place - 1][0].isdecimal():
            place += 1
        else:
            text = quote_word(" ".join(words[place:])[:MAX_HINT_CHARACTERS])
            line = format_inline_code(f"/verl logs {quote_word(run)} grep={text}", MAX_HINT_CHARACTERS * 2)
            unclear = Phrase("I didn't understand {word}.", word=format_inline_code(words[place]))
            raise UserError(unclear, Phrase("To search the log, type {command}.", command=line))


MAX_HINT_CHARACTERS = 80
"""Maximum characters of a typed text that a hint repeats."""
