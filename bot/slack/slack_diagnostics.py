"""The checks of Slack for `verlbot doctor`: who the tokens are, whether a connection opens, whether Slack reaches the
bot and takes its messages.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from websocket import WebSocket, WebSocketException

from bot.core.model.recipe import Recipe
from bot.errors import Unavailable
from bot.slack.inbound.http_mode import EVENTS_PATH
from bot.slack.outbound.clock_watch import parse_date_header
from bot.slack.outbound.message_calls import build_content
from bot.slack.outbound.web_client import SlackRateLimited, SlackRejected, SlackUncertain, classify_slack_errors
from bot.slack.views.example_messages import build_example_card, build_example_chart, build_example_form

REACH_TIMEOUT_SECONDS = 10
"""Maximum seconds for the bot's public address to answer."""

NO_VALIDATION_CODES = {"unknown_method", "method_not_supported", "not_allowed_token_type", "missing_scope"}
"""Error codes of a Slack that does not check blocks for this bot."""


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """Slack's answer to a token.

    Attributes:
        error: Slack's code for a refusal; empty where it accepts the token.
        team, bot: names of the workspace and of the bot in it.
        scopes: what the token may do; None where Slack does not say.
        ahead_seconds: Slack's clock minus ours, known to a second; None where Slack does not say.
        address: address of a Socket Mode connection, good for one.
    """

    error: str = ""
    team: str = ""
    bot: str = ""
    scopes: frozenset[str] | None = None
    ahead_seconds: float | None = None
    address: str = field(default="", repr=False)


def check_token(client: WebClient, method: str) -> TokenCheck:
    """Call a method that takes no arguments, and return what Slack answers about the token.

    Raises:
        Unavailable: there is no answer, or none that is Slack's.
    """
    began = time.time()
    try:
        with classify_slack_errors():
            answer: Any = client.api_call(method)
    except SlackRejected as refused:
        if not isinstance(refused.__cause__, SlackApiError):
            raise
        # A refusal is an answer about the token.
        answer = refused.__cause__.response
    except SlackRateLimited as limited:
        raise Unavailable(
            f"asked too often; it answers again in {limited.retry_after.total_seconds():g} s"
        ) from limited
    except SlackUncertain as doubtful:
        raise Unavailable(describe_error(doubtful.__cause__ or doubtful)) from doubtful
    return parse_answer(
        answer.data, {name.lower(): text for name, text in answer.headers.items()}, (began + time.time()) / 2
    )


def validate_examples(client: WebClient, recipe: Recipe | None, now: datetime) -> dict[str, str | None]:
    """Return what Slack says of a card, a form and a chart, by name: empty where Slack takes it, None where
    this Slack has no such check.

    Raises:
        Unavailable: there is no answer.
    """
    payloads: dict[str, dict[str, Any]] = {
        "a card": {"message": build_content([build_example_card(now)], lambda message: list(message.blocks))},
        **({"a form": {"view": build_example_form(recipe)}} if recipe else {}),
        "a chart": {"blocks": [build_example_chart()]},
    }
    return {name: validate_payload(client, payload) for name, payload in payloads.items()}


def validate_payload(client: WebClient, payload: Mapping[str, Any]) -> str | None:
    """Return why Slack would refuse blocks, a message or a view; empty if it would not, None if it does not check.

    Raises:
        Unavailable: there is no answer.
    """
    try:
        with classify_slack_errors():
            client.blocks_validate(**payload)
    except SlackRejected as refused:
        return None if refused.code in NO_VALIDATION_CODES else describe_refusal(refused)
    except (SlackRateLimited, SlackUncertain) as doubtful:
        raise Unavailable(describe_error(doubtful.__cause__ or doubtful)) from doubtful
    return ""


def describe_refusal(refused: SlackRejected) -> str:
    """Return Slack's code, and what it says of the first place that is wrong."""
    response = getattr(refused.__cause__, "response", None)
    errors = (response.get("errors") if response is not None else None) or [{}]
    first = errors[0] if isinstance(errors[0], dict) else {}
    place = " ".join(filter(None, (str(first.get("pointer") or ""), str(first.get("message") or ""))))
    return f"{refused.code} ({place})" if place else refused.code


def describe_error(error: BaseException) -> str:
    """Return the message of an exception: the wrapped one's where urllib wraps it, the class's name where it has none.

    >>> from urllib.error import URLError
    >>> describe_error(URLError(ConnectionRefusedError(111, "Connection refused"))), describe_error(TimeoutError())
    ('[Errno 111] Connection refused', 'TimeoutError')
    """
    wrapped = getattr(error, "reason", None)
    cause = wrapped if isinstance(wrapped, Exception) else error
    return " ".join(str(cause).split()) or type(cause).__name__


def parse_answer(body: Mapping[str, Any], headers: Mapping[str, str], called_at: float) -> TokenCheck:
    """Return the token check that an answer's body and headers show.

    >>> parse_answer({"ok": True, "team": "lab"}, {"x-oauth-scopes": "commands,chat:write"}, 0.0).team
    'lab'
    """
    scopes = headers.get("x-oauth-scopes")
    date = headers.get("date")
    return TokenCheck(
        error="" if body.get("ok") else str(body.get("error")),
        team=str(body.get("team") or ""),
        bot=str(body.get("user") or ""),
        scopes=None if scopes is None else frozenset(filter(None, map(str.strip, scopes.split(",")))),
        ahead_seconds=parse_date_header(date) - called_at if date else None,
        address=str(body.get("url") or ""),
    )


def connect(address: str, seconds: float) -> int:
    """Open a Socket Mode connection and close it at Slack's greeting; return how many the app has with it.

    Slack may send a delivery to any connection of an app. This one is closed at once, so that it takes none from a
    running bot; what would arrive in those milliseconds is not acknowledged, and Slack sends events again.

    Raises:
        Unavailable: the connection does not open; the message says why.
    """
    link = WebSocket()
    try:
        link.connect(address, timeout=seconds)  # type: ignore[no-untyped-call]  # websocket-client's
        hello = json.loads(link.recv())
    except (OSError, WebSocketException, ValueError) as error:
        raise Unavailable(describe_error(error)) from error
    finally:
        link.close(timeout=1)
    if hello.get("type") != "hello":
        raise Unavailable(f"Slack did not greet, but said {hello.get('type')}")
    return int(hello.get("num_connections") or 1)


def probe_public_url(public_url: str) -> int:
    """Return the status of an unsigned delivery to the bot's public address: 401 is Bolt's own, and shows that it was
    reached.

    Raises:
        Unavailable: the address does not answer.
    """
    try:
        return httpx.post(f"{public_url}{EVENTS_PATH}", timeout=REACH_TIMEOUT_SECONDS).status_code
    except httpx.HTTPError as error:
        raise Unavailable(describe_error(error)) from error
