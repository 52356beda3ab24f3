"""A conversation as text: what one person sees, for terminals and for tests to read."""

import re
from typing import Any

from slack_playground.workspace import Json, Message, Workspace

DATE = re.compile(r"<!date\^\d+\^[^|<>]*\|([^<>]*)>")
USER = re.compile(r"<@(\w+)>")
CHANNEL = re.compile(r"<#(\w+)(?:\|[^<>]*)?>")
LINK = re.compile(r"<(https?:[^|<>]+)\|([^<>]+)>")


def transcript(workspace: Workspace, user: str, channel: str) -> str:
    """All that a person sees in a channel, each thread under its message."""
    seen = workspace.seen_by(user, channel)
    lines: list[str] = []
    for message in seen:
        if message.thread_ts is None or message.broadcast or workspace.find(channel, message.thread_ts) is None:
            lines += written(workspace, message)
        if message.thread_ts is None:
            for reply in seen:
                if reply.thread_ts == message.ts:
                    lines += [f"    {line}" for line in written(workspace, reply)]
    return "\n".join(lines)


def written(workspace: Workspace, message: Message) -> list[str]:
    """One message: who, what, and its buttons in brackets."""
    name = workspace.users[message.user].name
    marks = [" (only you see this)"] if message.only_for else []
    marks += [" (edited)"] if message.edited else []
    marks += [" (also in the channel)"] if message.broadcast else []
    body = "\n".join(filter(None, (block_text(block) for block in message.all_blocks))) or message.text
    files = [f"[file {workspace.files[file].title}]" for file in message.files]
    lines = plain(workspace, "\n".join([body, *files]).strip()).split("\n")
    return [f"{name}{''.join(marks)}: {lines[0]}", *(f"  {line}" for line in lines[1:])]


def block_text(block: Json) -> str:
    match block.get("type"):
        case "section":
            texts = [one["text"] for one in [block.get("text"), *(block.get("fields") or [])] if one]
            return "\n".join([*texts, *pressable(block.get("accessory"))])
        case "header":
            return str(block["text"]["text"])
        case "context":
            return " ".join(str(one.get("text", "")) for one in block["elements"])
        case "actions":
            return " ".join(text for one in block["elements"] for text in pressable(one))
        case "image":
            return f"[picture: {block['alt_text']}]"
        case "divider":
            return "---"
        case "table":
            return table_text(block)
        case _:
            return "\n".join(rich(block))


def pressable(element: Json | None) -> list[str]:
    """A button in brackets; a menu behind three dots with all that can be chosen in it."""
    if element and element.get("type") == "overflow":
        return [f"[… {' · '.join(option['text']['text'] for option in element['options'])}]"]
    return [f"[{element['text']['text']}]"] if element and "text" in element else []


def table_text(block: Json) -> str:
    """A table, a line for each row, with its columns under each other."""
    rows = [["".join(cell_texts(cell)) for cell in row] for row in block["rows"]]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ([cell.ljust(width) for cell, width in zip(row, widths, strict=False)] for row in rows)
    return "\n".join(" | ".join(line).rstrip() for line in lines)


def cell_texts(value: Any) -> list[str]:
    """Every piece of a cell that people read."""
    match value:
        case {"type": "emoji", "name": name}:
            return [f":{name}:"]
        case {"type": "user", "user_id": user}:
            return [f"<@{user}>"]
        case {"type": "date", "fallback": fallback}:
            return [str(fallback)]
        case {"text": str(text), "style": {"code": True}}:
            return [f"`{text}`"]
        case {"text": str(text)}:
            return [text]
        case {"elements": elements}:
            return [text for inner in elements for text in cell_texts(inner)]
        case _:
            return []


def rich(value: Any) -> list[str]:
    """Every text of a block of a richer kind."""
    if isinstance(value, dict):
        found = [value["text"]] if isinstance(value.get("text"), str) else []
        return found + [text for inner in value.values() for text in rich(inner)]
    return [text for inner in value for text in rich(inner)] if isinstance(value, list) else []


def plain(workspace: Workspace, text: str) -> str:
    """Slack's markup as a person reads it."""
    text = DATE.sub(r"\1", text)
    text = USER.sub(lambda found: "@" + name_of(workspace.users, found[1]), text)
    text = CHANNEL.sub(lambda found: "#" + name_of(workspace.channels, found[1]), text)
    text = LINK.sub(lambda found: found[2] if "/archives/" in found[1] else f"{found[2]} ({found[1]})", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def name_of(named: Any, key: str) -> str:
    return named[key].name if key in named else key
