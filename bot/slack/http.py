"""HTTP mode, for those who cannot use Socket Mode: Slack's signed requests, served on a host and port of choice."""

import logging
from threading import Thread

import uvicorn
from slack_bolt import App
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

log = logging.getLogger(__name__)

PATH = "/slack/events"
"""Where Slack sends commands, events and clicks; Bolt checks the signature of each."""


class HttpServer:
    """Bolt behind an ASGI server, on one address."""

    def __init__(self, app: App, host: str, port: int) -> None:
        self._app = app
        routes = [Route(PATH, self._receive, methods=["POST"]), Route("/health", health)]
        configuration = uvicorn.Config(
            Starlette(routes=routes), host=host, port=port, log_config=None, access_log=False, ws="none"
        )
        self._server = uvicorn.Server(configuration)
        self._thread = Thread(target=self._server.run, name="http", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=5)

    async def _receive(self, request: Request) -> Response:
        """In a thread: a listener waits for the store."""
        body = await request.body()
        bolt = to_bolt_request(request, body)
        return to_starlette_response(await run_in_threadpool(self._app.dispatch, bolt))


async def health(request: Request) -> Response:
    return PlainTextResponse("ok")
