"""A small Bolt app over a real socket that notes what it receives, and answers in every way."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from slack_bolt import Ack, App
from slack_sdk.errors import SlackApiError

from bot.app.rate_limits import InteractivePriority
from bot.slack.inbound.socket_mode import SocketConnection
from bot.slack.outbound.web_client import BotIdentity, build_web_client
from slack_playground.server import Playground
from slack_playground.slack import APP_TOKEN, BOT_TOKEN

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def field(name: str, element: Json, **more: Any) -> Json:
    """A field of a form; its block and its element have the same name."""
    return {"type": "input", "block_id": name, "label": plain(name), "element": element | {"action_id": name}, **more}


def option(value: str) -> Json:
    return {"text": plain(value), "value": value}


def form(*blocks: Json, **more: Any) -> Json:
    return {
        "type": "modal",
        "callback_id": "form",
        "title": plain("A form"),
        "submit": plain("Send"),
        "blocks": list(blocks or [field("what", {"type": "plain_text_input"})]),
        **more,
    }


def button(name: str, **more: Any) -> Json:
    return {"type": "button", "action_id": name, "text": plain(name), "value": "v", **more}


def refusal(call: Any, *arguments: Any, **more: Any) -> str:
    with pytest.raises(SlackApiError) as error:
        call(*arguments, **more)
    return str(error.value.response["error"])


SELECT = {"type": "static_select", "options": [option("ppo"), option("grpo")]}


class Echo:
    """An app.

    Attributes:
        form: the view that `/echo form` opens.
        answers: what it acknowledges the next forms with.
        received: the bodies, oldest first.
    """

    def __init__(self, playground: Playground) -> None:
        self.web = build_web_client(BOT_TOKEN, playground.api_url)
        identity = BotIdentity(self.web)
        self.form = form()
        self.answers: list[Json] = []
        self.received: list[Json] = []
        self.app = App(
            name="echo",
            process_before_response=True,
            client=self.web,
            authorize=lambda **_: identity.resolve(),
            signing_secret="unused",
        )
        self.app.command("/echo")(self.on_command)
        for event in ("app_mention", "app_home_opened", "message", "reaction_added", "reaction_removed"):
            self.app.event(event)(self.on_event)
        self.app.action(re.compile(".*"))(self.on_action)
        self.app.view("form")(self.on_form)
        self.app.view_closed("form")(self.on_action)
        now = lambda: datetime.now(UTC)  # noqa: E731  # a clock
        self.socket = SocketConnection(self.app, identity, APP_TOKEN, playground.api_url, now, InteractivePriority())
        self.socket.check()

    def on_command(self, ack: Ack, body: Json, respond: Any) -> None:
        self.received.append(body)
        if body["text"] == "form":
            self.web.views_open(trigger_id=body["trigger_id"], view=self.form)
            ack()
        elif body["text"] == "later":
            ack()
            for number in range(7):
                respond(text=f"later {number}", response_type="ephemeral")
        elif body["text"] == "openly":
            ack(text="for all", response_type="in_channel")
        elif body["text"] == "nonsense":
            ack(text="x", blocks=[{"type": "carousel"}])
        elif body["text"] != "silence":
            ack(text=f"<{body['text']}>")

    def on_event(self, body: Json) -> None:
        self.received.append(body)

    def on_action(self, ack: Ack, body: Json) -> None:
        self.received.append(body)
        ack()

    def on_form(self, ack: Ack, body: Json) -> None:
        self.received.append(body)
        ack(**self.answers.pop(0)) if self.answers else ack()
