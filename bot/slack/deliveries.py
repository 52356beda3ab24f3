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


class Malformed(Exception):
    """A delivery that Slack does not send."""


class Named(msgspec.Struct):
    """An object with an id."""

    id: str


class Command(msgspec.Struct):
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


class Event(msgspec.Struct):
    """An event."""

    event: EventBody
    event_id: str
    team_id: str | None = None


class Option(msgspec.Struct):
    """The choice that a person selected."""

    value: str


class Action(msgspec.Struct):
    """A press of a button, or a choice."""

    action_id: str
    value: str | None = None
    selected_option: Option | None = None


class Container(msgspec.Struct):
    """The message that contains a button."""

    message_ts: str | None = None


class Field(msgspec.Struct):
    """A block of a view."""

    type: str
    block_id: str | None = None


class Filled(msgspec.Struct):
    """The values of a view's fields, by block and control."""

    values: dict[str, dict[str, dict[str, Any]]] | None = None


class View(msgspec.Struct):
    """A view that a person looks at."""

    id: str | None = None
    hash: str | None = None
    private_metadata: str | None = None
    state: Filled | None = None
    blocks: list[Field] | None = None


class Form(View, kw_only=True):
    """A view that a person has filled in."""

    id: str
    private_metadata: str
    blocks: list[Field]


class Press(msgspec.Struct):
    """Presses of buttons, and choices."""

    user: Named
    actions: list[Action]
    trigger_id: str | None = None
    response_url: str | None = None
    channel: Named | None = None
    container: Container | None = None
    view: View | None = None
    team: Named | None = None


class Submission(msgspec.Struct):
    """A view that a person has submitted."""

    user: Named
    view: Form
    team: Named | None = None


KINDS: Mapping[str, type[msgspec.Struct]] = {
    "event_callback": Event,
    "block_actions": Press,
    "view_submission": Submission,
}
"""The struct of a delivery, by Slack's `type`. A slash command has none."""


def checked(body: Mapping[str, Any]) -> None:
    """Raise unless a delivery has the form of Slack's, and a listener takes it. Bolt itself answers Slack's tests.

    Raises:
        MalformedDelivery: it does not; the message names the place, and contains nothing of the delivery.
    """
    kind = Command if "command" in body else KINDS.get(str(body.get("type")))
    if kind is None:
        if body.get("type") == "url_verification" or "ssl_check" in body:
            return
        raise Malformed("no listener takes a delivery of this kind")
    try:
        found = msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise Malformed(str(error)) from None
    if isinstance(found, Event):
        refuse_incomplete(found.event)
    if isinstance(found, Submission):
        refuse_without_fields(found.view)
    if isinstance(found, Press) and not found.actions:
        raise Malformed("there is no action")


def refuse_incomplete(event: EventBody) -> None:
    """Raise if a mention or an opened page lacks what an answer needs."""
    if event.type == "app_mention" and event.user is not None and None in (event.channel, event.text, event.ts):
        raise Malformed("a mention lacks its channel, text or time")
    if event.type == "app_home_opened" and event.user is None:
        raise Malformed("a page was opened by nobody")


def refuse_without_fields(view: Form) -> None:
    """Raise if a view has no field that can be filled in or can show an error."""
    if not any(block.type == "input" and block.block_id for block in view.blocks):
        raise Malformed("the view has no field")


def dispatched(app: App, request: SocketModeRequest) -> BoltResponse:
    """Dispatch a delivery that came over a socket; reject one that Bolt cannot parse."""
    try:
        answered: BoltResponse = run_bolt_app(app, request)
    except Exception as error:
        # Bolt parses the delivery here, and raises many kinds of errors on one that is malformed.
        log.warning("a delivery is not what Slack sends: %s", type(error).__name__)
        return BoltResponse(status=400)
    return answered


def words(action: Mapping[str, Any], count: int) -> list[str]:
    """Return the words of a button's value.

    Raises:
        MalformedDelivery: there are more or fewer.
    """
    found = value_of(action).split()
    if len(found) != count:
        raise Malformed(f"a button's value has {len(found)} words, not {count}")
    return found


def value_of(action: Mapping[str, Any]) -> str:
    """Return a button's value.

    Raises:
        MalformedDelivery: it has none.
    """
    value = action.get("value")
    if not isinstance(value, str):
        raise Malformed("a button has no value")
    return value


def number(text: str) -> float:
    """Return the finite number in a button's value.

    Raises:
        MalformedDelivery: it is not a number.
    """
    try:
        found = float(text)
    except ValueError:
        # NaN takes the same path as the infinities, which float() accepts.
        found = math.nan
    if not math.isfinite(found):
        raise Malformed("a button's value holds no number")
    return found


def moment(text: str) -> datetime:
    """Return the time in a button's value, which is in Unix seconds.

    Raises:
        MalformedDelivery: it is not a time.
    """
    try:
        return datetime.fromtimestamp(number(text), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed("a button's value holds no time") from error


def needed(body: Mapping[str, Any], *path: str) -> str:
    """Return a string that only some deliveries must have.

    Raises:
        MalformedDelivery: this delivery lacks it.
    """
    found: Any = body
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, str):
        raise Malformed(f"{'.'.join(path)} is missing")
    return found
