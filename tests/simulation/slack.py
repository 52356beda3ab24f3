"""Slack without HTTP: the playground's own methods, called in this process, at the schedule's time."""

import json
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from bot.runtime.telemetry import Telemetry
from bot.slack.manifest import SCOPES
from bot.slack.outbound.web_client import SDK_LOG, MeasuredWebClient
from slack_playground.deliveries import Deliveries
from slack_playground.faults import Trouble
from slack_playground.people import People
from slack_playground.server import JSON_ARGUMENTS
from slack_playground.slack import BOT_TOKEN, Slack
from slack_playground.web_api import call
from slack_playground.workspace import Message, seeded
from tests.simulation.outside import NoReply, Outside

RETRY_AFTER_SECONDS = 3
"""What a rate limit asks to wait."""


class TimedSlack(Slack):
    """The state of a workspace at the schedule's time, which wakes no server."""

    outside: Outside

    def now(self) -> float:
        return self.outside.time

    def touch(self) -> None:
        """Nothing waits for a change."""
        self.version += 1


class SimulatedSlack:
    """The workspace of one schedule.

    Attributes:
        late: posts that Slack has taken and shows later, each with its time.
        late_seconds: how much later the next post is shown whose call gets no answer; None for no such post.
    """

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self.state = TimedSlack(workspace=seeded(), address="http://simulated", scopes=set(SCOPES))
        self.state.outside = outside
        self.deliveries = Deliveries(self.state)
        self.people = People(self.state, self.deliveries)
        self.late: list[tuple[float, Callable[[], object]]] = []
        self.late_seconds: float | None = None

    def advance(self) -> None:
        """Show the late posts that are due."""
        due = [happen for at, happen in self.late if at <= self.outside.time]
        self.late = [one for one in self.late if one[0] > self.outside.time]
        for happen in due:
            happen()

    def call(self, client: MeasuredWebClient, method: str, arguments: dict[str, Any]) -> SlackResponse:
        """Answer a call of the Web API, with the trouble of the schedule."""
        trouble = self.outside.call(f"slack.{method}")
        self.advance()
        if trouble is Trouble.LIMITED:
            return respond(client, method, {"ok": False, "error": "ratelimited"}, 429)
        if trouble is Trouble.BROKEN:
            found = {"status": 503, "headers": {}, "body": "upstream connect error"}
            raise SlackApiError("503", found)  # type: ignore[no-untyped-call]  # slack_sdk leaves this untyped
        if trouble is Trouble.SLOW and method == "chat.postMessage":
            self.late.append((self.outside.time + (self.late_seconds or 0.0), lambda: self.answer(method, arguments)))
            raise NoReply("The read operation timed out")
        answer = self.answer(method, arguments)
        if trouble in (Trouble.LOST, Trouble.BROKEN_AFTER):
            raise NoReply("The connection broke")
        return respond(client, method, answer, 200)

    def answer(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        copied = json.loads(json.dumps(arguments))  # as over HTTP: what the caller changes later is not Slack's
        for name in JSON_ARGUMENTS:
            if isinstance(copied.get(name), str):
                with suppress(ValueError):
                    copied[name] = json.loads(copied[name])
        return call(self.state, self.deliveries, method, BOT_TOKEN, copied)

    def respond(self, url: str, answer: dict[str, Any]) -> SimpleNamespace:
        """Show the answer to a command by its response URL."""
        trouble = self.outside.call("slack.response_url")
        if trouble is Trouble.LIMITED:
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return SimpleNamespace(status_code=429, headers=headers, body="ratelimited")
        if trouble in (Trouble.BROKEN, Trouble.SLOW):
            return SimpleNamespace(status_code=503, headers={}, body="upstream connect error")
        target = self.deliveries.use_response_url(url.rpartition("/")[2])
        assert target is not None
        self.people.respond(json.loads(json.dumps(answer)), target)
        if trouble is not None:
            raise NoReply("The connection broke")
        return SimpleNamespace(status_code=200, headers={}, body="ok")

    def messages(self) -> list[Message]:
        """Return all messages of all channels that Slack shows."""
        return [message for messages in self.state.workspace.messages.values() for message in messages]


def respond(client: MeasuredWebClient, method: str, answer: dict[str, Any], status: int) -> SlackResponse:
    """Return the answer as Slack's client does, or raise its error."""
    found = SlackResponse(
        client=client,
        http_verb="POST",
        api_url=method,
        req_args={},
        data=answer,
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 429 else {},
        status_code=status,
    )
    found.validate()  # type: ignore[no-untyped-call]  # slack_sdk leaves this untyped
    return found


class SimulatedClient(MeasuredWebClient):
    """Slack's client, whose calls stay in this process."""

    slack: SimulatedSlack

    def api_call(self, api_method: str, **options: Any) -> SlackResponse:
        """Call a method of the Web API."""
        arguments: dict[str, Any] = {}
        for name in ("params", "data", "json"):
            arguments |= {key: value for key, value in (options.get(name) or {}).items() if value is not None}
        return self.slack.call(self, api_method, arguments)


def build_client(slack: SimulatedSlack) -> SimulatedClient:
    client = SimulatedClient(token=BOT_TOKEN, retry_handlers=[], logger=SDK_LOG)
    client.telemetry, client.slack = Telemetry(), slack
    return client
