"""The lines of a text that may matter: all of them, in order, each mark looked for once."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.frameworks.verl.line_scanner import LINE_MARKS, MAX_SHORT_GAP, LineScanner
from tests.examples import examples

STEP = "step:3 - critic/rewards/mean:0.25 - actor/lr:1e-06"
PIECES = st.sampled_from([*LINE_MARKS, "Running step: 1%", "x", " " * MAX_SHORT_GAP, "\n", "\r", "\r\n", STEP])


class Counting(str):
    """A text that counts how many characters are looked at."""

    looked_at = 0

    def find(self, *args: Any) -> int:
        found = super().find(*args)
        Counting.looked_at += (found if found >= 0 else args[2]) - args[1]
        return found

    def rfind(self, *args: Any) -> int:
        found = super().rfind(*args)
        Counting.looked_at += args[2] - max(found, args[1])
        return found


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_each_mark_and_each_line_end_is_looked_for_once(end: str) -> None:
    text = Counting((STEP + end + "nothing" + end) * 500)
    lines, found = LineScanner(text, len(text)), 0
    while lines.next_marked_line():
        found += 1
    assert found == 500
    assert Counting.looked_at < (len(LINE_MARKS) + 4) * len(text)
    Counting.looked_at = 0


@given(st.lists(PIECES, max_size=30).map("".join))
@examples(300)
def test_the_marked_lines_are_those_with_a_mark(text: str) -> None:
    lines = LineScanner(text, len(text))
    found = list(iter(lines.next_marked_line, None))
    assert found == [line for line in re.split("[\n\r]", text) if any(mark in line for mark in LINE_MARKS)]


@given(st.lists(PIECES, max_size=30).map("".join), st.integers(0, 9))
@examples(300)
def test_after_lines_that_a_block_takes_the_marked_lines_are_those_that_follow(text: str, taken: int) -> None:
    lines = LineScanner(text, len(text))
    marked = lines.next_marked_line()
    for _ in range(taken):
        lines.next_line()
    found = list(iter(lines.next_marked_line, None))
    whole = re.split("[\n\r]", text)
    start = next((at for at, line in enumerate(whole) if any(mark in line for mark in LINE_MARKS)), len(whole))
    rest = [line for line in whole[start + 1 :] if line][taken:] if marked else []
    assert found == [line for line in rest if any(mark in line for mark in LINE_MARKS)]
