"""Bolt's app with a context for each delivery, and what of a delivery says where it came from."""

import logging
from contextvars import copy_context
from typing import Any

from slack_bolt import App, BoltRequest, BoltResponse

from bot.runtime.telemetry import OperationKind, Telemetry
from bot.slack.payloads import (
    MalformedDelivery,
    check_delivery,
)

log = logging.getLogger(__name__)


class ContextIsolatedApp(App):
    """Bolt's app, with a context of its own for each delivery: the language that a listener sets ends with the
    delivery. Each is observed.
    """

    telemetry = Telemetry()

    def dispatch(self, req: BoltRequest) -> BoltResponse:
        """Dispatch a delivery in a copy of the context, unless it is malformed."""
        try:
            check_delivery(req.body)
        except MalformedDelivery as error:
            return reject_malformed(error)
        with self.telemetry.observe(OperationKind.DELIVERY, find_entry_point(req.body)):
            return copy_context().run(super().dispatch, req)


def find_entry_point(body: dict[str, Any]) -> str:
    """Return how a person made a request (form, command, mention, button or page), for the audit."""
    if body.get("type") == "view_submission":
        return "form"
    if "command" in body:
        return "command"
    if (body.get("event") or {}).get("type") in ("app_mention", "message"):
        return "mention"
    return "button" if (body.get("channel") or {}) else "page"


def find_delivery_channel(body: dict[str, Any]) -> str:
    """Return the channel of a delivery; empty for the App Home page and its forms."""
    channel = body.get("channel")
    channel_id = channel.get("id") if isinstance(channel, dict) else None
    return str(channel_id or body.get("channel_id") or (body.get("event") or {}).get("channel") or "")


def find_pressed_thread(body: dict[str, Any]) -> str | None:
    """Return the thread in which a person pressed a button; None in the channel.

    Slack shows a reply that is also sent to the channel in both places, and does not say in which one it was pressed:
    the channel counts, where everybody sees it.
    """
    container, message = body.get("container") or {}, body.get("message") or {}
    if message.get("subtype") == "thread_broadcast":
        return None
    thread = container.get("thread_ts") or message.get("thread_ts")
    return str(thread) if thread and thread != container.get("message_ts") else None


def reject_malformed(error: MalformedDelivery) -> BoltResponse:
    """Reject a delivery that Slack does not send. The log names what is wrong with it, not its content."""
    log.warning("a delivery is not what Slack sends: %s", error)
    return BoltResponse(status=400)


def find_team(body: dict[str, Any]) -> str:
    """Return the workspace of the person, as Slack has signed it; empty if the delivery names none.

    In a channel that is shared with another company, an event names the person's workspace beside the app's.
    """
    event = body.get("event") or {}
    user = body.get("user")
    user_team = user.get("team_id") if isinstance(user, dict) else None
    team = body.get("team") or {}
    return str(event.get("user_team") or user_team or body.get("team_id") or team.get("id") or "")
