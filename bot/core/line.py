"""Splits a typed line into words, and joins words into a line.

Much like a shell, because people paste from verl's scripts, but milder, because they also type on phones and write
Hydra values: a quote counts only where it opens a word or a value, brackets keep their spaces, and curly quotes and
long dashes, which phones put in place of straight ones, count as the straight ones. Nothing is expanded.
"""

import re
from collections.abc import Mapping

from bot.core.characters import UNSEEN, name_of, one_line
from bot.errors import UserError
from bot.language import say

LONGEST_LINE = 8_000
"""Maximum characters of a line; twice what Slack lets a person type."""

LONGEST = f"{LONGEST_LINE:,}"

QUOTES = {'"': '"', "'": "'", "“": '"“”', "”": '"“”', "‘": "'‘’", "’": "'‘’"}
"""The characters that close a quote, by the character that opens it."""

STRAIGHT = str.maketrans("“”‘’", "\"\"''")
BRACKETS = {"[": "]", "{": "}", "(": ")"}
DASHES = "—–"
PLAIN = re.compile(r"[^\s\"'“”‘’\\—–]+")


def split(text: str) -> tuple[str, ...]:
    """Return the words of a line.

    >>> split("launch ppo nodes=2 'data.prompt_key=a b'")
    ('launch', 'ppo', 'nodes=2', 'data.prompt_key=a b')
    >>> split("trainer.logger=[console, 'wandb'] note=“two words” —dry-run")
    ("trainer.logger=[console, 'wandb']", 'note=two words', '--dry-run')

    Raises:
        UserError: a quote is opened and not closed, the line is too long, or the line contains an invisible character,
            or a word that continues on the next line.
    """
    text = text.replace("\r\n", "\n")
    refuse_unusable(text)
    ends = bracket_ends(text)
    words, at = [], 0
    while (at := skip_space(text, at)) < len(text):
        word, at = take_word(text, at, ends)
        refuse_broken(word)
        words.append(word)
    return tuple(words)


def join(words: tuple[str, ...]) -> str:
    """Return a line that :func:`split_words` splits into these words again.

    >>> join(("launch", "ppo", "data.prompt_key=a b"))
    'launch ppo "data.prompt_key=a b"'
    """
    return " ".join(map(quote, words))


def quote(word: str) -> str:
    """Return the word as it must be typed so that it arrives unchanged."""
    if is_plain(word):
        return word
    escaped = re.sub(r'([\\"])', r"\\\1", word)
    return f'"{escaped}"'


def is_plain(word: str) -> bool:
    """Return whether the word arrives unchanged when typed without quotes, between any other words."""
    brackets = sum(char in "()[]{}" for char in word)
    return PLAIN.fullmatch(word) is not None and brackets == 2 * len(bracket_ends(word))


def refuse_unusable(text: str) -> None:
    """Raise UserError for a line that is too long, or that contains characters that people cannot see.

    People approve what they see: so control characters, those that reorder the text around them, and those without a
    width are refused. Tabs and line ends between words are allowed, because pasted commands have them.
    """
    if len(text) > LONGEST_LINE:
        length = say("The line has {count} characters; {most} are the most.", count=f"{len(text):,}", most=LONGEST)
        raise UserError(length, say("Type it shorter."))
    if unseen := UNSEEN.search(text):
        held = say("The line holds the character `{character}`, which cannot be seen.", character=name_of(unseen[0]))
        raise UserError(held, say("Type it without."))


def refuse_broken(word: str) -> None:
    """Raise UserError for a word with a line end or a tab in it: where the word is shown, neither is visible."""
    if char := next((char for char in word if char in "\n\t"), None):
        held = say("{word} holds the character `{character}`.", word=shown(word), character=name_of(char))
        raise UserError(held, say("Type it on one line, with blanks in place of tabs."))


def skip_space(text: str, at: int) -> int:
    """Return the position after spaces, line ends, and the backslashes that continue a line."""
    while at < len(text) and ends_word(text, at):
        at += 1
    return at


def take_word(text: str, start: int, ends: Mapping[int, int]) -> tuple[str, int]:
    """Return the word that begins at `start`, and the position after it."""
    word, at = ("--", start + 1) if text[start] in DASHES else ("", start)
    may_quote, in_value = at == start, False
    while not ends_word(text, at):
        char = text[at]
        if may_quote and char in QUOTES:
            content, end = take_quoted(text, at)
            # A quote that closes inside a word is part of the word, as typed.
            if ends_word(text, end):
                return word + content, end
            word, at = word + text[at:end], end
        # Within brackets, spaces belong to the value.
        elif in_value and at in ends:
            word, at = word + text[at : ends[at]].translate(STRAIGHT), ends[at]
        else:
            word, at = word + char, at + 1
        may_quote = char == "=" and not in_value
        in_value = in_value or char == "="
    return word, at


def ends_word(text: str, at: int) -> bool:
    return at >= len(text) or text[at].isspace() or text.startswith("\\\n", at)


def take_quoted(text: str, start: int) -> tuple[str, int]:
    """Return the text between the quote at `start` and its closing quote, and the position after that.

    As in a shell, a backslash protects a quote or a backslash between double quotes only.

    Raises:
        UserError: the quote is not closed.
    """
    closers = QUOTES[text[start]]
    escapes = '"' in closers
    content, at = [], start + 1
    while at < len(text):
        char = text[at]
        if escapes and char == "\\" and text[at + 1 : at + 2] in ("\\", *closers):
            content.append(text[at + 1])
            at += 2
        elif char in closers:
            return "".join(content), at + 1
        else:
            content.append(char)
            at += 1
    opened = say("A quote opens at {place} and is not closed.", place=shown(text[start:]))
    raise UserError(opened, say("Close it with {quote}.", quote=closers[0]))


def bracket_ends(text: str) -> dict[int, int]:
    """Return for each bracket that is closed: where it opens, and the position after its closing bracket."""
    ends: dict[int, int] = {}
    open_at: list[int] = []
    for at, char in enumerate(text):
        if char in BRACKETS:
            open_at.append(at)
        elif open_at and char == BRACKETS[text[open_at[-1]]]:
            ends[open_at.pop()] = at + 1
    return ends


def shown(text: str, longest: int = 40) -> str:
    r"""Return the text for an error message: short, on one line, in back-ticks that the text itself cannot close.

    >>> shown("a `b`\nc")
    "`a 'b' c`"
    >>> shown("")
    '` `'
    """
    flat = " ".join(one_line(text).replace("`", "'").split()) or " "
    return f"`{flat}`" if len(flat) <= longest else f"`{flat[: longest - 1]}…`"
