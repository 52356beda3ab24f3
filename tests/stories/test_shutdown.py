"""A bot ends within ten seconds of its signal, whatever hangs; the next one loses and repeats nothing."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from tests.live import ENDLESS, Live
from tests.proxy import Proxy
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.long]

MAX_STOP_SECONDS = 10.0


class SwallowingProxy(Proxy):
    """A proxy that, while it is silent, also swallows what comes by new connections."""

    swallowed = 0

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if self.silent:
                    self.swallowed += 1
                else:
                    target.sendall(data)
        for end in (source, target):
            end.close()


@pytest.fixture
def slack_proxy(live: Live) -> Iterator[SwallowingProxy]:
    """The way to Slack's Web API, which can be silenced."""
    found = SwallowingProxy(int(urlsplit(live.playground.address).port or 0))
    live.settings["SLACK_API_URL"] = live.playground.api_url.replace(
        f":{urlsplit(live.playground.address).port}", f":{found.port}"
    )
    yield found
    found.stop()


def stop(live: Live) -> float:
    """Ask the bot to end, as systemd, Docker and Kubernetes do; return the seconds that it took."""
    assert live.bot is not None
    start = time.monotonic()
    live.bot.send_signal(signal.SIGTERM)
    assert live.bot.wait(60) == 0, live.log()
    return time.monotonic() - start


def test_a_bot_with_nothing_that_hangs_stops_at_once(live: Live) -> None:
    live.start()
    live.launch(f"nodes=1 {ENDLESS}")
    live.sees_card("running")
    assert stop(live) < MAX_STOP_SECONDS
    assert "abandoned" not in live.log()


def test_a_slack_that_hangs_keeps_no_bot_from_stopping(live: Live, slack_proxy: SwallowingProxy) -> None:
    live.start()
    run_id = live.launch(f"nodes=1 {ENDLESS}")
    live.sees_card("step ")
    slack_proxy.silent = True
    eventually(lambda: slack_proxy.swallowed, live.log)  # an edit of the card hangs
    assert stop(live) < MAX_STOP_SECONDS
    slack_proxy.silent = False
    live.start()
    live.ana.says(f"/verl stop {run_id} save=no")
    live.sees_end("stopped")
    live.assert_nothing_left()
    counts = live.notices()
    assert (counts["card"], counts["running"], counts["ended"]) == (1, 1, 1)


def test_a_skypilot_that_hangs_keeps_no_bot_from_stopping(live: Live) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # it takes connections, and never answers
        host, port = server.getsockname()
        live.start(VERLBOT_COMPUTE="skypilot", SKYPILOT_API_SERVER_ENDPOINT=f"http://{host}:{port}")
        live.launch("nodes=1")
        server.settimeout(60)
        connection, _ = server.accept()
        with connection:
            assert connection.recv(4) in (b"GET ", b"POST"), "a call is under way"
            assert stop(live) < MAX_STOP_SECONDS
