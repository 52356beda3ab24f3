"""What people type, as Slack hands it to an app. Pure."""

import re

from slack_playground.workspace import Workspace

REFERENCES = re.compile(r"<(?:@U\w+|#C\w+\|[^<>]*)>")
URL = re.compile(r"\b(?:https?://[^\s'\"]+)")


def with_references(workspace: Workspace, text: str) -> str:
    """Names that people type, as `@ana` and `#training`, as the ids that Slack makes of them."""
    for user in workspace.users.values():
        text = re.sub(rf"(?<!\S)@{user.name}\b", f"<@{user.id}>", text)
    for channel in workspace.channels.values():
        text = re.sub(rf"(?<!\S)#{channel.name}\b", f"<#{channel.id}|{channel.name}>", text)
    return text


def escaped(text: str) -> str:
    """Text as an app gets it: its three characters escaped, its links marked.

    >>> escaped("a < b of <@U0ANA>, see https://x.y")
    'a &lt; b of <@U0ANA>, see <https://x.y>'
    """
    parts, at = [], 0
    for found in REFERENCES.finditer(text):
        parts += [escaped_plain(text[at : found.start()]), found[0]]
        at = found.end()
    return "".join([*parts, escaped_plain(text[at:])])


def escaped_plain(text: str) -> str:
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return URL.sub(lambda url: f"<{url[0]}>", safe)
