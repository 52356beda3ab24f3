"""What Slack's error codes mean for a message: which place is closed, which message is lost, what must wait.

The codes are those that Slack documents for chat.postMessage, chat.update and chat.postEphemeral. A code in no table is
unknown: the message is tried again, after waits that grow.
"""

from collections.abc import Collection
from enum import Enum

GONE_CHANNEL_CODES = {
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "is_inactive",
    "no_permission",
    "team_not_found",
}
"""Codes for a channel that is closed to the bot for good: neither posts nor edits go there. `is_inactive` is what an
edit in an archived channel gets."""

CLOSED_CHANNEL_CODES = {
    "access_denied",
    "app_access_restricted",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "messages_tab_disabled",
    "restricted_action",
    "restricted_action_read_only_channel",
    "send_on_behalf_not_allowed",
    "team_access_not_granted",
}
"""Codes for a channel where the bot may not post, while its earlier messages there may still be edited."""

CLOSED_TOP_LEVEL_CODES = {"restricted_action_thread_only_channel"}
"""Codes for a channel that takes replies alone."""

CLOSED_THREAD_CODES = {
    "cannot_reply_to_message",
    "invalid_thread_ts",
    "message_limit_exceeded",
    "message_not_found",
    "restricted_action_non_threadable_channel",
    "restricted_action_thread_locked",
    "thread_locked",
    "thread_not_found",
}
"""Codes for a thread that takes no reply, while its channel may take a message."""

UNEDITABLE_CODES = {"cant_update_message", "edit_window_closed", "message_not_found"}
"""Codes for a message that can no longer be edited, or is gone."""

NO_PERMISSION_CODES = {
    "account_inactive",
    "invalid_auth",
    "missing_scope",
    "not_authed",
    "token_expired",
    "token_revoked",
}
"""Codes that only the person who installed the bot can fix."""

MALFORMED_CODES = {
    "invalid_attachments",
    "invalid_blocks",
    "invalid_blocks_format",
    "metadata_too_large",
    "msg_blocks_too_long",
    "msg_too_long",
}
"""Codes for mistakes of the bot's own."""


class Refusal(Enum):
    """What a refusal means for the message."""

    CHANNEL_GONE = "channel gone"
    CHANNEL_CLOSED = "channel closed"
    TOP_LEVEL_CLOSED = "top level closed"
    THREAD_CLOSED = "thread closed"
    MESSAGE_LOST = "message lost"
    NO_PERMISSION = "no permission"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"


CodeTable = tuple[tuple[Collection[str], Refusal], ...]

COMMON_CODES: CodeTable = (
    (GONE_CHANNEL_CODES, Refusal.CHANNEL_GONE),
    (NO_PERMISSION_CODES, Refusal.NO_PERMISSION),
    (MALFORMED_CODES, Refusal.MALFORMED),
)

POST_CODES: CodeTable = (
    *COMMON_CODES,
    (CLOSED_CHANNEL_CODES, Refusal.CHANNEL_CLOSED),
    (CLOSED_TOP_LEVEL_CODES, Refusal.TOP_LEVEL_CLOSED),
)

REPLY_CODES: CodeTable = (*POST_CODES, (CLOSED_THREAD_CODES, Refusal.THREAD_CLOSED))

EDIT_CODES: CodeTable = (*COMMON_CODES, (UNEDITABLE_CODES, Refusal.MESSAGE_LOST))


def classify_refusal(code: str, table: CodeTable) -> Refusal:
    """Return what a code means for a post, a reply or an edit.

    >>> classify_refusal("message_not_found", REPLY_CODES), classify_refusal("message_not_found", EDIT_CODES)
    (<Refusal.THREAD_CLOSED: 'thread closed'>, <Refusal.MESSAGE_LOST: 'message lost'>)
    """
    return next((refusal for codes, refusal in table if code in codes), Refusal.UNKNOWN)
