"""What a workspace sends to its app: over Socket Mode, or as signed HTTP requests."""

import asyncio
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import uuid4

import httpx
from starlette.websockets import WebSocket, WebSocketDisconnect

from slack_playground.checks import Refusal
from slack_playground.record import Entry
from slack_playground.slack import SIGNING_SECRET, Slack
from slack_playground.workspace import Json

ACK_SECONDS = 3.0
TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS, RESPONSE_URL_USES = 1800.0, 5
EVENT_RETRIES_SECONDS = (0.5, 60.0, 300.0)
"""Waits before an event that was not acknowledged is delivered again: nearly at once, a minute, five minutes."""

RETRY_HEADERS = {"retry_attempt": "X-Slack-Retry-Num", "retry_reason": "X-Slack-Retry-Reason"}
"""What a delivery that comes again says of that: in its envelope, or as headers of a request."""


ACK_CHARACTERS, TOO_LONG = 13_200, "invalid_command_response"
"""What an acknowledgement may hold, as those found who met the limit; and what the person is shown of a longer one."""


class NotAnswered(Exception):
    """The app did not take a delivery, or did not acknowledge it in time; the code is what a person would see."""


@dataclass(slots=True)
class Awaited:
    """A delivery whose acknowledgement is awaited."""

    entry: Entry
    answer: asyncio.Future[Json]


@dataclass(slots=True)
class Trigger:
    """What lets the app open one modal in front of a person, who stands in a channel or in none.

    Attributes:
        window: the window of the person's browser that the modal belongs to; empty for a program.
    """

    user: str
    channel: str
    until: float
    window: str = ""
    is_used: bool = False


@dataclass(slots=True)
class ResponseUrl:
    """A way to answer one command or click later: in the channel, unless the answer names a thread.

    Attributes:
        ts: the message in which the person clicked, which can be replaced; None after a command.
    """

    user: str
    channel: str
    ts: str | None
    until: float
    uses: int = RESPONSE_URL_USES


class Deliveries:
    """The link to the app."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._tickets: set[str] = set()
        self._sockets: list[WebSocket] = []
        self._turn = 0
        self._awaited: dict[str, Awaited] = {}
        self._triggers: dict[str, Trigger] = {}
        self._response_urls: dict[str, ResponseUrl] = {}
        self._retries: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        return len(self._sockets)

    # the app's side

    def new_ticket(self) -> str:
        """For one connection."""
        ticket = uuid4().hex
        self._tickets.add(ticket)
        return ticket

    async def link(self, socket: WebSocket, ticket: str) -> None:
        """One Socket Mode connection, to its end."""
        if ticket not in self._tickets:
            await socket.close(code=4401)
            return
        self._tickets.remove(ticket)
        await socket.accept()
        self._sockets.append(socket)
        info = {"app_id": self._slack.workspace.app}
        await socket.send_json({"type": "hello", "num_connections": self.connections, "connection_info": info})
        self._slack.touch()
        try:
            while True:
                self._acknowledged(await socket.receive_json())
        except (WebSocketDisconnect, RuntimeError):  # starlette raises RuntimeError on a socket that we closed
            self._forget(socket)

    async def drop(self) -> None:
        """Close every connection without an announcement."""
        for socket in list(self._sockets):
            self._forget(socket)
            await socket.close(code=1012)

    async def refresh(self) -> None:
        """Ask every connection to come again, as Slack does every few hours."""
        for socket in list(self._sockets):
            self._forget(socket)
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested"})

    def _forget(self, socket: WebSocket) -> None:
        if socket in self._sockets:
            self._sockets.remove(socket)
            self._slack.touch()

    def _acknowledged(self, message: Json) -> None:
        awaited = self._awaited.pop(str(message.get("envelope_id")), None)
        if awaited and not awaited.answer.done():
            awaited.answer.set_result(message.get("payload") or {})

    # the workspace's side

    def new_trigger(self, user: str, channel: str = "", window: str = "") -> str:
        """Lets the app open one modal for this person, within three seconds."""
        key = uuid4().hex
        self._triggers[key] = Trigger(user, channel, self._slack.now() + TRIGGER_SECONDS, window)
        return key

    def use_trigger(self, key: str) -> Trigger:
        """The trigger, which is used up by this.

        Raises:
            Refusal: with Slack's word for why it opens nothing.
        """
        trigger = self._triggers.get(key)
        if trigger is None:
            raise Refusal("invalid_trigger_id")
        if trigger.is_used:
            raise Refusal("exchanged_trigger_id")
        if self._slack.now() > trigger.until:
            raise Refusal("expired_trigger_id")
        trigger.is_used = True
        return trigger

    def new_response_url(self, user: str, channel: str, ts: str | None = None) -> str:
        key = uuid4().hex
        until = self._slack.now() + RESPONSE_URL_SECONDS
        self._response_urls[key] = ResponseUrl(user, channel, ts, until)
        return f"{self._slack.address}/response/{key}"

    def use_response_url(self, key: str) -> ResponseUrl | None:
        """What the URL was made for, counted; None where it is unknown, used up or too old."""
        found = self._response_urls.get(key)
        if found is None or found.uses == 0 or self._slack.now() > found.until:
            return None
        found.uses -= 1
        return found

    async def deliver(self, kind: str, payload: Json, **detail: object) -> Json:
        """Hand the app a delivery, and return what it acknowledges with.

        Args:
            kind: `slash_commands`, `interactive` or `events_api`.

        Raises:
            NotAnswered: no app took it, or no app acknowledged it within three seconds.
        """
        entry = self._slack.record.begin("delivery", kind, **detail)
        try:
            if self._slack.request_url or not self._slack.app.socket_mode:
                answer = await self._over_http(kind, payload)
            else:
                answer = await self._over_socket(kind, payload, entry)
        except NotAnswered as error:
            entry.done(str(error))
            raise
        if len(json.dumps(answer, ensure_ascii=False)) > ACK_CHARACTERS:
            entry.done(TOO_LONG)
            raise NotAnswered(TOO_LONG)
        entry.done("ok")
        return answer

    async def deliver_event(self, payload: Json, **detail: object) -> None:
        """Deliver an event, again if it is not acknowledged, as Slack does."""
        for attempt, wait in enumerate((0.0, *EVENT_RETRIES_SECONDS)):
            await asyncio.sleep(wait)
            try:
                again = {"retry_attempt": attempt, "retry_reason": "timeout"} if attempt else {}
                await self.deliver("events_api", payload | again, **detail)
            except NotAnswered:
                continue
            return

    def deliver_event_soon(self, payload: Json, **detail: object) -> None:
        task = asyncio.get_running_loop().create_task(self.deliver_event(payload, **detail))
        self._retries.add(task)
        task.add_done_callback(self._retries.discard)

    async def _over_socket(self, kind: str, payload: Json, entry: Entry) -> Json:
        if not self._sockets:
            raise NotAnswered("dispatch_failed")
        self._turn += 1
        socket = self._sockets[self._turn % len(self._sockets)]
        envelope = str(uuid4())
        awaited = Awaited(entry, asyncio.get_running_loop().create_future())
        self._awaited[envelope] = awaited
        message = {"envelope_id": envelope, "type": kind, "accepts_response_payload": kind != "events_api"}
        retry = {key: payload.pop(key) for key in RETRY_HEADERS if key in payload}
        try:
            await socket.send_json(message | retry | {"payload": payload})
            return await asyncio.wait_for(awaited.answer, ACK_SECONDS)
        except (TimeoutError, WebSocketDisconnect, RuntimeError) as error:
            self._awaited.pop(envelope, None)
            raise NotAnswered("operation_timeout") from error

    async def _over_http(self, kind: str, payload: Json) -> Json:
        url = self._slack.request_url or self._slack.app.url_of(kind, payload)
        if not url:
            raise NotAnswered("dispatch_failed")
        again = {RETRY_HEADERS[key]: str(payload.pop(key)) for key in RETRY_HEADERS if key in payload}
        body, kind_of_body = encoded(kind, payload)
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                headers = signed(body) | {"Content-Type": kind_of_body} | again
                answer = await client.post(url, content=body, headers=headers, timeout=ACK_SECONDS)
        except httpx.HTTPError as error:
            raise NotAnswered("operation_timeout") from error
        if answer.status_code != 200:
            raise NotAnswered(f"http_{answer.status_code}")
        if answer.headers.get("content-type", "").startswith("application/json"):
            return dict(answer.json())
        return {"text": answer.text} if answer.text else {}


def encoded(kind: str, payload: Json) -> tuple[bytes, str]:
    """The body of a request as Slack sends it, and its content type."""
    if kind == "events_api":
        return json.dumps(payload).encode(), "application/json"
    form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
    return urlencode(form).encode(), "application/x-www-form-urlencoded"


def signed(body: bytes) -> dict[str, str]:
    """Slack's signature of a request (docs.slack.dev, verifying requests from Slack)."""
    stamp = str(int(time.time()))
    digest = hmac.new(SIGNING_SECRET.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}
