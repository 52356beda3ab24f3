"""The gate on a port: where SkyPilot's server asks, for every launch, what its admin policy says of it."""

import logging
import socket
import traceback
from threading import Event, Thread

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.adapters.admin_wire import Unreadable, decode, encode
from bot.errors import UserError
from bot.gate import Gate

log = logging.getLogger(__name__)

PATH = "/admin-policy"
"""What is behind the address in SkyPilot's setting `admin_policy`."""

MOST_BYTES = 4 * 2**20
"""Of one request: a task with its scripts."""

REFUSED = 400
"""The one status whose text SkyPilot shows to whoever launched."""

BROKEN = "verlbot's admin policy has failed on this launch; its log says where."


START_SECONDS = 20


class Server(uvicorn.Server):
    """Uvicorn's, which says when it serves; told to end before that, it would leave its socket open."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serves = Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serves.set()


class GateServer:
    """Serves in a thread, on one address."""

    def __init__(self, gate: Gate, host: str, port: int) -> None:
        self._gate = gate
        routes = [Route(PATH, self._receive, methods=["POST"]), Route("/health", health)]
        self._server = Server(
            uvicorn.Config(Starlette(routes=routes), host=host, port=port, log_config=None, access_log=False, ws="none")
        )
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._thread = Thread(target=self._server.run, args=[[self._socket]], name="gate", daemon=True)

    @property
    def address(self) -> str:
        host, port = self._socket.getsockname()[:2]
        return f"http://{host}:{port}{PATH}"

    def start(self) -> None:
        """Listen.

        Raises:
            UserError: the address is taken, or not this machine's.
        """
        host, port = self._server.config.host, self._server.config.port
        try:
            self._socket.bind((host, port))
            self._socket.listen(128)
        except OSError as error:
            raise UserError(
                f"Nothing can listen on {host}:{port}: {error.strerror}.",
                "Set VERLBOT_ADMIN_POLICY_HOST and VERLBOT_ADMIN_POLICY_PORT to a free address of this machine.",
            ) from error
        self._thread.start()
        self._server.serves.wait(START_SECONDS)

    def stop(self) -> None:
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._socket.close()

    async def _receive(self, request: Request) -> Response:
        """In a thread: the store is asked, and perhaps SkyPilot for a price."""
        content = bytearray()
        async for chunk in request.stream():
            content += chunk
            if len(content) > MOST_BYTES:
                return PlainTextResponse("That is too large for a task.", status_code=413)
        return await run_in_threadpool(answer, self._gate, bytes(content))


def answer(gate: Gate, content: bytes) -> Response:
    """What SkyPilot is told. Nothing of a task is in what the log says of a failure: a task holds secrets."""
    try:
        request, body = decode(content)
        return Response(encode(body, request.task, gate.judge(request)), media_type="application/json")
    except UserError as error:
        return PlainTextResponse(error.sentence, status_code=REFUSED)
    except Unreadable as error:
        return PlainTextResponse(str(error), status_code=422)
    except Exception as error:
        # Frame by frame: SkyPilot's client turns sys.tracebacklimit down, for a moment and for all threads.
        frames = reversed(list(traceback.walk_tb(error.__traceback__)))
        where = " < ".join(f"{frame.f_code.co_name}:{line}" for frame, line in frames)
        log.error("a launch cannot be judged: %s in %s", type(error).__name__, where)
        return PlainTextResponse(BROKEN, status_code=500)


async def health(request: Request) -> Response:
    return PlainTextResponse("ok")
