"""Slack's blocks, as few as the bot uses. Limits are Slack's, in characters (docs: Block Kit reference)."""

from typing import Any

Block = dict[str, Any]

SECTION_TEXT = 3_000
PRINTED_TEXT = 6_000
CONTEXT_TEXT = 2_000
MESSAGE_BLOCKS = 50


def section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, SECTION_TEXT)}}


def context(*texts: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": cut(text, CONTEXT_TEXT)} for text in texts]}


def actions(*elements: Block) -> Block:
    return {"type": "actions", "elements": list(elements)}


def button(text: str, action: str, value: str, confirm: Block | None = None, style: str | None = None) -> Block:
    """A button that sends `value` with its `action`."""
    found: Block = {
        "type": "button",
        "action_id": action,
        "value": value,
        "text": {"type": "plain_text", "text": text},
    }
    return found | ({"confirm": confirm} if confirm else {}) | ({"style": style} if style else {})


def confirm(title: str, text: str, yes: str, no: str) -> Block:
    """The question that a button asks before it acts."""
    return {
        "title": {"type": "plain_text", "text": title},
        "text": {"type": "mrkdwn", "text": text},
        "confirm": {"type": "plain_text", "text": yes},
        "deny": {"type": "plain_text", "text": no},
        "style": "danger",
    }


def printed(lines: str) -> Block:
    """The end of what a program printed, which is where it says why it ended; whole lines where they fit.

    >>> printed("a" * 10 + chr(10) + "b" * PRINTED_TEXT)["elements"][0]["elements"][0]["text"][:2]
    '…b'
    """
    if len(lines) > PRINTED_TEXT:
        end = lines[2 - PRINTED_TEXT :]
        _, _, whole = end.partition("\n")
        lines = f"…\n{whole}" if whole.strip() else f"…{end}"
    return preformatted(lines)


def preformatted(text: str) -> Block:
    """Text from outside as it is: nothing in it is markup."""
    element = {"type": "text", "text": cut(text, PRINTED_TEXT) or " "}
    return {"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": [element]}]}


def cut(text: str, longest: int) -> str:
    """The text, its end left out where it is too long."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
