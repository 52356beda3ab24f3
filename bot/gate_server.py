"""The web server that SkyPilot's API server calls with every launch, for its admin policy."""

import base64
import hmac
import logging
import secrets as randomness
import traceback

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response

from bot.adapters.admin_wire import Unreadable, decode, encode
from bot.errors import UserError
from bot.gate import Gate
from bot.web_server import Endpoint, Limits, WebServer, text

log = logging.getLogger(__name__)

PATH = "/admin-policy"
"""The path in SkyPilot's setting `admin_policy`, before the secret."""

REFUSED = 400
"""The only HTTP status whose text SkyPilot shows to the person who launches."""

BROKEN = "verlbot's admin policy has failed on this launch; its log says where."
STRANGER = "verlbot's admin policy asks for its secret: `verlbot admin-policy` prints the line for SkyPilot's config."


class GateServer(WebServer):
    """The admin policy behind a web server.

    Args:
        secret: what must follow the path, or be the password of a basic authorization; a new one unless given.
    """

    def __init__(
        self,
        gate: Gate,
        host: str,
        port: int,
        secret: str = "",
        limits: Limits = Limits(),  # noqa: B008  # it is frozen
    ) -> None:
        self._gate = gate
        self._secret = secret or randomness.token_urlsafe(24)
        self._has_warned = False
        endpoint = Endpoint(self._refuse, self._receive, deeper=True)
        variables = "VERLBOT_ADMIN_POLICY_HOST and VERLBOT_ADMIN_POLICY_PORT"
        super().__init__("gate", host, port, {PATH: endpoint}, limits, variables)

    @property
    def address(self) -> str:
        """Return the address that SkyPilot calls, with the secret."""
        return f"{super().address}{PATH}/{self._secret}"

    def _refuse(self, rest: str, headers: Headers) -> Response | None:
        """Refuse a request without the secret before a byte of its body is read.

        Both places of the secret are compared, each in constant time.
        """
        given = (rest, password(headers.get("authorization", "")))
        matches = [hmac.compare_digest(one.encode(), self._secret.encode()) for one in given]
        if any(matches):
            return None
        # Only the first is logged, so that requests without the secret cannot fill the log.
        if not self._has_warned:
            self._has_warned = True
            log.warning("a request to the admin policy's port came without its secret; others will not be logged")
        return text(STRANGER, 403)

    async def _receive(self, _: Headers, body: bytes) -> Response:
        """Answer in a thread, because the answer waits for the store and perhaps for a price from SkyPilot."""
        return await run_in_threadpool(answer, self._gate, body)


def password(authorization: str) -> str:
    """Return the password of a basic authorization, empty where there is none.

    >>> password("Basic dmVybGJvdDpodXNo"), password("Bearer x"), password("Basic ?")
    ('hush', '', '')
    """
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except ValueError:  # it is not base64, or not UTF-8
        return ""


def answer(gate: Gate, content: bytes) -> Response:
    """Return the answer to SkyPilot. A logged failure has no part of the task in it: a task holds secrets."""
    try:
        request, body = decode(content)
        return Response(encode(body, request.task, gate.judge(request)), media_type="application/json")
    except UserError as error:
        return PlainTextResponse(error.sentence, status_code=REFUSED)
    except Unreadable as error:
        return PlainTextResponse(str(error), status_code=REFUSED)
    except Exception as error:
        # Frame by frame: SkyPilot's client turns sys.tracebacklimit down, for a moment and for all threads.
        frames = reversed(list(traceback.walk_tb(error.__traceback__)))
        where = " < ".join(f"{frame.f_code.co_name}:{line}" for frame, line in frames)
        log.error("a launch cannot be judged: %s in %s", type(error).__name__, where)
        return PlainTextResponse(BROKEN, status_code=500)
