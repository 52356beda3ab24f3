"""Text from outside is read in time that is in proportion to its length: every expression, and everything that takes
lines of a log. A new expression is found by itself."""

import re
from collections.abc import Callable

import pytest

from bot.adapters.sky.calls import without_chatter
from bot.adapters.sky.errors import in_words
from bot.adapters.sky.managed_calls import without_epitaph
from bot.adapters.sky.streams import end_of
from bot.core.failure import diagnose
from bot.core.grammar import bare, json_row, pairs
from bot.core.keeping import step_of
from bot.core.line import LONGEST_LINE, bracket_ends, quote
from bot.core.loglines import bounded, cleaned, failure, fresh, joined, select, whole
from bot.core.reader import Reader
from bot.core.reading import News, Reading, place_after
from bot.slack.blocks import printed
from bot.slack.text import as_typed, code, without_mention
from tests.examples import thorough
from tests.linear import Use, grows_linearly, hard_texts, repeated, uses

USES = list({(use.pattern.pattern, use.is_searched): use for use in uses()}.values())


@pytest.mark.parametrize("use", USES, ids=[use.name for use in USES])
@pytest.mark.long
def test_an_expression_takes_time_in_proportion_to_its_text(use: Use) -> None:
    for make in hard_texts(use.pattern):
        for action in use.actions:
            assert grows_linearly(action, make), f"{use.pattern.pattern!r} on {make(200)!r}"


QUADRATIC = [
    (r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*[a-z]\w*(?:\(\w+\))?(?:: .*|:)?", False),
    (r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", False),
    (r"(?:\([^()]*pid=\d+[^()]*\)\s*)*", False),
    (r"Training Progress:[^|]*\|[^|]*\| *(\d+)/(\d+) \[[^<\]]*<[^,\]]*, *([\d.]+)(s/it|it/s)", True),
    (r"\bray::\S+?\(\) \(pid=\d+(?:, ip=([\w.:]+))?", True),
    (r"\s*\[repeated \d+x across cluster\].*", True),
    (r"\([^()]*\brank=(\d+)\b[^()]*\)", True),
    (r"access to model .* is restricted", True),
    (r"<((?:https?|mailto):[^|>]*)(?:\|([^>]*))?>", True),
    (r"Cluster was terminated by user (?P<user>.+?) \(request ID: ", True),
    (r"(a|a)*b", False),
]
"""Expressions that this bot had, and one that takes exponential time."""


@pytest.mark.parametrize(("pattern", "is_searched"), thorough(QUADRATIC, usual=3))
def test_an_expression_that_takes_longer_is_found(pattern: str, is_searched: bool) -> None:
    use = Use("quadratic", re.compile(pattern), is_searched)
    tried = (grows_linearly(action, make) for make in hard_texts(use.pattern) for action in use.actions)
    assert not all(tried)


STEP = "step:1 - a/b:1.0 - c/d:np.float64(0.5)"

LINES = [
    "(pid=1",
    "(pid=1) ",
    "(rank=1 rank=",
    "Traceback (most recent call last):\nAaaa",
    "Traceback (most recent call last):\n",
    "Training Progress:",
    "Training Progress: 1%|x| 1/9 [0:01<0:02, 1.2.3s/it]\r",
    "ray::ray::",
    STEP + "\n",
    STEP + "\r",
    STEP + " - ",
    "step:1 - a:f(1",
    "Initial validation metrics: {'a': 1,\n",
    "Initial validation metrics: ",
    "'a':np.float64(1, ",
    '{"step": 1, "data": {"a": 1',
    '{"step":[',
    "[prompt]\n[score]\n",
    "same\n",
    "\n",
    "\r",
    "\x1b[",
    "\x1b[36m",
    "[[",
    " ",
    "a.",
    "A",
    "1",
    "é",
    "global_step_",
    "Saving checkpoint to /global_step_1",
    "access to model ",
    "AssertionError",
    "<http:",
    "<@",
    "`",
    '"',
    "<sky-payload>",
]
"""Of each a text is made that has nothing else: beginnings of what is looked for, and what a terminal is drawn with."""


def looked_at(text: str) -> object:
    return Reading().look(text, 0.0, over=True)


def looked_at_again(text: str) -> object:
    reading = Reading(last=("00",) * 63 + ("ff",))
    return reading.look(text, 0.0)


FUNCTIONS: dict[str, Callable[[str], object]] = {
    "Reader.read": lambda text: Reader().read(text),
    "Reading.look": looked_at,
    "Reading.look again": looked_at_again,
    "bare": bare,
    "pairs": pairs,
    "json_row": lambda text: json_row(text, 0.0),
    "cleaned": cleaned,
    "select": lambda text: select(text, 20, "x", 1),
    "failure": failure,
    "diagnose": lambda text: diagnose(text, 2),
    "joined": lambda text: joined(text, "x" + text),
    "joined to its half": lambda text: joined(text[: len(text) // 2], text),
    "whole": lambda text: whole(text, "x" + text),
    "bounded": bounded,
    "fresh": lambda text: fresh(text.split("\n"), "nowhere"),
    "place_after": lambda text: place_after("b" + text, text),
    "place_after, within": lambda text: place_after(text, text + "b" + text[1:]),
    "step_of": step_of,
    "without_chatter": without_chatter,
    "without_epitaph": without_epitaph,
    "in_words": lambda text: in_words("ValueError", text),
    "end_of": lambda text: end_of((text[at : at + 100].encode() for at in range(0, len(text), 100)), 10_000),
    "as_typed": as_typed,
    "without_mention": without_mention,
    "code": code,
    "printed": printed,
    "quote": quote,
    "bracket_ends": bracket_ends,
}


@pytest.mark.parametrize("begin", thorough(["", "(TaskRunner pid=8) ", "[prompt]\n", "a\r"], usual=1))
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.long
def test_a_function_that_takes_text_takes_time_in_proportion_to_it(name: str, begin: str) -> None:
    for line in LINES:
        make = repeated(begin, line)
        assert grows_linearly(FUNCTIONS[name], make, large=8_000, floor=0.01), f"{name} on {make(200)!r}"


def test_the_lines_of_a_look_are_taken_in_few_chunks_however_long_they_are() -> None:
    for text in ("x" * 300_000 + "\n", "x\n" * 1000, "\n" * 1000):
        lines = (text * 3).split("\n")
        news, chunks = News(lines, lines), 0
        while news.lines:
            news, chunks = news.after(news.chunk), chunks + 1
        assert chunks <= 12
    assert LONGEST_LINE < 10_000  # what a person types is split a character at a time
