import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.characters import INVISIBLE, describe_character
from bot.core.model.typed_text import MAX_LINE_CHARACTERS, format_inline_code, join_words, split_words
from bot.errors import UserError

AWKWARD = st.sampled_from("ab=[](){}\"'“”‘’\\—–- ,.$`;&|<>")
ANY = st.characters()
SEEN = st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]).filter(lambda char: not INVISIBLE.match(char))
WORDS = st.lists(st.text(AWKWARD | SEEN), max_size=6).map(tuple)
UNSEEABLE = (
    "\0\a\b\v\f\r\x1b\x1f\x7f\x85\x9b\xad\u061c\u200b\u200d\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\u3164"
    "\U000e0041\ud800"
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("launch ppo  nodes=2", ("launch", "ppo", "nodes=2"), id="spaces"),
        pytest.param("'data.prompt_key=a b'", ("data.prompt_key=a b",), id="a quoted word"),
        pytest.param('data.prompt_key="a b"', ("data.prompt_key=a b",), id="a quoted value"),
        pytest.param("data.prompt_key=“a b”", ("data.prompt_key=a b",), id="quotes of a phone"),
        pytest.param("data.prompt_key=‘a b’", ("data.prompt_key=a b",), id="single quotes of a phone"),
        pytest.param("trainer.logger=[console,wandb]", ("trainer.logger=[console,wandb]",), id="a list"),
        pytest.param("a.b=[x, 'y z'] c", ("a.b=[x, 'y z']", "c"), id="a list with spaces and quotes"),
        pytest.param("a.b=[“x y”]", ('a.b=["x y"]',), id="a list with quotes of a phone"),
        pytest.param("+a.b={c: {d: 1}}", ("+a.b={c: {d: 1}}",), id="nested brackets"),
        pytest.param("grep=(", ("grep=(",), id="a bracket that never closes"),
        pytest.param("grep=( a)", ("grep=( a)",), id="a bracket that closes later"),
        pytest.param("note=it's fine", ("note=it's", "fine"), id="an apostrophe"),
        pytest.param('a="b"c', ('a="b"c',), id="a quote inside a word"),
        pytest.param(r'say="a \"b\" \\"', ('say=a "b" \\',), id="escapes between double quotes"),
        pytest.param(r"say='a \n'", (r"say=a \n",), id="no escapes between single quotes"),
        pytest.param("launch ppo —dry-run", ("launch", "ppo", "--dry-run"), id="the dash of a phone"),
        pytest.param("name=a—b", ("name=a—b",), id="a dash inside a word"),
        pytest.param("launch \\\n  ppo", ("launch", "ppo"), id="a continued line"),
        pytest.param("launch \\\r\n\tppo", ("launch", "ppo"), id="a continued line of Windows, with a tab"),
        pytest.param("launch\nppo\r\nnodes=2", ("launch", "ppo", "nodes=2"), id="words on lines of their own"),
        pytest.param("note=“家族”", ("note=家族",), id="another script"),
        pytest.param("note=❤\ufe0f", ("note=❤\ufe0f",), id="an emoji as phones write it"),
        pytest.param("x=$(rm -rf /)", ("x=$(rm -rf /)",), id="nothing is expanded"),
        pytest.param("a=''", ("a=",), id="an empty value"),
        pytest.param("   ", (), id="nothing"),
    ],
)
def test_a_line_is_cut_into_the_words_that_were_meant(text: str, words: tuple[str, ...]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        pytest.param("x='a b", "Close it with '.", id="a quote that is not closed"),
        pytest.param("“a b", 'Close it with ".', id="a phone's quote that is not closed"),
        *(
            pytest.param(f"note=a{char}b", "Leave the character out.", id=describe_character(char))
            for char in UNSEEABLE
        ),
        pytest.param("\ufefflaunch", "Leave the character out.", id="a byte order mark before it"),
        *(
            pytest.param(text, "Type it on one line, with spaces instead of tabs.", id=repr(text))
            for text in ("note='a\nb'", 'note="a\\\nb"', "note=[a,\n b]", "'note=a\tb'", "note={a:\t1}")
        ),
        pytest.param("a" * (MAX_LINE_CHARACTERS + 1), "Shorten it.", id="too long"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused_with_the_remedy(text: str, hint: str) -> None:
    with pytest.raises(UserError) as refusal:
        split_words(text)
    assert str(refusal.value.hint) == hint


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("launch ppo note=a\u202eb", "The line contains the invisible character `U+202E right-to-left override`"),
        ("launch\x1b[31m ppo", "The line contains the invisible character `U+001B ESC`"),
        ("launch ppo 'note=a\n:ok: b'", "`note=a :ok: b` contains the character `U+000A line feed`"),
    ],
)
def test_the_refusal_of_a_character_names_it(text: str, named: str) -> None:
    with pytest.raises(UserError, match=re.escape(named)):
        split_words(text)


@given(WORDS)
def test_words_come_back_from_the_line_that_they_are_joined_to(words: tuple[str, ...]) -> None:
    assert split_words(join_words(words)) == words


@given(st.text(AWKWARD | st.sampled_from(f"\n\t{UNSEEABLE}") | ANY))
def test_what_is_shown_of_a_text_stays_on_one_short_line_of_code(text: str) -> None:
    there = format_inline_code(text)
    assert len(there) <= 42
    assert "\n" not in there
    assert there.count("`") == 2
    assert not INVISIBLE.search(there)
