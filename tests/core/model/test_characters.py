import sys
import unicodedata
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.characters import INVISIBLE, MAX_MARKS_PER_LETTER, clean, is_mark, to_single_line

HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of characters that are not seen."""


def test_every_character_that_is_not_seen_is_found() -> None:
    """Held against Python's own table of Unicode, which grows: a new control character is to be noticed here."""
    every = map(chr, range(sys.maxunicode + 1))
    missed = [char for char in every if unicodedata.category(char) in HIDDEN and not INVISIBLE.match(char)]
    assert missed == ["\t", "\n"]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        pytest.param("a\0\a\x1b[31m\x7f\x9bb", "a[31mb", id="control characters"),
        pytest.param("a\u202eb\u2066c\u2069\u200e\u200f\u061c", "abc", id="what turns the text"),
        pytest.param("a\u200b\u200c\u200d\u2060\ufeff\xadb", "ab", id="without a width"),
        pytest.param("\u3164\u115f\uffa0\u2800", "", id="letters that are blank"),
        pytest.param("a\U000e0069\U000e0067\U000e0101", "a", id="a message in tags"),
        pytest.param("a\r\nb\rc\u2028d\u2029e\x85f\vg\fh", "a\nb\nc\nd\ne\nf\ng\nh", id="ends of lines"),
        pytest.param("a\ud800b\udfff", "a\ufffdb\ufffd", id="halves of pairs"),
        pytest.param("a\ufffe\U0010ffffb", "ab", id="no characters"),
        pytest.param("Z" + 500 * "\u0301" + "a", "Z" + MAX_MARKS_PER_LETTER * "\u0301" + "a", id="a pile of accents"),
        pytest.param("Z" + 500 * "\u20dd", "Z" + MAX_MARKS_PER_LETTER * "\u20dd", id="a pile of circles"),
        pytest.param(
            "naïve Ärger, Việt Nam, 日本語, ❤\ufe0f 🎉", "naïve Ärger, Việt Nam, 日本語, ❤\ufe0f 🎉", id="as it is"
        ),
        pytest.param("שָׁלוֹם مرحبا हिन्दी ไทยที่", "שָׁלוֹם مرحبا हिन्दी ไทยที่", id="scripts with marks"),
        pytest.param("\ta\n", "\ta\n", id="tabs and lines"),
    ],
)
def test_what_is_not_seen_is_taken_out(text: str, seen: str) -> None:
    assert clean(text) == seen


@given(st.text())
def test_a_clean_text_is_seen_whole_can_be_written_and_stays_as_it_is(text: str) -> None:
    found = clean(text)
    assert not INVISIBLE.search(found)
    assert found.encode().decode() == found
    assert clean(found) == found
    assert max((len(list(pile)) for marks, pile in groupby(found, is_mark) if marks), default=0) <= MAX_MARKS_PER_LETTER


@given(st.text())
def test_a_line_is_one_line(text: str) -> None:
    assert len(to_single_line(text).splitlines()) <= 1
