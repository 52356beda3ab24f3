"""The web server that SkyPilot's API server calls with every launch, for its admin policy."""

import base64
import hmac
import logging
import secrets as randomness
import traceback

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response

from bot.adapters.admin_wire import UnreadableAdminRequest, decode_request, encode_response
from bot.errors import UserError
from bot.gate import AdminPolicy
from bot.web_server import Endpoint, PortLimits, WebServer, text_response

log = logging.getLogger(__name__)

PATH = "/admin-policy"
"""The path in SkyPilot's setting `admin_policy`, before the secret."""

REFUSED_STATUS = 400
"""The only HTTP status whose text SkyPilot shows to the person who launches."""

FAILED_ANSWER = "verlbot's admin policy has failed on this launch; its log says where."
SECRET_REQUIRED = (
    "verlbot's admin policy asks for its secret: `verlbot admin-policy` prints the line for SkyPilot's config."
)


class AdminPolicyServer(WebServer):
    """The admin policy behind a web server.

    Args:
        secret: what must follow the path, or be the password of a basic authorization; a new one unless given.
    """

    def __init__(
        self,
        admin_policy: AdminPolicy,
        host: str,
        port: int,
        secret: str = "",
        limits: PortLimits = PortLimits(),  # noqa: B008  # it is frozen
    ) -> None:
        self._admin_policy = admin_policy
        self._secret = secret or randomness.token_urlsafe(24)
        self._has_warned = False
        endpoint = Endpoint(self._check_secret, self._receive, has_subpaths=True)
        variables = "VERLBOT_ADMIN_POLICY_HOST and VERLBOT_ADMIN_POLICY_PORT"
        super().__init__("gate", host, port, {PATH: endpoint}, limits, variables)

    @property
    def address(self) -> str:
        """Return the address that SkyPilot calls, with the secret."""
        return f"{super().address}{PATH}/{self._secret}"

    def _check_secret(self, rest: str, headers: Headers) -> Response | None:
        """Refuse a request without the secret before a byte of its body is read.

        Both places of the secret are compared, each in constant time.
        """
        candidates = (rest, parse_password(headers.get("authorization", "")))
        matches = [hmac.compare_digest(candidate.encode(), self._secret.encode()) for candidate in candidates]
        if any(matches):
            return None
        # Only the first is logged, so that requests without the secret cannot fill the log.
        if not self._has_warned:
            self._has_warned = True
            log.warning("a request to the admin policy's port came without its secret; others will not be logged")
        return text_response(SECRET_REQUIRED, 403)

    async def _receive(self, _: Headers, body: bytes) -> Response:
        """Answer in a thread, because the answer waits for the store and perhaps for a price from SkyPilot."""
        return await run_in_threadpool(answer_launch, self._admin_policy, body)


def parse_password(authorization: str) -> str:
    """Return the password of a basic authorization, empty where there is none.

    >>> parse_password("Basic dmVybGJvdDpodXNo"), parse_password("Bearer x"), parse_password("Basic ?")
    ('hush', '', '')
    """
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except ValueError:  # it is not base64, or not UTF-8
        return ""


def answer_launch(admin_policy: AdminPolicy, content: bytes) -> Response:
    """Return the answer to SkyPilot. A logged failure has no part of the task in it: a task holds secrets."""
    try:
        request, body = decode_request(content)
        return Response(encode_response(body, request.task, admin_policy.judge(request)), media_type="application/json")
    except UserError as error:
        return PlainTextResponse(error.sentence, status_code=REFUSED_STATUS)
    except UnreadableAdminRequest as error:
        return PlainTextResponse(str(error), status_code=REFUSED_STATUS)
    except Exception as error:
        # Frame by frame: SkyPilot's client turns sys.tracebacklimit down, for a moment and for all threads.
        frames = reversed(list(traceback.walk_tb(error.__traceback__)))
        where = " < ".join(f"{frame.f_code.co_name}:{line}" for frame, line in frames)
        log.error("a launch cannot be judged: %s in %s", type(error).__name__, where)
        return PlainTextResponse(FAILED_ANSWER, status_code=500)
