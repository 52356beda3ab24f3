"""Each of Slack's refusals meets each way in which a person is answered: the answer comes once, and Slack is left alone
after a few tries.
"""

from typing import Any

import pytest

from bot.slack.outbound.refusals import MALFORMED_CODES, NO_PERMISSION_CODES
from slack_playground.workspace import Message
from tests.slack.outbound.test_refusals import (
    DOUBTFUL_CODES,
    RATE_LIMIT_CODES,
    count_refusals,
    for_each_code,
)
from tests.story import ANA, TRAINING, Bot

MAX_TRIES = 6
"""Calls of one method for one answer: three tries, each with its blocks and without."""


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.slack.inbound.background.pause", lambda seconds: None)


def refuse_method(bot: Bot, code: str, method: str, **where: Any) -> None:
    """Let Slack refuse each call of a method, or only one with a code that passes by itself."""
    times = 1 if code in RATE_LIMIT_CODES | DOUBTFUL_CODES else None
    bot.slack.faults({"method": method, "trouble": "refused", "error": code, "times": times} | where)


def concern(code: str) -> dict[str, str]:
    """Which messages get a code: those with blocks for a mistake in them."""
    return {"block": "section"} if code in MALFORMED_CODES else {}


def list_answers(bot: Bot) -> list[Message]:
    """What the bot has said, wherever it is."""
    everything = [message for found in bot.playground._slack.workspace.messages.values() for message in found]
    return [message for message in everything if message.user == "U0VERLBOT"]


def is_private(message: Message) -> bool:
    return message.only_for == ANA or message.channel[0] == "D"


@for_each_code
def test_a_public_answer_comes_once_in_its_channel_or_to_the_person(bot: Bot, code: str) -> None:
    refuse_method(bot, code, "chat.postMessage", channel="C*", **concern(code))
    bot.mention("list")
    assert 1 <= count_refusals(bot, "chat.postMessage", 0) <= MAX_TRIES
    answers = list_answers(bot)
    assert len(answers) == (0 if code in NO_PERMISSION_CODES else 1)
    passes = code in RATE_LIMIT_CODES | DOUBTFUL_CODES | MALFORMED_CODES
    assert all((message.channel == TRAINING) if passes else is_private(message) for message in answers)


@for_each_code
def test_an_answer_to_a_command_comes_once_where_its_url_takes_none(bot: Bot, code: str) -> None:
    refuse_method(bot, code, "response_url", **concern(code))
    bot.say("list")
    assert count_refusals(bot, "response_url", 0) <= MAX_TRIES
    (answer,) = list_answers(bot)
    assert is_private(answer)


@for_each_code
def test_a_form_that_slack_does_not_open_is_asked_for_once_and_explained(bot: Bot, code: str) -> None:
    refuse_method(bot, code, "views.open")
    bot.say("launch")
    assert count_refusals(bot, "views.open", 0) == 1
    (answer,) = list_answers(bot)
    assert is_private(answer)
    assert "window" in answer.text


@for_each_code
def test_a_form_that_slack_does_not_update_is_explained(bot: Bot, code: str) -> None:
    bot.say("launch")
    refuse_method(bot, code, "views.update")
    bot.chooses("ppo")
    assert 1 <= count_refusals(bot, "views.update", 0) <= MAX_TRIES
    passes = code in RATE_LIMIT_CODES | DOUBTFUL_CODES
    assert ["window" in answer.text and is_private(answer) for answer in list_answers(bot)] == (
        [] if passes else [True]
    )
    assert ("GSM8K" in str(bot.view())) == passes
