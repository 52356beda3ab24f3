"""What Slack would drop or repeat: a button that no listener knows, an answer too long to acknowledge with."""

import pytest
from slack_bolt import BoltRequest

from bot.slack.views.blocks import section
from bot.slack.views.mrkdwn import escape
from tests.story import ANA, TRAINING, Bot


def test_a_button_of_an_older_version_is_acknowledged_and_explained(bot: Bot) -> None:
    bot.click("gone", "smoke-0001")
    assert "older version" in bot.told()


def test_a_link_is_acknowledged_without_a_word(bot: Bot) -> None:
    where = {"channel": {"id": TRAINING}, "response_url": bot.playground._deliveries.new_response_url(ANA, TRAINING)}
    bot.act(where, {"type": "button", "action_id": "docs", "url": "https://docs.example"}, ANA)
    assert "older version" not in bot.reads()


def test_an_event_that_no_listener_takes_is_acknowledged(bot: Bot) -> None:
    event = {"type": "channel_archive", "channel": TRAINING}
    body = {"type": "event_callback", "team_id": "T0PLAY", "event_id": "Ev1", "event": event}
    assert bot.app.dispatch(BoltRequest(body=body, mode="socket_mode")).status == 200


def test_an_answer_too_long_for_an_acknowledgement_comes_after_it(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    long = {"text": "x" * 3_500, "blocks": [section(escape("y" * 2_000))] * 5}
    monkeypatch.setattr(type(bot.listeners.commands), "answer", lambda *_: lambda: long)
    assert bot.say("list") == ""
    assert "yyy" in bot.told()
