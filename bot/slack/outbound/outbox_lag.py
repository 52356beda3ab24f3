"""How late the messages are: for how long each record has had something that Slack does not show yet."""

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Lock

from slack_sdk import WebClient

from bot.app.ports import Now
from bot.core.model.store_identity import StoreIdentity
from bot.slack.outbound.chart_publisher import ChartPublisher
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.message_steps import is_all_shown
from bot.slack.outbound.outbox import Outbox

FORGET_AFTER_SECONDS = 2 * 3600.0
"""After so long without an attempt, a record is taken to be deleted: none is left alone for longer than an hour."""


class OutboxLag:
    """The records that wait for Slack.

    Args:
        elapsed: returns seconds by a clock that cannot be set.
        is_leading: returns whether this process leads. What waits here while another one leads is sent by that one.
    """

    def __init__(
        self, elapsed: Callable[[], float] = time.monotonic, is_leading: Callable[[], bool] = lambda: True
    ) -> None:
        self._elapsed = elapsed
        self._is_leading = is_leading
        self._lock = Lock()
        self._waiting: dict[str, tuple[float, float]] = {}

    def begin(self, name: str) -> None:
        """Record that something of a record is not sent: since now, unless it is known to wait already."""
        now = self._elapsed()
        with self._lock:
            since, _ = self._waiting.get(name, (now, now))
            self._waiting[name] = since, now

    def end(self, name: str) -> None:
        """Record that Slack shows all of a record."""
        with self._lock:
            self._waiting.pop(name, None)

    def measure_seconds(self) -> float:
        """Return for how many seconds the oldest has waited; 0.0 where none waits, or where another process leads."""
        now = self._elapsed()
        with self._lock:
            if not self._is_leading():
                self._waiting.clear()
            self._waiting = {
                name: times for name, times in self._waiting.items() if now - times[1] < FORGET_AFTER_SECONDS
            }
            return max((now - since for since, _ in self._waiting.values()), default=0.0)


class MeasuredOutbox(Outbox):
    """The outbox, which also keeps how late it is."""

    def __init__(
        self,
        lag: OutboxLag,
        client: WebClient,
        now: Now,
        charts: ChartPublisher,
        language: str,
        find_workspace_url: Callable[[], str],
        max_lateness: timedelta,
        read_identity: Callable[[], StoreIdentity],
    ) -> None:
        super().__init__(client, now, charts, language, find_workspace_url, max_lateness, read_identity)
        self._lag = lag

    def advance(self, conversation: Conversation) -> timedelta | None:
        """Make the next step of a conversation, and note whether there is another one."""
        try:
            wait = super().advance(conversation)
        except Exception:
            self._lag.begin(conversation.name)
            raise
        # A look whether a message came twice is due later, and Slack shows all meanwhile.
        if wait is None or is_all_shown(conversation.sent, conversation.desired):
            self._lag.end(conversation.name)
        else:
            self._lag.begin(conversation.name)
        return wait

    def forget(self, name: str) -> None:
        """Forget a record whose messages are all sent."""
        super().forget(name)
        self._lag.end(name)
