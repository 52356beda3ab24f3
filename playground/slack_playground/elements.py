"""The elements of blocks that people act on: where they are, what they hold, and what can be chosen in them. Pure."""

import re
from collections.abc import Iterator
from typing import Any

from slack_playground.workspace import Json, NotThere

HOLDS = {
    "channels_select": ("selected_channel", "initial_channel"),
    "checkboxes": ("selected_options", "initial_options"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "datepicker": ("selected_date", "initial_date"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "email_text_input": ("value", "initial_value"),
    "external_select": ("selected_option", "initial_option"),
    "file_input": ("files", ""),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "multi_external_select": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_users_select": ("selected_users", "initial_users"),
    "number_input": ("value", "initial_value"),
    "plain_text_input": ("value", "initial_value"),
    "radio_buttons": ("selected_option", "initial_option"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "timepicker": ("selected_time", "initial_time"),
    "url_text_input": ("value", "initial_value"),
    "users_select": ("selected_user", "initial_user"),
}
"""Elements that hold something: the key under which Slack says what, and the one that it begins with."""

CHOSEN = {kind: key for kind, (key, _) in HOLDS.items()} | {"overflow": "selected_option", "feedback_buttons": "value"}
"""What a payload says of an element that was acted on."""

TEXTS = {"email_text_input", "number_input", "plain_text_input", "url_text_input"}
FORMS = {
    "datepicker": (re.compile(r"\d{4}-\d\d-\d\d"), "a date as 2026-01-31"),
    "email_text_input": (re.compile(r"[^@\s]++@(?=[^@\s]+?\.[^@\s])[^@\s]++"), "an e-mail address"),
    "number_input": (re.compile(r"-?\d+(\.\d+)?"), "a number"),
    "timepicker": (re.compile(r"([01]\d|2[0-3]):[0-5]\d"), "a time as 23:59"),
    "url_text_input": (re.compile(r"https?://\S+"), "a web address"),
}
"""How what is typed into such an element looks."""


def with_ids(blocks: list[Json], prefix: str = "b") -> list[Json]:
    """The blocks with a block_id and an action_id wherever an app left them out, as Slack makes them."""
    for at, block in enumerate(blocks):
        block.setdefault("block_id", f"{prefix}{at}")
        own = [block.get("element"), block.get("accessory"), *(block.get("elements") or [])]
        for inner, element in enumerate(own):
            if isinstance(element, dict) and (element.get("type") in CHOSEN or element.get("type") == "button"):
                element.setdefault("action_id", f"a{inner}")
    return blocks


def with_ids_in_attachments(attachments: list[Json]) -> list[Json]:
    """The attachments numbered from 1, and their blocks with ids that no other block of the message has."""
    for number, one in enumerate(attachments, 1):
        one["id"] = number
        with_ids(one.get("blocks") or [], f"a{number}b")
    return attachments


def elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Each element that can be acted on, with its block."""
    for block in blocks:
        for element in within(block):
            yield block, element


def within(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        if "action_id" in value:
            yield value
        for inner in value.values():
            yield from within(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from within(inner)


def found(blocks: list[Json], block_id: str | None, action_id: str) -> tuple[Json, Json]:
    """The element of this name, with its block; in whichever block where none is named."""
    for block, element in elements(blocks):
        if element["action_id"] == action_id and block_id in (None, block["block_id"]):
            return block, element
    raise NotThere(f"no button {action_id}, and no field of that name")


def dispatches(block: Json) -> bool:
    """Whether an app hears at once of what is done there; a field of a form is kept until the form is sent."""
    return block["type"] != "input" or bool(block.get("dispatch_action"))


def acted(block: Json, element: Json, chosen: Json, stamp: str) -> Json:
    """What a payload says of the element that a person acted on."""
    kept = ("type", "action_id", "text", "value", "style", "placeholder")
    said = {key: element[key] for key in kept if key in element}
    if key := CHOSEN.get(element["type"]):
        said[key] = checked(element, chosen.get(key))
    return said | {"block_id": block["block_id"], "action_ts": stamp}


def state_of(blocks: list[Json], filled: Json, channel: str = "") -> Json:
    """What all elements of a surface hold, as payloads say it.

    Args:
        filled: what a person has changed, by block and action; the others hold what they began with.
        channel: the conversation in which a person stands, for menus that begin with it.
    """
    values: Json = {}
    for block, element in elements(blocks):
        if element.get("type") in HOLDS:
            key, initial = HOLDS[element["type"]]
            given = (filled.get(block["block_id"]) or {}).get(element["action_id"])
            value = begun(element, initial, channel) if given is None else given.get(key)
            held = {"type": element["type"], key: checked(element, value)}
            values.setdefault(block["block_id"], {})[element["action_id"]] = held
    unknown = [
        f"{block}/{action}" for block, own in filled.items() for action in own if action not in values.get(block, {})
    ]
    if unknown:
        raise NotThere(f"no field {', '.join(unknown)}")
    return values


def with_current(value: Any, channel: str) -> Any:
    """Blocks as a person sees them who stands in a channel: menus that begin with the current conversation do so."""
    if isinstance(value, list):
        return [with_current(inner, channel) for inner in value]
    if not isinstance(value, dict):
        return value
    found = {key: with_current(inner, channel) for key, inner in value.items()}
    if "default_to_current_conversation" in found:
        _, initial = HOLDS[found["type"]]
        current = begun(found, initial, channel)
        found |= {} if current is None else {initial: current}
    return found


def begun(element: Json, initial: str, channel: str) -> Any:
    """What an element holds before a person has touched it."""
    value = element.get(initial)
    if value is None and element.get("default_to_current_conversation") and channel:
        return [channel] if element["type"].startswith("multi_") else channel
    return value


def checked(element: Json, value: Any) -> Any:
    """A value that the element can hold; of options, the element's own.

    Raises:
        NotThere: no person could choose it.
    """
    if element["type"] in ("checkboxes", "multi_static_select"):
        return [option_of(element, one) for one in value or []]
    if element["type"].startswith("multi_") or element["type"] == "file_input":
        return list(value or [])
    if value is None or value == "":
        return None
    if element["type"] in ("static_select", "radio_buttons", "overflow"):
        return option_of(element, value)
    return value


def option_of(element: Json, chosen: Json) -> Json:
    groups = [group["options"] for group in element.get("option_groups") or []]
    for option in [*(element.get("options") or []), *(option for group in groups for option in group)]:
        if option.get("value") == chosen.get("value"):
            return dict(option)
    raise NotThere(f"no choice {chosen.get('value')} in {element['action_id']}")


def complaints(blocks: list[Json], values: Json) -> Json:
    """What Slack itself says of the fields of a form before it sends it, by their blocks."""
    said = {block["block_id"]: complaint(block, values) for block in blocks if block["type"] == "input"}
    return {block: what for block, what in said.items() if what}


def complaint(block: Json, values: Json) -> str:
    element = block["element"]
    value = values[block["block_id"]][element["action_id"]][HOLDS[element["type"]][0]]
    if value in (None, [], ""):
        return "" if block.get("optional") else "Please complete this required field."
    if element["type"] in FORMS and not FORMS[element["type"]][0].fullmatch(str(value)):
        return f"Enter {FORMS[element['type']][1]}."
    if element["type"] == "number_input":
        return complaint_of_number(element, str(value))
    if element["type"] == "plain_text_input":
        return complaint_of_length(element, len(str(value)))
    return ""


def complaint_of_number(element: Json, value: str) -> str:
    if "." in value and not element.get("is_decimal_allowed"):
        return "Enter a whole number."
    least, most = element.get("min_value"), element.get("max_value")
    if least is not None and float(value) < float(least):
        return f"Enter a number that is at least {least}."
    return f"Enter a number that is at most {most}." if most is not None and float(value) > float(most) else ""


def complaint_of_length(element: Json, length: int) -> str:
    least, most = element.get("min_length") or 0, element.get("max_length") or 3_000
    if least <= length <= most:
        return ""
    return f"Enter {'at least' if length < least else 'at most'} {least if length < least else most} characters."
