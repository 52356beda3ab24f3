"""What people do in the double, as Bolt receives it over a real socket."""

import json
from pathlib import Path

import pytest

from bot.slack.manifest import build_manifest
from slack_playground import deliveries as module
from slack_playground.client import Person, PlaygroundClient, Timeout
from slack_playground.server import Playground
from tests.playground.echo import Echo
from tests.story import ANA, BEN, SECRET, TRAINING
from tests.waiting import eventually

pytestmark = pytest.mark.slow


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


def test_the_workspace_of_an_earlier_demo_opens(tmp_path: Path) -> None:
    """Its people had no time zones, and modals stood in the file."""
    file = tmp_path / "slack.json"
    message = {"ts": "1.000001", "channel": TRAINING, "user": ANA, "text": "from before"}
    old = {
        "users": {ANA: {"id": ANA, "name": "ana", "is_bot": False}},
        "channels": {TRAINING: {"id": TRAINING, "name": "training", "members": [ANA, "U0VERLBOT"]}},
        "messages": {TRAINING: [message]},
        "files": {
            "F1": {"id": "F1", "name": "x.log", "title": "x", "user": "U0VERLBOT", "content": "eA==", "shared": True}
        },
        "modals": {ANA: {"id": "V1", "user": ANA, "body": {"type": "modal"}}},
        "homes": {ANA: {"id": "V2", "user": ANA, "body": {"type": "home", "blocks": []}}},
        "counter": 7,
        "last_ts": 1_000_001,
    }
    file.write_text(json.dumps(old))
    server = Playground(file)
    server.start()
    client = PlaygroundClient(server.address)
    seen = Person(client).looks()
    assert [message["text"] for message in seen["messages"]] == ["from before"]
    assert (seen["modal"], seen["home"]["id"]) == (None, "V2")
    assert {user["tz"] for user in seen["users"] if user["id"] == ANA} == {"Europe/Berlin"}
    client.close()
    server.stop()


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
        ana.can_see("goodbye", seconds=0.2)


def test_a_command_that_the_app_has_not_registered_is_refused_by_slack_itself() -> None:
    server = Playground(manifest=build_manifest("socket"))
    server.start()
    client = PlaygroundClient(server.address)
    assert "/help is not a valid command" in Person(client).says("/help")["error"]
    assert client.record("delivery") == []
    client.close()
    server.stop()
