"""Characters that are invisible, or that change the direction of text: found, named, and removed from outside text."""

import re
import unicodedata

MAX_MARKS_PER_LETTER = 4
"""Maximum combining marks on one letter: pointed Hebrew with its accents has as many, and no language uses more."""

CONTROL_CHARACTERS = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
"""The control characters C0 and C1, except the tab and the line feed."""

FORMAT_CHARACTERS = (
    r"\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
)
"""Characters of Unicode's categories Cf, Zl and Zp: bidirectional controls, zero-width characters, line separators."""

INVISIBLE_FILLERS = (
    r"\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\ufff0-\ufff8"
    r"\U000e0000-\U000e0fff"
)
"""Characters that are drawn as nothing: Unicode's Default_Ignorable_Code_Point, except the two that choose how an emoji
looks, and the empty pattern of Braille. Text and whole messages have been hidden in tags and variation selectors."""

NONCHARACTERS = r"\ud800-\udfff\ufdd0-\ufdef" + "".join(rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(17))
"""Halves of surrogate pairs, which UTF-8 cannot encode, and the code points that Unicode calls noncharacters."""

INVISIBLE = re.compile(f"[{CONTROL_CHARACTERS}{FORMAT_CHARACTERS}{INVISIBLE_FILLERS}{NONCHARACTERS}]")

LINE_ENDS = re.compile("\r\n|[\r\n\v\f\x85\u2028\u2029]")

SURROGATES = re.compile("[\ud800-\udfff]")

POSSIBLE_MARKS = re.compile("[\u0300-\U0010ffff]")
"""The range that holds every combining mark; a text without these characters needs no closer check."""

REPLACEMENT = "\ufffd"

CONTROL_NAMES = {
    "\0": "NUL",
    "\a": "BEL",
    "\b": "backspace",
    "\t": "tab",
    "\n": "line feed",
    "\v": "vertical tab",
    "\f": "form feed",
    "\r": "carriage return",
    "\x1b": "ESC",
    "\x7f": "DEL",
    "\x85": "next line",
    "\x9b": "CSI",
}
"""Names of characters that Unicode calls only "control"."""

CATEGORY_NAMES = {"Cc": "control character", "Cs": "half of a surrogate pair"}


def clean(text: str) -> str:
    r"""Return the text without invisible characters, with line feeds as line ends and few marks on each letter.

    Half of a surrogate pair becomes a replacement character, because a character was there.

    >>> clean("a\0b\u202ec\r\nd\x1b[31m")
    'abc\nd[31m'
    """
    if text.isascii() and text.isprintable():
        return text
    normalised = SURROGATES.sub(REPLACEMENT, LINE_ENDS.sub("\n", text))
    return limit_marks(INVISIBLE.sub("", normalised))


def to_single_line(text: str) -> str:
    r"""Return the clean text on one line: a line end or a tab becomes a blank.

    >>> to_single_line(" a\n\tb\u2028c ")
    'a  b c'
    """
    return clean(text).replace("\n", " ").replace("\t", " ").strip()


def limit_marks(text: str) -> str:
    r"""Return the text with at most `MAX_MARKS_PER_LETTER` combining marks on a letter.

    >>> len(limit_marks("a" + 500 * "\u0301"))
    5
    """
    if not POSSIBLE_MARKS.search(text):
        return text
    characters, mark_count = [], 0
    for character in text:
        mark_count = mark_count + 1 if is_mark(character) else 0
        if mark_count <= MAX_MARKS_PER_LETTER:
            characters.append(character)
    return "".join(characters)


def is_mark(char: str) -> bool:
    """Return whether a character is drawn on the one before it."""
    return unicodedata.category(char) in ("Mn", "Me")


def describe_character(char: str) -> str:
    r"""Return a description by which a person can look up a character that cannot be shown.

    >>> describe_character("\u202e"), describe_character("\0"), describe_character("\x1f"), describe_character("\ud800")
    ('U+202E right-to-left override', 'U+0000 NUL', 'U+001F control character', 'U+D800 half of a surrogate pair')
    """
    name = (
        CONTROL_NAMES.get(char)
        or unicodedata.name(char, "").lower()
        or CATEGORY_NAMES.get(unicodedata.category(char), "")
    )
    return f"U+{ord(char):04X} {name}".strip()
