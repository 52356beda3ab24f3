"""The server: Slack's Web API, Socket Mode, response URLs and uploads, with the control API beside them."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from slack_playground.checks import Refusal
from slack_playground.control import Control
from slack_playground.deliveries import Deliveries
from slack_playground.faults import Fault, Trouble
from slack_playground.manifest import App
from slack_playground.pages import PAGE, Pages
from slack_playground.people import People
from slack_playground.slack import Slack
from slack_playground.web_api import READS, call
from slack_playground.workspace import Json

START_SECONDS = 20
JSON_ARGUMENTS = ("attachments", "blocks", "files", "message", "metadata", "view")
"""Arguments that are JSON in a text where a call is a form."""


class PlaygroundError(Exception):
    """The playground cannot serve; the message says why."""


class Server(uvicorn.Server):
    """Uvicorn's, which says when it serves; told to end before that, it would leave its socket open."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serves = Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serves.set()


class OwnOrigin:
    """Refuses what a page of another origin sends: the tokens that an app needs here are no secret.

    A browser says where a request comes from by `Origin` where it writes, and by `Sec-Fetch-Site` wherever it asks; to
    follow a link to the page is allowed. That a name of another host leads here (DNS rebinding), `Host` tells.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or is_own(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocket(scope, receive, send).close(code=1008)
        else:
            await PlainTextResponse("another origin", status_code=403)(scope, receive, send)


def is_own(headers: Headers) -> bool:
    """Return whether a request comes from no page at all, or from a page of this very address."""
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{headers.get('host')}":
        return False
    is_asked_by_another = headers.get("sec-fetch-site") in ("cross-site", "same-site")
    return not is_asked_by_another or headers.get("sec-fetch-mode") == "navigate"


class Playground:
    """A Slack on loopback, in a thread.

    Args:
        file: where the workspace is kept over restarts; None for nowhere.
        port: where it listens; another is taken where that one is not free. 0 for any.
        manifest: of the app, as Slack takes it; without one it may do what most bots do, and people type any command.
        guide: what the page proposes to do: `{title, text, lines, user?, channel?}` each.
        page: the folder of the built page.
    """

    def __init__(
        self,
        file: Path | None = None,
        port: int = 0,
        manifest: Json | None = None,
        guide: Sequence[Json] = (),
        page: Path = PAGE,
    ) -> None:
        self._slack = Slack.open(file, App.of(manifest) if manifest else App())
        self._guide = guide
        self._pages = Pages(self._slack, page)
        self._deliveries = Deliveries(self._slack)
        self._people = People(self._slack, self._deliveries)
        self._socket = bound(port)
        self._slack.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._loop: asyncio.AbstractEventLoop | None = None
        # Of uvicorn's websockets this is the one that uses no deprecated part of its library.
        self._server = Server(
            uvicorn.Config(
                self._application(),
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=1,
                ws="websockets-sansio",
            )
        )
        self._thread = Thread(target=self._server.run, args=[[self._socket]], name="playground", daemon=True)

    @property
    def address(self) -> str:
        """Such as `http://127.0.0.1:8765`."""
        return self._slack.address

    @property
    def api_url(self) -> str:
        """What SLACK_API_URL is to be set to."""
        return f"{self.address}/api/"

    def start(self) -> None:
        self._thread.start()
        if not self._server.serves.wait(START_SECONDS):
            raise PlaygroundError("The playground does not start: its port may be blocked on this machine.")

    def stop(self) -> None:
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._slack.end_waits)
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._slack.save()

    def talk(self, user: str, channel: str, lines: Sequence[Sequence[str]]) -> None:
        """Let many people type at once, each his next line as soon as the last is taken; returns when all have."""

        async def one(own: Sequence[str]) -> None:
            for line in own:
                await self._people.type(user, channel, line)

        async def everybody() -> None:
            await asyncio.gather(*map(one, lines))

        if self._loop is None:
            raise PlaygroundError("The playground is not running: start it first.")
        asyncio.run_coroutine_threadsafe(everybody(), self._loop).result()

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                *self._pages.routes(),
                Route("/api/{method}", self._call, methods=["GET", "POST"]),
                WebSocketRoute("/link/{ticket}", self._link),
                Route("/response/{key}", self._respond, methods=["POST"]),
                Route("/upload/{file}", self._upload, methods=["POST", "PUT"]),
                *Control(self._slack, self._deliveries, self._guide).routes(),
            ],
            middleware=[
                Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
                Middleware(OwnOrigin),
            ],
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        yield
        await self._deliveries.drop()

    async def _call(self, request: Request) -> Response:
        """One call of the Web API, with the trouble that a test requests."""
        name = request.path_params["method"]
        if request.method != "POST" and name not in READS:
            refused = {"ok": False, "error": "method_not_allowed"}
            return JSONResponse(refused, status_code=405, headers={"Allow": "POST"})
        arguments = await merged(request)
        entry = self._slack.record.begin("call", name, channel=arguments.get("channel"), ts=arguments.get("ts"))
        fault = self._slack.faults.take(name, arguments)
        if fault and fault.trouble in (Trouble.LIMITED, Trouble.BROKEN, Trouble.REFUSED):
            entry.done(fault.trouble)
            return troubled(fault)
        if fault and fault.trouble is Trouble.SLOW:
            await asyncio.sleep(fault.seconds)
        token = token_of(request, arguments)
        answer = call(self._slack, self._deliveries, name, token, arguments)
        entry.done("ok" if answer["ok"] else answer["error"])
        if fault and fault.trouble is not Trouble.SLOW:
            entry.outcome = fault.trouble
            return troubled(fault)
        return JSONResponse(answer, headers=self._slack.rights_of(token))

    async def _link(self, websocket: WebSocket) -> None:
        await self._deliveries.link(websocket, websocket.path_params["ticket"])

    async def _respond(self, request: Request) -> Response:
        """An answer to a command or a click, by its response URL."""
        entry = self._slack.record.begin("call", "response_url")
        answer = await request.json()
        fault = self._slack.faults.take("response_url", answer)
        if fault:
            entry.done(fault.trouble)
            return troubled(fault)
        target = self._deliveries.use_response_url(request.path_params["key"])
        if target is None:
            entry.done("used_url")
            return PlainTextResponse("used_url", status_code=404)
        try:
            self._people.respond(answer, target)
        except Refusal as refusal:
            entry.done(refusal.code)
            return PlainTextResponse(refusal.code, status_code=400)
        entry.done("ok")
        return PlainTextResponse("ok")

    async def _upload(self, request: Request) -> Response:
        file = self._slack.workspace.files.get(request.path_params["file"])
        if file is None:
            return PlainTextResponse("not found", status_code=404)
        file.content = await request.body()
        return PlainTextResponse(f"OK - {len(file.content)}")


def bound(port: int) -> socket.socket:
    """A socket on loopback, on this port if it is free."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(("127.0.0.1", port))
    except OSError:
        found.bind(("127.0.0.1", 0))
    found.listen(128)  # from here on the port is taken, for any program that looks for one
    return found


async def merged(request: Request) -> Json:
    """The arguments of a call, of its query, form or JSON: the clients of the SDK differ."""
    found: Json = dict(request.query_params)
    kind = request.headers.get("content-type", "").split(";")[0]
    if kind == "application/json":
        found |= json.loads(await request.body() or b"{}")
    elif request.method == "POST":
        found |= dict((await request.form()).items())
    for name in JSON_ARGUMENTS:
        if isinstance(found.get(name), str):
            with suppress(ValueError):  # what is no JSON is refused where it is checked
                found[name] = json.loads(found[name])
    return found


def token_of(request: Request, arguments: Json) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ") or str(arguments.get("token") or "")


def troubled(fault: Fault) -> Response:
    """What the client gets of a call that met trouble."""
    match fault.trouble:
        case Trouble.LIMITED:
            headers = {"Retry-After": str(fault.retry_after_seconds)}
            return JSONResponse({"ok": False, "error": "ratelimited"}, status_code=429, headers=headers)
        case Trouble.REFUSED:
            return JSONResponse({"ok": False, "error": fault.error})
        case Trouble.LOST:
            return Response(b"{", headers={"Content-Length": "1000"})
        case Trouble.BROKEN | Trouble.BROKEN_AFTER | Trouble.SLOW:
            return PlainTextResponse("upstream connect error", status_code=503)
