import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.outbound.message_steps import MessagePost, find_next_step
from bot.slack.views.blocks import (
    Block,
    actions,
    button,
    code_block,
    context,
    count_block_characters,
    fit_blocks,
    fit_message_text,
    output_block,
    section,
)
from bot.slack.views.message import CARD, Message, thread_notice
from bot.slack.views.mrkdwn import count_utf16_units, escape
from slack_playground.checks import check_message
from tests.builders import NOON
from tests.slack.outbound.test_message_steps import PERIOD, stands

LINES = "\n".join(f"line {number} {'x' * 60}" for number in range(200))

TEXTS = st.sampled_from(["short", "word " * 300, "&" * 2_000, "🎉" * 2_500, "`code` " * 400, "<!channel> *b* " * 100])
BLOCKS = st.one_of(
    TEXTS.map(lambda text: section(escape(text, 3_000))),
    TEXTS.map(lambda text: context(escape(text), escape("short"))),
    TEXTS.map(output_block),
    TEXTS.map(lambda text: actions(button(text, "act", "value"))),
)


@given(st.lists(BLOCKS, max_size=60))
def test_whatever_a_message_holds_slack_takes_it(blocks: list[Block]) -> None:
    found = fit_blocks(blocks)
    check_message("text", found)
    assert count_block_characters(found) <= 12_000
    assert found == blocks or count_block_characters(blocks) > 12_000 or len(blocks) > 50


def test_the_longest_texts_give_way_and_short_ones_stay_whole() -> None:
    short, long = section(escape("It failed.")), section(escape("y" * 3_000, 3_000))
    first, *rest = fit_blocks([short, *[long] * 6])
    assert first == short
    lengths = {count_utf16_units(block["text"]["text"]) for block in rest}
    assert max(lengths) < 2_000
    assert min(lengths) > 1_800


def test_of_what_a_program_printed_the_end_is_kept() -> None:
    found = fit_blocks([output_block(LINES)] * 3)[0]["elements"][0]["elements"][0]["text"]
    assert found.startswith("…\nline ")
    assert found.endswith(LINES[-40:])


@pytest.mark.parametrize("text", ["", " ", "\0\u202e", "\u3164"])
def test_where_slack_demands_a_text_there_is_one(text: str) -> None:
    check_message(
        fit_message_text(escape(text)), [section(escape(text)), code_block(text), actions(button(text, "a", "v"))]
    )
    Message("key", escape(text), (context(escape(text)),))


def test_notices_that_have_no_room_in_one_message_come_in_several() -> None:
    card = Message(CARD, escape("card"), (), is_edited=True)
    notices = [thread_notice(f"n{number}", escape("word " * 550, 3_000)) for number in range(6)]
    step = find_next_step(stands(card), [card, *notices], NOON, PERIOD)
    assert isinstance(step, MessagePost)
    assert [one.key for one in step.messages] == ["n0", "n1", "n2", "n3"]
    check_message("text", [block for one in step.messages for block in one.blocks])
