"""A web server on one address that is hard to block: HTTP mode, the admin policy's port and the metrics' use it.

Nothing of a request is parsed before its sender has been checked. Headers, body and connections are bounded in size,
time and number, because anyone may reach the port; a proxy before it may be stricter, never laxer.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from threading import Event, Thread

import h11
import uvicorn
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.errors import UserError

START_SECONDS = 20
MAX_HEADER_BYTES = 16_384
"""Maximum bytes of a request's headers, which come in pieces or at once; Slack's have about 1,000."""

KEEP_ALIVE_SECONDS = 5
HEALTH_PATH = "/health"


@dataclass(frozen=True, slots=True)
class PortLimits:
    """Limits of one port.

    Attributes:
        body_bytes: maximum of one request's body, chunked ones too.
        seconds: maximum for the headers of a request to arrive, and again for its body.
        connections: maximum open at once, idle ones included.
        linger_seconds: how long the sender of a refused body may take to read the answer; a socket that is closed at
            once drops it.
    """

    body_bytes: int = 1_000_000
    seconds: float = 10.0
    connections: int = 100
    linger_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The handler of what is sent to one path, or to paths below it.

    Attributes:
        refuse: returns the refusal, before the body is read, by what follows the path and the headers; None to accept.
        answer: returns the response to the body.
        has_subpaths: whether something may follow the path.
        method: the one method that is accepted; of a GET no body is read.
    """

    refuse: Callable[[str, Headers], Response | None]
    answer: Callable[[Headers, bytes], Awaitable[Response]]
    has_subpaths: bool = False
    method: str = "POST"


class BodyTooLarge(Exception):
    """The body has more bytes than the limit."""


class Disconnected(Exception):
    """The sender disconnected before its request was complete."""


class WebApplication:
    """The ASGI application: paths, limits, and endpoints."""

    def __init__(self, endpoints: Mapping[str, Endpoint], limits: PortLimits) -> None:
        self._endpoints = endpoints
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._respond(scope, receive)
        except Disconnected:
            return
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADER_BYTES:
            return text_response("too many headers", 431)
        path, method = str(scope["path"]), str(scope["method"])
        if path == HEALTH_PATH:
            return text_response("ok", 200) if method in ("GET", "HEAD") else method_not_allowed_response("GET")
        endpoint, rest = self._find_endpoint(path)
        if endpoint is None:
            return text_response("not found", 404)
        if method != endpoint.method:
            return method_not_allowed_response(endpoint.method)
        headers = Headers(scope=scope)
        if refusal := endpoint.refuse(rest, headers):
            return refusal
        if method == "GET":
            return await endpoint.answer(headers, b"")
        try:
            async with asyncio.timeout(self._limits.seconds):
                body = await read_body(headers, receive, self._limits.body_bytes)
        except BodyTooLarge:
            return text_response("too large", 413)
        except TimeoutError:
            return text_response("too slow", 408)
        return await endpoint.answer(headers, body)

    def _find_endpoint(self, path: str) -> tuple[Endpoint | None, str]:
        """Return the endpoint of a path, and what follows the endpoint's own path."""
        for start, endpoint in self._endpoints.items():
            if path == start:
                return endpoint, ""
            if endpoint.has_subpaths and path.startswith(f"{start}/"):
                return endpoint, path[len(start) + 1 :]
        return None, ""


async def read_body(headers: Headers, receive: Receive, max_bytes: int) -> bytes:
    """Return the body. A declared length that is too large is refused unread; what arrives counts all the same.

    Raises:
        BodyTooLarge, Disconnected.
    """
    declared = headers.get("content-length", "0")
    # The length of the digits is compared first: a number of any size would take time to parse.
    if not declared.isdecimal() or len(declared) > len(str(max_bytes)) or int(declared) > max_bytes:
        raise BodyTooLarge
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        body += message.get("body", b"")
        if len(body) > max_bytes:
            raise BodyTooLarge
        if not message.get("more_body"):
            return bytes(body)


def text_response(words: str, status: int) -> Response:
    """Return a plain-text response."""
    return PlainTextResponse(words, status_code=status)


def method_not_allowed_response(method: str) -> Response:
    """Return the response to a method that is not allowed."""
    return PlainTextResponse("method not allowed", status_code=405, headers={"Allow": method})


class GuardedProtocol(H11Protocol):
    """Uvicorn's HTTP, with a deadline for each request's headers and a limit of connections.

    At the limit, the connection that has delayed its request the longest is closed for the new one: a sender that
    sends at once is served while others are slow.
    """

    most_connections = 100
    header_seconds = 10.0
    linger_seconds = 1.0

    _deadline: asyncio.TimerHandle | None = None
    _reading_deadline: asyncio.TimerHandle | None = None
    began_at: float = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= self.most_connections and not self._make_room():
            transport.abort()
            return
        super().connection_made(transport)
        # With no buffer, every answer that is not read pauses writing, which is noticed.
        transport.set_write_buffer_limits(high=0)
        self.began_at = time.monotonic()
        self._set_deadline(self.header_seconds)

    def data_received(self, data: bytes) -> None:
        if self.transport is None:  # refused in connection_made
            return
        if self._deadline is None and self.is_awaiting_sender and not self._is_awaiting_body:
            self._set_deadline(self.header_seconds)
        super().data_received(data)
        if self._is_awaiting_body or not self.is_awaiting_sender:
            self._cancel_deadline()

    def on_response_complete(self) -> None:
        is_refused = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        self.began_at = time.monotonic()
        if is_refused:
            self._set_deadline(self.linger_seconds)

    def pause_writing(self) -> None:
        """Wait for a sender that does not read its answers, up to a deadline, so that it cannot block a connection."""
        super().pause_writing()
        self._reading_deadline = self.loop.call_later(self.header_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._cancel_reading_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        self._cancel_reading_deadline()
        if self.transport is not None:
            super().connection_lost(exc)

    @property
    def is_awaiting_sender(self) -> bool:
        """Return whether the sender must act next: send, or read its answer."""
        if self.cycle is None or self.flow.write_paused:
            return True
        return self.cycle.response_complete or self.cycle.more_body

    @property
    def _is_awaiting_body(self) -> bool:
        """Return whether the rest of a request's body is still to come."""
        return self.cycle is not None and not self.cycle.response_complete and self.cycle.more_body

    def _make_room(self) -> bool:
        """Close the slowest waiting connection; return whether there was one."""
        slow = [
            connection
            for connection in self.connections
            if isinstance(connection, GuardedProtocol) and connection.is_awaiting_sender
        ]
        if not slow:
            return False
        slowest = min(slow, key=lambda connection: connection.began_at)
        self.connections.discard(slowest)
        slowest.transport.abort()
        return True

    def _set_deadline(self, seconds: float) -> None:
        self._cancel_deadline()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cancel_reading_deadline(self) -> None:
        if self._reading_deadline is not None:
            self._reading_deadline.cancel()
            self._reading_deadline = None


class UvicornServer(uvicorn.Server):
    """Uvicorn's server, which signals when it serves; stopped before that, it would leave its socket open."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()


class WebServer:
    """Endpoints on one address, served in a thread.

    Args:
        name: the thread's name.
        settings: the variables that set its address, for the person who must change them.
    """

    def __init__(
        self, name: str, host: str, port: int, endpoints: Mapping[str, Endpoint], limits: PortLimits, settings: str
    ) -> None:
        self._host, self._port = host, port
        self._settings = settings
        bounds = {
            "most_connections": limits.connections,
            "header_seconds": limits.seconds,
            "linger_seconds": limits.linger_seconds,
        }
        configuration = uvicorn.Config(
            WebApplication(endpoints, limits),
            http=type("BoundedProtocol", (GuardedProtocol,), bounds),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # otherwise every request of a stranger would be a line
            access_log=False,
            server_header=False,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=3,
        )
        self._server = UvicornServer(configuration)
        self._thread = Thread(target=lambda: self._server.run([self._socket]), name=name, daemon=True)

    @cached_property
    def _socket(self) -> socket.socket:
        """Return the server's socket, which is opened at the start: a server that never starts has none to close."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        server_socket = socket.socket(family, socket.SOCK_STREAM)
        server_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return server_socket

    @property
    def address(self) -> str:
        """Return the address, such as `http://127.0.0.1:3000`."""
        host, port = self._socket.getsockname()[:2]
        return f"http://{format_host(host)}:{port}"

    def start(self) -> None:
        """Listen.

        Raises:
            UserError: the address is in use, or not this machine's.
        """
        try:
            self._socket.bind((self._host, self._port))
            self._socket.listen(128)
        except OSError as error:
            raise UserError(
                f"The bot cannot listen on {self._host}:{self._port}: {error.strerror}.",
                f"Set {self._settings} to a free address of this machine.",
            ) from error
        self._thread.start()
        self._server.serving.wait(START_SECONDS)

    def stop(self) -> None:
        """Stop serving, and close the socket."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._socket.close()


def format_host(host: str) -> str:
    """Return a host as a URL has it.

    >>> format_host("::1"), format_host("127.0.0.1")
    ('[::1]', '127.0.0.1')
    """
    return f"[{host}]" if ":" in host else host
