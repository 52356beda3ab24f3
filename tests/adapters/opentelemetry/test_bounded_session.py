"""A session that no answer of a collector holds for long or fills the memory with."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from threading import Thread

import pytest
from requests.exceptions import RequestException

from bot.adapters.opentelemetry.bounded_session import BoundedSession

CHUNK = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
CHUNKED = b"HTTP/1.1 %s\r\nTransfer-Encoding: chunked\r\nLocation: /else\r\n\r\n"


class Server:
    """One that answers each request with these bytes, as far as they are read.

    Attributes:
        sent: how many bytes it could send.
        requests: how many it got.
    """

    def __init__(self, parts: Iterator[bytes], listening: socket.socket) -> None:
        self.parts, self.listening = parts, listening
        self.sent = self.requests = 0

    def serve(self) -> None:
        with suppress(OSError):  # closed at the end of the test, or by the client
            while True:
                connection, _ = self.listening.accept()
                with connection:
                    self.answer(connection)

    def answer(self, connection: socket.socket) -> None:
        self.requests += bool(connection.recv(65_536))
        with suppress(OSError):
            for part in self.parts:
                connection.sendall(part)
                self.sent += len(part)


@contextmanager
def serving(parts: Iterator[bytes]) -> Iterator[tuple[Server, str]]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(parts, listening)
    thread = Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{listening.getsockname()[1]}/v1/traces"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def without_end(*first: bytes, then: bytes) -> Iterator[bytes]:
    yield from first
    yield from repeat(then)


def test_a_body_without_an_end_is_not_read() -> None:
    with serving(without_end(CHUNKED % b"200 OK", then=CHUNK)) as (server, url):
        assert BoundedSession().post(url, b"spans", timeout=5).status_code == 200
    assert server.sent < 32 << 20  # what the sockets of both sides hold


def test_a_redirect_is_an_error_and_its_body_is_not_read() -> None:
    with serving(without_end(CHUNKED % b"307 Temporary Redirect", then=CHUNK)) as (server, url):
        with pytest.raises(RequestException, match="status 307"):
            BoundedSession().post(url, b"spans", timeout=5)
        assert server.requests == 1


def test_headers_without_an_end_are_read_for_a_limited_time() -> None:
    """Each answer promises another, so that no single wait for a byte is long."""
    with serving(without_end(then=b"HTTP/1.1 100 Continue\r\n\r\n")) as (_, url), pytest.raises(RequestException):
        BoundedSession().post(url, b"spans", timeout=0.3)


def test_a_refusal_is_an_answer() -> None:
    refusal = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    with serving(iter([refusal])) as (_, url):
        answer = BoundedSession().post(url, b"spans", timeout=5)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
