"""HTTP mode: signed requests and no others, on one address."""

import socket
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import psutil
import pytest

from bot.errors import UserError
from bot.playground.client import Person
from bot.playground.deliveries import signed
from bot.playground.slack import BOT_TOKEN, SIGNING_SECRET
from bot.precedence import Precedence
from bot.slack.app import build_app
from bot.slack.client import Identity, web_client
from bot.slack.http import PATH, HttpServer
from tests.story import Bot
from tests.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def url(bot: Bot) -> Iterator[str]:
    """Where a bot in HTTP mode listens; the playground delivers there."""
    client = web_client(BOT_TOKEN, bot.playground.api_url)
    identity = Identity(client)
    app = build_app(bot.listeners, lambda **_: identity.learn(), SIGNING_SECRET)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = HttpServer(app, "127.0.0.1", port, Precedence())
    server.start()
    address = f"http://127.0.0.1:{port}"
    eventually(lambda: answers(f"{address}/health"))
    bot.playground._slack.request_url = address + PATH
    yield address
    server.stop()


def answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def test_commands_mentions_and_buttons_work_over_http(bot: Bot, url: str) -> None:
    ana = Person(bot.slack)
    ana.says("/verl launch smoke nodes=2")
    ana.sees("Recorded as `smoke-0001`")
    bot.ticks(3)
    ts = bot.run().posted["card"].ts
    assert ts is not None
    ana.clicks("stop", ts, confirmed=True)
    assert bot.run().stop_requested_by == "U0ANA"
    ana.says("@verlbot recipes")
    ana.sees("PPO on GSM8K")


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no signature"),
        pytest.param({"X-Slack-Signature": "v0=00"}, id="a wrong signature"),
        pytest.param({"X-Slack-Request-Timestamp": str(int(time.time()) - 3600)}, id="an old request"),
    ],
)
def test_what_slack_has_not_signed_is_refused(bot: Bot, url: str, headers: dict[str, str]) -> None:
    body = urlencode(
        {"command": "/verl", "text": "launch smoke", "user_id": "U0ANA", "channel_id": "C0TRAIN", "trigger_id": "t"}
    ).encode()
    made = {"Content-Type": "application/x-www-form-urlencoded"} | (signed(body) | headers if headers else {})
    assert httpx.post(url + PATH, content=body, headers=made, trust_env=False).status_code == 401
    assert bot.store.open() == []


def test_it_listens_on_the_address_that_was_set_and_on_no_other(url: str) -> None:
    port = int(url.rsplit(":", 1)[1])
    listening = [
        one.laddr.ip for one in psutil.Process().net_connections() if one.status == "LISTEN" and one.laddr.port == port
    ]
    assert listening == ["127.0.0.1"]


def test_an_address_that_is_taken_is_told_before_anything_runs(bot: Bot) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = HttpServer(bot.app, "127.0.0.1", port, Precedence())
        with pytest.raises(UserError, match=f"Nothing can listen on 127.0.0.1:{port}"):
            server.start()
        server.stop()
