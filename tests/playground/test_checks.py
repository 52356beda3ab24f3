"""The double itself is held against good and bad payloads, one for each thing that Slack refuses."""

from typing import Any

import pytest

from bot.playground.checks import KNOWN_BLOCKS, Refusal, check_blocks, check_message, check_metadata
from bot.slack.blocks import actions, button, confirm, context, preformatted, section

Block = dict[str, Any]
PLAIN = {"type": "plain_text", "text": "ok"}


def header(text: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": text}}


def fields(count: int, text: str = "x") -> Block:
    return {"type": "section", "fields": [{"type": "mrkdwn", "text": text}] * count}


def a_button(**changes: Any) -> Block:
    return actions(button("Stop", "stop", "ppo-1") | changes)


GOOD = [
    pytest.param([section("x" * 3000)], id="a section at its limit"),
    pytest.param([header("x" * 150)], id="a header at its limit"),
    pytest.param([context(*["x" * 900] * 10)], id="ten context elements"),
    pytest.param([fields(10)], id="ten fields"),
    pytest.param([a_button(value="x" * 2000)], id="a button's value at its limit"),
    pytest.param([actions(*(button("x", f"a{n}", "v") for n in range(25)))], id="25 actions"),
    pytest.param([actions(button("x", "a", "v", confirm("t", "q", "yes", "no")))], id="a question"),
    pytest.param([preformatted("x")], id="preformatted text"),
    pytest.param([{"type": "divider"}] * 50, id="50 blocks"),
]
BAD = [
    pytest.param([{"type": "divider"}] * 51, "no more than 50 items", id="51 blocks"),
    pytest.param([{"type": "carousel"}], "unsupported type: carousel", id="an unknown block"),
    pytest.param([{}], "unsupported type", id="no type"),
    pytest.param([{"type": "section"}], "missing required field: text", id="an empty section"),
    pytest.param([{"type": "section", "text": "x"}], "must be a text object", id="text that is no object"),
    pytest.param([section("")], "more than 0 characters", id="an empty text"),
    pytest.param(
        [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}], "less than 3001", id="a long section"
    ),
    pytest.param([header("x" * 151)], "less than 151", id="a long header"),
    pytest.param([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "plain_text", id="a header in mrkdwn"),
    pytest.param([fields(11)], "no more than 10 items", id="eleven fields"),
    pytest.param([fields(1, "x" * 2001)], "less than 2001", id="a long field"),
    pytest.param([context(*["x"] * 11)], "1 to 10 items", id="eleven context elements"),
    pytest.param([actions()], "1 to 25 items", id="no actions"),
    pytest.param([a_button(text={"type": "plain_text", "text": "x" * 76})], "less than 76", id="a long button"),
    pytest.param([a_button(text={"type": "mrkdwn", "text": "x"})], "plain_text", id="a button in mrkdwn"),
    pytest.param([a_button(value="x" * 2001)], "less than 2001", id="a long value"),
    pytest.param([a_button(action_id="x" * 256)], "less than 256", id="a long action id"),
    pytest.param(
        [actions(button("x", "a", "1"), button("y", "a", "2"))], "action_ids must be unique", id="one id twice"
    ),
    pytest.param([{"type": "divider", "block_id": "b"}] * 2, "block_ids must be unique", id="one block id twice"),
    pytest.param([{"type": "divider", "block_id": "x" * 256}], "less than 256", id="a long block id"),
    pytest.param([a_button(confirm={"text": PLAIN})], "1 to 100 characters", id="a question without a title"),
    pytest.param([{"type": "rich_text", "elements": []}], "at least one element", id="rich text without elements"),
    pytest.param([{"type": "markdown", "text": "x" * 12001}], "less than 12001", id="long markdown"),
]


@pytest.mark.parametrize("blocks", GOOD)
def test_what_slack_takes_is_taken(blocks: list[Block]) -> None:
    check_message("text", blocks)


@pytest.mark.parametrize(("blocks", "why"), BAD)
def test_what_slack_refuses_is_refused_with_a_pointer(blocks: list[Block], why: str) -> None:
    with pytest.raises(Refusal) as refusal:
        check_blocks(blocks, 50)
    assert refusal.value.code == "invalid_blocks"
    assert any(why in message and "json-pointer:/blocks" in message for message in refusal.value.messages)


@pytest.mark.parametrize(
    ("text", "blocks", "code"),
    [
        pytest.param("", [], "no_text", id="nothing"),
        pytest.param("x" * 40_001, [], "msg_too_long", id="too long a text"),
        pytest.param("x", [section("x" * 2900)] * 5, "msg_blocks_too_long", id="too long altogether"),
        pytest.param("x", ["x"], "invalid_blocks_format", id="no blocks"),
        pytest.param("x", {"type": "section"}, "invalid_blocks_format", id="no list"),
    ],
)
def test_a_message_is_refused_as_a_whole(text: str, blocks: Any, code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        check_message(text, blocks)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        pytest.param({"event_type": "x"}, "invalid_metadata_format", id="no payload"),
        pytest.param("x", "invalid_metadata_format", id="no object"),
        pytest.param({"event_type": "x", "event_payload": {"a": "x" * 3000}}, "metadata_too_large", id="too large"),
    ],
)
def test_metadata_is_checked(metadata: Any, code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        check_metadata(metadata)
    assert refusal.value.code == code
    check_metadata({"event_type": "x", "event_payload": {}})


def test_newer_blocks_are_known() -> None:
    assert {"data_visualization", "table", "markdown", "rich_text"} <= KNOWN_BLOCKS
