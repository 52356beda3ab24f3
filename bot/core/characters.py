"""Characters that nobody sees, or that turn the text around them: found, named, and taken out of text from outside."""

import re
import unicodedata

MARKS_KEPT = 4
"""Combining marks on one letter: pointed Hebrew with its accents has as many, and no language has more in use."""

CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
"""C0 and C1, but for the tab and the line feed."""

FORMATS = (
    r"\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
)
"""Unicode's categories Cf, Zl and Zp: bidirectional controls, zero-width characters, separators of lines."""

FILLERS = (
    r"\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\ufff0-\ufff8"
    r"\U000e0000-\U000e0fff"
)
"""What is drawn as nothing: Unicode's Default_Ignorable_Code_Point but for the two that choose how an emoji looks, and
the empty pattern of Braille. Text and whole messages have been hidden in tags and variation selectors."""

NO_CHARACTERS = r"\ud800-\udfff\ufdd0-\ufdef" + "".join(rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(17))
"""Halves of surrogate pairs, which UTF-8 cannot write, and what Unicode says is no character."""

UNSEEN = re.compile(f"[{CONTROLS}{FORMATS}{FILLERS}{NO_CHARACTERS}]")

LINE_ENDS = re.compile("\r\n|[\r\n\v\f\x85\u2028\u2029]")

HALVES = re.compile("[\ud800-\udfff]")

MAY_BE_MARKS = re.compile("[\u0300-\U0010ffff]")
"""No combining mark comes before these, so most texts need no closer look."""

REPLACEMENT = "\ufffd"

NAMES = {
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
"""Of those that Unicode gives no name but "control"."""

NAMELESS = {"Cc": "control character", "Cs": "half of a surrogate pair"}


def clean(text: str) -> str:
    """Return the text without what cannot be seen in it, its lines ended by line feeds, each letter with few marks.

    Half of a surrogate pair becomes a replacement character, because something stood there.

    >>> clean("a\\0b\\u202ec\\r\\nd\\x1b[31m")
    'abc\\nd[31m'
    """
    if text.isascii() and text.isprintable():
        return text
    ended = HALVES.sub(REPLACEMENT, LINE_ENDS.sub("\n", text))
    return without_piles(UNSEEN.sub("", ended))


def one_line(text: str) -> str:
    """Return the clean text on one line: what ends a line and a tab become a blank.

    >>> one_line(" a\\n\\tb\\u2028c ")
    'a  b c'
    """
    return clean(text).replace("\n", " ").replace("\t", " ").strip()


def without_piles(text: str) -> str:
    """Return the text with at most `MARKS_KEPT` combining marks on a letter.

    >>> len(without_piles("a" + 500 * "\\u0301"))
    5
    """
    if not MAY_BE_MARKS.search(text):
        return text
    kept, marks = [], 0
    for char in text:
        marks = marks + 1 if is_mark(char) else 0
        if marks <= MARKS_KEPT:
            kept.append(char)
    return "".join(kept)


def is_mark(char: str) -> bool:
    """Return whether a character is drawn on the one before it."""
    return unicodedata.category(char) in ("Mn", "Me")


def name_of(char: str) -> str:
    """Return how a person may look a character up that cannot be shown.

    >>> name_of("\\u202e"), name_of("\\0"), name_of("\\x1f"), name_of("\\ud800")
    ('U+202E right-to-left override', 'U+0000 NUL', 'U+001F control character', 'U+D800 half of a surrogate pair')
    """
    name = NAMES.get(char) or unicodedata.name(char, "").lower() or NAMELESS.get(unicodedata.category(char), "")
    return f"U+{ord(char):04X} {name}".strip()
