"""Samples as people see them: complete where they fit, cut in the middle where they do not, never markup."""

from dataclasses import replace

import pytest

from bot.core.model.rollout import RolloutSample, SampleBatch, SampleOrder, ScoreSpread
from bot.slack.views.blocks import MAX_BLOCKS_CHARACTERS, count_block_characters
from bot.slack.views.mrkdwn import count_utf16_units
from bot.slack.views.rollout_views import (
    SamplePage,
    build_samples_answer,
    build_samples_file,
    render_sample_head,
    shorten_middle,
)
from tests.builders import running

SAMPLE = RolloutSample(7, "6*7?", "It is 42.", 0.5, "42", ("calculator", "search"), {"acc": "1"})


def page(*samples: RolloutSample, share: float = 1.0) -> SamplePage:
    return SamplePage(
        running(), SampleBatch(4, (4,), 256, share, ScoreSpread(9, 0, 0.5, 1), samples), SampleOrder.WORST
    )


@pytest.mark.parametrize(
    ("sample", "head"),
    [
        (SAMPLE, "Answer 7 · score 0.50 · expected `42` · 2 tool calls: `calculator`, `search`"),
        (RolloutSample(1, "", ""), "Answer 1 · score unknown"),
        (RolloutSample(1, "", "", 1.0, "", ("",)), "Answer 1 · score 1.00 · 1 tool call"),
        (RolloutSample(1, "", "", 1.0, "<!here> `x`"), "Answer 1 · score 1.00 · expected `&lt;!here&gt; 'x'`"),
    ],
    ids=["whole", "empty", "a call without a name", "hostile"],
)
def test_the_head_of_a_sample_has_its_score_and_its_calls(sample: RolloutSample, head: str) -> None:
    assert render_sample_head(sample).replace("ˋ", "'") == head


@pytest.mark.parametrize("count", [1, 5, 20])
@pytest.mark.parametrize("letter", ["a", "中", "😀", "\n"], ids=["latin", "chinese", "emoji", "lines"])
def test_samples_fit_into_one_message_however_long_they_are(count: int, letter: str) -> None:
    long = replace(SAMPLE, prompt="begin" + letter * 20_000, answer=f"begin{letter * 20_000}end")
    samples = page(*[long] * count)
    answer = build_samples_answer(samples)
    assert count_block_characters(answer["blocks"]) <= MAX_BLOCKS_CHARACTERS
    texts = [block["elements"][0]["elements"][0]["text"] for block in answer["blocks"] if block["type"] == "rich_text"]
    assert len(texts) == count
    assert all(text.startswith("Prompt:\nbegin") and text.endswith("end") for text in texts)
    assert samples.needs_file


def test_a_short_sample_is_whole_with_what_else_its_file_says() -> None:
    (text,) = [
        block["elements"][0]["elements"][0]["text"]
        for block in build_samples_answer(page(SAMPLE))["blocks"]
        if block["type"] == "rich_text"
    ]
    assert text == "Prompt:\n6*7?\n\nAnswer:\nIt is 42.\n\nacc: 1"


def test_what_was_not_read_or_was_cut_is_said() -> None:
    answer = str(build_samples_answer(page(replace(SAMPLE, is_cut=True), share=0.63)))
    assert "I read its first 63% in time" in answer
    assert "cut in the middle" in answer


def test_the_file_has_the_whole_texts() -> None:
    file = build_samples_file(page(replace(SAMPLE, answer="word " * 9_000), SAMPLE))
    assert "word " * 8_999 in str(file.content)
    assert file.name.endswith("-step-4-worst.txt")


def test_a_text_keeps_its_beginning_and_its_end() -> None:
    assert shorten_middle("abc", 3) == "abc"
    short = shorten_middle("begin " + "x" * 100 + " end", 40)
    assert short.startswith("begin")
    assert short.endswith(" end")
    assert count_utf16_units(short) <= 40
