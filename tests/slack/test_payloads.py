"""Deliveries that Slack does not send are refused before any listener, and leave no traceback: all found by fuzzing."""

import json
import logging
from typing import Any

import pytest
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.slack.inbound.socket_mode import find_sender, parse_message
from bot.slack.payloads import MalformedDelivery, check_delivery, dispatch_delivery
from tests.fuzz.documents import having, without
from tests.fuzz.payloads import FORM, ON_CARD, WHOLE, command, envelope, event, press
from tests.story import Bot

MENTION = event(type="app_mention", text="hi", channel="C0TRAIN", ts="1.0")
SUBMISSION = WHOLE[-1]

MALFORMED = {
    "a command of nobody": without(command("status"), ("user_id",)),
    "a command of a number": having(command("status"), ("user_id",), 7),
    "a line that is a list": having(command("status"), ("text",), ["status"]),
    "an event that is a text": having(MENTION, ("event",), "app_mention"),
    "a mention nowhere": without(MENTION, ("event", "channel")),
    "an event without an id": without(MENTION, ("event_id",)),
    "a page opened by nobody": without(event(type="app_home_opened", tab="home"), ("event", "user")),
    "a press by nobody": without(press("stop", "a", ON_CARD), ("user",)),
    "a press of nothing": having(press("stop", "a", ON_CARD), ("actions",), []),
    "a form without fields": having(SUBMISSION, ("view", "blocks"), []),
    "an event of no kind": having(without(MENTION, ("type",)), ("event",), None),
    "a form without an id": without(SUBMISSION, ("view", "id")),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_what_slack_does_not_send_is_refused_without_a_word_of_it(body: dict[str, Any]) -> None:
    with pytest.raises(MalformedDelivery) as refused:
        check_delivery(body)
    assert "C0TRAIN" not in str(refused.value)


def test_what_slack_sends_is_taken() -> None:
    for body in WHOLE:
        check_delivery(body)


def test_slacks_own_tests_are_left_to_bolt() -> None:
    check_delivery({"type": "url_verification", "challenge": 7})


LATE = {
    "a value of one word": press("keep_model", "smoke-0001", ON_CARD),
    "a time that is none": press("keep_model", "smoke-0001 soon", ON_CARD),
    "a time beyond all dates": press("keep_model", "smoke-0001 1e300", ON_CARD),
    "hours that are none": press("extend-2", "smoke-0001 nan 0", ON_CARD),
    "no value": press("stop", None, ON_CARD),
    "a question without a message": press("launch-sure", "launch smoke", {"channel": {"id": "C0TRAIN"}}),
    "a form of nothing": press("form_preview", None, {"view": having(FORM, ("private_metadata",), "[]")}),
    "a form without a recipe": press("form_preview", None, {"view": having(FORM, ("private_metadata",), "{}")}),
}


@pytest.mark.parametrize("body", [*MALFORMED.values(), *LATE.values()], ids=[*MALFORMED, *LATE])
def test_a_malformed_delivery_is_refused_and_leaves_no_traceback(
    bot: Bot, body: Any, caplog: pytest.LogCaptureFixture
) -> None:
    request = SocketModeRequest.from_dict(envelope(body))
    assert request is not None
    with caplog.at_level(logging.WARNING):
        assert dispatch_delivery(bot.app, request).status == 400
    assert "a delivery is not what Slack sends" in caplog.text
    assert "Traceback" not in caplog.text
    assert bot.store.list_open_runs() == []


WITH_A_LIST = json.dumps(envelope(["status"]))


@pytest.mark.parametrize(
    "text", ["", "7", "[]", "{", '{"type": 7}', '{"type": "hello", "envelope_id": []}', "[" * 9000, WITH_A_LIST]
)
def test_a_message_of_the_socket_that_is_none_is_passed_over(text: str) -> None:
    assert parse_message(text) == {}


@pytest.mark.parametrize("body", ["text", {"event": "x"}, {"user": [1]}, {"user": {"id": 7}}])
def test_a_delivery_that_names_nobody_is_of_nobody(body: Any) -> None:
    request = SocketModeRequest.from_dict(json.loads(json.dumps(envelope(body))))
    assert request is not None
    assert find_sender(request) == ""
