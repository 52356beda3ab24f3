"""Texts that are hard to take: hostile ones, odd characters, and changes to lines that people and programs write."""

from hypothesis import strategies as st

from tests.hostile import HOSTILE
from tests.secret_corpus import Planted, corpus

PLANTED = list(corpus(seed=14, each=2))
"""Secrets as they are printed."""

ODD = st.sampled_from(
    [
        *HOSTILE,
        *("\0", "\x1b[31m", "\u202e", "\ud800", "\u2028", "\r", "\n", "\t", "\\", "\\\n", "`", "'", '"', "“", "’"),
        *("<", ">", "&", "&lt;", "<!channel>", "*", "_", "~", "|", "=", "==", "-", "--", "—", "+", "@", "#", "/", "."),
        *("[", "]", "{", "}", "(", ")", ":", "${x}", "$(touch pwned)", "%s", "{0}", "nan", "inf", "1e308", "1e-320"),
        *("9" * 400, "a" * 5_000, "-1", "0", "٣", "½", "true", "null", "~", "é", "🎉"),
    ]
)
"""Pieces that mean something to a program on the way."""

ANY = st.text(max_size=12) | ODD


@st.composite
def changed(draw: st.DrawFn, lines: st.SearchStrategy[str]) -> str:
    """A line with up to three changes: something put in, cut out, doubled, or brought to another place."""
    text = draw(lines)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(start + draw(st.integers(0, 9)), len(text))
        text = draw(st.sampled_from([inserted, removed, doubled, replaced, moved]))(text, start, end, draw(ANY))
    return text


def inserted(text: str, start: int, _: int, piece: str) -> str:
    return text[:start] + piece + text[start:]


def removed(text: str, start: int, end: int, _: str) -> str:
    return text[:start] + text[end:]


def doubled(text: str, start: int, end: int, _: str) -> str:
    return text[:end] + text[start:]


def replaced(text: str, start: int, end: int, piece: str) -> str:
    return text[:start] + piece + text[end:]


def moved(text: str, start: int, end: int, _: str) -> str:
    return text[start:end] + text[:start] + text[end:]


def secrets() -> st.SearchStrategy[Planted]:
    return st.sampled_from(PLANTED)
