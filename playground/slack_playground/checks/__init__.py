"""What Slack refuses of messages, blocks and views: every limit and required field that it documents.

Limits are those of docs.slack.dev (Block Kit reference, methods, changelog) and of slack_sdk's models. `rules` are the
ways to say one, `objects`, `elements`, `blocks`, `rich_text`, `tables` and `charts` say them, `surfaces` applies them
to all that is shown at once.
"""

from slack_playground.checks.rules import Refusal
from slack_playground.checks.surfaces import (
    EDITED_TEXT,
    MESSAGE_BLOCKS,
    VIEW_BLOCKS,
    check_blocks,
    check_content,
    check_message,
    check_metadata,
    check_view,
    shortened,
)

__all__ = [
    "EDITED_TEXT",
    "MESSAGE_BLOCKS",
    "VIEW_BLOCKS",
    "Refusal",
    "check_blocks",
    "check_content",
    "check_message",
    "check_metadata",
    "check_view",
    "shortened",
]
