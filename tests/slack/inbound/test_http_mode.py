"""HTTP mode: signed requests and no others, on one address."""

import hmac
import logging
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import psutil
import pytest

from bot.app.rate_limits import InteractivePriority
from bot.errors import UserError
from bot.slack.inbound.http_mode import EVENTS_PATH, SIGNATURE_HEADER, TIMESTAMP_HEADER, HttpServer, SignatureChecker
from bot.slack.inbound.listeners import build_app
from bot.slack.outbound.web_client import BotIdentity, build_web_client
from slack_playground.client import Person
from slack_playground.deliveries import signed
from slack_playground.slack import BOT_TOKEN, SIGNING_SECRET
from tests.story import Bot
from tests.waiting import eventually

pytestmark = pytest.mark.slow

NOW = 1_767_355_200


@pytest.fixture
def url(bot: Bot) -> Iterator[str]:
    """Where a bot in HTTP mode listens; the playground delivers there."""
    client = build_web_client(BOT_TOKEN, bot.playground.api_url)
    identity = BotIdentity(client)
    app = build_app(bot.listeners, lambda **_: identity.resolve(), SIGNING_SECRET)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = HttpServer(app, "127.0.0.1", port, InteractivePriority(), SIGNING_SECRET)
    server.start()
    address = f"http://127.0.0.1:{port}"
    eventually(lambda: answers(f"{address}/health"))
    bot.playground._slack.request_url = address + EVENTS_PATH
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
    ana.can_see("Launching `smoke-0001`")
    bot.ticks(3)
    ts = bot.run().messages.sent["card"].ts
    assert ts is not None
    ana.clicks("stop", ts, confirmed=True)
    assert bot.run().requests.stop_requested_by == "U0ANA"
    ana.says("@verlbot recipes")
    ana.can_see("PPO on GSM8K")


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
    assert httpx.post(url + EVENTS_PATH, content=body, headers=made, trust_env=False).status_code == 401
    assert bot.store.list_open_runs() == []


TYPED = urlencode({"command": "/verl", "text": "recipes", "user_id": "U0ANA", "channel_id": "C0TRAIN"}).encode()
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        pytest.param(TYPED, "text/xml", 415, id="another content type"),
        pytest.param(TYPED, "", 415, id="no content type"),
        pytest.param(b"{" * 9, JSON, 400, id="JSON that does not end"),
        pytest.param(b"[" * 200_000, JSON, 400, id="JSON without a bottom"),
        pytest.param(b"[1]", JSON, 400, id="a list"),
        pytest.param(b'"abc"', JSON, 400, id="a text"),
        pytest.param(b"1" * 5000, JSON, 400, id="a number of thousands of digits"),
        pytest.param(b'{"a": "\xff"}', JSON, 401, id="no UTF-8, which Slack cannot have signed"),
        pytest.param(b"payload=%7B", FORM, 400, id="a form whose payload is no JSON"),
        pytest.param(b"payload=%5B1%5D", FORM, 400, id="a form whose payload is a list"),
        pytest.param(b'{"team": 3, "user": [], "event": "x", "type": "event_callback"}', JSON, 400, id="odd parts"),
        pytest.param(b'{"authorizations": [[]]}', JSON, 400, id="odd authorizations"),
        pytest.param(b"x" * 1_000_001, FORM, 413, id="more than a megabyte"),
    ],
)
def test_what_is_no_delivery_is_refused_in_a_word_and_leaves_no_traceback(
    url: str, body: bytes, kind: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = httpx.post(
        url + EVENTS_PATH, content=body, headers=signature(body) | {"Content-Type": kind}, trust_env=False
    )
    assert answer.status_code == status
    assert "Traceback" not in caplog.text
    assert not any(record.exc_info for record in caplog.records)


def test_nothing_is_parsed_before_its_signature_is_checked(url: str) -> None:
    forged = signature(b"{") | {"X-Slack-Signature": "v0=" + "0" * 64, "Content-Type": JSON}
    assert httpx.post(url + EVENTS_PATH, content=b"{", headers=forged, trust_env=False).status_code == 401


def signature(body: bytes) -> dict[str, str]:
    """As Slack signs, any bytes."""
    now = str(int(time.time()))
    digest = hmac.new(SIGNING_SECRET.encode(), f"v0:{now}:".encode() + body, "sha256").hexdigest()
    return {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": f"v0={digest}"}


@pytest.mark.parametrize(
    ("changed", "is_slacks"),
    [
        pytest.param({}, True, id="as Slack signs"),
        pytest.param({TIMESTAMP_HEADER: str(NOW - 301)}, False, id="older than five minutes"),
        pytest.param({TIMESTAMP_HEADER: str(NOW + 301)}, False, id="from the future"),
        pytest.param({TIMESTAMP_HEADER: "nan"}, False, id="no time"),
        pytest.param({TIMESTAMP_HEADER: "9" * 5000}, False, id="a time of thousands of digits"),
        pytest.param({TIMESTAMP_HEADER: "١٧٦٧"}, False, id="digits of another script"),
        pytest.param({TIMESTAMP_HEADER: ""}, False, id="without a time"),
        pytest.param({SIGNATURE_HEADER: ""}, False, id="without a signature"),
        pytest.param({SIGNATURE_HEADER: "v0=" + "0" * 64}, False, id="a wrong one"),
        pytest.param({SIGNATURE_HEADER: "v0=ünï"}, False, id="letters that none has"),
    ],
)
def test_a_signature_counts_for_five_minutes_and_for_one_body(changed: dict[str, str], is_slacks: bool) -> None:
    digest = hmac.new(b"secret", f"v0:{NOW}:body".encode(), "sha256").hexdigest()
    headers = {TIMESTAMP_HEADER: str(NOW), SIGNATURE_HEADER: f"v0={digest}"} | changed
    signatures = SignatureChecker("secret", lambda: float(NOW))
    assert signatures.is_signed(headers, b"body") is is_slacks
    if TIMESTAMP_HEADER in changed:
        assert not signatures.may_be_signed(headers), "which is known before the body is read"
    assert not signatures.is_signed(headers, b"another")
    assert not signatures.is_signed(headers, b"\xff")


def test_it_listens_on_the_address_that_was_set_and_on_no_other(url: str) -> None:
    port = int(url.rsplit(":", 1)[1])
    listening = [
        one.laddr.ip for one in psutil.Process().net_connections() if one.status == "LISTEN" and one.laddr.port == port
    ]
    assert listening == ["127.0.0.1"]


def test_an_address_that_is_taken_is_told_before_anything_runs(bot: Bot) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = HttpServer(bot.app, "127.0.0.1", port, InteractivePriority(), SIGNING_SECRET)
        with pytest.raises(UserError, match=f"The bot cannot listen on 127.0.0.1:{port}"):
            server.start()
        server.stop()
