"""Socket Mode over a real socket: lost in every way, back within two seconds."""

import gc
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import pytest
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.app.rate_limits import InteractivePriority
from bot.slack.inbound.delivery_queue import Inbox
from bot.slack.inbound.socket_mode import CHECK_PERIOD, SocketClient, SocketConnection
from bot.slack.outbound.web_client import BotIdentity, build_web_client
from slack_playground.client import Person
from slack_playground.slack import APP_TOKEN, BOT_TOKEN
from tests.proxy import Proxy
from tests.story import ANA, TRAINING, AtOnce, Bot
from tests.waiting import eventually

pytestmark = pytest.mark.slow

BACK = 2.0
"""Seconds after which the bot must be back."""


class Connected:
    """A bot on a real socket, through a way that can be cut."""

    def __init__(self, bot: Bot, ahead: timedelta = timedelta()) -> None:
        """`ahead`: by how much the bot's own time is ahead of this machine's clock."""
        self.slack = bot.slack
        self.proxy = Proxy(int(bot.playground.address.rsplit(":", 1)[1]))
        bot.playground._slack.address = f"http://127.0.0.1:{self.proxy.port}"
        url = f"{bot.playground._slack.address}/api/"
        identity = BotIdentity(build_web_client(BOT_TOKEN, url))
        self.socket = SocketConnection(
            bot.app,
            identity,
            APP_TOKEN,
            url,
            lambda: datetime.now(UTC) + ahead,
            InteractivePriority(),
            ping_seconds=0.3,
            silence_seconds=1.0,
        )
        self.over = Event()
        self.thread = Thread(target=self._look_after, daemon=True)
        self.thread.start()

    def _look_after(self) -> None:
        while not self.over.wait(CHECK_PERIOD / timedelta(seconds=1)):
            self.socket.check()

    def answers(self) -> bool:
        return "error" not in Person(self.slack).says("/verl help")

    def opened(self) -> int:
        return sum(entry["name"] == "apps.connections.open" for entry in self.slack.record("call"))

    def stop(self) -> None:
        self.over.set()
        self.thread.join()
        self.socket.stop()
        self.proxy.stop()


@pytest.fixture
def connected(bot: Bot) -> Iterator[Connected]:
    found = Connected(bot)
    eventually(found.answers)
    yield found
    found.stop()
    gc.collect()  # a socket that was left open fails this test, not a later one


def back_after(connected: Connected, opened: int = 2) -> float:
    """Seconds until a new connection stands. Slack may go on delivering to the old one for a moment longer."""
    start = time.monotonic()
    eventually(lambda: connected.opened() >= opened and connected.socket.is_up())
    took = time.monotonic() - start
    eventually(connected.answers)
    return took


@pytest.mark.alone
def test_a_closed_connection_is_back(connected: Connected) -> None:
    connected.slack.post("link", do="drop")
    assert back_after(connected) < BACK
    assert connected.opened() == 2


@pytest.mark.alone
def test_an_aborted_connection_is_back(connected: Connected) -> None:
    connected.proxy.cut()
    assert back_after(connected) < BACK


@pytest.mark.alone
def test_slacks_request_to_come_again_is_followed(connected: Connected) -> None:
    connected.slack.post("link", do="refresh")
    assert back_after(connected) < BACK
    assert connected.opened() == 2


@pytest.mark.alone
def test_a_silent_connection_is_noticed(connected: Connected) -> None:
    connected.proxy.silent = True
    eventually(lambda: connected.opened() >= 2)
    assert back_after(connected) < BACK


@pytest.mark.long
def test_a_slack_that_is_away_is_tried_again_until_it_is_back(connected: Connected) -> None:
    connected.slack.faults({"method": "apps.connections.open", "trouble": "broken", "times": 3})
    connected.slack.post("link", do="drop")
    eventually(lambda: not connected.socket.is_up())
    eventually(connected.answers)
    assert connected.opened() == 5


@pytest.mark.long
def test_connecting_asks_slack_for_one_connection_only(connected: Connected) -> None:
    """apps.connections.open allows about one call a minute."""
    assert connected.opened() == 1
    assert connected.slack.get("state")["connections"] == 1


@pytest.mark.parametrize("ahead", [timedelta(minutes=2), timedelta(minutes=-2)], ids=["set back", "set ahead"])
@pytest.mark.long
def test_a_machines_clock_that_was_set_cuts_no_connection_and_hides_no_silence(bot: Bot, ahead: timedelta) -> None:
    connected = Connected(bot, ahead)
    try:
        eventually(connected.answers)
        session: Any = connected.socket._client.current_session
        first = time.time()
        eventually(lambda: session.last_pong_tm > first + 1.5)  # longer than what counts as silence
        assert connected.opened() == 1
        assert connected.socket.is_up()
        connected.proxy.silent = True
        eventually(lambda: connected.opened() >= 2)
        assert back_after(connected) < BACK
    finally:
        connected.stop()
        gc.collect()


def test_a_machine_without_a_network_logs_one_line_and_tries_ever_less_often(
    bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    url = "http://127.0.0.1:1/api/"  # no program listens there
    moment, attempts = bot.moment, 0
    connection = SocketConnection(
        bot.app, BotIdentity(build_web_client(BOT_TOKEN, url)), APP_TOKEN, url, lambda: moment, InteractivePriority()
    )
    try:
        caplog.clear()
        for _ in range(1200):
            last_attempt = connection._tried_at
            connection.check()
            attempts += connection._tried_at != last_attempt
            moment += CHECK_PERIOD
    finally:
        connection.stop()
    assert len(caplog.records) == 1
    assert "cannot connect to Slack" in caplog.text
    assert 20 < attempts < 50


@pytest.mark.parametrize("line", ["help", "launch smoke"])
def test_a_command_whose_link_drops_before_its_acknowledgement_is_answered_all_the_same(
    bot: Bot, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    inbox = Inbox(bot.store, AtOnce(InteractivePriority()), bot.client, bot.now)
    client = SocketClient(
        bot.app, APP_TOKEN, bot.playground.api_url, 5.0, InteractivePriority(), inbox, 4, lambda user: None
    )
    deliveries = bot.playground._deliveries
    payload = {
        "command": "/verl",
        "text": line,
        "user_id": ANA,
        "channel_id": TRAINING,
        "team_id": "T0PLAY",
        "trigger_id": deliveries.new_trigger(ANA),
        "response_url": deliveries.new_response_url(ANA, TRAINING),
    }
    assert client.current_session is None  # as after a drop
    client._serve(SocketModeRequest("slash_commands", "envelope-1", payload))
    assert "dropped before an acknowledgement" in caplog.text
    assert ("/verl launch" if line == "help" else "Launching") in bot.told()
    client.stop()
