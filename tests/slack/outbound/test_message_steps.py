from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.model.sent_message import SentMessage
from bot.slack.outbound.message_calls import build_content
from bot.slack.outbound.message_steps import (
    MessageCheck,
    MessageEdit,
    MessagePost,
    MessageStep,
    MessageWait,
    find_next_step,
)
from bot.slack.views.blocks import context, section
from bot.slack.views.message import Attachment, Color, Message
from bot.slack.views.mrkdwn import escape
from slack_playground.checks import check_content
from tests.builders import NOON, at

PERIOD = timedelta(seconds=30)
CARD = Message("card", escape("state 1"), (), urgent="state", is_edited=True)
NEWER = Message("card", escape("state 2"), (), urgent="state", is_edited=True)
OTHER = Message("card", escape("other"), (), urgent="other", is_edited=True)
LAUNCHING = Message("launching", escape("launching"), ())
RUNNING = Message("running", escape("running"), ())
TASK = Message("task", escape("the task"), (), attachment=Attachment.TASK)
ENDED = Message("ended", escape("ended"), (), broadcast=True)


def stands(*messages: Message, ts: str | None = "1.0") -> dict[str, SentMessage]:
    return {one.key: SentMessage(ts, one.digest, one.urgent, NOON) for one in messages}


@pytest.mark.parametrize(
    ("sent", "wanted", "step"),
    [
        pytest.param(stands(), [CARD, LAUNCHING], MessagePost((CARD,)), id="the card comes first"),
        pytest.param(stands(CARD), [CARD], None, id="nothing is lacking"),
        pytest.param(
            stands(CARD), [CARD, LAUNCHING, RUNNING], MessagePost((LAUNCHING, RUNNING)), id="notices come as one"
        ),
        pytest.param(
            stands(CARD), [CARD, LAUNCHING, ENDED], MessagePost((LAUNCHING,)), id="what others see comes by itself"
        ),
        pytest.param(stands(CARD, LAUNCHING), [CARD, LAUNCHING, ENDED], MessagePost((ENDED,)), id="the end"),
        pytest.param(stands(CARD, ts=None), [CARD, LAUNCHING], MessageCheck("card", NOON), id="a doubt about the card"),
        pytest.param(stands(CARD), [NEWER], MessageWait(at(30)), id="a newer card may wait"),
        pytest.param(stands(CARD), [OTHER], MessageEdit(OTHER, "1.0", is_urgent=True), id="another state may not"),
        pytest.param(
            stands(CARD), [NEWER, LAUNCHING], MessagePost((LAUNCHING,)), id="what is missing before what is old"
        ),
        pytest.param(stands(CARD, LAUNCHING), [CARD], None, id="what was said stays said"),
        pytest.param(stands(CARD), [], None, id="nothing is wanted"),
        pytest.param(stands(CARD), [CARD, TASK, LAUNCHING], MessagePost((LAUNCHING,)), id="a file after notices"),
        pytest.param(
            stands(CARD),
            [OTHER, TASK],
            MessageEdit(OTHER, "1.0", is_urgent=True),
            id="a file after a due edit",
        ),
        pytest.param(stands(CARD), [NEWER, TASK], MessagePost((TASK,)), id="a file before an edit that may wait"),
    ],
)
def test_what_is_lacking_is_the_next_step(
    sent: Mapping[str, SentMessage], wanted: list[Message], step: MessageStep | None
) -> None:
    assert find_next_step(sent, wanted, at(10), PERIOD) == step


def test_a_newer_card_waits_no_longer_than_its_period() -> None:
    assert find_next_step(stands(CARD), [NEWER], at(30), PERIOD) == MessageEdit(NEWER, "1.0", is_urgent=False)


def test_a_doubt_about_a_notice_comes_before_anything_new() -> None:
    sent = stands(CARD) | {"launching": SentMessage(None, "", "", at(3))}
    assert find_next_step(sent, [OTHER, LAUNCHING, ENDED], at(10), PERIOD) == MessageCheck("launching", at(3))


@pytest.mark.parametrize("newer", [NEWER, OTHER])
def test_an_edit_that_was_made_by_a_clock_that_was_ahead_holds_up_no_other(newer: Message) -> None:
    step = find_next_step(stands(CARD), [newer], at(-3600), PERIOD)
    assert step == MessageEdit(newer, "1.0", is_urgent=newer is OTHER)


@pytest.mark.parametrize(
    ("color", "top", "hanging"),
    [
        pytest.param(None, 3, [], id="no color: every block is the message's own"),
        pytest.param(Color.FAILED, 1, ["#E01E5A"], id="a color: the title stays, the rest hangs beside the bar"),
    ],
)
def test_a_color_splits_the_title_from_the_rest(color: Color | None, top: int, hanging: list[str]) -> None:
    blocks = (section(escape("title")), context(escape("who")), section(escape("more")))
    content = build_content([Message("card", escape("a text"), blocks, color=color)], lambda one: list(one.blocks))
    assert (len(content["blocks"]), [one["color"] for one in content["attachments"]]) == (top, hanging)
    assert all(one["fallback"] == "a text" and len(one["blocks"]) == 2 for one in content["attachments"])
    check_content(content)


def test_a_message_with_a_bar_comes_by_itself_and_its_color_is_part_of_what_it_shows() -> None:
    colored = replace(LAUNCHING, color=Color.NEEDS_ATTENTION)
    assert colored.digest != LAUNCHING.digest
    assert find_next_step(stands(CARD), [CARD, colored, RUNNING], NOON, PERIOD) == MessagePost((colored,))
    assert find_next_step(stands(CARD), [CARD, RUNNING, colored], NOON, PERIOD) == MessagePost((RUNNING,))
