"""Composition objects: texts, options, confirmations (docs.slack.dev, Block Kit, composition objects)."""

from collections.abc import Iterator
from typing import Any

from slack_playground.checks.rules import (
    Problem,
    Rule,
    anything,
    at_least_one,
    exactly_one,
    flag,
    items,
    kinds,
    one_of,
    record,
    string,
)

IDENTIFIER = string(255)
URL = string(3_000)
ALT_TEXT = string(2_000)


def plain(most: int) -> Rule:
    """Plain text."""
    return kinds({"plain_text": record({"text": string(most)}, {"emoji": flag})})


def text(most: int) -> Rule:
    """Plain text or Slack's markup."""
    mrkdwn = record({"text": string(most)}, {"verbatim": flag})
    return kinds({"plain_text": record({"text": string(most)}, {"emoji": flag}), "mrkdwn": mrkdwn})


COLOURS = one_of("primary", "danger")

CONFIRM = record(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": COLOURS},
)

OPTION_TEXT, OPTION_VALUE, OPTIONS = 75, string(150), 100

OPTION = record({"text": plain(OPTION_TEXT), "value": OPTION_VALUE}, {"description": plain(OPTION_TEXT)})
OPTION_OF_MENU = record(
    {"text": plain(OPTION_TEXT), "value": OPTION_VALUE}, {"description": plain(OPTION_TEXT), "url": URL}
)
OPTION_OF_BOXES = record({"text": text(OPTION_TEXT), "value": OPTION_VALUE}, {"description": text(OPTION_TEXT)})
OPTION_GROUP = record({"label": plain(75), "options": items(OPTION, OPTIONS)}, {})

SLACK_FILE = record({}, {"id": string(255), "url": URL}, exactly_one("id", "url"))

FILTER = record(
    {},
    {
        "include": items(one_of("im", "mpim", "private", "public"), 4),
        "exclude_external_shared_channels": flag,
        "exclude_bot_users": flag,
    },
    at_least_one("include", "exclude_external_shared_channels", "exclude_bot_users"),
)

DISPATCHES = record(
    {"trigger_actions_on": items(one_of("on_enter_pressed", "on_character_entered"), 2)},
    {},
)

WORKFLOW = record({"trigger": record({"url": URL}, {"customizable_input_parameters": anything})}, {})


def chosen_of_options(value: Any, where: str) -> Iterator[Problem]:
    """What a menu begins with is one of its options, to the letter."""
    groups = [group["options"] for group in value.get("option_groups") or []]
    options = [*(value.get("options") or []), *(option for group in groups for option in group)]
    if "initial_option" in value and value["initial_option"] not in options:
        yield "must exactly match one of the options", f"{where}/initial_option"
    for at, option in enumerate(value.get("initial_options") or []):
        if option not in options:
            yield "must exactly match one of the options", f"{where}/initial_options/{at}"
