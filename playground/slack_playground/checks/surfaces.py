"""All that is shown at once: the rules of a message, a modal and a Home as a whole."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from slack_playground.checks.blocks import ALLOWED, BLOCKS, MARKDOWN_TEXT
from slack_playground.checks.objects import plain
from slack_playground.checks.rules import Problem, Refusal, Rule, anything, flag, items, kinds, record, string, unique

Json = dict[str, Any]

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
ATTACHMENTS = 100
POSTED_TEXT, EDITED_TEXT = 40_000, 4_000
"""Slack cuts a longer text of a new message, and refuses one of an edited message (changelog of April 2018; issues of
those who met `msg_too_long`)."""

ALL_TEXT, ROOM_OF_A_BLOCK = 12_000, 20
"""Of all blocks of a message. Slack names no number; its people speak of 12,000 and some for each block. Up to 13,297
have been taken in one block, and 11,341 been refused in 45: whatever may be refused is refused here."""

ONLY_SOME = {"data_visualization": 2, "table": 1}
"""Blocks of which a message takes only so many."""

VIEW_BYTES = 250_000
METADATA_BYTES = 3_000
TRUNCATED = "[WARN] Your message was truncated but still posted. The `text` field accepts up to 40,000 characters."


def check_content(said: Json) -> Json:
    """Text, blocks and attachments of a message, checked.

    Raises:
        Refusal: with Slack's code for what is wrong.
    """
    text, blocks, attachments = str(said.get("text") or ""), said.get("blocks") or [], said.get("attachments") or []
    if not text and not blocks and not attachments:
        raise Refusal("no_text")
    check_blocks(blocks)
    check_attachments(attachments)
    check_totals([*blocks, *(block for one in attachments for block in one.get("blocks") or [])])
    return {"text": text, "blocks": blocks, "attachments": attachments}


def check_message(text: str, blocks: Any) -> None:
    """Refuse what Slack would refuse of a message's text and blocks."""
    check_content({"text": text, "blocks": blocks})


def check_blocks(blocks: Any, surface: str = "message") -> None:
    """Refuse blocks with Slack's `invalid_blocks`, each problem with a pointer to its place."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise Refusal("invalid_blocks_format")
    if problems := list(problems_of(blocks, surface, "/blocks")):
        raise Refusal.over("invalid_blocks", problems)


def check_attachments(attachments: Any) -> None:
    """Attachments are old, and still allowed; their blocks are as those of messages."""
    if not isinstance(attachments, list) or not all(isinstance(one, dict) for one in attachments):
        raise Refusal("invalid_attachments")
    if len(attachments) > ATTACHMENTS:
        raise Refusal("too_many_attachments")
    problems: list[Problem] = []
    for at, one in enumerate(attachments):
        problems += problems_of_attachment(one, f"/attachments/{at}")
    if problems:
        raise Refusal.over("invalid_attachments", problems)


ADDED_RULES: list[Callable[[str, Json], Iterator[Problem]]] = []
"""Rules beside the playground's own, each about a kind (`block`, `attachment`, `metadata` or `view`) and a payload of
it. They hold for every workspace of this process, and see what the playground's own rules take."""


def problems_by_added_rules(kind: str, payload: Json, where: str) -> Iterator[Problem]:
    """What the added rules say of a payload."""
    for rule in ADDED_RULES:
        yield from ((message, f"{where}{place}") for message, place in rule(kind, payload))


COLOUR = re.compile(r"#?[0-9A-Fa-f]{6}|good|warning|danger")
BESIDE_BLOCKS = {"blocks", "color", "fallback", "id"}
"""Fields that an attachment may have beside its blocks: the older ones say what blocks say."""


def problems_of_attachment(one: Json, where: str) -> Iterator[Problem]:
    """What is wrong with an attachment: a colour that is none, blocks beside older fields, nothing to show."""
    if "color" in one and not (isinstance(one["color"], str) and COLOUR.fullmatch(one["color"])):
        yield "must be a hex colour, good, warning or danger", f"{where}/color"
    blocks = one.get("blocks") or []
    if blocks and (others := set(one) - BESIDE_BLOCKS):
        yield f"not allowed beside blocks: {', '.join(sorted(others))}", where
    if not blocks and not any(one.get(name) for name in ("text", "fallback", "title", "pretext", "fields")):
        yield "must have blocks or a text", where
    found = list(problems_of(blocks, "message", f"{where}/blocks"))
    yield from found or problems_by_added_rules("attachment", one, where)


def check_totals(blocks: list[Json]) -> None:
    """What a message holds altogether."""
    if len(blocks) > MESSAGE_BLOCKS:
        raise Refusal.over("invalid_blocks", [(f"no more than {MESSAGE_BLOCKS} items allowed", "/blocks")])
    counted = Counter(block["type"] for block in blocks)
    if counted["table"] + counted["data_table"] > ONLY_SOME["table"]:
        raise Refusal("invalid_attachments", ["[ERROR] only_one_table_allowed"])
    if counted["data_visualization"] > ONLY_SOME["data_visualization"]:
        raise Refusal.over("invalid_blocks", [("no more than 2 data_visualization blocks allowed", "/blocks")])
    markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    shown = sum(len(text) for block in blocks for text in texts_in(block))
    if markdown > MARKDOWN_TEXT or shown + ROOM_OF_A_BLOCK * len(blocks) > ALL_TEXT + ROOM_OF_A_BLOCK:
        raise Refusal("msg_blocks_too_long")


def problems_of(blocks: Any, surface: str, where: str) -> Iterator[Problem]:
    """What is wrong with the blocks of a surface."""
    most = MESSAGE_BLOCKS if surface == "message" else VIEW_BLOCKS
    allowed = {kind: rule for kind, rule in BLOCKS.items() if kind in ALLOWED[surface]}
    found = list(items(kinds(allowed), most, least=0)(blocks, where))
    yield from found
    if not found:
        for at, block in enumerate(blocks):
            yield from problems_by_added_rules("block", block, f"{where}/{at}")
    if isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks):
        yield from unique([block["block_id"] for block in blocks if "block_id" in block], "block_ids", where)
        for at, block in enumerate(blocks):
            yield from problems_of_elements(block, surface, f"{where}/{at}")


def problems_of_elements(block: Json, surface: str, where: str) -> Iterator[Problem]:
    """What is wrong among the elements of a block, each being sound in itself."""
    found = [element for element in (block.get("elements") or []) if isinstance(element, dict)]
    yield from unique(
        [element["action_id"] for element in found if "action_id" in element], "action_ids", f"{where}/elements"
    )
    others = [element for element in (block.get("element"), block.get("accessory")) if isinstance(element, dict)]
    for element in [*found, *others]:
        if element.get("response_url_enabled") and (surface, block.get("type")) != ("modal", "input"):
            yield "response_url_enabled is only available in input blocks of modals", where
        if element.get("type") == "file_input" and surface != "modal":
            yield "file_input is only available in modals", where


def check_metadata(metadata: Any) -> None:
    """Metadata is an event type and a payload."""
    if not metadata:
        return
    sound = (
        isinstance(metadata, dict) and metadata.get("event_type") and isinstance(metadata.get("event_payload"), dict)
    )
    if not sound:
        raise Refusal("invalid_metadata_format")
    if problems := list(problems_by_added_rules("metadata", metadata, "/metadata")):
        raise Refusal.over("invalid_metadata_format", problems)
    if len(json.dumps(metadata)) > METADATA_BYTES:
        raise Refusal("metadata_too_large")


KEPT: Mapping[str, Rule] = {
    "blocks": anything,  # they are checked by `problems_of`
    "private_metadata": string(3_000, least=0),
    "callback_id": string(255, least=0),
    "external_id": string(255, least=0),
}
VIEWS: Mapping[str, Rule] = {
    "modal": record(
        {"title": plain(24), "blocks": anything},
        {
            **KEPT,
            "submit": plain(24),
            "close": plain(24),
            "clear_on_close": flag,
            "notify_on_close": flag,
            "submit_disabled": flag,
        },
    ),
    "home": record({"blocks": anything}, {**KEPT, "title": plain(24)}),
}


def check_view(view: Any, *surfaces: str) -> Json:
    """A view for one of these surfaces, `modal` or `home`.

    Raises:
        Refusal: `invalid_arguments`, each problem with a pointer to its place; `view_too_large`.
    """
    if not isinstance(view, dict):
        raise Refusal("invalid_arguments", ["[ERROR] missing required field: view"])
    problems = list(kinds({kind: VIEWS[kind] for kind in surfaces})(view, "/view"))
    if view.get("type") in surfaces and "blocks" in view:
        problems += problems_of(view["blocks"], view["type"], "/view/blocks")
        problems += problems_of_form(view)
    if problems := problems or list(problems_by_added_rules("view", view, "/view")):
        raise Refusal.over("invalid_arguments", problems)
    if len(json.dumps(view)) > VIEW_BYTES:
        raise Refusal("view_too_large")
    return view


def problems_of_form(view: Json) -> Iterator[Problem]:
    """A modal with fields has a button to send them; only one field has the cursor to begin with."""
    blocks = [block for block in view["blocks"] if isinstance(block, dict)] if isinstance(view["blocks"], list) else []
    fields = [block for block in blocks if block.get("type") == "input"]
    if fields and view["type"] == "modal" and "submit" not in view:
        yield "missing required field: submit", "/view"
    if sum(bool(dict(field.get("element") or {}).get("focus_on_load")) for field in fields) > 1:
        yield "only one element may have focus_on_load", "/view/blocks"


def shortened(text: str) -> tuple[str, list[str]]:
    """A new message's text as far as Slack keeps it, and what it warns of."""
    return (text, []) if len(text) <= POSTED_TEXT else (text[:POSTED_TEXT], [TRUNCATED])


def texts_in(value: Any) -> Iterator[str]:
    """Every text that people would read in a block."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "text" and isinstance(inner, str):
                yield inner
            else:
                yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)
