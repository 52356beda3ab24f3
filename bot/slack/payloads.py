"""The fields of Slack's deliveries that listeners read. A delivery without them, or with other types, is rejected
before any listener runs.
"""

import logging
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from slack_bolt import App, BoltResponse
from slack_bolt.adapter.socket_mode.internals import run_bolt_app
from slack_sdk.socket_mode.request import SocketModeRequest

log = logging.getLogger(__name__)


class MalformedDelivery(Exception):
    """A delivery that Slack does not send."""


class SlackObjectRef(msgspec.Struct):
    """An object with an id."""

    id: str


class SlashCommandBody(msgspec.Struct):
    """A slash command."""

    command: str
    user_id: str
    channel_id: str
    trigger_id: str
    text: str | None = None
    response_url: str | None = None
    team_id: str | None = None


class EventBody(msgspec.Struct):
    """The content of an event of any type."""

    type: str
    user: str | None = None
    channel: str | None = None
    text: str | None = None
    ts: str | None = None
    thread_ts: str | None = None
    tab: str | None = None
    user_team: str | None = None


class EventDelivery(msgspec.Struct):
    """An event."""

    event: EventBody
    event_id: str
    team_id: str | None = None


class SelectedOption(msgspec.Struct):
    """The choice that a person selected."""

    value: str


class BlockAction(msgspec.Struct):
    """A press of a button, or a choice."""

    action_id: str
    value: str | None = None
    selected_option: SelectedOption | None = None


class ActionContainer(msgspec.Struct):
    """The message that contains a button."""

    message_ts: str | None = None


class ViewBlock(msgspec.Struct):
    """A block of a view."""

    type: str
    block_id: str | None = None


class ViewState(msgspec.Struct):
    """The values of a view's fields, by block and control."""

    values: dict[str, dict[str, dict[str, Any]]] | None = None


class ViewPayload(msgspec.Struct):
    """A view that a person looks at."""

    id: str | None = None
    hash: str | None = None
    private_metadata: str | None = None
    state: ViewState | None = None
    blocks: list[ViewBlock] | None = None


class SubmittedView(ViewPayload, kw_only=True):
    """A view that a person has filled in."""

    id: str
    private_metadata: str
    blocks: list[ViewBlock]


class BlockActionsDelivery(msgspec.Struct):
    """Presses of buttons, and choices."""

    user: SlackObjectRef
    actions: list[BlockAction]
    trigger_id: str | None = None
    response_url: str | None = None
    channel: SlackObjectRef | None = None
    container: ActionContainer | None = None
    view: ViewPayload | None = None
    team: SlackObjectRef | None = None


class ViewSubmissionDelivery(msgspec.Struct):
    """A view that a person has submitted."""

    user: SlackObjectRef
    view: SubmittedView
    team: SlackObjectRef | None = None


DELIVERY_TYPES: Mapping[str, type[msgspec.Struct]] = {
    "event_callback": EventDelivery,
    "block_actions": BlockActionsDelivery,
    "view_submission": ViewSubmissionDelivery,
}
"""The struct of a delivery, by Slack's `type`. A slash command has none."""


def check_delivery(body: Mapping[str, Any]) -> None:
    """Raise unless a delivery has the form of Slack's, and a listener takes it. Bolt itself answers Slack's tests.

    Raises:
        MalformedDelivery: it does not; the message names the place, and contains nothing of the delivery.
    """
    kind = SlashCommandBody if "command" in body else DELIVERY_TYPES.get(str(body.get("type")))
    if kind is None:
        if body.get("type") == "url_verification" or "ssl_check" in body:
            return
        raise MalformedDelivery("no listener takes a delivery of this kind")
    try:
        delivery = msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise MalformedDelivery(str(error)) from None
    if isinstance(delivery, EventDelivery):
        check_event(delivery.event)
    if isinstance(delivery, ViewSubmissionDelivery):
        check_has_input(delivery.view)
    if isinstance(delivery, BlockActionsDelivery) and not delivery.actions:
        raise MalformedDelivery("there is no action")


def check_event(event: EventBody) -> None:
    """Raise if a mention or an opened page lacks what an answer needs."""
    if event.type == "app_mention" and event.user is not None and None in (event.channel, event.text, event.ts):
        raise MalformedDelivery("a mention has no channel, text or time")
    if event.type == "app_home_opened" and event.user is None:
        raise MalformedDelivery("a page was opened without a user")


def check_has_input(view: SubmittedView) -> None:
    """Raise if a view has no field that can be filled in or can show an error."""
    if not any(block.type == "input" and block.block_id for block in view.blocks):
        raise MalformedDelivery("the view has no field")


def dispatch_delivery(app: App, request: SocketModeRequest) -> BoltResponse:
    """Dispatch a delivery that came over a socket; reject one that Bolt cannot parse."""
    try:
        response: BoltResponse = run_bolt_app(app, request)
    except Exception as error:
        # Bolt parses the delivery here, and raises many kinds of errors on one that is malformed.
        log.warning("a delivery is not what Slack sends: %s", type(error).__name__)
        return BoltResponse(status=400)
    return response


def split_value(action: Mapping[str, Any], count: int) -> list[str]:
    """Return the words of a button's value.

    Raises:
        MalformedDelivery: there are more or fewer.
    """
    parts = read_value(action).split()
    if len(parts) != count:
        raise MalformedDelivery(f"a button's value has {len(parts)} words, not {count}")
    return parts


def read_value(action: Mapping[str, Any]) -> str:
    """Return a button's value.

    Raises:
        MalformedDelivery: it has none.
    """
    value = action.get("value")
    if not isinstance(value, str):
        raise MalformedDelivery("a button has no value")
    return value


def parse_number(text: str) -> float:
    """Return the finite number in a button's value.

    Raises:
        MalformedDelivery: it is not a number.
    """
    try:
        value = float(text)
    except ValueError:
        # NaN takes the same path as the infinities, which float() accepts.
        value = math.nan
    if not math.isfinite(value):
        raise MalformedDelivery("a button's value holds no number")
    return value


def parse_time(text: str) -> datetime:
    """Return the time in a button's value, which is in Unix seconds.

    Raises:
        MalformedDelivery: it is not a time.
    """
    try:
        return datetime.fromtimestamp(parse_number(text), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise MalformedDelivery("a button's value holds no time") from error


def read_required(body: Mapping[str, Any], *path: str) -> str:
    """Return a string that only some deliveries must have.

    Raises:
        MalformedDelivery: this delivery lacks it.
    """
    value: Any = body
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(value, str):
        raise MalformedDelivery(f"{'.'.join(path)} is missing")
    return value
