"""What Slack refuses of messages and blocks. Limits: docs.slack.dev, Block Kit and chat.postMessage references."""

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
MESSAGE_TEXT = 40_000
ALL_BLOCKS_TEXT = 13_200
TEXTS = {
    "section": 3_000,
    "header": 150,
    "button": 75,
    "context": 2_000,
    "field": 2_000,
    "option": 75,
    "title": 24,
    "confirm": 300,
    "markdown": 12_000,
}
"""Characters of a text by where it stands."""

ID_LENGTH, VALUE_LENGTH = 255, 2_000
ELEMENTS = {"actions": 25, "context": 10}
FIELDS = 10

KNOWN_BLOCKS = {
    "actions",
    "alert",
    "card",
    "context",
    "context_actions",
    "data_visualization",
    "divider",
    "file",
    "header",
    "image",
    "input",
    "markdown",
    "plan",
    "rich_text",
    "section",
    "table",
    "task_card",
    "video",
}


class Refusal(Exception):
    """Slack's error code, with its messages and pointers where it gives them."""

    def __init__(self, code: str, messages: list[str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages or []


def check_message(text: str, blocks: list[Json]) -> None:
    """Refuse what Slack would refuse of a message's content."""
    if not text and not blocks:
        raise Refusal("no_text")
    if len(text) > MESSAGE_TEXT:
        raise Refusal("msg_too_long")
    check_blocks(blocks, MESSAGE_BLOCKS)
    if sum(len(found) for block in blocks for found in texts_in(block)) > ALL_BLOCKS_TEXT:
        raise Refusal("msg_blocks_too_long")


def check_blocks(blocks: Any, most: int) -> None:
    """Refuse blocks with Slack's `invalid_blocks`, each problem with a pointer to its place."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise Refusal("invalid_blocks_format")
    problems = [f"no more than {most} items allowed [json-pointer:/blocks]"] if len(blocks) > most else []
    for at, block in enumerate(blocks):
        problems += [f"{what} [json-pointer:/blocks/{at}{where}]" for what, where in problems_of(block)]
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(ids) != len(set(ids)):
        problems.append("block_ids must be unique [json-pointer:/blocks]")
    if problems:
        raise Refusal("invalid_blocks", problems)


Problem = tuple[str, str]


def problems_of(block: Json) -> Iterator[Problem]:
    """What is wrong with a block: a sentence and where."""
    kind = block.get("type")
    if kind not in KNOWN_BLOCKS:
        yield f"unsupported type: {kind}", "/type"
        return
    if len(str(block.get("block_id", ""))) > ID_LENGTH:
        yield f"must be less than {ID_LENGTH + 1} characters", "/block_id"
    match kind:
        case "section":
            yield from problems_of_section(block)
        case "header":
            yield from problems_of_text(block.get("text"), "header", "/text", plain=True)
        case "context" | "actions":
            yield from problems_of_elements(block, kind)
        case "rich_text":
            yield from problems_of_rich_text(block)
        case "markdown":
            if len(str(block.get("text") or "")) > TEXTS["markdown"]:
                yield "must be less than 12001 characters", "/text"


def problems_of_section(block: Json) -> Iterator[Problem]:
    fields = block.get("fields") or []
    if "text" not in block and not fields:
        yield "missing required field: text", ""
    if "text" in block:
        yield from problems_of_text(block["text"], "section", "/text")
    if len(fields) > FIELDS:
        yield f"no more than {FIELDS} items allowed", "/fields"
    for at, one in enumerate(fields):
        yield from problems_of_text(one, "field", f"/fields/{at}")
    if "accessory" in block:
        yield from problems_of_element(block["accessory"], "/accessory")


def problems_of_elements(block: Json, kind: str) -> Iterator[Problem]:
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= ELEMENTS[kind]:
        yield f"must provide 1 to {ELEMENTS[kind]} items", "/elements"
    ids = [element.get("action_id") for element in elements if element.get("action_id")]
    if len(ids) != len(set(ids)):
        yield "action_ids must be unique", "/elements"
    for at, element in enumerate(elements):
        if kind == "context" and element.get("type") != "image":
            yield from problems_of_text(element, "context", f"/elements/{at}")
        else:
            yield from problems_of_element(element, f"/elements/{at}")


def problems_of_element(element: Json, where: str) -> Iterator[Problem]:
    if element.get("type") == "button":
        yield from problems_of_text(element.get("text"), "button", f"{where}/text", plain=True)
    if len(str(element.get("action_id", ""))) > ID_LENGTH:
        yield f"must be less than {ID_LENGTH + 1} characters", f"{where}/action_id"
    if len(str(element.get("value", ""))) > VALUE_LENGTH:
        yield f"must be less than {VALUE_LENGTH + 1} characters", f"{where}/value"
    if "confirm" in element:
        yield from problems_of_confirm(element["confirm"], f"{where}/confirm")


def problems_of_confirm(confirm: Json, where: str) -> Iterator[Problem]:
    limits = {"title": 100, "confirm": 30, "deny": 30}
    yield from problems_of_text(confirm.get("text"), "confirm", f"{where}/text")
    for key, most in limits.items():
        text = (confirm.get(key) or {}).get("text")
        if not text or len(text) > most:
            yield f"must be 1 to {most} characters", f"{where}/{key}"


def problems_of_text(text: Any, place: str, where: str, plain: bool = False) -> Iterator[Problem]:
    kinds = ("plain_text",) if plain else ("mrkdwn", "plain_text")
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield f"must be a text object of type {' or '.join(kinds)}", where
    elif not text.get("text"):
        yield "must be more than 0 characters", where
    elif len(text["text"]) > TEXTS[place]:
        yield f"must be less than {TEXTS[place] + 1} characters", where


def problems_of_rich_text(block: Json) -> Iterator[Problem]:
    elements = block.get("elements") or []
    if not elements:
        yield "must provide at least one element", "/elements"
    for at, element in enumerate(elements):
        if not element.get("elements"):
            yield "must provide at least one element", f"/elements/{at}/elements"
        for inner, part in enumerate(element.get("elements") or []):
            if part.get("type") == "text" and not part.get("text"):
                yield "must be more than 0 characters", f"/elements/{at}/elements/{inner}/text"


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


def check_metadata(metadata: Any) -> None:
    """Metadata is an event type and a payload."""
    if metadata is None:
        return
    if not isinstance(metadata, dict) or not metadata.get("event_type") or "event_payload" not in metadata:
        raise Refusal("invalid_metadata_format")
    if len(json.dumps(metadata)) > 3_000:
        raise Refusal("metadata_too_large")


def check_view(view: Any, *kinds: str) -> Json:
    """A view of one of these kinds, or Slack's refusal of it."""
    if not isinstance(view, dict) or view.get("type") not in kinds:
        raise Refusal("invalid_arguments", ["[ERROR] missing required field: view"])
    check_blocks(view.get("blocks") or [], VIEW_BLOCKS)
    if view["type"] == "modal" and not 1 <= len((view.get("title") or {}).get("text") or "") <= 24:
        raise Refusal("invalid_arguments", ["[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"])
    return view


def check_content(said: Json) -> Json:
    """Text and blocks of a message that comes as one object, checked."""
    text, blocks = str(said.get("text") or ""), said.get("blocks") or []
    check_message(text, blocks)
    return {"text": text, "blocks": blocks}
