"""Splits a typed line into words, and joins words into a line.

Much like a shell, because people paste from verl's scripts, but milder, because they also type on phones and write
Hydra values: a quote counts only where it opens a word or a value, brackets keep their spaces, and curly quotes and
long dashes, which phones put in place of straight ones, count as the straight ones. Nothing is expanded.
"""

import re
from collections.abc import Mapping

from bot.core.characters import INVISIBLE, describe_character, to_single_line
from bot.errors import UserError
from bot.language import translate

MAX_LINE_CHARACTERS = 8_000
"""Maximum characters of a line; twice what Slack lets a person type."""

MAX_LINE_CHARACTERS_TEXT = f"{MAX_LINE_CHARACTERS:,}"

CLOSING_QUOTES = {'"': '"', "'": "'", "“": '"“”', "”": '"“”', "‘": "'‘’", "’": "'‘’"}
"""The characters that close a quote, by the character that opens it."""

STRAIGHT_QUOTES = str.maketrans("“”‘’", "\"\"''")
CLOSING_BRACKETS = {"[": "]", "{": "}", "(": ")"}
LONG_DASHES = "—–"
PLAIN_WORD = re.compile(r"[^\s\"'“”‘’\\—–]+")


def split_words(text: str) -> tuple[str, ...]:
    """Return the words of a line.

    >>> split_words("launch ppo nodes=2 'data.prompt_key=a b'")
    ('launch', 'ppo', 'nodes=2', 'data.prompt_key=a b')
    >>> split_words("trainer.logger=[console, 'wandb'] note=“two words” —dry-run")
    ("trainer.logger=[console, 'wandb']", 'note=two words', '--dry-run')

    Raises:
        UserError: a quote is opened and not closed, the line is too long, or the line contains an invisible character,
            or a word that continues on the next line.
    """
    text = text.replace("\r\n", "\n")
    refuse_unusable_line(text)
    ends = find_bracket_ends(text)
    words, position = [], 0
    while (position := skip_space(text, position)) < len(text):
        word, position = take_word(text, position, ends)
        refuse_broken_word(word)
        words.append(word)
    return tuple(words)


def join_words(words: tuple[str, ...]) -> str:
    """Return a line that :func:`split_words` splits into these words again.

    >>> join_words(("launch", "ppo", "data.prompt_key=a b"))
    'launch ppo "data.prompt_key=a b"'
    """
    return " ".join(map(quote_word, words))


def quote_word(word: str) -> str:
    """Return the word as it must be typed so that it arrives unchanged."""
    if is_plain_word(word):
        return word
    escaped = re.sub(r'([\\"])', r"\\\1", word)
    return f'"{escaped}"'


def is_plain_word(word: str) -> bool:
    """Return whether the word arrives unchanged when typed without quotes, between any other words."""
    brackets = sum(char in "()[]{}" for char in word)
    return PLAIN_WORD.fullmatch(word) is not None and brackets == 2 * len(find_bracket_ends(word))


def refuse_unusable_line(text: str) -> None:
    """Raise UserError for a line that is too long, or that contains characters that people cannot see.

    People approve what they see: so control characters, those that reorder the text around them, and those without a
    width are refused. Tabs and line ends between words are allowed, because pasted commands have them.
    """
    if len(text) > MAX_LINE_CHARACTERS:
        complaint_length = translate(
            "The line has {count} characters; {most} are the most.",
            count=f"{len(text):,}",
            most=MAX_LINE_CHARACTERS_TEXT,
        )
        raise UserError(complaint_length, translate("Type it shorter."))
    if match := INVISIBLE.search(text):
        complaint = translate(
            "The line holds the character `{character}`, which cannot be seen.", character=describe_character(match[0])
        )
        raise UserError(complaint, translate("Type it without."))


def refuse_broken_word(word: str) -> None:
    """Raise UserError for a word with a line end or a tab in it: where the word is shown, neither is visible."""
    if char := next((char for char in word if char in "\n\t"), None):
        complaint = translate(
            "{word} holds the character `{character}`.",
            word=format_inline_code(word),
            character=describe_character(char),
        )
        raise UserError(complaint, translate("Type it on one line, with blanks in place of tabs."))


def skip_space(text: str, position: int) -> int:
    """Return the position after spaces, line ends, and the backslashes that continue a line."""
    while position < len(text) and ends_word(text, position):
        position += 1
    return position


def take_word(text: str, start: int, ends: Mapping[int, int]) -> tuple[str, int]:
    """Return the word that begins at `start`, and the position after it."""
    word, position = ("--", start + 1) if text[start] in LONG_DASHES else ("", start)
    may_quote, in_value = position == start, False
    while not ends_word(text, position):
        char = text[position]
        if may_quote and char in CLOSING_QUOTES:
            content, end = take_quoted_text(text, position)
            # A quote that closes inside a word is part of the word, as typed.
            if ends_word(text, end):
                return word + content, end
            word, position = word + text[position:end], end
        # Within brackets, spaces belong to the value.
        elif in_value and position in ends:
            word, position = word + text[position : ends[position]].translate(STRAIGHT_QUOTES), ends[position]
        else:
            word, position = word + char, position + 1
        may_quote = char == "=" and not in_value
        in_value = in_value or char == "="
    return word, position


def ends_word(text: str, position: int) -> bool:
    return position >= len(text) or text[position].isspace() or text.startswith("\\\n", position)


def take_quoted_text(text: str, start: int) -> tuple[str, int]:
    """Return the text between the quote at `start` and its closing quote, and the position after that.

    As in a shell, a backslash protects a quote or a backslash between double quotes only.

    Raises:
        UserError: the quote is not closed.
    """
    closers = CLOSING_QUOTES[text[start]]
    escapes = '"' in closers
    content, position = [], start + 1
    while position < len(text):
        char = text[position]
        if escapes and char == "\\" and text[position + 1 : position + 2] in ("\\", *closers):
            content.append(text[position + 1])
            position += 2
        elif char in closers:
            return "".join(content), position + 1
        else:
            content.append(char)
            position += 1
    complaint = translate("A quote opens at {place} and is not closed.", place=format_inline_code(text[start:]))
    raise UserError(complaint, translate("Close it with {quote}.", quote=closers[0]))


def find_bracket_ends(text: str) -> dict[int, int]:
    """Return for each bracket that is closed: where it opens, and the position after its closing bracket."""
    ends: dict[int, int] = {}
    open_at: list[int] = []
    for position, char in enumerate(text):
        if char in CLOSING_BRACKETS:
            open_at.append(position)
        elif open_at and char == CLOSING_BRACKETS[text[open_at[-1]]]:
            ends[open_at.pop()] = position + 1
    return ends


def format_inline_code(text: str, max_characters: int = 40) -> str:
    r"""Return the text for an error message: short, on one line, in back-ticks that the text itself cannot close.

    >>> format_inline_code("a `b`\nc")
    "`a 'b' c`"
    >>> format_inline_code("")
    '` `'
    """
    flat = " ".join(to_single_line(text).replace("`", "'").split()) or " "
    return f"`{flat}`" if len(flat) <= max_characters else f"`{flat[: max_characters - 1]}…`"
