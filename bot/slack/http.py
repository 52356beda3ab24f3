"""HTTP mode, for those who cannot use Socket Mode: Slack's signed requests, served on a host and port of choice."""

import logging
import socket
from threading import Thread

import uvicorn
from slack_bolt import App
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.errors import UserError
from bot.precedence import Precedence

log = logging.getLogger(__name__)

PATH = "/slack/events"
"""Where Slack sends commands, events and clicks; Bolt checks the signature of each."""


class HttpServer:
    """Bolt behind an ASGI server, on one address."""

    def __init__(self, app: App, host: str, port: int, precedence: Precedence) -> None:
        self._app = app
        self._precedence = precedence
        routes = [Route(PATH, self._receive, methods=["POST"]), Route("/health", health)]
        configuration = uvicorn.Config(
            Starlette(routes=routes), host=host, port=port, log_config=None, access_log=False, ws="none"
        )
        self._server = uvicorn.Server(configuration)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._thread = Thread(target=self._server.run, args=[[self._socket]], name="http", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises:
            UserError: the address is taken, or not this machine's.
        """
        host, port = self._server.config.host, self._server.config.port
        try:
            self._socket.bind((host, port))
        except OSError as error:
            raise UserError(
                f"Nothing can listen on {host}:{port}: {error.strerror}.",
                "Set VERLBOT_HTTP_HOST and VERLBOT_HTTP_PORT to an address of this machine that is free.",
            ) from error
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._socket.close()

    async def _receive(self, request: Request) -> Response:
        """In a thread: a listener waits for the store."""
        body = await request.body()
        bolt = to_bolt_request(request, body)
        with self._precedence.person():
            return to_starlette_response(await run_in_threadpool(self._app.dispatch, bolt))


async def health(request: Request) -> Response:
    return PlainTextResponse("ok")
