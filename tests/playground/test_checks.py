"""The double is held against good and bad payloads: what Slack refuses is refused, with its code and a pointer."""

from typing import Any

import pytest

from bot.slack.views.blocks import code_block
from slack_playground.checks import Refusal, check_blocks
from tests.playground.payloads import (
    Json,
    actions,
    button,
    chart,
    element,
    field,
    image,
    mrkdwn,
    option,
    options,
    pie,
    plain,
    rich,
    section,
    select,
    series,
    table,
)

GOOD = [
    pytest.param(code_block("x"), id="preformatted text"),
    pytest.param(
        rich({"type": "user", "user_id": "U0ANA"}, {"type": "emoji", "name": "x"}), id="a person and an emoji"
    ),
    pytest.param(select(initial_option=option(1)), id="a menu that begins with one of its options"),
    pytest.param(
        element("static_select", option_groups=[{"label": plain(), "options": options(2)}], initial_option=option(1)),
        id="a menu that begins with one of a group",
    ),
    pytest.param(element("datepicker", initial_date="2026-01-31"), id="a date"),
    pytest.param(element("timepicker", initial_time="23:59"), id="a time"),
    pytest.param(element("number_input", is_decimal_allowed=False, min_value="1", max_value="8"), id="a number"),
    pytest.param(element("conversations_select", filter={"include": ["public"]}), id="a filter"),
    pytest.param(section("x") | {"accessory": button()}, id="a button beside a text"),
    pytest.param(section("x") | {"accessory": image()}, id="a picture beside a text"),
    pytest.param({"type": "image", "alt_text": "x", "slack_file": {"id": "F1"}}, id="a picture of Slack's own"),
    pytest.param(pie({"label": "x", "value": 0.1}), id="a pie"),
    pytest.param(chart(kind="area"), id="an area"),
    pytest.param(chart(kind="bar"), id="bars"),
    pytest.param({"type": "task_card", "task_id": "1", "title": "x", "status": "in_progress"}, id="a task"),
]


@pytest.mark.parametrize("block", GOOD)
def test_what_slack_takes_is_taken(block: Json) -> None:
    check_blocks([block])


ROW = "/elements/0"
BAD: list[Any] = [
    pytest.param({"type": "unheard_of"}, "unsupported type: unheard_of", "/type", id="an unknown block"),
    pytest.param({}, "unsupported type: None", "/type", id="no type"),
    pytest.param({"type": "divider", "colour": "red"}, "additional property: colour", "", id="an unknown property"),
    pytest.param({"type": "section"}, "missing required field: text or fields", "", id="an empty section"),
    pytest.param({"type": "section", "text": "x"}, "must provide an object", "/text", id="a text that is no object"),
    pytest.param(
        {"type": "section", "text": {"type": "html", "text": "x"}}, "unsupported type", "/text/type", id="html"
    ),
    pytest.param({"type": "section", "text": mrkdwn("")}, "more than 0 characters", "/text/text", id="an empty text"),
    pytest.param(section("x") | {"text": mrkdwn() | {"emoji": True}}, "property: emoji", "/text", id="emoji in mrkdwn"),
    pytest.param(
        {"type": "header", "text": mrkdwn()}, "unsupported type: mrkdwn", "/text/type", id="a header in mrkdwn"
    ),
    pytest.param({"type": "header"}, "missing required field: text", "", id="a header without text"),
    pytest.param(actions(), "no fewer than 1 items", "/elements", id="no actions"),
    pytest.param({"type": "context", "elements": []}, "no fewer than 1 items", "/elements", id="no context"),
    pytest.param(
        actions(button(text=mrkdwn())), "unsupported type: mrkdwn", f"{ROW}/text/type", id="a button in mrkdwn"
    ),
    pytest.param(actions(button(style="blue")), "must be one of primary, danger", f"{ROW}/style", id="a blue button"),
    pytest.param(actions(button(value=1)), "must provide a string", f"{ROW}/value", id="a value that is no text"),
    pytest.param(
        actions(button(confirm={"text": plain()})),
        "missing required field: title",
        f"{ROW}/confirm",
        id="half a question",
    ),
    pytest.param(
        actions(button(action_id="a"), button(action_id="a")),
        "action_ids must be unique",
        "/elements",
        id="one id twice",
    ),
    pytest.param(actions({"type": "plain_text_input"}), "unsupported type", f"{ROW}/type", id="a field in a row"),
    pytest.param(field(element=button()), "unsupported type: button", "/element/type", id="a button in a form"),
    pytest.param(
        section("x") | {"accessory": {"type": "datetimepicker"}},
        "unsupported type",
        "/accessory/type",
        id="a date and time",
    ),
    pytest.param(element("static_select"), "exactly one of options and option_groups", ROW, id="a menu of nothing"),
    pytest.param(
        select(option_groups=[{"label": plain(), "options": options(1)}]),
        "exactly one of",
        ROW,
        id="options and groups",
    ),
    pytest.param(select(options=[]), "no fewer than 1 items", f"{ROW}/options", id="no options"),
    pytest.param(
        select(initial_option=option(7)),
        "exactly match one of the options",
        f"{ROW}/initial_option",
        id="another option",
    ),
    pytest.param(
        select(options=[{"text": plain()}]), "missing required field: value", f"{ROW}/options/0", id="no value"
    ),
    pytest.param(
        select(options=[option(text=mrkdwn())]),
        "unsupported type: mrkdwn",
        f"{ROW}/options/0/text/type",
        id="an option in mrkdwn",
    ),
    pytest.param(
        select(options=[option(url="https://x.y")]), "property: url", f"{ROW}/options/0", id="an option that is a link"
    ),
    pytest.param(element("overflow", options=[]), "no fewer than 1 items", f"{ROW}/options", id="an empty overflow"),
    pytest.param(
        element("datepicker", initial_date="31.1.2026"), "a date as YYYY-MM-DD", f"{ROW}/initial_date", id="a date"
    ),
    pytest.param(element("timepicker", initial_time="25:00"), "a time as HH:mm", f"{ROW}/initial_time", id="a time"),
    pytest.param(
        element("number_input"), "missing required field: is_decimal_allowed", "/element", id="a number of any kind"
    ),
    pytest.param(
        element("number_input", is_decimal_allowed=True, min_value="9", max_value="8"),
        "min_value must not be greater than max_value",
        "/element/min_value",
        id="no number between",
    ),
    pytest.param(
        element("number_input", is_decimal_allowed=True, min_value=1),
        "a number as a string",
        "/element/min_value",
        id="a bound that is a number",
    ),
    pytest.param(element("plain_text_input", max_length=0), "must be at least 1", "/element/max_length", id="no room"),
    pytest.param(
        element("plain_text_input", min_length=3, max_length=2),
        "min_length must not be greater",
        "/element/min_length",
        id="no length between",
    ),
    pytest.param(
        element("plain_text_input", dispatch_action_config={"trigger_actions_on": ["on_blur"]}),
        "must be one of on_enter_pressed, on_character_entered",
        "/element/dispatch_action_config/trigger_actions_on/0",
        id="a dispatch that there is not",
    ),
    pytest.param(
        element("conversations_select", response_url_enabled=True),
        "only available in input blocks",
        "",
        id="a url too many",
    ),
    pytest.param(element("file_input"), "only available in modals", "", id="a file in a message"),
    pytest.param(
        element("multi_static_select", options=options(2), max_selected_items=0),
        "must be at least 1",
        f"{ROW}/max_selected_items",
        id="a choice of none",
    ),
    pytest.param(
        {"type": "image", "image_url": "x"}, "missing required field: alt_text", "", id="a picture for no reader"
    ),
    pytest.param(
        {"type": "image", "alt_text": "x"}, "exactly one of image_url and slack_file", "", id="a picture of nothing"
    ),
    pytest.param(
        {"type": "rich_text", "elements": []}, "no fewer than 1 items", "/elements", id="rich text of nothing"
    ),
    pytest.param(rich(), "no fewer than 1 items", "/elements/0/elements", id="a section of nothing"),
    pytest.param(
        rich({"type": "text", "text": ""}),
        "more than 0 characters",
        "/elements/0/elements/0/text",
        id="an empty inline text",
    ),
    pytest.param(
        rich({"type": "text", "text": "x"}, kind="rich_text_box"), "unsupported", "/elements/0/type", id="a box"
    ),
    pytest.param(rich(kind="rich_text_list"), "missing required field: style", "/elements/0", id="a list of no style"),
    pytest.param({"type": "markdown", "text": ""}, "more than 0 characters", "/text", id="empty markdown"),
    pytest.param(
        table(column_settings=[{"align": "top"}]), "must be one of left", "/column_settings/0/align", id="a top"
    ),
    pytest.param({"type": "table", "rows": [[plain()]]}, "unsupported type: plain_text", "/rows/0/0/type", id="a cell"),
    pytest.param(chart(kind="radar"), "unsupported type: radar", "/chart/type", id="a radar"),
    pytest.param(
        chart(series("a"), series("a")), "names of series must be unique", "/chart/series", id="one name twice"
    ),
    pytest.param(chart(series(labels=("1",))), "labels must match", "/chart/series/0/data", id="a point too few"),
    pytest.param(
        chart(series(labels=("2", "1"))), "labels must match", "/chart/series/0/data", id="points in disorder"
    ),
    pytest.param(
        chart(series(labels=("1", "1")), categories=("1", "1")),
        "categories must be unique",
        "/chart/axis_config/categories",
        id="one category twice",
    ),
    pytest.param(
        chart({"name": "x", "data": [{"label": "1", "value": float("nan")}, {"label": "2", "value": "1"}]}),
        "must provide a number",
        "/chart/series/0/data/0/value",
        id="a point that is none",
    ),
    pytest.param(
        pie({"label": "x", "value": 0}), "greater than 0", "/chart/segments/0/value", id="a segment of nothing"
    ),
    pytest.param(pie(), "no fewer than 1 items", "/chart/segments", id="a pie of nothing"),
    pytest.param({"type": "alert", "text": mrkdwn()}, "unsupported type: alert", "/type", id="an alert in a message"),
    pytest.param(
        {"type": "task_card", "task_id": "1", "title": "x", "status": "done"},
        "must be one of",
        "/status",
        id="a task's state",
    ),
]


@pytest.mark.parametrize(("block", "why", "where"), BAD)
def test_what_slack_refuses_is_refused_with_a_pointer(block: Json, why: str, where: str) -> None:
    with pytest.raises(Refusal) as refusal:
        check_blocks([{"type": "divider"}, block])
    assert refusal.value.code == "invalid_blocks"
    found = [message for message in refusal.value.messages if why in message]
    assert any(message.endswith(f"[json-pointer:/blocks/1{where}]") for message in found), refusal.value.messages


def test_a_block_id_stands_once_on_a_surface() -> None:
    with pytest.raises(Refusal) as refusal:
        check_blocks([{"type": "divider", "block_id": "b"}] * 2)
    assert refusal.value.messages == ["[ERROR] block_ids must be unique [json-pointer:/blocks]"]
