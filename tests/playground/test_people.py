"""What people do in the double, as Bolt receives it over a real socket."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from slack_bolt import App

from bot.playground import deliveries as module
from bot.playground.client import Person, PlaygroundClient, Timeout
from bot.playground.server import Playground
from bot.playground.slack import APP_TOKEN, BOT_TOKEN
from bot.precedence import Precedence
from bot.slack.client import Identity, web_client
from bot.slack.socket import Socket
from tests.story import ANA, BEN, SECRET, TRAINING
from tests.waiting import eventually

pytestmark = pytest.mark.slow


class Echo:
    """A small Bolt app that notes what it receives, and answers in every way."""

    def __init__(self, playground: Playground) -> None:
        client = web_client(BOT_TOKEN, playground.api_url)
        identity = Identity(client)
        self.received: list[dict[str, Any]] = []
        self.app = App(
            process_before_response=True,
            client=client,
            authorize=lambda **_: identity.learn(),
            signing_secret="unused",
        )
        self.app.command("/echo")(self.on_command)
        self.app.event("app_mention")(self.on_mention)
        self.app.action("press")(self.on_press)
        self.app.view("form")(self.on_form)
        now = lambda: datetime.now(UTC)  # noqa: E731  # a clock
        self.socket = Socket(self.app, identity, APP_TOKEN, playground.api_url, now, Precedence())
        self.socket.check()

    def on_command(self, ack: Any, body: dict[str, Any], client: Any, respond: Any) -> None:
        self.received.append(body)
        if body["text"] == "form":
            title = {"type": "plain_text", "text": "A form"}
            client.views_open(
                trigger_id=body["trigger_id"], view={"type": "modal", "callback_id": "form", "title": title}
            )
            ack()
        elif body["text"] == "later":
            ack()
            for number in range(7):
                respond(text=f"later {number}", response_type="ephemeral")
        elif body["text"] == "openly":
            ack(text="for all", response_type="in_channel")
        elif body["text"] != "silence":
            ack(text=f"<{body['text']}>")

    def on_mention(self, body: dict[str, Any]) -> None:
        self.received.append(body)

    def on_press(self, ack: Any, body: dict[str, Any]) -> None:
        self.received.append(body)
        ack()

    def on_form(self, ack: Any, body: dict[str, Any]) -> None:
        self.received.append(body)
        values = body["view"]["state"]["values"]
        ack(response_action="errors", errors={"b": "no"}) if values["b"]["a"]["value"] == "bad" else ack()


@pytest.fixture
def echo(playground: Playground, slack: PlaygroundClient) -> Iterator[Echo]:
    found = Echo(playground)
    eventually(lambda: slack.get("state")["connections"])
    yield found
    found.socket.stop()


def test_a_command_is_delivered_as_slack_does_and_answered_to_one_person(echo: Echo, slack: PlaygroundClient) -> None:
    Person(slack).says("/echo a & b <c> @ben #random https://x.y/z")
    body = echo.received[0]
    assert body["text"] == "a &amp; b &lt;c&gt; <@U0BEN> <#C0RANDOM|random> <https://x.y/z>"
    assert (body["command"], body["user_id"], body["channel_id"]) == ("/echo", ANA, TRAINING)
    assert "verlbot (only you see this):" in slack.transcript(ANA, TRAINING)
    assert slack.transcript(BEN, TRAINING) == ""


def test_an_answer_may_be_for_all(echo: Echo, slack: PlaygroundClient) -> None:
    Person(slack).says("/echo openly")
    assert "for all" in slack.transcript(BEN, TRAINING)


def test_a_response_url_is_used_five_times_and_no_more(echo: Echo, slack: PlaygroundClient) -> None:
    ana = Person(slack)
    ana.says("/echo later")
    assert "later 4" in ana.reads()
    assert "later 5" not in ana.reads()


def test_a_command_that_nobody_acknowledges_fails_in_words(
    echo: Echo, slack: PlaygroundClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ACK_SECONDS", 0.2)
    assert Person(slack).says("/echo silence") == {"error": "operation_timeout"}
    assert "/echo failed with the error “operation_timeout”" in slack.transcript(ANA, TRAINING)
    assert [entry["outcome"] for entry in slack.record("delivery")] == ["operation_timeout"]


def test_a_command_that_nobody_takes_fails_in_words(slack: PlaygroundClient) -> None:
    assert Person(slack).says("/echo x") == {"error": "dispatch_failed"}


def test_a_mention_is_an_event_and_comes_again_until_it_is_taken(
    playground: Playground, slack: PlaygroundClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVENT_RETRIES_SECONDS", (0.2,) * 100)
    Person(slack).says("@verlbot hello")  # nobody listens yet
    found = Echo(playground)
    eventually(lambda: found.received)
    assert found.received[0]["event"]["text"] == "<@U0VERLBOT> hello"
    found.socket.stop()


def test_the_same_event_can_be_delivered_twice(echo: Echo, slack: PlaygroundClient) -> None:
    Person(slack).says("@verlbot hello")
    eventually(lambda: echo.received)
    assert slack.post("repeat", text="@verlbot hello")["repeated"]
    assert [body["event_id"] for body in echo.received] == [echo.received[0]["event_id"]] * 2


def test_a_button_asks_first_and_is_pressed_when_it_is_confirmed(echo: Echo, slack: PlaygroundClient) -> None:
    title = {"type": "plain_text", "text": "Sure?"}
    element = {"type": "button", "action_id": "press", "value": "v", "text": title}
    question = {"title": title, "text": title, "confirm": title, "deny": title}
    blocks = [{"type": "actions", "elements": [element | {"confirm": question}]}]
    web = web_client(BOT_TOKEN, f"{slack.address}/api/")
    ts = web.chat_postMessage(channel=TRAINING, text="x", blocks=blocks)["ts"]
    ana = Person(slack)
    assert ana.clicks("press", ts)["confirm"]["title"]["text"] == "Sure?"
    assert echo.received == []
    ana.clicks("press", ts, confirmed=True)
    assert echo.received[0]["actions"][0]["value"] == "v"
    assert echo.received[0]["container"]["message_ts"] == ts
    with pytest.raises(LookupError, match="no button other"):
        ana.clicks("other", ts)


def test_a_form_opens_keeps_its_errors_and_closes(echo: Echo, slack: PlaygroundClient) -> None:
    Person(slack).says("/echo form")
    assert slack.get("state")["modals"][0]["user"] == ANA
    wrong = slack.post("submit", user=ANA, values={"b": {"a": {"value": "bad"}}})
    assert wrong == {"errors": {"b": "no"}}
    slack.post("submit", user=ANA, values={"b": {"a": {"value": "good"}}})
    assert slack.get("state")["modals"] == []


def test_a_trigger_opens_one_form(echo: Echo, slack: PlaygroundClient) -> None:
    Person(slack).says("/echo form")
    web = web_client(BOT_TOKEN, f"{slack.address}/api/")
    answer = httpx.post(
        f"{slack.address}/api/views.open",
        json={"trigger_id": echo.received[0]["trigger_id"], "view": {"type": "modal"}},
        headers={"Authorization": f"Bearer {web.token}"},
        trust_env=False,
    )
    assert answer.json()["error"] == "invalid_trigger_id"


def test_people_act_only_where_they_are(slack: PlaygroundClient) -> None:
    with pytest.raises(LookupError, match="U0BEN is not in C0SECRET"):
        Person(slack, BEN, SECRET).says("hello")


def test_a_workspace_comes_back_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "slack.json"
    first = Playground(file)
    first.start()
    client = PlaygroundClient(first.address)
    ts = Person(client).says("kept é")["ts"]
    client.close()
    first.stop()
    second = Playground(file)
    second.start()
    client = PlaygroundClient(second.address)
    ana = Person(client)
    assert ana.reads() == "ana: kept é"
    assert ana.says("more")["ts"] > ts
    client.close()
    second.stop()


def test_another_port_is_taken_where_the_wanted_one_is_not_free() -> None:
    first = Playground()
    port = int(first.address.rsplit(":", 1)[1])
    first.start()
    second = Playground(port=port)
    assert second.address != first.address
    second.start()
    second.stop()
    first.stop()


def test_waiting_for_what_does_not_come_shows_what_is_there(slack: PlaygroundClient) -> None:
    ana = Person(slack)
    ana.says("hello")
    with pytest.raises(Timeout, match="ana: hello"):
        ana.sees("goodbye", seconds=0.2)


def test_a_command_that_the_app_has_not_registered_is_refused_by_slack_itself() -> None:
    server = Playground(commands=frozenset({"/verl"}))
    server.start()
    client = PlaygroundClient(server.address)
    assert "/help is not a valid command" in Person(client).says("/help")["error"]
    assert client.record("delivery") == []
    client.close()
    server.stop()
