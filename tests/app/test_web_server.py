"""The bot's own ports on real sockets: what dawdles, is too large, or no HTTP, holds nobody up."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import pytest
from starlette.datastructures import Headers
from starlette.responses import Response

from bot.app.web_server import Endpoint, GuardedProtocol, PortLimits, WebServer, text_response
from bot.errors import UserError
from tests.waiting import eventually

pytestmark = pytest.mark.slow

LIMITS = PortLimits(body_bytes=1000, seconds=0.3, connections=8, linger_seconds=0.1)
SECONDS = 5.0
"""After which a socket that is still open has been held open; far beyond the limits."""

POST = "POST /in HTTP/1.1\r\nHost: h\r\n"


class Counted:
    """An endpoint that counts what reaches it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def refuse(self, _: str, headers: Headers) -> Response | None:
        return text_response("stranger", 403) if "x-stranger" in headers else None

    async def answer(self, _: Headers, body: bytes) -> Response:
        self.bodies.append(body)
        return text_response(f"read {len(body)}", 200)


COUNTED = Counted()


async def answer_much(_: Headers, body: bytes) -> Response:
    return text_response("x" * 10_000_000, 200)


@pytest.fixture
def counted() -> Counted:
    COUNTED.bodies.clear()
    return COUNTED


MUCH = b"POST /much HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
OK = (POST + "Connection: close\r\nContent-Length: 2\r\n\r\nok").encode()


@contextmanager
def serving(limits: PortLimits) -> Iterator[WebServer]:
    endpoints = {"/in": Endpoint(COUNTED.refuse, COUNTED.answer), "/much": Endpoint(COUNTED.refuse, answer_much)}
    found = WebServer("test", "127.0.0.1", 0, endpoints, limits, "VERLBOT_HTTP_PORT")
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    with serving(LIMITS) as found:
        yield found


def connect(server: WebServer) -> socket.socket:
    host, port = server.address.removeprefix("http://").split(":")
    found = socket.create_connection((host, int(port)), timeout=SECONDS)
    found.settimeout(SECONDS)
    return found


def told(link: socket.socket) -> str:
    """All that the server says until it closes the connection."""
    found = b""
    with suppress(ConnectionError):
        while block := link.recv(65536):
            found += block
    return found.decode()


def exchange(server: WebServer, sent: bytes) -> tuple[str, float]:
    """What the server answers until it closes, and in how many seconds."""
    began = time.monotonic()
    with connect(server) as link:
        with suppress(ConnectionError):
            link.sendall(sent)
        return told(link), time.monotonic() - began


def status(answer: str) -> int:
    return int(answer.split(" ", 2)[1]) if answer else 0


CHUNK = f"{0x100:x}\r\n{'x' * 0x100}\r\n"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param("GET /health HTTP/1.1\r\nHost: h\r\n\r\n", 200, id="health"),
        pytest.param("HEAD /health HTTP/1.1\r\nHost: h\r\n\r\n", 200, id="health without a body"),
        pytest.param("POST /health HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 405, id="health posted"),
        pytest.param(POST + "Content-Length: 2\r\n\r\nok", 200, id="what is wanted"),
        pytest.param(POST + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, id="chunks"),
        pytest.param("GET /in HTTP/1.1\r\nHost: h\r\n\r\n", 405, id="got, not posted"),
        pytest.param("POST /in/deeper HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n", 404, id="below the path"),
        pytest.param(
            "POST /.env HTTP/1.1\r\nHost: h\r\nContent-Length: 999999\r\n\r\n", 404, id="another path, unread"
        ),
        pytest.param(POST + "X-Stranger: yes\r\nContent-Length: 999999\r\n\r\n", 403, id="a stranger, unread"),
        pytest.param(POST + "Content-Length: 1001\r\n\r\n", 413, id="a length over the limit, unread"),
        pytest.param(POST + f"Content-Length: 1{'0' * 4000}\r\n\r\n", 400, id="a length of thousands of digits"),
        pytest.param(POST + "Content-Length: -1\r\n\r\n", 400, id="less than nothing"),
        pytest.param(POST + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, id="two lengths"),
        pytest.param(POST + f"Transfer-Encoding: chunked\r\n\r\n{CHUNK * 5}", 413, id="chunks over the limit"),
        pytest.param(POST + "Content-Length: 500\r\n\r\nshort", 408, id="a body that does not come"),
        pytest.param(POST + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", 408, id="chunks that do not end"),
        pytest.param(POST + "Expect: 100-continue\r\nContent-Length: 5000\r\n\r\n", 413, id="asking first"),
        pytest.param(POST + f"X: {'x' * 40_000}\r\n\r\n", 431, id="a header of 40 KB"),
        pytest.param(POST + "X: y\r\n" * 9_000 + "\r\n", 431, id="nine thousand headers"),
        pytest.param("\x16\x03\x01 no HTTP\r\n\r\n", 400, id="TLS, or anything else"),
        pytest.param("POST /in", 0, id="a first line that does not end"),
        pytest.param(POST, 0, id="headers that do not end"),
        pytest.param("", 0, id="nothing at all"),
    ],
)
def test_each_request_is_answered_or_let_go_in_time(server: WebServer, sent: str, expected: int) -> None:
    is_whole = expected in (200, 405, 431)  # and its connection would be kept for another
    closing = sent.replace("Host: h\r\n", "Host: h\r\nConnection: close\r\n", 1) if is_whole else sent
    answer, seconds = exchange(server, closing.encode("latin-1"))
    assert status(answer) == expected, answer
    assert seconds < SECONDS
    assert "server:" not in answer.lower(), "what it is made of is nobody's business"


def test_nothing_of_a_refused_request_reaches_the_endpoint(server: WebServer, counted: Counted) -> None:
    for headers, body in (("X-Stranger: y\r\n", "ok"), ("", "x" * 2000)):
        sent = f"{POST}Connection: close\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}"
        exchange(server, sent.encode())
    assert counted.bodies == []


def test_who_sends_a_byte_at_a_time_is_let_go(server: WebServer) -> None:
    began = time.monotonic()
    with connect(server) as link, suppress(ConnectionError):
        link.settimeout(0.05)
        for byte in (POST + "X: " + "y" * 2000).encode():
            link.sendall(bytes([byte]))
            with suppress(TimeoutError):
                if not link.recv(1):
                    break
    assert time.monotonic() - began < SECONDS


def test_a_connection_that_was_of_use_has_no_longer_than_a_new_one(server: WebServer) -> None:
    with connect(server) as link:
        link.sendall(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
        assert link.recv(65536).endswith(b"ok")
        began = time.monotonic()
        link.sendall(b"GET /hea")
        assert told(link) == ""
        assert time.monotonic() - began < 2


def test_requests_after_each_other_use_one_connection(server: WebServer) -> None:
    with connect(server) as link:
        for _ in range(3):
            link.sendall((POST + "Content-Length: 2\r\n\r\nok").encode())
            assert link.recv(65536).endswith(b"read 2")


def test_many_that_dawdle_keep_no_place_from_one_that_does_not(server: WebServer) -> None:
    with ExitStack() as held:
        slow = [held.enter_context(connect(server)) for _ in range(3 * LIMITS.connections)]
        for link in slow:
            with suppress(ConnectionError):
                link.sendall(b"POST /in HTTP/1.1\r\n")
        answer, seconds = exchange(server, OK)
        assert (status(answer), seconds < 1) == (200, True)
        assert len(server._server.server_state.connections) <= LIMITS.connections


def test_who_does_not_read_his_answers_is_let_go(server: WebServer) -> None:
    with connect(server) as link:
        link.sendall(MUCH * 2)
        eventually(lambda: unread(server) == [True])
        eventually(lambda: unread(server) == [])


def test_who_does_not_read_his_answers_gives_way_to_who_does() -> None:
    limits = replace(LIMITS, seconds=600, connections=2)
    with serving(limits) as server, ExitStack() as held:
        for _ in range(limits.connections):
            held.enter_context(connect(server)).sendall(MUCH * 2)
        eventually(lambda: unread(server) == [True, True])
        answer, _ = exchange(server, OK)
        assert status(answer) == 200


def unread(server: WebServer) -> list[bool]:
    """Of each connection, whether it waits for its peer to read."""
    connections = list(server._server.server_state.connections)
    return [one.flow.write_paused for one in connections if isinstance(one, GuardedProtocol)]


def test_an_address_that_is_taken_is_told_with_what_to_set(server: WebServer) -> None:
    port = int(server.address.rsplit(":", 1)[1])
    other = WebServer("other", "127.0.0.1", port, {}, LIMITS, "VERLBOT_HTTP_PORT")
    with pytest.raises(UserError, match=f"The bot cannot listen on 127.0.0.1:{port}") as refused:
        other.start()
    assert "VERLBOT_HTTP_PORT" in str(refused.value.hint)
    other.stop()
