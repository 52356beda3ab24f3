"""Bars of verl's: what is read of a plain one at a glance is what the general parser reads of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.frameworks.verl.line_parser import PLAIN_BAR, parse_plain_bar
from bot.core.frameworks.verl.log_grammar import find_step, parse_event
from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.model.log_text import strip_prefixes
from bot.core.model.metrics import ProgressBar, TotalSteps

HEADS = (
    "",
    "\x1b[36m(TaskRunner pid=8)\x1b[0m ",
    "(head, rank=0, pid=7) (TaskRunner pid=8) ",
    "2026-11-30T14:20:51.566275000Z stdout F ",
    "[default0]:",
)
BAR = "Training Progress:  23%|██▎       | 100/435 [12:08<40:33,  7.26s/it]"


@given(head=st.sampled_from(HEADS), bar=st.from_regex(PLAIN_BAR, fullmatch=True))
def test_a_plain_bar_is_read_as_by_the_general_parser(head: str, bar: str) -> None:
    line = strip_prefixes(head + bar)
    assert find_step(line) is None
    assert parse_plain_bar(head + bar) == parse_event(line)


def test_a_bar_behind_each_prefix_is_plain() -> None:
    assert {parse_plain_bar(head + BAR) for head in HEADS} == {ProgressBar(100, 435, 7.26)}


@pytest.mark.parametrize(
    "line",
    [
        f"as I said: {BAR}",
        f"{BAR} step:101 - critic/rewards/mean:0.5",
        BAR.replace("7.26s/it", "?s/it"),
        BAR.replace("██▎       ", "see global_step_7"),
        "[response] " + BAR,
    ],
)
def test_a_line_with_more_than_a_bar_is_left_to_the_general_parser(line: str) -> None:
    assert parse_plain_bar(line) is None


def test_a_bar_of_an_epoch_counts_the_steps_of_all() -> None:
    assert parse_plain_bar("Epoch 2/6: 13%|█| 8/62 [00:52<05:49,  6.47s/it]") == ProgressBar(70, 372, 6.47, True)


def test_a_bar_in_an_answer_of_the_model_is_no_event() -> None:
    answer = f"[prompt] show a bar\n[response] like this\n{BAR}\n[score] 0.5\n"
    assert [event for event in LogParser().parse(answer)[1] if isinstance(event, (ProgressBar, TotalSteps))] == []
