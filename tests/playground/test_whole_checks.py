"""The double refuses views and messages as a whole as Slack does, with its code and a pointer."""

from typing import Any

import pytest

from slack_playground.checks import Refusal, check_content, check_metadata, check_view, shortened
from tests.playground.payloads import (
    Json,
    chart,
    field,
    home,
    modal,
    mrkdwn,
    plain,
    section,
    table,
    x,
)

BAD_VIEWS: list[Any] = [
    pytest.param({"type": "modal", "blocks": []}, "missing required field: title", "/view", id="no title"),
    pytest.param({"type": "modal", "title": plain()}, "missing required field: blocks", "/view", id="no blocks"),
    pytest.param(
        {"type": "modal", "title": plain(), "blocks": [field()]},
        "missing required field: submit",
        "/view",
        id="no submit",
    ),
    pytest.param(modal(title=mrkdwn()), "unsupported type: mrkdwn", "/view/title/type", id="a title in mrkdwn"),
    pytest.param(modal(notify_on_close=1), "must provide a boolean", "/view/notify_on_close", id="no boolean"),
    pytest.param(home(submit=plain()), "additional property: submit", "/view", id="a Home to submit"),
    pytest.param({"type": "page", "blocks": []}, "unsupported type: page", "/view/type", id="a page"),
    pytest.param(
        modal(blocks=[{"type": "markdown", "text": "x"}]),
        "unsupported type",
        "/view/blocks/0/type",
        id="markdown in a modal",
    ),
    pytest.param(modal(blocks=[table()]), "unsupported type: table", "/view/blocks/0/type", id="a table in a modal"),
    pytest.param(modal(blocks=[chart()]), "unsupported type", "/view/blocks/0/type", id="a chart in a modal"),
    pytest.param(
        home(blocks=[{"type": "markdown", "text": "x"}]),
        "unsupported type",
        "/view/blocks/0/type",
        id="markdown in a Home",
    ),
    pytest.param(
        modal(blocks=[field(element={"type": "plain_text_input", "focus_on_load": True})] * 2),
        "only one element may have focus_on_load",
        "/view/blocks",
        id="two cursors",
    ),
    pytest.param(modal(blocks="x"), "must provide an array", "/view/blocks", id="blocks that are none"),
]


@pytest.mark.parametrize(("view", "why", "where"), BAD_VIEWS)
def test_a_view_that_slack_refuses_is_refused_with_a_pointer(view: Json, why: str, where: str) -> None:
    with pytest.raises(Refusal) as refusal:
        check_view(view, "modal", "home")
    assert refusal.value.code == "invalid_arguments"
    found = [message for message in refusal.value.messages if why in message]
    assert any(message.endswith(f"[json-pointer:{where}]") for message in found), refusal.value.messages


def test_a_view_is_of_the_kind_that_is_asked_for() -> None:
    with pytest.raises(Refusal, match="invalid_arguments"):
        check_view(home(), "modal")
    with pytest.raises(Refusal, match="invalid_arguments"):
        check_view("x", "modal")


def test_a_view_is_not_larger_than_slack_keeps() -> None:
    rows = [section(x(3000)) for _ in range(90)]
    with pytest.raises(Refusal, match="view_too_large"):
        check_view(modal(blocks=rows), "modal")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        pytest.param({}, "no_text", id="nothing"),
        pytest.param({"text": ""}, "no_text", id="an empty text"),
        pytest.param({"blocks": ["x"]}, "invalid_blocks_format", id="blocks that are none"),
        pytest.param({"blocks": {"type": "section"}}, "invalid_blocks_format", id="no list"),
        pytest.param({"blocks": "[{"}, "invalid_blocks_format", id="no JSON"),
        pytest.param({"attachments": "x"}, "invalid_attachments", id="attachments that are none"),
        pytest.param(
            {"attachments": [{"blocks": [{"type": "x"}]}]}, "invalid_attachments", id="a block of an attachment"
        ),
        pytest.param(
            {"attachments": [{"color": "teal", "blocks": [section("x")]}]}, "invalid_attachments", id="a colour's name"
        ),
        pytest.param(
            {"attachments": [{"title": "x", "blocks": [section("x")]}]}, "invalid_attachments", id="a title and blocks"
        ),
        pytest.param({"attachments": [{"color": "#ff0000"}]}, "invalid_attachments", id="an attachment of nothing"),
        pytest.param(
            {"text": "x", "blocks": [section("x")] * 30, "attachments": [{"blocks": [section("x")] * 21}]},
            "invalid_blocks",
            id="too many blocks in all",
        ),
    ],
)
def test_a_message_is_refused_as_a_whole(said: Json, code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        check_content(said)
    assert refusal.value.code == code


def test_attachments_are_old_and_still_taken() -> None:
    check_content({"attachments": [{"color": "#ff0000", "fallback": "x", "blocks": [section("x")]}]})


def test_a_long_text_is_cut_as_slack_cuts_it() -> None:
    assert shortened(x(40_000)) == (x(40_000), [])
    text, warnings = shortened(x(40_001))
    assert len(text) == 40_000
    assert "truncated but still posted" in warnings[0]


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        pytest.param({"event_type": "x"}, "invalid_metadata_format", id="no payload"),
        pytest.param({"event_type": "x", "event_payload": "x"}, "invalid_metadata_format", id="a payload that is none"),
        pytest.param("x", "invalid_metadata_format", id="no object"),
        pytest.param({"event_type": "x", "event_payload": {"a": "x" * 3000}}, "metadata_too_large", id="too large"),
    ],
)
def test_metadata_is_checked(metadata: Any, code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        check_metadata(metadata)
    assert refusal.value.code == code
    check_metadata({"event_type": "x", "event_payload": {}})
