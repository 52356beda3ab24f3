"""Private keys over several lines: whole or cut off, behind the prefixes of programs, and beside other output."""

import random
from string import ascii_letters, digits

import pytest

from bot.core.masking.key_blocks import is_key_text, read_line
from bot.core.masking.secret_shapes import MASKED
from bot.runtime.secret_filter import GENERAL_MASKER

BEGIN, END = "-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----"


def make_lines(count: int, width: int = 70) -> list[str]:
    dice = random.Random(7)
    return ["".join(dice.choices(ascii_letters + digits, k=width)) for _ in range(count)]


LINES = [*make_lines(4), make_lines(1, 22)[0]]
RAY = "\x1b[36m(TaskRunner pid=4711)\x1b[0m "


def mask(*lines: str) -> list[str]:
    return GENERAL_MASKER.mask("\n".join(lines)).split("\n")


@pytest.mark.parametrize(
    "prefix",
    [
        pytest.param("", id="no prefix"),
        pytest.param(RAY, id="Ray's"),
        pytest.param("(worker1, rank=1, pid=9, ip=10.0.0.2) ", id="SkyPilot's"),
        pytest.param("[rank3]: ", id="torch's"),
        pytest.param("    ", id="an indent"),
    ],
)
def test_every_line_of_a_key_is_masked_and_its_edges_and_prefix_stay(prefix: str) -> None:
    shown = mask(*(f"{prefix}{line}" for line in ("before", BEGIN, *LINES, END, "after")))
    assert shown[0] == f"{prefix}before"
    assert shown[-1] == f"{prefix}after"
    assert [line.removeprefix(prefix) for line in shown[2:-2]] == [MASKED] * len(LINES)


def test_of_a_key_whose_beginning_was_cut_off_the_rest_is_masked() -> None:
    assert mask(*LINES, END)[:-1] == [MASKED] * len(LINES)


def test_of_a_key_whose_end_was_cut_off_the_rest_is_masked() -> None:
    assert mask(BEGIN, *LINES)[1:] == [MASKED] * len(LINES)


def test_a_full_line_alone_is_masked() -> None:
    assert mask("the key:", LINES[0], "is private") == ["the key:", MASKED, "is private"]


def test_lines_of_another_process_between_those_of_a_key_stay() -> None:
    other = "(TaskRunner pid=8) step:1 - critic/rewards/mean:0.5"
    mixed = [line for one in (BEGIN, *LINES, END) for line in (f"(a, pid=1) {one}", other)]
    shown = mask(*mixed)
    assert shown.count(other) == len(LINES) + 2
    assert not any(line in "\n".join(shown) for line in LINES)


def test_a_key_in_a_string_of_json_is_masked_on_its_one_line() -> None:
    (shown,) = mask('{"key": "' + "\\n".join([BEGIN, *LINES, END]) + '", "n": 1}')
    assert not any(line in shown for line in LINES)
    assert shown.endswith('"n": 1}')


def test_what_follows_a_key_that_never_ends_is_masked_no_longer_than_it_looks_like_one() -> None:
    prose = "The trainer has started, and saves a checkpoint every ten steps."
    assert mask(BEGIN, *LINES, prose, "word")[-2:] == [prose, "word"]


@pytest.mark.parametrize(
    ("text", "is_key"),
    [(LINES[0].encode(), True), (b"0123456789abcdef" * 4, False), (b"abcdefgh" * 8, False), (b"", False)],
)
def test_hexadecimal_digits_and_words_are_no_line_of_a_key(text: bytes, is_key: bool) -> None:
    assert is_key_text(text) is is_key


def test_a_line_is_read_to_its_end_and_knows_its_process() -> None:
    raw = f"{RAY}{LINES[0]}\nnext".encode()
    line = read_line(raw, 0)
    assert raw[line.start : line.end] == LINES[0].encode()
    assert (line.source, line.next_start) == (b"(TaskRunner pid=4711)", raw.index(b"next"))
    assert line.is_full_key_line(raw)
    last = read_line(raw, line.next_start)
    assert (last.end, last.next_start) == (len(raw), len(raw))
