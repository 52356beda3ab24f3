"""Blocks, one rule a kind (docs.slack.dev, Block Kit, blocks)."""

from collections.abc import Mapping

from slack_playground.checks import elements as of
from slack_playground.checks.charts import CHART, TITLE
from slack_playground.checks.objects import ALT_TEXT, IDENTIFIER, SLACK_FILE, URL, plain, text
from slack_playground.checks.rich_text import RICH_TEXT
from slack_playground.checks.rules import (
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
from slack_playground.checks.tables import DATA_TABLE, TABLE, TABLE_MORE, rectangular

MARKDOWN_TEXT = 12_000
ANY = string(100_000)

CONTEXT_TEXT = kinds({"mrkdwn": text(2_000), "plain_text": text(2_000), **of.IMAGE})
BUTTON = kinds({"button": of.ACTING["button"]})
IMAGE = kinds(of.IMAGE)
DATE_AND_TIME = "datetimepicker"  # stands in `actions` and `input`, beside no text
BESIDE_TEXT = {kind: rule for kind, rule in of.CHOICES.items() if kind != DATE_AND_TIME}


def block(needed: Mapping[str, Rule], optional: Mapping[str, Rule], *more: Rule, is_open: bool = False) -> Rule:
    return record(needed, {**optional, "block_id": IDENTIFIER}, *more, is_open=is_open)


CARD = block(
    {},
    {
        "hero_image": IMAGE,
        "icon": IMAGE,
        "title": text(150),
        "subtitle": text(150),
        "body": text(200),
        "subtext": text(200),
        "actions": items(BUTTON, 3),
    },
    at_least_one("hero_image", "title", "actions", "body"),
    is_open=True,
)
TASK = block(
    {"task_id": ANY, "title": ANY, "status": one_of("pending", "in_progress", "complete", "error")},
    {"details": RICH_TEXT, "output": RICH_TEXT, "sources": anything},
    is_open=True,
)

PLAIN_BLOCKS: Mapping[str, Rule] = {
    "actions": block({"elements": items(kinds({**of.ACTING, **of.CHOICES}), 25)}, {}),
    "alert": block(
        {"text": text(200)}, {"level": one_of("default", "info", "warning", "error", "success")}, is_open=True
    ),
    "card": CARD,
    "carousel": block({"elements": items(kinds({"card": CARD}), 10)}, {}, is_open=True),
    "context": block({"elements": items(CONTEXT_TEXT, 10)}, {}),
    "context_actions": block({"elements": items(kinds(of.BESIDE), 5)}, {}),
    "data_table": block(DATA_TABLE, {"caption": anything}, rectangular, is_open=True),
    "data_visualization": block({"title": TITLE, "chart": CHART}, {}),
    "divider": block({}, {}),
    "file": block({"external_id": ANY, "source": one_of("remote")}, {}),
    "header": block({"text": plain(150)}, {}),
    "image": block(
        {"alt_text": ALT_TEXT},
        {"title": plain(2_000), "image_url": URL, "slack_file": SLACK_FILE},
        exactly_one("image_url", "slack_file"),
    ),
    "input": block(
        {"label": plain(2_000), "element": kinds({**of.CHOICES, **of.FIELDS})},
        {"hint": plain(2_000), "optional": flag, "dispatch_action": flag},
    ),
    "markdown": block({"text": string(MARKDOWN_TEXT)}, {}),
    "plan": block({"title": ANY}, {"tasks": items(TASK, 50, least=0)}, is_open=True),
    "rich_text": RICH_TEXT,
    "section": block(
        {},
        {
            "text": text(3_000),
            "fields": items(text(2_000), 10),
            "expand": flag,
            "accessory": kinds({**of.ACTING, **BESIDE_TEXT, **of.IMAGE}),
        },
        at_least_one("text", "fields"),
    ),
    "table": block(TABLE, TABLE_MORE),
    "task_card": TASK,
    "video": block(
        {"alt_text": ALT_TEXT, "thumbnail_url": URL, "title": plain(200), "video_url": URL},
        {
            "title_url": string(2_000),
            "author_name": string(50),
            "provider_name": string(50),
            "provider_icon_url": string(2_000),
            "description": plain(200),
        },
    ),
}
"""Blocks that hold no others."""

BLOCKS: Mapping[str, Rule] = {
    **PLAIN_BLOCKS,
    "container": block(
        {"child_blocks": items(kinds(PLAIN_BLOCKS), 10)},
        {
            "title": plain(150),
            "rich_text_title": RICH_TEXT,
            "subtitle": text(150),
            "icon": IMAGE,
            "width": one_of("narrow", "standard", "wide", "full"),
        },
        at_least_one("title", "rich_text_title"),
        is_open=True,
    ),
}

EVERYWHERE = {"actions", "card", "context", "divider", "header", "image", "input", "rich_text", "section", "video"}
LARGE = {"carousel", "container", "data_table", "data_visualization", "table"}

ALLOWED: Mapping[str, frozenset[str]] = {
    "message": frozenset(EVERYWHERE | LARGE | {"context_actions", "file", "markdown", "plan", "task_card"}),
    "modal": frozenset(EVERYWHERE | {"alert"}),
    "home": frozenset(EVERYWHERE | LARGE),
}
"""Which blocks may stand on which surface."""
