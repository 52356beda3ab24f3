"""The gate on a port: where SkyPilot's server asks, for every launch, what its admin policy says of it."""

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
"""What is behind the address in SkyPilot's setting `admin_policy`, before the secret."""

REFUSED = 400
"""The one status whose text SkyPilot shows to whoever launched."""

BROKEN = "verlbot's admin policy has failed on this launch; its log says where."
STRANGER = "verlbot's admin policy asks for its secret: `verlbot admin-policy` prints the line for SkyPilot's config."


class GateServer(WebServer):
    """The gate behind a web server.

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
        """What SkyPilot asks, with the secret."""
        return f"{super().address}{PATH}/{self._secret}"

    def _refuse(self, rest: str, headers: Headers) -> Response | None:
        """Refuse a stranger before a byte of his body is read. Both places are compared, each in constant time."""
        given = (rest, password(headers.get("authorization", "")))
        matches = [hmac.compare_digest(one.encode(), self._secret.encode()) for one in given]
        if any(matches):
            return None
        if not self._has_warned:
            self._has_warned = True
            log.warning("a request to the admin policy's port came without its secret; others will not be logged")
        return text(STRANGER, 403)

    async def _receive(self, _: Headers, body: bytes) -> Response:
        """Answer in a thread: the store is asked, and perhaps SkyPilot for a price."""
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
    except ValueError:  # no base64, or no UTF-8 in it
        return ""


def answer(gate: Gate, content: bytes) -> Response:
    """What SkyPilot is told. Nothing of a task is in what the log says of a failure: a task holds secrets."""
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
