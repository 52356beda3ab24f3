"""Deliveries of Slack's with fields that are missing, of another type, or hostile: answered or refused.

What is not whole changes nothing in the store, and nothing leaves a traceback in the log.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.app.rate_limits import InteractivePriority
from bot.slack.inbound.delivery_queue import Inbox
from bot.slack.inbound.socket_mode import find_sender, parse_message
from bot.slack.payloads import MalformedDelivery, check_delivery, dispatch_delivery
from tests.fuzz.documents import damaged
from tests.fuzz.target import Check, Target
from tests.fuzz.world import World, a_world, stored
from tests.story import ANA, TRAINING, AtOnce, Bot

RUN, NOWHERE = "smoke-0001", "http://127.0.0.1:9/nowhere"
BY = {"team": {"id": "T0PLAY"}, "user": {"id": ANA}, "trigger_id": "1.2", "response_url": NOWHERE}
ON_CARD = {"channel": {"id": TRAINING}, "container": {"type": "message", "message_ts": "1.0", "channel_id": TRAINING}}
KEPT = json.dumps({"recipe": "smoke", "channel": TRAINING})
FORM = {
    "id": "V1",
    "hash": "h",
    "type": "modal",
    "callback_id": "launch_form",
    "private_metadata": KEPT,
    "blocks": [{"type": "input", "block_id": "smoke.steps", "element": {"type": "plain_text_input"}}],
    "state": {"values": {"smoke.steps": {"value": {"type": "plain_text_input", "value": "5"}}}},
}
LINES = ["launch smoke", f"stop {RUN}", f"extend {RUN} 2h", f"budget {RUN} 5", f"logs {RUN} --follow", "language zh-CN"]
PRESSES = {
    "stop": RUN,
    "save_and_stop": RUN,
    "logs": RUN,
    "task": RUN,
    "retry": RUN,
    "approve": RUN,
    "mute": f"{RUN} plateau",
    "extend-2": f"{RUN} 2 1767380000",
    "raise_budget": f"{RUN} 100.0 200.0",
    "accept_budget_end": f"{RUN} 100.0",
    "keep_model": f"{RUN} 1767380000",
    "launch-sure": "launch smoke --yes",
    "form": RUN,
    "form_preview": None,
    "leave_orphan": "x 0",
}


def command(line: str) -> dict[str, Any]:
    who = {"user_id": ANA, "channel_id": TRAINING, "team_id": "T0PLAY", "trigger_id": "1.2", "response_url": NOWHERE}
    return {"command": "/verl", "text": line, **who}


def event(**fields: Any) -> dict[str, Any]:
    return {"type": "event_callback", "team_id": "T0PLAY", "event_id": "Ev1", "event": {"user": ANA, **fields}}


def press(action: str, value: str | None, where: Mapping[str, Any]) -> dict[str, Any]:
    actions = [{"type": "button", "block_id": "b", "action_id": action, "value": value}]
    return {"type": "block_actions", **BY, **where, "actions": actions}


def choice() -> dict[str, Any]:
    chosen = {"type": "static_select", "block_id": "b", "action_id": "form_recipe", "selected_option": {"value": "ppo"}}
    return {"type": "block_actions", **BY, "view": FORM, "actions": [chosen]}


WHOLE = [
    *map(command, LINES),
    *(event(type="app_mention", text=f"<@U0VERLBOT> {line}", channel=TRAINING, ts="1.0") for line in LINES),
    event(type="app_home_opened", tab="home"),
    *(press(action, value, ON_CARD) for action, value in PRESSES.items()),
    *(press(action, value, {"view": FORM}) for action, value in PRESSES.items()),
    choice(),
    {"type": "view_submission", **BY, "view": FORM},
]


def is_whole(body: Any) -> bool:
    try:
        check_delivery(body)
    except (MalformedDelivery, AttributeError, TypeError):
        return False
    return True


ENVELOPES = {"event_callback": "events_api", "block_actions": "interactive", "view_submission": "interactive"}


def envelope(body: Any) -> dict[str, Any]:
    kind = ENVELOPES.get(str(body.get("type")), "slash_commands") if isinstance(body, dict) else "interactive"
    return {"type": kind, "envelope_id": "E1", "payload": body, "accepts_response_payload": True}


@contextmanager
def opened() -> Iterator[Check]:
    with (
        a_world() as world,
        patch("bot.slack.inbound.background.pause"),
    ):  # before it tries again an address that no process has
        yield lambda bodies: check(world, bodies)


def check(world: World, bodies: Sequence[Any]) -> None:
    with world.bot() as bot:
        bot.say("launch smoke nodes=2")
        for body in bodies:
            before = stored(world.redis)
            over_socket(bot, body)
            assert is_whole(body) or stored(world.redis) == before


def over_socket(bot: Bot, body: Any) -> None:
    """As the socket hears it: whose it is, whether it is kept, and its answer."""
    message = parse_message(json.dumps(envelope(body)))
    request = SocketModeRequest.from_dict(message)
    if request is not None:
        find_sender(request)
        Inbox(bot.store, AtOnce(InteractivePriority()), bot.client, bot.now).accept(request)
        assert dispatch_delivery(bot.app, request).status in (200, 400, 404)


TARGET = Target(
    name="payloads",
    promise="answered or refused, no traceback, nothing changed by what is malformed",
    examples=st.lists(damaged(st.sampled_from(WHOLE)), min_size=1, max_size=4),
    opened=opened,
    slice=5,
)
