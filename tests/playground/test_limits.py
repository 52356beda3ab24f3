"""The double is held against Slack's limits: what is exactly at one is taken, what is one beyond is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from slack_playground.checks import Refusal, check_blocks, check_content, check_view
from tests.playground.payloads import (
    Json,
    actions,
    bullets,
    button,
    chart,
    confirm,
    context,
    element,
    field,
    home,
    image,
    modal,
    mrkdwn,
    names,
    option,
    options,
    pie,
    plain,
    section,
    select,
    series,
    table,
    x,
)

# For each limit: the payload by a number, the number that is still taken, and where one more is pointed at.
LIMITS: list[Any] = [
    pytest.param(lambda n: {"type": "section", "text": mrkdwn(x(n))}, 3000, "/text/text", id="text of a section"),
    pytest.param(lambda n: {"type": "section", "fields": [mrkdwn()] * n}, 10, "/fields", id="fields of a section"),
    pytest.param(lambda n: {"type": "section", "fields": [mrkdwn(x(n))]}, 2000, "/fields/0/text", id="a field"),
    pytest.param(lambda n: {"type": "header", "text": plain(x(n))}, 150, "/text/text", id="a header"),
    pytest.param(lambda n: context(*["x"] * n), 10, "/elements", id="elements of a context"),
    pytest.param(
        lambda n: {"type": "context", "elements": [mrkdwn(x(n))]}, 2000, "/elements/0/text", id="text of a context"
    ),
    pytest.param(lambda n: actions(*[button()] * n), 25, "/elements", id="elements of actions"),
    pytest.param(lambda n: {"type": "divider", "block_id": x(n)}, 255, "/block_id", id="a block_id"),
    pytest.param(lambda n: actions(button(action_id=x(n))), 255, "/elements/0/action_id", id="an action_id"),
    pytest.param(lambda n: actions(button(text=plain(x(n)))), 75, "/elements/0/text/text", id="text of a button"),
    pytest.param(lambda n: actions(button(value=x(n))), 2000, "/elements/0/value", id="value of a button"),
    pytest.param(lambda n: actions(button(url=x(n))), 3000, "/elements/0/url", id="url of a button"),
    pytest.param(
        lambda n: actions(button(accessibility_label=x(n))),
        75,
        "/elements/0/accessibility_label",
        id="label of a button",
    ),
    pytest.param(
        lambda n: actions(button(confirm=confirm(x(n), "q", "y", "n"))),
        100,
        "/elements/0/confirm/title/text",
        id="title of a question",
    ),
    pytest.param(
        lambda n: actions(button(confirm=confirm("t", x(n), "y", "n"))),
        300,
        "/elements/0/confirm/text/text",
        id="text of a question",
    ),
    pytest.param(
        lambda n: actions(button(confirm=confirm("t", "q", x(n), "n"))),
        30,
        "/elements/0/confirm/confirm/text",
        id="yes to a question",
    ),
    pytest.param(
        lambda n: actions(button(confirm=confirm("t", "q", "y", x(n)))),
        30,
        "/elements/0/confirm/deny/text",
        id="no to a question",
    ),
    pytest.param(lambda n: select(options=options(n)), 100, "/elements/0/options", id="options of a menu"),
    pytest.param(
        lambda n: select(options=[option(text=plain(x(n)))]),
        75,
        "/elements/0/options/0/text/text",
        id="text of an option",
    ),
    pytest.param(
        lambda n: select(options=[option(value=x(n))]), 150, "/elements/0/options/0/value", id="value of an option"
    ),
    pytest.param(
        lambda n: select(options=[option(description=plain(x(n)))]),
        75,
        "/elements/0/options/0/description/text",
        id="description of an option",
    ),
    pytest.param(
        lambda n: element("static_select", option_groups=[{"label": plain(), "options": options(1)}] * n),
        100,
        "/elements/0/option_groups",
        id="groups of options",
    ),
    pytest.param(
        lambda n: element("static_select", option_groups=[{"label": plain(x(n)), "options": options(1)}]),
        75,
        "/elements/0/option_groups/0/label/text",
        id="label of a group",
    ),
    pytest.param(
        lambda n: select(placeholder=plain(x(n))), 150, "/elements/0/placeholder/text", id="placeholder of a menu"
    ),
    pytest.param(lambda n: element("overflow", options=options(n)), 5, "/elements/0/options", id="overflow"),
    pytest.param(
        lambda n: element("overflow", options=[option(url=x(n))]),
        3000,
        "/elements/0/options/0/url",
        id="url of an option",
    ),
    pytest.param(lambda n: element("checkboxes", options=options(n)), 10, "/elements/0/options", id="checkboxes"),
    pytest.param(lambda n: element("radio_buttons", options=options(n)), 10, "/elements/0/options", id="radio buttons"),
    pytest.param(lambda n: element("plain_text_input", max_length=n), 3000, "/element/max_length", id="longest input"),
    pytest.param(lambda n: element("plain_text_input", min_length=n), 3000, "/element/min_length", id="shortest input"),
    pytest.param(
        lambda n: element("plain_text_input", initial_value=x(n)),
        3000,
        "/element/initial_value",
        id="begin of an input",
    ),
    pytest.param(
        lambda n: element("plain_text_input", placeholder=plain(x(n))),
        150,
        "/element/placeholder/text",
        id="placeholder of an input",
    ),
    pytest.param(lambda n: field(label=plain(x(n))), 2000, "/label/text", id="label of a field"),
    pytest.param(lambda n: field(hint=plain(x(n))), 2000, "/hint/text", id="hint of a field"),
    pytest.param(lambda n: image(alt_text=x(n)), 2000, "/alt_text", id="alt text"),
    pytest.param(lambda n: image(image_url=x(n)), 3000, "/image_url", id="url of an image"),
    pytest.param(lambda n: image(title=plain(x(n))), 2000, "/title/text", id="title of an image"),
    pytest.param(lambda n: table(rows=n), 100, "/rows", id="rows of a table"),
    pytest.param(lambda n: table(columns=n), 20, "/rows/0", id="columns of a table"),
    pytest.param(lambda n: table(column_settings=[None] * n), 20, "/column_settings", id="settings of columns"),
    pytest.param(lambda n: {"type": "markdown", "text": x(n)}, 12_000, "/text", id="markdown"),
    pytest.param(lambda n: chart(title=x(n)), 50, "/title", id="title of a chart"),
    pytest.param(lambda n: chart(x_label=x(n)), 50, "/chart/axis_config/x_label", id="label of an axis"),
    pytest.param(lambda n: chart(y_label=x(n)), 50, "/chart/axis_config/y_label", id="label of the other axis"),
    pytest.param(lambda n: chart(series(x(n))), 20, "/chart/series/0/name", id="name of a series"),
    pytest.param(lambda n: chart(*map(series, names(n))), 6, "/chart/series", id="series"),
    pytest.param(
        lambda n: chart(series(labels=names(n)), categories=names(n)),
        20,
        "/chart/series/0/data",
        id="points of a series",
    ),
    pytest.param(
        lambda n: chart(series(labels=(x(n),)), categories=(x(n),)),
        20,
        "/chart/axis_config/categories/0",
        id="label of a category",
    ),
    pytest.param(lambda n: pie(*[{"label": "x", "value": 1}] * n), 6, "/chart/segments", id="segments"),
    pytest.param(lambda n: pie({"label": x(n), "value": 1}), 20, "/chart/segments/0/label", id="label of a segment"),
    pytest.param(lambda n: bullets(indent=n), 8, "/elements/0/indent", id="indent of a list"),
    pytest.param(
        lambda n: {
            "type": "context_actions",
            "elements": [{"type": "icon_button", "icon": "trash", "text": plain()}] * n,
        },
        5,
        "/elements",
        id="context actions",
    ),
    pytest.param(lambda n: {"type": "card", "title": mrkdwn(x(n))}, 150, "/title/text", id="title of a card"),
    pytest.param(lambda n: {"type": "card", "body": mrkdwn(x(n))}, 200, "/body/text", id="body of a card"),
    pytest.param(
        lambda n: {"type": "carousel", "elements": [{"type": "card", "body": mrkdwn()}] * n},
        10,
        "/elements",
        id="carousel",
    ),
    pytest.param(
        lambda n: {"type": "container", "title": plain(), "child_blocks": [{"type": "divider"}] * n},
        10,
        "/child_blocks",
        id="container",
    ),
]


def pointers(refusal: Refusal) -> list[str]:
    return [message.partition("[json-pointer:")[2].rstrip("]") for message in refusal.messages]


@pytest.mark.parametrize(("made", "most", "where"), LIMITS)
def test_a_block_is_taken_at_its_limit_and_refused_beyond(made: Callable[[int], Json], most: int, where: str) -> None:
    check_blocks([made(most)])
    with pytest.raises(Refusal) as refusal:
        check_blocks([made(most + 1)])
    assert refusal.value.code == "invalid_blocks"
    assert f"/blocks/0{where}" in pointers(refusal.value)


VIEW_LIMITS: list[Any] = [
    pytest.param(lambda n: modal(title=plain(x(n))), 24, "/view/title/text", id="title"),
    pytest.param(lambda n: modal(submit=plain(x(n))), 24, "/view/submit/text", id="submit"),
    pytest.param(lambda n: modal(close=plain(x(n))), 24, "/view/close/text", id="close"),
    pytest.param(lambda n: modal(private_metadata=x(n)), 3000, "/view/private_metadata", id="private_metadata"),
    pytest.param(lambda n: modal(callback_id=x(n)), 255, "/view/callback_id", id="callback_id"),
    pytest.param(lambda n: modal(external_id=x(n)), 255, "/view/external_id", id="external_id"),
    pytest.param(lambda n: modal(blocks=[{"type": "divider"}] * n), 100, "/view/blocks", id="blocks of a modal"),
    pytest.param(
        lambda n: modal(blocks=[{"type": "alert", "text": mrkdwn(x(n))}]),
        200,
        "/view/blocks/0/text/text",
        id="an alert",
    ),
    pytest.param(lambda n: home(blocks=[{"type": "divider"}] * n), 100, "/view/blocks", id="blocks of a Home"),
    pytest.param(
        lambda n: home(private_metadata=x(n)), 3000, "/view/private_metadata", id="private_metadata of a Home"
    ),
]


@pytest.mark.parametrize(("made", "most", "where"), VIEW_LIMITS)
def test_a_view_is_taken_at_its_limit_and_refused_beyond(made: Callable[[int], Json], most: int, where: str) -> None:
    check_view(made(most), "modal", "home")
    with pytest.raises(Refusal) as refusal:
        check_view(made(most + 1), "modal", "home")
    assert refusal.value.code == "invalid_arguments"
    assert where in pointers(refusal.value)


@pytest.mark.parametrize(
    ("made", "most", "code"),
    [
        pytest.param(lambda n: {"blocks": [{"type": "divider"}] * n}, 50, "invalid_blocks", id="blocks"),
        pytest.param(lambda n: {"blocks": [chart() for _ in range(n)]}, 2, "invalid_blocks", id="charts"),
        pytest.param(lambda n: {"blocks": [table()] * n}, 1, "invalid_attachments", id="tables"),
        pytest.param(lambda n: {"attachments": [{"text": "x"}] * n}, 100, "too_many_attachments", id="attachments"),
        pytest.param(
            lambda n: {"blocks": [{"type": "markdown", "text": x(6000)}, {"type": "markdown", "text": x(n)}]},
            5980,
            "msg_blocks_too_long",
            id="markdown of two blocks",
        ),
        pytest.param(
            lambda n: {"blocks": [section(x(3000))] * 3 + [section(x(n))]}, 2940, "msg_blocks_too_long", id="all text"
        ),
    ],
)
def test_a_message_is_taken_at_its_limit_and_refused_beyond(made: Callable[[int], Json], most: int, code: str) -> None:
    check_content({"text": "x"} | made(most))
    with pytest.raises(Refusal) as refusal:
        check_content({"text": "x"} | made(most + 1))
    assert refusal.value.code == code
