"""Slack's Web API: errors sorted by what mends them, and a limit for each channel."""

import http.client
import logging
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

from bot.core.model.token_bucket import PriorityTokenBucket
from bot.runtime.telemetry import OperationKind, Outcome, Telemetry

TIMEOUT_SECONDS = 10

PARSE_MODE = "none"
"""The parse mode of every message: Slack links no names in the text. In an edit it does so by default."""

UNCERTAIN_ERROR_CODES = {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"}
"""Error codes after which Slack may have executed part of the call, according to its documentation."""

RATE_LIMIT_CODES = {"rate_limited", "ratelimited"}
"""Error codes of a rate limit. Some methods answer them with the status 200 and without Retry-After."""

DEFAULT_RETRY_AFTER, MIN_RETRY_SECONDS, MAX_RETRY_SECONDS = timedelta(seconds=10), 1.0, 86_400.0
"""How long to wait where Slack does not say, and bounds of what it says."""


@dataclass(eq=False)
class SlackRejected(Exception):
    """Slack rejected the call and did nothing.

    Attributes:
        code: Slack's error code; reasons: what Slack adds for people, such as which block is wrong.
    """

    code: str
    reasons: tuple[str, ...] = ()


@dataclass(eq=False)
class SlackRateLimited(Exception):
    """Slack rate limited the call and did nothing; it accepts calls again after `retry_after`."""

    retry_after: timedelta


@dataclass(eq=False)
class SlackUncertain(Exception):
    """Slack did not answer, or its server failed: it may have executed the call.

    Attributes:
        reason: what happened; retry_after: how long Slack asks to wait, zero where it does not say.
    """

    reason: str = ""
    retry_after: timedelta = timedelta()


SDK_LOG = logging.getLogger("bot.slack_sdk")
"""The log of Slack's SDK. It repeats as an error what it raises, at every attempt, so only the worst is kept."""
SDK_LOG.setLevel(logging.CRITICAL)


class MeasuredWebClient(WebClient):
    """Slack's client, each call of which is observed."""

    telemetry: Telemetry

    def api_call(self, api_method: str, **options: Any) -> SlackResponse:
        """Call a method of the Web API."""
        with self.telemetry.observe(OperationKind.SLACK, api_method, classify_slack_outcome):
            return super().api_call(api_method, **options)


def build_web_client(token: str, base_url: str, telemetry: Telemetry | None = None) -> WebClient:
    """Return a client without built-in retries: only the caller knows which call may safely be repeated, and logs what
    failed.
    """
    client = MeasuredWebClient(
        token=token, base_url=base_url, timeout=TIMEOUT_SECONDS, retry_handlers=[], logger=SDK_LOG
    )
    client.telemetry = telemetry or Telemetry()
    return client


def classify_slack_outcome(error: BaseException | None) -> Outcome:
    """Return how a call to Slack ended."""
    if error is None:
        return Outcome.SUCCEEDED
    try:
        with classify_slack_errors():
            raise error
    except SlackRejected:
        return Outcome.REFUSED
    except SlackRateLimited:
        return Outcome.RATE_LIMITED
    except SlackUncertain:
        return Outcome.UNANSWERED
    except BaseException:  # it is the caller's: only its kind is wanted here
        return Outcome.FAILED


@contextmanager
def classify_slack_errors() -> Iterator[None]:
    """Translate the SDK's exceptions into SlackRejected, SlackRateLimited or SlackUncertain."""
    try:
        yield
    except SlackApiError as error:
        raise classify_api_error(error) from error
    except (OSError, http.client.HTTPException, SlackClientError, ValueError) as error:
        raise SlackUncertain(str(error)) from error


def classify_api_error(error: SlackApiError) -> SlackRejected | SlackRateLimited | SlackUncertain:
    """Return the exception that an error of the API means."""
    response: Any = error.response
    # The SDK itself raises with a plain mapping where the body is not JSON.
    is_mapping = isinstance(response, dict)
    status = response["status"] if is_mapping else response.status_code
    headers = (response.get("headers") if is_mapping else response.headers) or {}
    code = str(response.get("error") or "")
    if status == 429 or code in RATE_LIMIT_CODES:
        return SlackRateLimited(read_retry_after(headers))
    # An error code of another form is not Slack's own, so it does not prove that nothing was done.
    if status >= 500 or code in UNCERTAIN_ERROR_CODES or not re.fullmatch(r"[a-z0-9_]+", code):
        return SlackUncertain(f"Slack answered {status} {code}", retry_after=read_retry_after(headers, timedelta()))
    return SlackRejected(code, read_reasons(response))


def read_reasons(response: Any) -> tuple[str, ...]:
    """Return what Slack adds to an error code: as `errors`, or in its metadata."""
    metadata = response.get("response_metadata")
    texts = response.get("errors") or (metadata.get("messages") if isinstance(metadata, dict) else None)
    return tuple(map(str, texts)) if isinstance(texts, list) else ()


def read_retry_after(headers: Mapping[str, Any], default: timedelta = DEFAULT_RETRY_AFTER) -> timedelta:
    """Return how long Slack asks the bot to wait; the default where it does not say.

    >>> read_retry_after({"Retry-After": "30"}), read_retry_after({"retry-after": "soon"})
    (datetime.timedelta(seconds=30), datetime.timedelta(seconds=10))
    """
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    try:
        seconds = float(str(text))
    except ValueError:
        return default
    if not math.isfinite(seconds):
        return default
    return timedelta(seconds=min(max(seconds, MIN_RETRY_SECONDS), MAX_RETRY_SECONDS))


class BotIdentity:
    """The bot's user and workspace: requested once, then cached."""

    def __init__(self, client: WebClient) -> None:
        self._client = client
        self._authorization: AuthorizeResult | None = None

    def resolve(self) -> AuthorizeResult:
        """Return the bot's authorization; request it from Slack on the first call.

        Raises:
            SlackRejected, SlackRateLimited, SlackUncertain: it is unknown for now.
        """
        if self._authorization is None:
            with classify_slack_errors():
                answer = self._client.auth_test()
            self._authorization = AuthorizeResult.from_auth_test_response(
                auth_test_response=answer, bot_token=self._client.token
            )
        return self._authorization

    def find_bot_name(self) -> str:
        """Return the name that the clusters of this bot carry; empty while Slack does not give it."""
        try:
            return build_bot_name(self.resolve())
        except (SlackRejected, SlackRateLimited, SlackUncertain):
            return ""

    def find_workspace_url(self) -> str:
        """Return the web address of the workspace, with a slash at its end; empty while Slack does not give it."""
        try:
            return self.resolve().url or ""
        except (SlackRejected, SlackRateLimited, SlackUncertain):
            return ""


def build_bot_name(authorization: AuthorizeResult) -> str:
    """Return the name of a bot that no other one has, as labels of clusters accept it."""
    return f"{authorization.team_id}-{authorization.bot_user_id}".lower()


def build_permalink(workspace_url: str, channel: str, ts: str, thread_ts: str | None) -> str:
    """Return the web address of a message, in the form that Slack's `chat.getPermalink` gives; empty without that of
    the workspace.

    >>> build_permalink("https://a.slack.com/", "C1", "1700000000.000100", None)
    'https://a.slack.com/archives/C1/p1700000000000100'
    >>> build_permalink("https://a.slack.com/", "C1", "1700000009.000200", "1700000000.000100")
    'https://a.slack.com/archives/C1/p1700000009000200?thread_ts=1700000000.000100&cid=C1'
    """
    if not workspace_url:
        return ""
    thread = f"?thread_ts={thread_ts}&cid={channel}" if thread_ts and thread_ts != ts else ""
    return f"{workspace_url}archives/{channel}/p{ts.replace('.', '')}{thread}"


POSTS_PER_SECOND, MAX_POST_BURST = 1.0, 3
"""Slack's limit per channel: about one message a second, and a short burst."""


class ChannelRateLimiter:
    """A token bucket per channel, shared by everything that posts there."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._buckets: dict[str, PriorityTokenBucket] = {}

    def acquire_post(self, channel: str, caller: str, rank: int, now: datetime) -> timedelta:
        """Use up the turn to post in a channel if it is now. Return zero then, or else after how long to ask again."""
        with self._lock:
            bucket = self._buckets.setdefault(channel, PriorityTokenBucket(POSTS_PER_SECOND, MAX_POST_BURST))
            return bucket.acquire(caller, rank, now)

    def forget(self, caller: str) -> None:
        """Forget a caller that has nothing to post any more."""
        with self._lock:
            for bucket in self._buckets.values():
                bucket.withdraw(caller)
