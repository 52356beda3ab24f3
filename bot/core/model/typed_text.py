"""Text that people type.

A line as words, and its arguments.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.model.characters import (
    CLOSING_QUOTES,
    DASHES,
    EQUALS_SIGNS,
    INVISIBLE,
    WORD_SEPARATORS,
    describe_character,
    separates_words,
    to_single_line,
)
from bot.errors import UserError
from bot.phrase import Phrase, Text

MAX_LINE_CHARACTERS = 8_000
"""Maximum characters of a line; twice what Slack lets a person type."""

MAX_LINE_CHARACTERS_TEXT = f"{MAX_LINE_CHARACTERS:,}"

STRAIGHT_QUOTES = str.maketrans("“”‘’", "\"\"''")
CLOSING_BRACKETS = {"[": "]", "{": "}", "(": ")"}
PLAIN_WORD = re.compile(rf"[^\s\\＝{re.escape(''.join({*CLOSING_QUOTES, *DASHES, *WORD_SEPARATORS} - {','}))}]+")
"""A word without any sign that the parser reads as another one."""


@dataclass(frozen=True, slots=True)
class TypedLine:
    """A line with its words.

    Attributes:
        starts: where each word begins in the text.
    """

    text: str
    words: tuple[str, ...]
    starts: tuple[int, ...]

    def take_text(self, first: int, end: int) -> str:
        """Return what was typed from the word `first` to the word `end`, on one line.

        >>> read_line("decline one, 'too  dear', or not").take_text(2, 4)
        "'too dear', or"
        """
        if first >= min(end, len(self.starts)):
            return ""
        stop = self.starts[end] if end < len(self.starts) else len(self.text)
        return " ".join(self.text[self.starts[first] : stop].replace("\\\n", " ").split())

    def drop_first_word(self) -> "TypedLine":
        """Return the line without its first word."""
        return TypedLine(self.text, self.words[1:], self.starts[1:])


def read_line(text: str) -> TypedLine:
    """Return a line with its words.

    Raises:
        UserError: as for `split_words`.
    """
    text = text.replace("\r\n", "\n")
    refuse_unusable_line(text)
    ends = find_bracket_ends(text)
    words, starts, position = [], [], 0
    while (position := skip_space(text, position)) < len(text):
        starts.append(position)
        word, position = take_word(text, position, ends)
        refuse_broken_word(word)
        words.append(word)
    return TypedLine(text, tuple(words), tuple(starts))


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
    return read_line(text).words


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
    is_plain = PLAIN_WORD.fullmatch(word) is not None and "," not in word.partition("=")[0]
    return is_plain and brackets == 2 * len(find_bracket_ends(word))


def refuse_unusable_line(text: str) -> None:
    """Raise UserError for a line that is too long, or that contains characters that people cannot see.

    People approve what they see: so control characters, those that reorder the text around them, and those without a
    width are refused. Tabs and line ends between words are allowed, because pasted commands have them.
    """
    if len(text) > MAX_LINE_CHARACTERS:
        complaint_length = Phrase(
            "The line has {count} characters; the limit is {most}.",
            count=f"{len(text):,}",
            most=MAX_LINE_CHARACTERS_TEXT,
        )
        raise UserError(complaint_length, Phrase("Shorten it."))
    if match := INVISIBLE.search(text):
        complaint = Phrase(
            "The line contains the invisible character `{character}`.", character=describe_character(match[0])
        )
        raise UserError(complaint, Phrase("Leave the character out."))


def refuse_broken_word(word: str) -> None:
    """Raise UserError for a word with a line end or a tab in it: where the word is shown, neither is visible."""
    if char := next((char for char in word if char in "\n\t"), None):
        complaint = Phrase(
            "{word} contains the character `{character}`.",
            word=format_inline_code(word),
            character=describe_character(char),
        )
        raise UserError(complaint, Phrase("Type it on one line, with spaces instead of tabs."))


def skip_space(text: str, position: int) -> int:
    """Return the position after spaces, line ends, commas between words, and the backslashes that continue a line."""
    while position < len(text) and (ends_word(text, position) or text[position] in WORD_SEPARATORS):
        position += 1
    return position


def take_dashes(text: str, start: int) -> tuple[str, int]:
    """Return `--` for the dashes of another keyboard that begin a word, and `-` for a minus sign; else nothing.

    The second value is the position after them.
    """
    end = next((place for place in range(start, len(text)) if text[place] not in f"-{DASHES}"), len(text))
    if text[start:end].isascii():
        return "", start
    is_number = text[end : end + 1].isdecimal() and end - start == 1
    return ("-" if is_number else "--"), end


def take_word(text: str, start: int, ends: Mapping[int, int]) -> tuple[str, int]:
    """Return the word that begins at `start`, and the position after it."""
    word, position = take_dashes(text, start)
    may_quote, in_value = position == start, False
    while not ends_word(text, position) and not separates_words(text, position, in_value):
        char = "=" if text[position] in EQUALS_SIGNS and not in_value else text[position]
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
    complaint = Phrase("A quote opens at {place} and is not closed.", place=format_inline_code(text[start:]))
    raise UserError(complaint, Phrase("Close it with {quote}.", quote=closers[0]))


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


SLACK_NAME = re.compile(
    r"<(?P<sign>@|#|!subteam\^|!(?=here|channel|everyone))(?P<id>[A-Za-z0-9_]{1,40})(?:\^[^<>|]{0,200})?(?:\|[@#]?(?P<label>[^<>|]*+))?>"
)
"""What Slack makes of a name: a person, a channel, a user group, a word such as `@here`; in any case of letters."""


def show_typed_names(text: str) -> str:
    """Return what a person typed with the names that Slack made markup of as they are read.

    >>> show_typed_names("<@U0BEN|ben> <#C0TRAIN|training> <!subteam^S0LEADS|@leads> <!here>")
    '@ben #training @leads @here'
    """
    return SLACK_NAME.sub(lambda name: ("#" if name["sign"] == "#" else "@") + (name["label"] or name["id"]), text)


def format_inline_code(text: str, max_characters: int = 40) -> str:
    r"""Return the text for an error message: short, on one line, in back-ticks that the text itself cannot close.

    >>> format_inline_code("a `b`\nc")
    "`a 'b' c`"
    >>> format_inline_code(""), format_inline_code("<@U0BEN|ben>")
    ('` `', '`@ben`')
    """
    flat = " ".join(to_single_line(show_typed_names(text)).replace("`", "'").split()) or " "
    return f"`{flat}`" if len(flat) <= max_characters else f"`{flat[: max_characters - 1]}…`"


def describe_override_refusal(name: str, override: str) -> Text:
    """Return why a recipe or command refuses a Hydra override."""
    return Phrase(
        "`{name}` takes no Hydra override such as {override}.", name=name, override=format_inline_code(override)
    )


@dataclass(frozen=True, slots=True)
class ParsedArguments:
    """The arguments after a command's name.

    Attributes:
        text: what was typed behind the command.
        thread_run: the run whose thread they were typed in, or None.
        omits_run: whether that run's name was left out, and is filled in.
    """

    names: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    text: str = ""
    thread_run: str | None = None
    omits_run: bool = False

    def get_name(self, index: int) -> str | None:
        """Return the name at this position, or None if there are fewer."""
        return self.names[index] if index < len(self.names) else None

    def get_option(self, key: str) -> str | None:
        """Return the value of an option, or None if it was not typed."""
        return dict(self.parameters).get(key)


def parse_whole_option(arguments: ParsedArguments, key: str, least: int, most: int) -> int:
    """Return the value of an option that is a whole number.

    Raises:
        UserError: it is not a whole number, or out of range.
    """
    typed = arguments.get_option(key) or ""
    text = re.sub("[,_]", "", typed) if re.fullmatch(r"\d{1,3}([,_]\d{3}){1,2}", typed, re.ASCII) else typed
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not least <= int(text) <= most:
        problem = Phrase(
            "`{name}` must be a whole number from {low} to {high}, not {value}.",
            name=key,
            low=least,
            high=f"{most:,}",
            value=format_inline_code(text),
        )
        raise UserError(problem, Phrase("Such as `{key}=20`.", key=key))
    return int(text)
