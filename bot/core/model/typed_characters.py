"""Characters of other keyboards: full-width signs, Chinese commas, phones' quotes and dashes, as the parser reads them.

Only what a keyboard types in place of an ASCII sign is converted. NFKC would convert more, and would guess: it makes 32
of 3², and money is never guessed.
"""

FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""The full-width forms of ASCII, from `！` to `～` (Unicode block FF00)."""

HALF_WIDTH_SIGNS = FULL_WIDTH | str.maketrans({"\u3000": " ", "〜": "~", "−": "-", "﹣": "-"})

EQUALS_SIGNS = "=＝"
WORD_SEPARATORS = ",，、;；"
"""Signs that part words as a space does, outside of values. Commas between two digits belong to a number."""

DASHES = "—–―─－−‒"
"""What keyboards make of `--`; Chinese ones type two of `—`."""

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
    around = text[max(position - 1, 0) : position] + text[position + 1 : position + 2]
    return not (len(around) == 2 and to_half_width(around).isdecimal())


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
