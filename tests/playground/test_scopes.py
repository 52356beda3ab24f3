"""What an app may do and hears of: its manifest, its scopes, the channels that it is in."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, ClassVar

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.slack.manifest import SCOPES, build_manifest
from slack_playground import deliveries
from slack_playground.client import Person, PlaygroundClient
from slack_playground.manifest import App
from slack_playground.server import Playground
from slack_playground.slack import BOT_TOKEN
from tests.playground.echo import Echo
from tests.story import ANA, RANDOM, SECRET, TRAINING
from tests.waiting import eventually

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def web(playground: Playground) -> WebClient:
    return WebClient(BOT_TOKEN, base_url=playground.api_url)


def test_the_bots_own_manifest_says_all_that_the_double_asks_of_one() -> None:
    app = App.of(build_manifest("socket"))
    command = app.command("/verl")
    assert command is not None
    assert "launch" in command.usage_hint
    assert command.should_escape
    assert app.command("/other") is None
    assert app.scopes == set(SCOPES)
    assert {"app_mention", "app_home_opened"} <= app.events
    assert (app.is_interactive, app.socket_mode, app.home_tab, app.messages_tab) == (True, True, True, True)


def test_over_http_each_kind_goes_where_the_manifest_says() -> None:
    app = App.of(build_manifest("http", "https://bot.example"))
    urls = {app.url_of(kind, {"command": "/verl"}) for kind in ("slash_commands", "interactive", "events_api")}
    assert not app.socket_mode
    assert urls == {app.events_url}
    assert app.events_url.startswith("https://bot.example/")


def test_a_manifest_that_says_nothing_allows_nothing() -> None:
    app = App.of({})
    assert (app.commands, app.scopes, app.events, app.is_interactive) == ({}, frozenset(), frozenset(), False)


MISSING: list[Any] = [
    pytest.param(lambda web: web.chat_postMessage(channel=TRAINING, text="x"), "chat:write", id="to post"),
    pytest.param(lambda web: web.conversations_history(channel=TRAINING), "channels:history", id="to read a channel"),
    pytest.param(lambda web: web.conversations_history(channel=SECRET), "groups:history", id="to read a private one"),
    pytest.param(lambda web: web.conversations_info(channel=TRAINING), "channels:read", id="to look at a channel"),
    pytest.param(lambda web: web.conversations_info(channel=SECRET), "groups:read", id="to look at a private one"),
    pytest.param(lambda web: web.conversations_open(users=ANA), "im:write", id="to open a direct message"),
    pytest.param(lambda web: web.users_info(user=ANA), "users:read", id="to look at a person"),
    pytest.param(lambda web: web.files_getUploadURLExternal(filename="x", length=1), "files:write", id="to upload"),
    pytest.param(
        lambda web: web.reactions_add(channel=TRAINING, timestamp="1", name="x"), "reactions:write", id="to react"
    ),
]


@pytest.mark.parametrize(("call", "scope"), MISSING)
def test_a_scope_that_is_missing_is_named(
    playground: Playground, web: WebClient, slack: PlaygroundClient, call: Callable[[WebClient], object], scope: str
) -> None:
    slack.post("channel", channel=SECRET, bot_is_member=True)
    playground._slack.scopes = {"im:history", "commands"}
    with pytest.raises(SlackApiError) as error:
        call(web)
    answer = error.value.response
    assert (answer["error"], answer["needed"]) == ("missing_scope", scope)
    assert set(answer["provided"].split(",")) == {"im:history", "commands"}


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(SlackApiError) as error:
        call()
    return str(error.value.response["error"])


def test_a_private_channel_without_the_bot_is_none(web: WebClient) -> None:
    assert refusal(lambda: web.conversations_info(channel=SECRET)) == "channel_not_found"
    assert refusal(lambda: web.conversations_history(channel=SECRET)) == "channel_not_found"
    assert refusal(lambda: web.chat_getPermalink(channel=SECRET, message_ts="1.1")) == "channel_not_found"


def test_files_and_reactions_need_membership_whatever_may_be_posted(playground: Playground, web: WebClient) -> None:
    playground._slack.scopes.add("reactions:write")
    ts = str(web.chat_postMessage(channel=RANDOM, text="x")["ts"])
    assert refusal(lambda: web.files_upload_v2(channel=RANDOM, content=PNG, filename="x.png")) == "not_in_channel"
    assert refusal(lambda: web.reactions_add(channel=RANDOM, timestamp=ts, name="eyes")) == "not_in_channel"


def test_a_file_goes_to_a_thread_that_is_there(web: WebClient) -> None:
    upload: dict[str, Any] = {"channel": TRAINING, "content": PNG, "filename": "x.png"}
    assert refusal(lambda: web.files_upload_v2(**upload, thread_ts="1.1")) == "thread_not_found"


@pytest.fixture
def hearing() -> Iterator[Callable[[list[str], list[str]], tuple[Playground, Echo]]]:
    """An app that has subscribed to these events, with these scopes."""
    opened: list[Any] = []

    def start(events: list[str], scopes: list[str]) -> tuple[Playground, Echo]:
        server = Playground(
            manifest={
                "oauth_config": {"scopes": {"bot": scopes}},
                "settings": {"event_subscriptions": {"bot_events": events}, "socket_mode_enabled": True},
                "features": {"app_home": {"home_tab_enabled": True, "messages_tab_enabled": True}},
            }
        )
        server.start()
        found = Echo(server)
        opened.extend([found.socket, server])
        client = PlaygroundClient(server.address)
        eventually(lambda: client.get("state")["connections"])
        client.close()
        return server, found

    yield start
    for one in opened:
        one.stop()


ALL = ["app_mentions:read", "channels:history", "im:history", "reactions:read", "chat:write"]
EVENTS = ["app_mention", "message.channels", "message.im", "reaction_added", "app_home_opened"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("events", "scopes", "heard"),
    [
        pytest.param([], ALL, [], id="subscribed to nothing"),
        pytest.param(["app_mention"], ALL, ["app_mention"], id="mentions"),
        pytest.param(["message.channels"], ALL, ["message/channel", "message/channel"], id="what is said in channels"),
        pytest.param(["message.im"], ALL, ["message/im"], id="what is said to it alone"),
        pytest.param(["reaction_added"], ALL, ["reaction_added"], id="reactions"),
        pytest.param(["app_home_opened"], [], ["app_home_opened"], id="its page, without any scope"),
        pytest.param(EVENTS[:-1], [], [], id="subscribed to everything, and no scope"),
    ],
)
def test_an_app_hears_what_it_has_subscribed_to_and_may_know(
    hearing: Callable[[list[str], list[str]], tuple[Playground, Echo]],
    events: list[str],
    scopes: list[str],
    heard: list[str],
) -> None:
    server, echo = hearing(events, scopes)
    client = PlaygroundClient(server.address)
    ana = Person(client)
    direct = Person(client, ANA, ana.opens_home()["channel"])
    direct.says("@verlbot to you alone")
    Person(client, ANA, RANDOM).says("@verlbot where it is not")
    ts = ana.says("@verlbot to all")["ts"]
    ana.says("and more")
    ana.reacts(ts, "eyes")
    client.post("react", user=ANA, channel=TRAINING, ts=ts, name="eyes")  # an event that nobody subscribed to
    eventually(lambda: len(echo.received) == len(heard))
    said = [body["event"] for body in echo.received]
    kinds = [f"{one['type']}/{one['channel_type']}" if one["type"] == "message" else one["type"] for one in said]
    assert sorted(kinds) == sorted(heard)
    assert len(client.record("delivery")) == len(heard)
    client.close()


def test_what_an_app_has_not_enabled_nobody_can_do() -> None:
    server = Playground(manifest={"oauth_config": {"scopes": {"bot": ["chat:write"]}}})
    server.start()
    client = PlaygroundClient(server.address)
    ana = Person(client)
    web = WebClient(BOT_TOKEN, base_url=server.api_url)
    button = {"type": "button", "action_id": "press", "text": {"type": "plain_text", "text": "x"}}
    row = {"type": "actions", "elements": [button]}
    posted = web.chat_postMessage(channel=ANA, text="x", blocks=[row])
    direct = Person(client, ANA, str(posted["channel"]))
    assert "not configured to handle interactive responses" in direct.clicks("press", str(posted["ts"]))["error"]
    assert "has been turned off" in direct.says("hello")["error"]
    assert refusal(lambda: web.views_publish(user_id=ANA, view={"type": "home", "blocks": []})) == "not_enabled"
    with pytest.raises(LookupError, match="no page home"):
        ana.opens_home()
    client.close()
    server.stop()


class Heard(BaseHTTPRequestHandler):
    """An app in HTTP mode that fails once, and notes what it is sent."""

    requests: ClassVar[list[tuple[str, str, dict[str, str]]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.requests.append((self.path, body, dict(self.headers)))
        self.send_response(500 if len(self.requests) == 1 else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_over_http_names_come_as_typed_where_nothing_is_escaped_and_an_event_that_comes_again_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliveries, "EVENT_RETRIES_SECONDS", (0.05,))
    app = HTTPServer(("127.0.0.1", 0), Heard)
    Thread(target=app.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{app.server_port}"
    server = Playground(
        manifest={
            "features": {"slash_commands": [{"command": "/plain", "url": f"{url}/commands"}]},
            "oauth_config": {"scopes": {"bot": ["app_mentions:read"]}},
            "settings": {"event_subscriptions": {"bot_events": ["app_mention"], "request_url": f"{url}/events"}},
        }
    )
    server.start()
    client = PlaygroundClient(server.address)
    ana = Person(client)
    ana.says("@verlbot hello")
    eventually(lambda: len(Heard.requests) == 2)
    ana.says("/plain @ben")
    (path, _, first), (_, _, again), (command, body, _) = Heard.requests
    assert (path, command) == ("/events", "/commands")
    assert "X-Slack-Retry-Num" not in first
    assert (again["X-Slack-Retry-Num"], again["X-Slack-Retry-Reason"]) == ("1", "timeout")
    assert "text=%40ben" in body
    client.close()
    server.stop()
    app.shutdown()
    app.server_close()


def test_a_command_is_not_for_threads(slack: PlaygroundClient) -> None:
    ana = Person(slack)
    ts = ana.says("hello")["ts"]
    assert "not supported in threads" in ana.says("/verl status", ts)["error"]


def test_a_long_text_is_cut_with_a_warning_and_refused_in_an_edit(web: WebClient) -> None:
    posted = web.chat_postMessage(channel=TRAINING, text="x" * 40_001)
    assert len(posted["message"]["text"]) == 40_000
    assert posted["response_metadata"]["warnings"] == ["message_truncated"]
    edit: dict[str, Any] = {"channel": TRAINING, "ts": str(posted["ts"])}
    web.chat_update(**edit, text="x" * 4_000)
    assert refusal(lambda: web.chat_update(**edit, text="x" * 4_001)) == "msg_too_long"


def test_an_empty_metadata_takes_away_what_was_there(web: WebClient) -> None:
    metadata = {"event_type": "run", "event_payload": {"id": "ppo-1"}}
    ts = str(web.chat_postMessage(channel=TRAINING, text="x", metadata=metadata)["ts"])
    web.api_call("chat.update", json={"channel": TRAINING, "ts": ts, "text": "y", "metadata": {}})
    assert "metadata" not in web.conversations_history(channel=TRAINING, include_all_metadata=True)["messages"][0]


def test_people_live_in_their_time_zones(web: WebClient) -> None:
    lea = web.users_info(user="U0LEA", include_locale=True)["user"]
    assert (lea["tz"], lea["tz_offset"], lea["locale"]) == ("Asia/Shanghai", 8 * 3600, "zh-CN")
    assert "locale" not in web.users_info(user="U0LEA")["user"]
    assert web.users_info(user=ANA)["user"]["real_name"] == "Ana Roth"


VALID: list[Any] = [
    pytest.param({"blocks": [{"type": "divider"}]}, "", id="blocks"),
    pytest.param({"blocks": [{"type": "x"}]}, "invalid_blocks", id="bad blocks"),
    pytest.param({"message": {"text": "x"}}, "", id="a message"),
    pytest.param({"message": {}}, "invalid_message", id="an empty message"),
    pytest.param({"view": {"type": "home", "blocks": []}}, "", id="a view"),
    pytest.param({"view": {"type": "modal", "blocks": []}}, "invalid_view", id="a bad view"),
    pytest.param({}, "invalid_arguments", id="nothing"),
]


@pytest.mark.parametrize(("asked", "code"), VALID)
def test_slacks_own_word_on_blocks_messages_and_views(web: WebClient, asked: dict[str, Any], code: str) -> None:
    answer = httpx.post(
        f"{web.base_url}blocks.validate", json=asked, headers={"Authorization": f"Bearer {BOT_TOKEN}"}, trust_env=False
    ).json()
    assert answer.get("error", "") == code
