import pytest

from bot.core.model.log_text import MAX_LINE_CHARACTERS
from bot.core.rules.log_lines import GAP_LINE, append_log, select_lines, split_clean_lines, truncate_log

LOG = """\
\x1b[36m(setup pid=3)\x1b[0m ready
(head, rank=0, pid=1) (TaskRunner pid=8) step:1
(worker1, rank=1, pid=2, ip=127.0.0.2) CUDA out of memory
(head, rank=0, pid=1) 10%\r 20%\r 30%
ERROR: Job 1 failed with return code list: [0, 1]
"""


@pytest.mark.parametrize(
    ("asked", "lines"),
    [
        pytest.param({"lines": 2}, ["[0] 30%", "ERROR: Job 1 failed with return code list: [0, 1]"], id="the last"),
        pytest.param({"lines": 9, "node": 1}, ["[1] CUDA out of memory"], id="of a node"),
        pytest.param({"lines": 9, "grep": "cuda"}, ["[1] CUDA out of memory"], id="with a word in any case"),
        pytest.param({"lines": 9, "grep": "nowhere"}, [], id="with a word that is not there"),
    ],
)
def test_lines_are_chosen_and_tidied(asked: dict[str, object], lines: list[str]) -> None:
    assert select_lines(LOG, **asked) == lines  # type: ignore[arg-type]  # a table of keyword arguments


def test_of_one_node_no_rank_is_shown() -> None:
    assert select_lines("(smoke, pid=1) (TaskRunner pid=8) step:1\n(smoke, pid=1) step:2", 9) == ["step:1", "step:2"]


def test_a_log_is_kept_to_its_last_whole_lines() -> None:
    text = "\n".join(f"line {number} é" for number in range(1000))
    kept = truncate_log(text, 100)
    assert len(kept.encode()) <= 100
    assert text.endswith(kept)
    assert kept.startswith("line ")
    assert truncate_log("short", 100) == "short"


@pytest.mark.parametrize("line", ["x" * 9_000, "(head, rank=0, pid=1) " + "y" * 9_000, "\x1b[31m" * 9_000 + "z"])
def test_what_is_shown_of_a_line_is_cut(line: str) -> None:
    assert all(len(shown) <= MAX_LINE_CHARACTERS for shown in select_lines(f"{line}\n{line}\r{line}\n", 9))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("(head, pid=1) 10%\r 20%\r", "(head, pid=1) 20%"),
        ("(head, pid=1) 10%\r\x1b[0m", "(head, pid=1) 10%"),
        ("  indented\r", "  indented"),
        ("a\x00b\x07\tc", "ab\tc"),
        ("INFO [model_runner.py:1110] \x1b[1mgo\x1b[m", "INFO [model_runner.py:1110] go"),
        ("x" * 9_000 + "\rlate", "late"),
        ("1%\r" * 9_000, "1%"),
        ("\r\r\r", ""),
    ],
)
def test_a_line_is_shown_as_a_terminal_leaves_it(line: str, shown: str) -> None:
    assert split_clean_lines(line) == ([shown] if shown else [])


def test_what_was_kept_with_longer_lines_goes_on_without_a_gap() -> None:
    kept = "a\n" + "x" * 16_000 + "\nb"
    assert GAP_LINE not in append_log(kept, "a\n" + "x" * 16_000 + "\nb\nc\n")
