"""Slack's Web API, as far as a bot of this kind goes: a call in, Slack's answer out."""

from slack_playground import conversations, surfaces
from slack_playground.checks import Refusal
from slack_playground.deliveries import Deliveries
from slack_playground.method import Call, Invalid, Missing, Table
from slack_playground.slack import APP_TOKEN, BOT_TOKEN, Slack
from slack_playground.workspace import Json

METHODS: Table = conversations.METHODS | surfaces.METHODS

READS = {
    "api.test",
    "auth.test",
    "blocks.validate",
    "chat.getPermalink",
    "conversations.history",
    "conversations.info",
    "conversations.replies",
    "files.getUploadURLExternal",  # Slack's own SDK asks for it so; nothing is seen of it before it is completed
    "users.info",
}
"""Methods that may be called by GET. Slack takes all of them so; here a link or a picture in any page could do it."""


def call(slack: Slack, deliveries: Deliveries, name: str, token: str, arguments: Json) -> Json:
    """Answer a call as Slack does: `ok: true` with a result, or `ok: false` with a code."""
    if name not in METHODS:
        return {"ok": False, "error": "unknown_method", "req_method": name}
    scope, function = METHODS[name]
    try:
        check_token(slack, scope, token)
        return {"ok": True} | function(Call(slack, deliveries, token, arguments))
    except Missing as missing:
        return {"ok": False, "error": "missing_scope", "needed": str(missing), "provided": ",".join(slack.scopes)}
    except Invalid as invalid:
        return {"ok": False, "error": invalid.code, "errors": invalid.errors}
    except Refusal as refusal:
        return {"ok": False, "error": refusal.code, "response_metadata": {"messages": refusal.messages}}


def check_token(slack: Slack, scope: str, token: str) -> None:
    if not token:
        raise Refusal("not_authed")
    if scope == "app":
        if token != APP_TOKEN:
            raise Refusal("not_allowed_token_type" if token == BOT_TOKEN else "invalid_auth")
    elif token != BOT_TOKEN:
        raise Refusal("not_allowed_token_type" if token == APP_TOKEN else "invalid_auth")
    elif scope and scope not in slack.scopes:
        raise Missing(scope)
