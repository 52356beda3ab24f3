"""A session of HTTP that reads of an answer only its status and its headers, for a limited time."""

import socket
from contextlib import suppress
from threading import Timer
from typing import Any

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import HTTPResponse

FIRST_REDIRECT, FIRST_CLIENT_ERROR = 300, 400


class BoundedHttpConnection(HTTPConnection):
    """A connection that is closed unless status and headers arrive within its timeout.

    The socket by itself begins its timeout again with each byte.
    """

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3 itself returns another class
        """Return the answer, of which only status and headers are read."""
        timer = start_deadline(self.sock, self.timeout)
        try:
            return super().getresponse()
        finally:
            timer.cancel()


class BoundedHttpsConnection(BoundedHttpConnection, HTTPSConnection):
    """The same with TLS."""


def start_deadline(connected: socket.socket | None, seconds: Any) -> Timer:
    """Return a timer that wakes the reader of a connection after so many seconds, as if the other side had closed."""
    timer = Timer(float(seconds), shut, (connected,))
    timer.daemon = True
    timer.start()
    return timer


def shut(connected: socket.socket | None) -> None:
    """End a connection, whose reader then reads its end."""
    if connected:
        with suppress(OSError):  # it is closed already
            socket.socket.shutdown(connected, socket.SHUT_RDWR)


class BoundedAdapter(HTTPAdapter):
    """Opens connections that are bounded."""

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: Any,
        proxies: Any = None,
        cert: Any = None,
    ) -> HTTPConnectionPool:
        """Return the connections of a collector, or of the proxy before it."""
        pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
        pool.ConnectionCls = BoundedHttpsConnection if pool.scheme == "https" else BoundedHttpConnection
        return pool


class BoundedSession(Session):
    """Sends requests whose answers count by their status alone: no body is read, and no redirect is followed."""

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("http://", "https://"):
            self.mount(scheme, BoundedAdapter())

    def send(self, request: PreparedRequest, **options: Any) -> Response:
        """Return the answer to a request, without its body.

        Args:
            options: with `timeout`, the maximum number of seconds.

        Raises:
            RequestException: there is none, or it is a redirect, which the exporter would take for a success.
        """
        with super().send(request, **options | {"stream": True, "allow_redirects": False}) as answer:
            if FIRST_REDIRECT <= answer.status_code < FIRST_CLIENT_ERROR:
                raise RequestException(f"the collector answers with status {answer.status_code}", response=answer)
            return answer

    def get_redirect_target(self, resp: Response) -> str | None:
        """Return None: requests would read the whole body of a redirect before it follows it, or does not."""
        return None
