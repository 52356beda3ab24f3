"""Text from outside is read in time that is in proportion to its length: every expression, and everything that takes
lines of a log. A new expression is found by itself."""

import re
from collections.abc import Callable

import pytest

from bot.adapters.sky.refusal_advice import describe_error
from bot.adapters.sky.remote_output import decode_end
from bot.adapters.sky.sdk_clusters import remove_skypilot_lines
from bot.adapters.sky.sdk_jobs import remove_no_log_message
from bot.core.frameworks.verl.log_grammar import parse_json_metrics, parse_pairs
from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.model.checkpoint_paths import parse_step_number
from bot.core.model.log_text import strip_prefixes
from bot.core.model.typed_text import MAX_LINE_CHARACTERS, find_bracket_ends, quote_word
from bot.core.rules.failure_diagnosis import diagnose
from bot.core.rules.log_cursor import LogCursor, NewLines, find_resume_index
from bot.core.rules.log_lines import (
    append_log,
    find_failure,
    find_new_lines,
    merge_logs,
    select_lines,
    split_clean_lines,
    truncate_log,
)
from bot.slack.views.blocks import output_block
from bot.slack.views.mrkdwn import code
from bot.slack.views.typed_markup import restore_typed_text, strip_mention
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
    return LogCursor().read_tail(text, 0.0, is_final=True)


def looked_at_again(text: str) -> object:
    reading = LogCursor(last_digests=("00",) * 63 + ("ff",))
    return reading.read_tail(text, 0.0)


FUNCTIONS: dict[str, Callable[[str], object]] = {
    "LogParser.parse": lambda text: LogParser().parse(text),
    "LogCursor.read_tail": looked_at,
    "LogCursor.read_tail again": looked_at_again,
    "strip_prefixes": strip_prefixes,
    "parse_pairs": parse_pairs,
    "parse_json_metrics": lambda text: parse_json_metrics(text, 0.0),
    "split_clean_lines": split_clean_lines,
    "select_lines": lambda text: select_lines(text, 20, "x", 1),
    "find_failure": find_failure,
    "diagnose": lambda text: diagnose(text, 2),
    "append_log": lambda text: append_log(text, "x" + text),
    "append_log to its half": lambda text: append_log(text[: len(text) // 2], text),
    "merge_logs": lambda text: merge_logs(text, "x" + text),
    "truncate_log": truncate_log,
    "find_new_lines": lambda text: find_new_lines(text.split("\n"), "nowhere"),
    "find_resume_index": lambda text: find_resume_index("b" + text, text),
    "find_resume_index, within": lambda text: find_resume_index(text, text + "b" + text[1:]),
    "parse_step_number": parse_step_number,
    "remove_skypilot_lines": remove_skypilot_lines,
    "remove_no_log_message": remove_no_log_message,
    "describe_error": lambda text: describe_error("ValueError", text),
    "decode_end": lambda text: decode_end((text[at : at + 100].encode() for at in range(0, len(text), 100)), 10_000),
    "restore_typed_text": restore_typed_text,
    "strip_mention": strip_mention,
    "code": code,
    "output_block": output_block,
    "quote_word": quote_word,
    "find_bracket_ends": find_bracket_ends,
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
        news, chunks = NewLines(lines, lines), 0
        while news.lines:
            news, chunks = news.drop_first(news.chunk_size), chunks + 1
        assert chunks <= 12
    assert MAX_LINE_CHARACTERS < 10_000  # what a person types is split a character at a time
