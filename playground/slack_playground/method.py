"""How the methods of the Web API are written: what they are given, and what they refuse."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from slack_playground.checks import Refusal
from slack_playground.deliveries import Deliveries
from slack_playground.slack import Slack
from slack_playground.workspace import Channel, Json


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a method, its arguments merged from query, form and JSON."""

    slack: Slack
    deliveries: Deliveries
    token: str
    arguments: Json

    def text(self, name: str, default: str = "") -> str:
        value = self.arguments.get(name)
        return default if value is None else str(value)

    def flag(self, name: str) -> bool:
        return str(self.arguments.get(name, "")).lower() in ("1", "true")

    def needed(self, name: str) -> str:
        if not self.text(name):
            raise Refusal("invalid_arguments", [f"[ERROR] missing required field: {name}"])
        return self.text(name)


Method = Callable[[Call], Json]

Table = dict[str, tuple[str, Method]]
"""Methods by name, each with its scope: of the bot's, `app` for the app-level token, or none."""


SCOPES_OF = {"channel": "channels", "group": "groups", "im": "im"}
"""What the scopes of a kind of conversation begin with."""


class Missing(Exception):
    """A scope that the app was not given."""


POINTER = re.compile(r"(?:\[ERROR\] )?(?P<message>.*?)(?: \[json-pointer:(?P<pointer>.*)\])?")
"""A message of a refusal: its sentence, and the place that it is about."""


class Invalid(Exception):
    """What `blocks.validate` answers of blocks that Slack would not take."""

    def __init__(self, code: str, messages: list[str]) -> None:
        super().__init__(code)
        self.code = code
        self.errors = [error_of(message) for message in messages]


def error_of(message: str) -> Json:
    """One entry of `errors` in the answer of `blocks.validate`."""
    found = POINTER.fullmatch(message)
    parts = found.groupdict(default="") if found else {"message": message, "pointer": ""}
    return parts | {"code": "failed_constraint"}


def into(table: Table) -> Callable[..., Callable[[Method], Method]]:
    """The decorator that puts a method into a table: `@method("chat.update", "chat:write")`."""

    def method(name: str, scope: str = "") -> Callable[[Method], Method]:
        def register(function: Method) -> Method:
            table[name] = (scope, function)
            return function

        return register

    return method


def in_sight(call: Call, channel_id: str, right: str = "") -> Channel:
    """The conversation, where the bot can see that there is one, and has the right to it.

    Args:
        right: `read` or `history`, which is a scope for each kind of conversation; empty for none.

    Raises:
        Refusal: there is none, or it is a private one without the bot.
        Missing: the scope for it.
    """
    workspace = call.slack.workspace
    channel = workspace.channels.get(channel_id)
    if channel is None or (channel.kind != "channel" and workspace.bot not in channel.members):
        raise Refusal("channel_not_found")
    scope = f"{SCOPES_OF[channel.kind]}:{right}"
    if right and scope not in call.slack.scopes:
        raise Missing(scope)
    return channel


def to_write(call: Call, channel_id: str) -> Channel:
    """The channel, where the bot may write there; a person's id means the direct message with him."""
    workspace = call.slack.workspace
    if channel_id in workspace.users and channel_id != workspace.bot:
        return workspace.direct(channel_id)
    channel = in_sight(call, channel_id)
    if channel.is_archived:
        raise Refusal("is_archived")
    if workspace.bot not in channel.members and "chat:write.public" not in call.slack.scopes:
        raise Refusal("not_in_channel")
    return channel


def to_change(call: Call, channel_id: str) -> Channel:
    """The channel, where the bot may change what it has written; in an archived one no person and no app may."""
    if (found := call.slack.workspace.channels.get(channel_id)) and found.is_archived:
        raise Refusal("is_inactive")
    return to_write(call, channel_id)
