"""The Web API of the double, asked by Slack's own client over HTTP."""

from collections.abc import Callable
from typing import Any

import httpx
import psutil
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from websocket import WebSocket, WebSocketBadStatusException

from slack_playground.client import Person, PlaygroundClient
from slack_playground.server import Playground
from slack_playground.slack import APP_TOKEN, BOT_TOKEN
from slack_playground.web_api import METHODS, READS
from tests.story import ANA, BEN, RANDOM, SECRET, TRAINING


@pytest.fixture
def web(playground: Playground) -> WebClient:
    return WebClient(BOT_TOKEN, base_url=playground.api_url)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(SlackApiError) as error:
        call()
    return str(error.value.response["error"])


def test_the_bot_knows_who_it_is(web: WebClient) -> None:
    assert web.auth_test()["user_id"] == "U0VERLBOT"


@pytest.mark.parametrize(
    ("token", "code"), [("xoxb-other", "invalid_auth"), (APP_TOKEN, "not_allowed_token_type"), (None, "not_authed")]
)
def test_a_wrong_token_is_refused(playground: Playground, token: str | None, code: str) -> None:
    assert refusal(WebClient(token, base_url=playground.api_url).auth_test) == code


def test_a_connection_needs_the_app_level_token(web: WebClient) -> None:
    assert refusal(lambda: web.apps_connections_open(app_token=BOT_TOKEN)) == "not_allowed_token_type"
    assert str(web.apps_connections_open(app_token=APP_TOKEN)["url"]).startswith("ws://127.0.0.1:")


def test_a_missing_scope_is_named(playground: Playground, web: WebClient) -> None:
    playground._slack.scopes.discard("chat:write")
    with pytest.raises(SlackApiError) as error:
        web.chat_postMessage(channel=TRAINING, text="x")
    assert (error.value.response["error"], error.value.response["needed"]) == ("missing_scope", "chat:write")


@pytest.mark.parametrize("style", ["json", "form", "query"])
def test_arguments_come_in_every_way_that_slack_takes(playground: Playground, style: str) -> None:
    url, asked = f"{playground.api_url}chat.postMessage", {"channel": TRAINING, "text": "hello"}
    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    answer = {
        "json": lambda: httpx.post(url, json=asked, headers=headers, trust_env=False),
        "form": lambda: httpx.post(url, data=asked, headers=headers, trust_env=False),
        "query": lambda: httpx.post(url, params={**asked, "token": BOT_TOKEN}, trust_env=False),
    }[style]()
    assert answer.json()["ok"]


def test_a_method_that_does_not_exist_is_unknown(web: WebClient) -> None:
    assert refusal(lambda: web.api_call("chat.shout")) == "unknown_method"


def test_messages_are_posted_threaded_broadcast_edited_and_deleted(web: WebClient, slack: PlaygroundClient) -> None:
    ts = web.chat_postMessage(channel=TRAINING, text="card")["ts"]
    web.chat_postMessage(channel=TRAINING, text="in the thread", thread_ts=ts)
    web.chat_postMessage(channel=TRAINING, text="for all", thread_ts=ts, reply_broadcast=True)
    web.chat_update(channel=TRAINING, ts=ts, text="newer card")
    history = [message["text"] for message in web.conversations_history(channel=TRAINING)["messages"]]
    assert history == ["for all", "newer card"]
    replies = [message["text"] for message in web.conversations_replies(channel=TRAINING, ts=ts)["messages"]]
    assert replies == ["newer card", "in the thread", "for all"]
    web.chat_delete(channel=TRAINING, ts=ts)
    assert "newer card" not in slack.transcript(ANA, TRAINING)


def test_metadata_is_kept_over_an_edit_and_shown_to_those_who_ask(web: WebClient) -> None:
    metadata = {"event_type": "run", "event_payload": {"id": "ppo-1"}}
    ts = web.chat_postMessage(channel=TRAINING, text="x", metadata=metadata)["ts"]
    web.chat_update(channel=TRAINING, ts=ts, text="y")
    asked = web.conversations_history(channel=TRAINING, include_all_metadata=True)["messages"][0]
    assert asked["metadata"] == metadata
    assert "metadata" not in web.conversations_history(channel=TRAINING)["messages"][0]


def test_history_comes_in_pages_and_from_a_time(web: WebClient) -> None:
    stamps = [web.chat_postMessage(channel=TRAINING, text=str(number))["ts"] for number in range(5)]
    pages = [
        [message["text"] for message in page["messages"]]
        for page in web.conversations_history(channel=TRAINING, limit=2)
    ]
    assert pages == [["4", "3"], ["2", "1"], ["0"]]
    newer = web.conversations_history(channel=TRAINING, oldest=stamps[2])["messages"]
    assert [message["text"] for message in newer] == ["4", "3"]
    assert len(set(stamps)) == 5


@pytest.mark.parametrize(
    ("channel", "code"),
    [("C0NOWHERE", "channel_not_found"), (SECRET, "channel_not_found")],
    ids=["unknown", "private, not a member"],
)
def test_where_the_bot_may_not_write_is_refused(web: WebClient, channel: str, code: str) -> None:
    assert refusal(lambda: web.chat_postMessage(channel=channel, text="x")) == code


def test_a_public_channel_needs_the_right_or_an_invitation(playground: Playground, web: WebClient) -> None:
    web.chat_postMessage(channel=RANDOM, text="x")
    playground._slack.scopes.discard("chat:write.public")
    assert refusal(lambda: web.chat_postMessage(channel=RANDOM, text="x")) == "not_in_channel"
    assert refusal(lambda: web.conversations_history(channel=RANDOM)) == "not_in_channel"


def test_an_archived_channel_is_closed(web: WebClient, slack: PlaygroundClient) -> None:
    slack.post("channel", channel=TRAINING, is_archived=True)
    assert refusal(lambda: web.chat_postMessage(channel=TRAINING, text="x")) == "is_archived"
    assert refusal(lambda: web.chat_update(channel=TRAINING, ts="1.1", text="x")) == "is_inactive"


def test_a_message_to_a_person_is_a_direct_message(web: WebClient, slack: PlaygroundClient) -> None:
    channel = web.chat_postMessage(channel=BEN, text="psst")["channel"]
    assert channel == web.conversations_open(users=BEN)["channel"]["id"]
    assert "psst" in slack.transcript(BEN, channel)


def test_an_ephemeral_is_seen_by_one_and_belongs_to_no_history(web: WebClient, slack: PlaygroundClient) -> None:
    web.chat_postEphemeral(channel=TRAINING, user=ANA, text="only you")
    assert "only you" in slack.transcript(ANA, TRAINING)
    assert "only you" not in slack.transcript(BEN, TRAINING)
    assert web.conversations_history(channel=TRAINING)["messages"] == []
    assert refusal(lambda: web.chat_postEphemeral(channel=SECRET, user=BEN, text="x")) == "channel_not_found"


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(
            lambda web, ts: web.chat_update(channel=TRAINING, ts="1.1", text="x"), id="edit what is not there"
        ),
        pytest.param(lambda web, ts: web.chat_delete(channel=TRAINING, ts="1.1"), id="delete what is not there"),
        pytest.param(
            lambda web, ts: web.chat_getPermalink(channel=TRAINING, message_ts="1.1"), id="link to what is not there"
        ),
    ],
)
def test_a_message_that_is_not_there_is_not_found(web: WebClient, call: Callable[[WebClient, str], Any]) -> None:
    assert refusal(lambda: call(web, "")) == "message_not_found"


def test_an_answer_for_one_person_needs_both_in_the_channel(playground: Playground, web: WebClient) -> None:
    assert refusal(lambda: web.chat_postEphemeral(channel=RANDOM, user=ANA, text="x")) == "not_in_channel"
    playground._slack.workspace.channels[RANDOM].members.append(playground._slack.workspace.bot)
    playground._slack.workspace.channels[RANDOM].members.remove(BEN)
    assert refusal(lambda: web.chat_postEphemeral(channel=RANDOM, user=BEN, text="x")) == "user_not_in_channel"


def test_a_reply_to_a_message_that_is_gone_stands_in_the_channel(web: WebClient) -> None:
    posted = web.chat_postMessage(channel=TRAINING, text="x", thread_ts="1.1")
    assert "thread_ts" not in posted["message"]
    assert refusal(lambda: web.conversations_replies(channel=TRAINING, ts="1.1")) == "thread_not_found"


def test_what_others_wrote_cannot_be_edited(web: WebClient, slack: PlaygroundClient) -> None:
    ts = Person(slack).says("mine")["ts"]
    assert refusal(lambda: web.chat_update(channel=TRAINING, ts=ts, text="x")) == "cant_update_message"


def test_a_file_is_uploaded_shared_and_read(web: WebClient, slack: PlaygroundClient) -> None:
    shared = web.files_upload_v2(channel=TRAINING, content="line 1\nline 2", filename="x.log", title="Log")
    link = shared["file"]["permalink"]
    assert httpx.get(link, trust_env=False).text == "line 1\nline 2"
    assert "[file Log]" in slack.transcript(ANA, TRAINING)


def test_a_file_that_was_not_shared_is_nobodys_to_read(web: WebClient) -> None:
    opened = web.files_getUploadURLExternal(filename="x", length=1)
    httpx.post(opened["upload_url"], content=b"x", trust_env=False)
    link = opened["upload_url"].replace("/upload/", "/files/")
    assert httpx.get(link, trust_env=False).status_code == 404


def test_a_reaction_is_made_once(playground: Playground, web: WebClient) -> None:
    playground._slack.scopes.add("reactions:write")
    ts = web.chat_postMessage(channel=TRAINING, text="x")["ts"]
    web.reactions_add(channel=TRAINING, timestamp=ts, name="eyes")
    assert refusal(lambda: web.reactions_add(channel=TRAINING, timestamp=ts, name="eyes")) == "already_reacted"


def test_people_and_channels_are_described(web: WebClient) -> None:
    assert web.users_info(user=ANA)["user"]["name"] == "ana"
    assert web.conversations_info(channel=RANDOM)["channel"]["is_member"] is False
    assert refusal(lambda: web.users_info(user="U9")) == "user_not_found"


def test_blocks_are_validated_as_by_slack(web: WebClient) -> None:
    web.api_call("blocks.validate", json={"blocks": [{"type": "divider"}]})
    with pytest.raises(SlackApiError) as met:
        web.api_call("blocks.validate", json={"blocks": [{"type": "x"}]})
    answer = met.value.response.data
    assert answer["error"] == "invalid_blocks"
    assert answer["errors"] == [
        {"message": "unsupported type: x", "pointer": "/blocks/0/type", "code": "failed_constraint"}
    ]


@pytest.mark.parametrize(
    ("fault", "refused"),
    [
        pytest.param({}, ["a post", "a reply"], id="any call"),
        pytest.param({"channel": TRAINING}, ["a post", "a reply"], id="one channel"),
        pytest.param({"channel": "C0OTHER"}, [], id="another channel"),
        pytest.param({"in_thread": True}, ["a reply"], id="replies"),
        pytest.param({"in_thread": False}, ["a post"], id="posts"),
    ],
)
def test_a_fault_meets_the_calls_that_it_names(
    web: WebClient, slack: PlaygroundClient, fault: dict[str, Any], refused: list[str]
) -> None:
    ts = str(web.chat_postMessage(channel=TRAINING, text="x")["ts"])
    slack.faults({"method": "chat.postMessage", "trouble": "refused", "error": "rate_limited", "times": None} | fault)
    answers = {
        name: httpx.post(
            f"{web.base_url}chat.postMessage",
            json={"channel": TRAINING, "text": "x", "thread_ts": thread},
            headers={"Authorization": f"Bearer {BOT_TOKEN}"},
            trust_env=False,
        )
        for name, thread in (("a post", None), ("a reply", ts))
    }
    assert [name for name, answer in answers.items() if answer.json().get("error") == "rate_limited"] == refused
    assert {answer.status_code for answer in answers.values()} == {200}


def test_a_home_is_published(playground: Playground, web: WebClient) -> None:
    web.views_publish(user_id=ANA, view={"type": "home", "blocks": [{"type": "divider"}]})
    assert playground._slack.workspace.homes[ANA].body["blocks"][0]["type"] == "divider"


@pytest.mark.parametrize(
    ("trouble", "status", "done"),
    [
        pytest.param("limited", 429, False, id="limited"),
        pytest.param("broken", 503, False, id="broken"),
        pytest.param("broken_after", 503, True, id="done, then broken"),
        pytest.param("slow", 200, True, id="slow"),
    ],
)
def test_trouble_comes_when_it_is_asked_for_and_goes(
    playground: Playground, slack: PlaygroundClient, trouble: str, status: int, done: bool
) -> None:
    slack.faults({"method": "chat.*", "trouble": trouble, "times": 1, "retry_after_seconds": 7, "seconds": 0.01})
    asked = {"channel": TRAINING, "text": "said"}

    def post() -> httpx.Response:
        headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
        return httpx.post(f"{playground.api_url}chat.postMessage", json=asked, headers=headers, trust_env=False)

    first = post()
    assert first.status_code == status
    assert first.headers.get("Retry-After") == ("7" if status == 429 else None)
    assert ("said" in slack.transcript(ANA, TRAINING)) is done
    assert post().status_code == 200


def test_a_lost_answer_breaks_off_after_the_deed(playground: Playground, slack: PlaygroundClient) -> None:
    slack.faults({"method": "chat.postMessage", "trouble": "lost"})
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(
            f"{playground.api_url}chat.postMessage",
            json={"channel": TRAINING, "text": "said", "token": BOT_TOKEN},
            trust_env=False,
        )
    assert "said" in slack.transcript(ANA, TRAINING)


@pytest.mark.parametrize("path", ["api/chat.postMessage", "upload/F0000001", "control/type", "response/x"])
@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
def test_what_a_page_of_another_origin_sends_is_refused_wherever_it_goes(
    playground: Playground, slack: PlaygroundClient, path: str, origin: str
) -> None:
    form = {"token": BOT_TOKEN, "channel": TRAINING, "text": "said by another page"}
    sent = httpx.post(f"{playground.address}/{path}", data=form, headers={"Origin": origin}, trust_env=False)
    assert sent.status_code == 403
    assert "another page" not in slack.transcript(ANA, TRAINING)


def test_the_own_page_is_heard(playground: Playground) -> None:
    own = {"Origin": playground.address}
    said = {"user": ANA, "channel": TRAINING, "text": "hello"}
    assert httpx.post(f"{playground.address}/control/type", json=said, headers=own, trust_env=False).is_success


def test_another_origin_can_do_nothing(playground: Playground) -> None:
    """A page elsewhere can send forms here, but no JSON, and cannot pass for this host."""
    asked = '{"user": "U0ANA", "channel": "C0TRAIN", "text": "/verl stop x"}'
    url = f"{playground.address}/control/type"
    plain = httpx.post(url, content=asked, headers={"Content-Type": "text/plain"}, trust_env=False)
    assert plain.status_code == 415
    elsewhere = {"Content-Type": "application/json", "Host": "evil.example"}
    assert httpx.post(url, content=asked, headers=elsewhere, trust_env=False).status_code == 400


def test_nothing_is_changed_by_a_link(playground: Playground, slack: PlaygroundClient) -> None:
    """What a person follows, and a picture in any page, is a GET with whatever its address holds."""
    before = slack.get("state")
    asked = {
        "token": BOT_TOKEN,
        "channel": TRAINING,
        "text": "said by a link",
        "users": ANA,
        "name": "eyes",
        "ts": "1.0",
    }
    for method in METHODS.keys() - READS:
        for verb in ("GET", "HEAD"):
            answer = httpx.request(verb, f"{playground.api_url}{method}", params=asked, trust_env=False)
            assert answer.status_code == 405, method
    for what in ("type", "act", "submit", "close", "home", "react", "faults", "link", "channel", "repeat"):
        answer = httpx.get(f"{playground.address}/control/{what}", params={"user": ANA, **asked}, trust_env=False)
        assert answer.status_code == 405, what
    assert slack.get("state") == before
    assert slack.record("call") == []


def test_a_read_may_be_a_get_as_slacks_own_sdk_asks(playground: Playground, web: WebClient) -> None:
    assert METHODS.keys() > READS
    asked = {"token": BOT_TOKEN, "channel": TRAINING}
    assert httpx.get(f"{playground.api_url}conversations.info", params=asked, trust_env=False).json()["ok"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403, id="a picture elsewhere"),
        pytest.param({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403, id="a page at another port"),
        pytest.param({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200, id="a link that is followed"),
        pytest.param({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200, id="its own page"),
        pytest.param({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200, id="typed"),
        pytest.param({"Host": "playground.evil.example"}, 400, id="a name that was made to lead here"),
        pytest.param({"Host": "127.0.0.1.evil.example"}, 400, id="a name that begins like this machine"),
        pytest.param({"Host": ""}, 400, id="no name"),
    ],
)
def test_who_asks_is_told_by_his_browser_and_by_the_name_he_asks_at(
    playground: Playground, headers: dict[str, str], status: int
) -> None:
    assert httpx.get(f"{playground.address}/control/state", headers=headers, trust_env=False).status_code == status


@pytest.mark.parametrize("changed", [{"origin": "https://evil.example"}, {"host": "evil.example"}])
def test_no_page_elsewhere_takes_the_bots_connection(
    playground: Playground, slack: PlaygroundClient, changed: dict[str, str]
) -> None:
    opened = httpx.post(f"{playground.api_url}apps.connections.open", data={"token": APP_TOKEN}, trust_env=False)
    link = WebSocket()
    with pytest.raises(WebSocketBadStatusException, match=r"40[03]"):
        link.connect(opened.json()["url"], timeout=5, **changed)  # type: ignore[no-untyped-call]  # websocket-client's
    assert slack.get("state")["connections"] == 0


def test_it_listens_on_loopback_alone(playground: Playground) -> None:
    port = int(playground.address.rsplit(":", 1)[1])
    listening = [
        one.laddr.ip for one in psutil.Process().net_connections() if one.status == "LISTEN" and one.laddr.port == port
    ]
    assert listening == ["127.0.0.1"]


PICTURE = b"\x89PNG\r\n\x1a\n of something"


def shown(file: str) -> dict[str, Any]:
    return {"type": "image", "alt_text": "a picture", "slack_file": {"id": file}}


def test_a_message_shows_a_picture_that_went_up_before(
    web: WebClient, playground: Playground, slack: PlaygroundClient
) -> None:
    file = web.files_upload_v2(content=PICTURE, filename="chart.png", title="A chart")["file"]["id"]
    web.chat_postMessage(channel=TRAINING, text="x", blocks=[shown(file)])
    assert "[picture: a picture]" in slack.transcript(ANA, TRAINING)
    seen = slack.get("look", user=ANA)["files"][file]
    answer = httpx.get(playground.address + seen["url"], trust_env=False)
    assert (answer.content, answer.headers["content-type"]) == (PICTURE, "image/png")


@pytest.mark.parametrize("content", [None, "no picture at all"], ids=["no file", "no picture"])
def test_a_picture_that_is_none_is_refused(web: WebClient, content: str | None) -> None:
    file = web.files_upload_v2(content=content, filename="a.txt")["file"]["id"] if content else "F0000009"
    with pytest.raises(SlackApiError) as error:
        web.chat_postMessage(channel=TRAINING, text="x", blocks=[shown(file)])
    said = error.value.response["response_metadata"]["messages"]
    assert said == ["[ERROR] invalid slack file [json-pointer:/blocks/0/slack_file]"]


def test_a_workspace_may_refuse_a_kind_of_block_and_take_all_others(web: WebClient, slack: PlaygroundClient) -> None:
    slack.faults(
        {"method": "chat.*", "trouble": "refused", "times": None, "error": "invalid_blocks", "block": "divider"}
    )
    divider = [{"type": "divider"}]
    assert refusal(lambda: web.chat_postMessage(channel=TRAINING, text="x", blocks=divider)) == "invalid_blocks"
    assert web.chat_postMessage(channel=TRAINING, text="x", blocks=[{"type": "markdown", "text": "y"}])["ok"]
    assert web.chat_postMessage(channel=TRAINING, text="x")["ok"]
