"""Slack's Web API, its failures sorted by what is known after them. The only maker of a WebClient."""

import http.client
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

TIMEOUT_SECONDS = 10

PARSE = "none"
"""Of every message: Slack looks for no names in its text, which it does in an edit unless it is told not to."""

BROKEN = {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"}
"""Error codes after which, by Slack's documentation, some of it may have been done."""


@dataclass(eq=False)
class Refused(Exception):
    """Slack said no: nothing was done. `code` is Slack's word for why."""

    code: str


@dataclass(eq=False)
class Limited(Exception):
    """Slack said later: nothing was done."""

    wait: timedelta


class Doubtful(Exception):
    """No answer, or the answer of a broken server: it may have been done."""


def web_client(token: str, base_url: str) -> WebClient:
    """A client without retries of its own: what must be said again is decided where it is known what was said."""
    return WebClient(token=token, base_url=base_url, timeout=TIMEOUT_SECONDS, retry_handlers=[])


@contextmanager
def sorted_failures() -> Iterator[None]:
    """Turn what the SDK raises into Refused, Limited or Doubtful."""
    try:
        yield
    except SlackApiError as error:
        raise sort(error) from error
    except (OSError, http.client.HTTPException, SlackClientError, ValueError) as error:
        raise Doubtful(str(error)) from error


def sort(error: SlackApiError) -> Refused | Limited | Doubtful:
    response: Any = error.response
    status = response["status"] if isinstance(response, dict) else response.status_code
    if status == 429:
        return Limited(timedelta(seconds=float(response.headers.get("Retry-After", 1))))
    code = str(response.get("error") or "")
    if status >= 500 or code in BROKEN or not re.fullmatch(r"[a-z0-9_]+", code):
        return Doubtful(f"Slack answered {status} {code}")
    return Refused(code)


class Identity:
    """Who the bot is in its workspace: asked for once, then known."""

    def __init__(self, client: WebClient) -> None:
        self._client = client
        self._known: AuthorizeResult | None = None

    def learn(self) -> AuthorizeResult:
        """Ask Slack, unless it is known.

        Raises:
            Refused, Limited, Doubtful: it cannot be known now.
        """
        if self._known is None:
            with sorted_failures():
                answer = self._client.auth_test()
            self._known = AuthorizeResult.from_auth_test_response(
                auth_test_response=answer, bot_token=self._client.token
            )
        return self._known
