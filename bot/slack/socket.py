"""Socket Mode: a connection that comes back within two seconds, however it was lost."""

import logging
from datetime import datetime, timedelta
from typing import Any

from slack_bolt import App
from slack_bolt.adapter.socket_mode.websocket_client import SocketModeHandler

from bot.ports import Now
from bot.slack.client import Identity, web_client

log = logging.getLogger(__name__)

PING_SECONDS = 5
SILENCE_SECONDS = 12
"""Between pings; and without any pong, after which a connection is dead though nobody closed it."""

CONNECT_TIME = timedelta(seconds=1.5)
"""What a connection attempt is given before the next."""

CHECK_PERIOD = timedelta(seconds=0.5)
"""Between two calls of `check`."""


class Socket:
    """A Socket Mode connection that is looked after.

    The SDK's client reconnects by itself when a connection is closed, but tries only every ping when
    that fails, and never notices one that went silent (measured with slack-sdk 3.47).
    """

    def __init__(self, app: App, identity: Identity, app_token: str, base_url: str, now: Now) -> None:
        self._app = app
        self._identity = identity
        self._app_token = app_token
        self._base_url = base_url
        self._now = now
        self._handler: SocketModeHandler | None = None
        self._tried_at: datetime | None = None
        self._was_up = False
        self._session: object = None
        self._session_since = now()

    def check(self) -> None:
        """Connect, or connect again, if need be. To be called every CHECK_PERIOD."""
        up = self.is_up()
        if up != self._was_up:
            log.info("connected to Slack" if up else "the connection to Slack is lost")
            self._was_up = up
        if not up and self._may_try():
            self._tried_at = self._now()
            try:
                self._connect()
            except Exception as error:  # whatever it is, the next attempt is all that can be done
                log.warning("cannot connect to Slack: %s", error)

    def is_up(self) -> bool:
        session: Any = self._handler and self._handler.client.current_session
        if not session or session.sock is None or not session.sock.connected:
            return False
        if session is not self._session:
            self._session, self._session_since = session, self._now()
        heard = max(session.last_pong_tm, self._session_since.timestamp())
        return bool(self._now().timestamp() - heard < SILENCE_SECONDS)

    def stop(self) -> None:
        if self._handler:
            self._handler.client.close()

    def _may_try(self) -> bool:
        return self._tried_at is None or self._now() >= self._tried_at + CONNECT_TIME

    def _connect(self) -> None:
        self._identity.learn()  # before the first delivery, so that no listener waits for it
        if self._handler is None:
            client = web_client(self._app_token, self._base_url)
            self._handler = SocketModeHandler(
                self._app, self._app_token, web_client=client, ping_interval=PING_SECONDS, logger=self._app.logger
            )
        self._handler.client.connect_to_new_endpoint(force=True)
