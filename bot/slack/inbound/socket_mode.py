"""Socket Mode: a connection that is back within two seconds, however it was lost."""

import json
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Thread
from typing import Any

from slack_bolt import App, BoltResponse
from slack_bolt.adapter.socket_mode.internals import send_response
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.socket_mode.websocket_client import SocketModeClient
from websocket import WebSocketApp, WebSocketException

from bot.app.ports import Now
from bot.app.rate_limits import InteractivePriority
from bot.slack.inbound.delivery_queue import Inbox, WorkQueue
from bot.slack.outbound.web_client import BotIdentity, SlackRejected, build_web_client
from bot.slack.payloads import dispatch_delivery

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = timedelta(seconds=1.5)
"""Time that a connection attempt gets before the next."""

MAX_RETRY_WAIT = timedelta(seconds=30)
"""Maximum time between two attempts to connect: they grow rarer while Slack stays out of reach."""

REPEATED_MESSAGES = ("Failed to retrieve WSS URL", "on_error invoked")
"""Beginnings of what the SDK logs at every failed attempt; the bot logs the reason once."""

CHECK_PERIOD = timedelta(seconds=0.5)
"""Time between two calls of `check`."""


CONNECTION_ADVICE = {
    "invalid_auth": "Check SLACK_BOT_TOKEN and SLACK_APP_TOKEN.",
    "not_allowed_token_type": "SLACK_APP_TOKEN must be an app-level token with connections:write.",
    "missing_scope": "SLACK_APP_TOKEN needs connections:write.",
    "account_inactive": "The app was removed from the workspace: install it again.",
    "token_revoked": "The token was revoked: copy the new one into SLACK_BOT_TOKEN.",
}
"""Remedies, by Slack's error code for a refused connection."""

CROWD_SIZE = 4
"""Number of people who wait at once before a command is acknowledged first and answered after: with fewer, one response
is quicker than two."""


class SocketClient(SocketModeClient):
    """The SDK's client, which follows Slack's requests to reconnect and leaves the rest to `SocketConnection`.

    The SDK's own would retry a lost session's used address again and again, try a new one only at every ping, never
    notice a connection that went silent, and wait up to ten seconds on a session that it closes itself (measured with
    slack-sdk 3.47 and websocket-client 1.9).
    """

    def __init__(
        self,
        app: App,
        app_token: str,
        base_url: str,
        ping_seconds: float,
        priority: InteractivePriority,
        inbox: Inbox | None,
        crowd_size: int,
        prefetch: Callable[[str], None],
    ) -> None:
        super().__init__(
            app_token=app_token,
            logger=build_socket_log(),
            web_client=build_web_client(app_token, base_url),
            auto_reconnect_enabled=False,
            ping_interval=ping_seconds,
            on_close_listeners=[self._forget_session],
            concurrency=1,
        )
        self.message_workers.shutdown()  # the SDK's own; the work queue replaces them
        self.current_app_monitor_started = True  # untrue, but it keeps the SDK from starting its monitor
        self._app = app
        self._priority = priority
        self._inbox = self._unserved_inbox = inbox
        self._crowd_size = crowd_size
        self._prefetch = prefetch
        self._work_queue = WorkQueue()

    def resume_unserved(self) -> None:
        """Serve what an earlier process left in the inbox, once: now that Slack answers."""
        if self._unserved_inbox:
            for request in self._unserved_inbox.recover_unserved():
                self._priority.begin_wait()
                self._defer(request, self._unserved_inbox)
            self._unserved_inbox = None

    def connect(self) -> None:
        """Drop the old session without waiting for it, and begin a new one."""
        session, self.current_session = self.current_session, None
        cut_connection(session)
        super().connect()

    def _run_current_session(self) -> None:
        """Run the session as the SDK does, but close its socket at the end, and let Python's own decoder check the
        text: websocket-client's is a loop over the bytes, and took a third of a busy bot's time.
        """
        session = self.current_session  # another may have replaced it by the end
        if session is None:
            return
        on_message: Any = session.on_message
        sockets: list[Any] = []
        session.on_open = lambda session: sockets.append(session.sock)
        session.on_message = lambda session, data: on_message(session, data.decode())
        try:
            session.run_forever(
                ping_interval=self.ping_interval,
                http_proxy_host=self.http_proxy_host,
                http_proxy_port=self.http_proxy_port,
                http_proxy_auth=self.http_proxy_auth,
                proxy_type=self.proxy_type,
                skip_utf8_validation=True,
            )
        except Exception as error:  # `check` notices, and connects again
            log.warning("the connection to Slack failed: %s", error)
        finally:
            # After Slack's goodbye, websocket-client 1.9 forgets the socket and leaves it open.
            for raw_socket in sockets:
                raw_socket.shutdown()

    def send_message(self, message: str) -> None:
        """Send an acknowledgement.

        Raises:
            ConnectionError: the connection has dropped meanwhile. The SDK raises whatever its parts do, such as an
                attribute that the session it has lost does not have.
        """
        try:
            super().send_message(message)
        except (WebSocketException, OSError, AttributeError) as error:
            raise ConnectionError(f"The connection to Slack dropped before an acknowledgement: {error}") from error

    def stop(self) -> None:
        """Receive no more, and finish what was received."""
        self.closed = True
        for runner in (self.current_session_runner, self.message_processor):
            runner.event.set()
        cut_connection(self.current_session)
        self._work_queue.stop()

    def enqueue_message(self, text: str) -> None:
        """Queue a message without the SDK's queue between two threads: from here on a person waits.

        In a crowd a command is acknowledged here and now, and answered in its turn, after work that cannot wait.
        """
        message = parse_message(text)
        request = SocketModeRequest.from_dict(message)
        if message.get("type") == "disconnect":
            Thread(target=self.connect_to_new_endpoint, args=[True], name="reconnect", daemon=True).start()
        elif request is not None:
            self._prefetch_sender(request)
            is_crowded = self._priority.begin_wait() > self._crowd_size
            if is_crowded and self._inbox and self._inbox.accept(request):
                self._defer(request, self._inbox)
                try:
                    self.send_socket_mode_response(SocketModeResponse(request.envelope_id))
                except ConnectionError as error:  # it is served all the same
                    log.warning("%s", error)
            else:
                self._release_unless_queued(
                    self._work_queue.add_urgent(lambda: self._serve(request), find_sender(request))
                )

    def _defer(self, request: SocketModeRequest, inbox: Inbox) -> None:
        self._release_unless_queued(
            self._work_queue.add_deferred(lambda: self._serve_deferred(request, inbox), find_sender(request))
        )

    def _release_unless_queued(self, is_queued: bool) -> None:
        """End the wait of a person whose delivery was not queued."""
        if not is_queued:
            self._priority.end_wait()

    def _prefetch_sender(self, request: SocketModeRequest) -> None:
        """Prefetch the sender's data while the delivery waits for its turn."""
        if user := find_sender(request):
            self._prefetch(user)

    def _serve(self, request: SocketModeRequest) -> None:
        """Serve a delivery, with its answer in the acknowledgement. Where the connection drops before that, a command
        is answered at its response URL: Slack does not deliver it again.
        """
        try:
            response = dispatch_delivery(self._app, request)
            try:
                send_response(self, request, response, time.time())
            except ConnectionError as error:
                log.warning("%s", error)
                if request.type == "slash_commands" and self._inbox:
                    self._inbox.complete(request, read_answer(response))
        finally:
            self._priority.end_wait()

    def _serve_deferred(self, request: SocketModeRequest, inbox: Inbox) -> None:
        """Serve a delivery that was acknowledged already."""
        try:
            inbox.complete(request, read_answer(dispatch_delivery(self._app, request)))
        finally:
            self._priority.end_wait()

    def _forget_session(self, session: WebSocketApp) -> None:
        if self.current_session is session:
            self.current_session = None


def read_answer(response: BoltResponse) -> Any:
    """Return the answer in a response of Bolt's; None for none."""
    return json.loads(response.body) if response.status == 200 and response.body else None


def build_socket_log() -> logging.Logger:
    """Return a log for the SDK's connection, without what it repeats at every attempt."""
    socket_log = logging.getLogger("bot.socket")
    socket_log.addFilter(is_no_repetition)
    return socket_log


def is_no_repetition(record: logging.LogRecord) -> bool:
    """Return whether a record of the SDK's is worth keeping."""
    return not record.getMessage().startswith(REPEATED_MESSAGES)


def get_retry_wait(outage: timedelta) -> timedelta:
    """Return the time between two attempts to connect: a tenth of what the outage has lasted, within bounds.

    >>> [get_retry_wait(timedelta(seconds=seconds)).total_seconds() for seconds in (0, 10, 60, 3600)]
    [1.5, 1.5, 6.0, 30.0]
    """
    return min(max(CONNECT_TIMEOUT, outage / 10), MAX_RETRY_WAIT)


class SocketConnection:
    """A supervised Socket Mode connection.

    Args:
        inbox: stores commands that are answered after their acknowledgement; without it, none is.
        crowd_size: people who must wait at once before commands are acknowledged first.
        prefetch: called with Slack's id of the sender of a delivery, before it is served.
        ping_seconds: seconds between pings.
        silence_seconds: seconds without a pong after which a connection counts as dead although it was not closed.
    """

    def __init__(
        self,
        app: App,
        identity: BotIdentity,
        app_token: str,
        base_url: str,
        now: Now,
        priority: InteractivePriority,
        inbox: Inbox | None = None,
        *,
        crowd_size: int = CROWD_SIZE,
        prefetch: Callable[[str], None] = lambda user: None,
        ping_seconds: float = 5.0,
        silence_seconds: float = 12.0,
    ) -> None:
        self._identity = identity
        self._now = now
        self._silence_seconds = silence_seconds
        self._client = SocketClient(app, app_token, base_url, ping_seconds, priority, inbox, crowd_size, prefetch)
        self._session: WebSocketApp | None = None
        self._session_since = self._last_pong_at = now()
        self._last_pong = 0.0
        self._tried_at: datetime | None = None
        self._down_since: datetime | None = None
        self._was_up = False
        self._complaint = ""

    def check(self) -> None:
        """Connect or reconnect if needed. To be called every CHECK_PERIOD."""
        is_connected = self.is_up()
        if is_connected != self._was_up:
            log.info("connected to Slack" if is_connected else "the connection to Slack is lost")
            self._was_up, self._complaint = is_connected, ""
        if is_connected:
            self._tried_at = self._down_since = None
            return
        self._down_since = self._down_since or self._now()
        wait = get_retry_wait(self._now() - self._down_since)
        if self._tried_at is None or self._now() >= self._tried_at + wait:
            self._tried_at = self._now()
            try:
                # Before the first delivery, so that no listener waits for it.
                self._identity.resolve()
                self._client.resume_unserved()
                self._client.connect_to_new_endpoint(force=True)
            except SlackRejected as error:
                self._log_complaint(f"Slack refuses: {error.code}. {CONNECTION_ADVICE.get(error.code, '')}")
            except Exception as error:  # the next attempt is the only remedy for any of them
                self._log_complaint(str(error))

    def _log_complaint(self, why: str) -> None:
        """Log why there is no connection: when the reason changes, not at every attempt."""
        if why != self._complaint:
            log.error("cannot connect to Slack, and try again, ever less often: %s", why)
        self._complaint = why

    def is_up(self) -> bool:
        """Return whether the connection is open and has shown a sign of life lately."""
        session: Any = self._client.current_session
        if session is not self._session:  # a new session, by `check` or at Slack's request
            self._session, self._session_since = session, self._now()
            self._tried_at = self._now() if session else None
        if session is None or session.sock is None or not session.sock.connected:
            return False
        # websocket-client records pongs by the wall clock, which may be set: only a change of the number counts.
        if session.last_pong_tm != self._last_pong:
            self._last_pong, self._last_pong_at = session.last_pong_tm, self._now()
        last_sign_at = max(self._last_pong_at, self._session_since)
        return self._now() - last_sign_at < timedelta(seconds=self._silence_seconds)

    def stop(self) -> None:
        self._client.stop()


def parse_message(text: str) -> dict[str, Any]:
    """Return a message of the socket; an empty one, which is ignored, where it is not shaped like Slack's."""
    try:
        message = to_mapping(json.loads(text))
    except (ValueError, RecursionError):
        message = {}
    is_envelope = all(isinstance(message.get(key), str | None) for key in ("type", "envelope_id"))
    if not is_envelope or not isinstance(message.get("payload"), dict | None):
        message = {}
    if not message:
        log.warning("a message of the socket is not what Slack sends")
    return message


def find_sender(request: SocketModeRequest) -> str:
    """Return Slack's id of the sender of a delivery; empty where it names none."""
    payload = to_mapping(request.payload)
    user = payload.get("user") or to_mapping(payload.get("event")).get("user")
    user_id = payload.get("user_id") or (user.get("id") if isinstance(user, dict) else user)
    return user_id if isinstance(user_id, str) else ""


def to_mapping(value: Any) -> dict[str, Any]:
    """Return a mapping as it is, and an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def cut_connection(session: Any) -> None:
    """End a connection below the protocol, so that nothing waits for the other side's goodbye."""
    raw = session.sock.sock if session and session.sock else None
    if raw:
        with suppress(OSError):  # it may have ended by itself
            raw.shutdown(socket.SHUT_RDWR)
