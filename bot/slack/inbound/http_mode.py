"""HTTP mode, for installations that cannot use Socket Mode: Slack's signed requests, served on a
given host and port.
"""

import logging
import time
from collections.abc import Callable, Mapping

from slack_bolt import App, BoltRequest
from slack_bolt.adapter.starlette.handler import to_starlette_response
from slack_sdk.signature import Clock, SignatureVerifier
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response

from bot.app.rate_limits import InteractivePriority
from bot.app.web_server import Endpoint, PortLimits, WebServer, text_response

log = logging.getLogger(__name__)

EVENTS_PATH = "/slack/events"
"""The path to which Slack sends commands, events and clicks."""

CONTENT_TYPES = ("application/json", "application/x-www-form-urlencoded")
SIGNATURE_HEADER, TIMESTAMP_HEADER = "x-slack-signature", "x-slack-request-timestamp"

SIGNATURE_WINDOW_SECONDS = 5 * 60
"""Maximum age of a signature: an older request may be a replayed copy (Slack's own advice)."""


class SignatureChecker(Clock):
    """Verifies Slack's signatures of requests, by a given clock."""

    def __init__(self, signing_secret: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._verifier = SignatureVerifier(signing_secret, self)

    def now(self) -> float:
        """Return the time in Unix seconds, for the SDK's verifier."""
        return self._clock()

    def may_be_signed(self, headers: Mapping[str, str]) -> bool:
        """Return whether the headers can be Slack's, which is checked before the body is read."""
        signed_at, signature = headers.get(TIMESTAMP_HEADER, ""), headers.get(SIGNATURE_HEADER, "")
        if not (signed_at.isascii() and signed_at.isdigit() and len(signed_at) <= 12 and signature.isascii()):
            return False
        return signature.startswith("v0=") and abs(self.now() - int(signed_at)) <= SIGNATURE_WINDOW_SECONDS

    def is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Return whether the signature is Slack's; compared in constant time."""
        if not self.may_be_signed(headers):
            return False
        try:
            return self._verifier.is_valid(body, headers[TIMESTAMP_HEADER], headers[SIGNATURE_HEADER])
        except UnicodeDecodeError:
            # Slack sends UTF-8, and the verifier cannot read anything else.
            return False


class HttpServer(WebServer):
    """Bolt behind a web server."""

    def __init__(
        self,
        app: App,
        host: str,
        port: int,
        interactive_priority: InteractivePriority,
        signing_secret: str,
        limits: PortLimits = PortLimits(),  # noqa: B008  # the default is frozen
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._interactive_priority = interactive_priority
        self._signature_checker = SignatureChecker(signing_secret, clock)
        endpoint = Endpoint(self._refuse, self._receive)
        super().__init__("http", host, port, {EVENTS_PATH: endpoint}, limits, "VERLBOT_HTTP_HOST and VERLBOT_HTTP_PORT")

    def _refuse(self, _: str, headers: Headers) -> Response | None:
        """Return the response that rejects a request by its headers; None to read its body."""
        if not self._signature_checker.may_be_signed(headers):
            return text_response("not signed by Slack", 401)
        if headers.get("content-type", "").partition(";")[0].strip().lower() not in CONTENT_TYPES:
            return text_response("send JSON or a form", 415)
        return None

    async def _receive(self, headers: Headers, body: bytes) -> Response:
        """Dispatch a delivery in a thread, because a listener waits for the store."""
        if not self._signature_checker.is_signed(headers, body):
            return text_response("not signed by Slack", 401)
        try:
            request = BoltRequest(body=body.decode(), headers=dict(headers))
        except Exception as error:
            # Bolt parses the delivery here, and raises many kinds of errors on one that is malformed.
            log.warning("a signed request is no delivery of Slack's: %s", type(error).__name__)
            return text_response("this is no delivery of Slack's", 400)
        with self._interactive_priority.serve_person():
            return to_starlette_response(await run_in_threadpool(self._app.dispatch, request))
