"""Characters that are invisible or change the direction of text, and those that other keyboards type.

The first are found, named, and removed from outside text. Of full-width signs, Chinese commas, phones' quotes and
dashes, the parser reads only what a keyboard types in place of an ASCII sign. NFKC would convert more, and would guess:
it makes 32 of 3², and money is never guessed.
"""

import re
import unicodedata

import re2

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

TOO_MANY_MARKS = re2.compile(rf"[\p{{Mn}}\p{{Me}}]{{{MAX_MARKS_PER_LETTER + 1}}}")
"""More combining marks on end than a letter may have; a text without them needs no closer look."""

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

    The text has no halves of surrogate pairs.

    >>> len(limit_marks("a" + 500 * "\u0301"))
    5
    """
    if not TOO_MANY_MARKS.search(text):
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


FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""The full-width forms of ASCII, from `！` to `～` (Unicode block FF00)."""

HALF_WIDTH_SIGNS = FULL_WIDTH | str.maketrans({"\u3000": " ", "〜": "~", **dict.fromkeys("−﹣‐‑", "-")})

EQUALS_SIGNS = "=＝"
WORD_SEPARATORS = ",，、;；"
"""Signs that part words as a space does, outside of values. Commas behind a digit belong to a number before
another one, and before a dash: `1,000`, `50,-`."""

DASHES = "—–―─－−‒‐‑"
"""What keyboards make of `-` and `--`; Chinese ones type two of `—`."""

HYPHENS = str.maketrans(dict.fromkeys(DASHES, "-"))

CLOSING_QUOTES = {
    '"': '"',
    "'": "'",
    "“": '"“”',
    "”": '"“”',
    "‘": "'‘’",
    "’": "'‘’",
    "„": '"“”',
    "«": "»",
    "「": "」",
    "『": "』",
    "＂": '"＂',
    "＇": "'＇",
}
"""The characters that close a quote, by the character that opens it."""


def to_half_width(text: str) -> str:
    """Return the text with full-width letters, digits and signs as ASCII.

    >>> to_half_width("ｎｏｄｅｓ＝２"), to_half_width("22：00～07：00"), to_half_width("3²")
    ('nodes=2', '22:00~07:00', '3²')
    """
    return text.translate(HALF_WIDTH_SIGNS)


def to_plain_hyphens(text: str) -> str:
    r"""Return the text with half-width letters, and each dash as a hyphen: phones and documents replace those of names.

    >>> to_plain_hyphens("ppo\u20117f3a"), to_plain_hyphens("ppo–7f3a")
    ('ppo-7f3a', 'ppo-7f3a')
    """
    return to_half_width(text).translate(HYPHENS)


def separates_words(text: str, position: int, in_value: bool) -> bool:
    """Return whether the sign at this position parts two words.

    Within a value it does so only in front of another setting, as in `nodes=2，epochs=3`, and only where it is no sign
    of ASCII: lists of Hydra have those.

    >>> separates_words("smoke，nodes=2", 5, False), separates_words("3,50", 1, False)
    (True, False)
    >>> separates_words("why=慢，再来", 5, True), separates_words("nodes=2，epochs=3", 7, True)
    (False, True)
    """
    if text[position] not in WORD_SEPARATORS:
        return False
    if in_value:
        return not text[position].isascii() and begins_setting(text, position + 1)
    around = to_half_width(text[max(position - 1, 0) : position] + text[position + 1 : position + 2])
    return not (len(around) == 2 and around[0].isdecimal() and (around[1].isdecimal() or around[1] in DASHES + "-"))


MAX_KEY_CHARACTERS = 100
"""Maximum characters of the name of a setting."""


def begins_setting(text: str, position: int) -> bool:
    """Return whether `key=` follows, spaces aside."""
    rest = text[position : position + MAX_KEY_CHARACTERS].lstrip()
    end = next((index for index, char in enumerate(rest) if not is_key_character(char)), len(rest))
    return 0 < end < len(rest) and rest[end] in EQUALS_SIGNS


def is_key_character(char: str) -> bool:
    """Return whether the name of a parameter or of an override may contain it."""
    return to_half_width(char).isascii() and (to_half_width(char).isalnum() or to_half_width(char) in "_.+~/@-")
