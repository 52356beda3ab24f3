"""What people do in messages, forms and Homes, as Bolt receives it over a real socket."""

from typing import Any

import pytest
from slack_sdk.webhook import WebhookClient

from slack_playground.client import Person, PlaygroundClient
from tests.playground.echo import SELECT, Echo, button, option, plain, refusal
from tests.story import ANA, BEN, TRAINING
from tests.waiting import eventually

pytestmark = pytest.mark.slow

Json = dict[str, Any]


def posted(echo: Echo, *elements: Json, **more: Any) -> Json:
    """Where a message with these elements stands."""
    blocks = [{"type": "actions", "block_id": "row", "elements": list(elements)}]
    ts = echo.web.chat_postMessage(channel=TRAINING, text="x", blocks=blocks, **more)["ts"]
    return {"channel": TRAINING, "ts": ts}


# in messages


def test_a_button_asks_first_and_is_pressed_when_it_is_confirmed(echo: Echo, ana: Person) -> None:
    question = {"title": plain("Sure?"), "text": plain("Sure?"), "confirm": plain("Yes"), "deny": plain("No")}
    where = posted(echo, button("press", confirm=question))
    assert ana.acts(where, "press")["confirm"]["title"]["text"] == "Sure?"
    assert echo.received == []
    assert ana.clicks("press", where["ts"], confirmed=True) == {}
    body = echo.received[0]
    assert (body["actions"][0]["value"], body["actions"][0]["block_id"]) == ("v", "row")
    assert body["container"]["message_ts"] == body["message"]["ts"] == where["ts"]


CHOICES = [
    pytest.param(SELECT, {"selected_option": option("grpo")}, id="static_select"),
    pytest.param(SELECT | {"type": "radio_buttons"}, {"selected_option": option("ppo")}, id="radio_buttons"),
    pytest.param(SELECT | {"type": "overflow"}, {"selected_option": option("ppo")}, id="overflow"),
    pytest.param(SELECT | {"type": "checkboxes"}, {"selected_options": [option("ppo")]}, id="checkboxes"),
    pytest.param(SELECT | {"type": "multi_static_select"}, {"selected_options": []}, id="multi_static_select"),
    pytest.param({"type": "users_select"}, {"selected_user": BEN}, id="users_select"),
    pytest.param({"type": "multi_users_select"}, {"selected_users": [ANA, BEN]}, id="multi_users_select"),
    pytest.param({"type": "channels_select"}, {"selected_channel": TRAINING}, id="channels_select"),
    pytest.param({"type": "conversations_select"}, {"selected_conversation": TRAINING}, id="conversations_select"),
    pytest.param({"type": "datepicker"}, {"selected_date": "2026-03-01"}, id="datepicker"),
    pytest.param({"type": "timepicker"}, {"selected_time": "23:59"}, id="timepicker"),
]


@pytest.mark.parametrize(("element", "chosen"), CHOICES)
def test_a_choice_is_delivered_and_is_in_the_state(echo: Echo, ana: Person, element: Json, chosen: Json) -> None:
    ana.acts(posted(echo, element | {"action_id": "pick"}, button("other")), "pick", chosen)
    body = echo.received[0]
    assert chosen.items() <= body["actions"][0].items()
    held = {} if element["type"] == "overflow" else {"row": {"pick": {"type": element["type"], **chosen}}}
    assert body["state"]["values"] == held


def test_what_is_pressed_in_an_attachment_is_delivered_with_its_number(echo: Echo, ana: Person) -> None:
    menu = {"type": "overflow", "action_id": "more", "options": [option("ppo"), option("grpo")]}
    hanging = {"color": "#2EB67D", "blocks": [{"type": "actions", "elements": [button("press"), menu]}]}
    title = {"type": "section", "text": plain("a title")}
    ts = echo.web.chat_postMessage(channel=TRAINING, text="x", blocks=[title], attachments=[hanging])["ts"]
    ana.clicks("press", ts)
    ana.acts({"channel": TRAINING, "ts": ts}, "more", {"selected_option": option("grpo")})
    press, choice = echo.received
    assert press["container"]["type"] == "message_attachment"
    assert (press["container"]["attachment_id"], press["container"]["message_ts"]) == (1, ts)
    assert press["message"]["attachments"][0]["color"] == "#2EB67D"
    assert choice["actions"][0]["selected_option"]["value"] == "grpo"


@pytest.mark.parametrize(
    ("element", "chosen"),
    [
        pytest.param(SELECT, {"selected_option": option("sft")}, id="an option that is not there"),
        pytest.param({"type": "users_select"}, {"selected_user": "U9"}, id="a person who is not there"),
        pytest.param({"type": "channels_select"}, {"selected_channel": "C9"}, id="a channel that is not there"),
    ],
)
def test_what_nobody_can_choose_is_refused(echo: Echo, ana: Person, element: Json, chosen: Json) -> None:
    where = posted(echo, element | {"action_id": "pick"})
    with pytest.raises(LookupError, match="NotThere"):
        ana.acts(where, "pick", chosen)
    assert echo.received == []


def test_a_click_on_what_is_not_there_is_refused(echo: Echo, ana: Person) -> None:
    where = posted(echo, button("press"))
    with pytest.raises(LookupError, match="no button other"):
        ana.acts(where, "other")
    with pytest.raises(LookupError, match="no message"):
        ana.acts({"channel": TRAINING, "ts": "1.1"}, "press")
    with pytest.raises(LookupError, match="no view"):
        ana.acts({"view": "V1"}, "press")


def test_of_an_ephemeral_message_the_app_learns_only_where_it_stood(echo: Echo, ana: Person) -> None:
    blocks = [{"type": "actions", "elements": [button("press")]}]
    ts = echo.web.chat_postEphemeral(channel=TRAINING, user=ANA, text="x", blocks=blocks)["message_ts"]
    ana.clicks("press", str(ts))
    assert "message" not in echo.received[0]
    assert echo.received[0]["container"]["is_ephemeral"]


@pytest.mark.parametrize(
    ("said", "after"),
    [
        pytest.param({"text": "new", "replace_original": True}, ["new"], id="in its place"),
        pytest.param({"delete_original": True}, [], id="taken away"),
        pytest.param({"text": "more", "response_type": "in_channel"}, ["x", "more"], id="beside it, for all"),
        pytest.param({"text": "more"}, ["x"], id="beside it, for one"),
    ],
)
def test_a_response_url_answers_in_place_of_the_message_or_beside_it(
    echo: Echo, ana: Person, slack: PlaygroundClient, said: Json, after: list[str]
) -> None:
    ana.acts(posted(echo, button("press")), "press")
    assert WebhookClient(echo.received[0]["response_url"]).send_dict(said).status_code == 200
    assert [message["text"] for message in Person(slack, BEN).messages()] == after


def test_a_click_while_the_app_is_away_fails_in_words(echo: Echo, ana: Person) -> None:
    where = posted(echo, button("press"))
    echo.socket.stop()
    eventually(lambda: not ana.looks()["connections"])
    assert ana.acts(where, "press") == {"error": "dispatch_failed"}


# at home


def test_opening_the_page_is_told_with_what_stands_there(echo: Echo, ana: Person) -> None:
    channel = ana.opens_home()["channel"]
    first = eventually(lambda: echo.received)[0]["event"]
    assert (first["type"], first["tab"], first["channel"], "view" in first) == (
        "app_home_opened",
        "home",
        channel,
        False,
    )
    blocks = [{"type": "actions", "block_id": "row", "elements": [button("press")]}]
    home = echo.web.views_publish(user_id=ANA, view={"type": "home", "blocks": blocks})["view"]
    ana.opens_home()
    assert eventually(lambda: echo.received[1:])[0]["event"]["view"]["id"] == home["id"]
    assert ana.looks()["home"]["body"]["blocks"] == blocks
    ana.acts({"view": home["id"]}, "press")
    assert echo.received[2]["view"]["type"] == "home"
    again = echo.web.views_publish(user_id=ANA, view={"type": "home", "blocks": []})["view"]
    assert again["id"] == home["id"]
    assert refusal(echo.web.views_publish, user_id=ANA, hash=home["hash"], view={"type": "home", "blocks": []}) == (
        "hash_conflict"
    )


def test_nobody_acts_in_the_home_of_another(echo: Echo, slack: PlaygroundClient) -> None:
    blocks = [{"type": "actions", "elements": [button("press")]}]
    home = echo.web.views_publish(user_id=ANA, view={"type": "home", "blocks": blocks})["view"]
    with pytest.raises(LookupError, match="no view"):
        Person(slack, BEN).acts({"view": home["id"]}, "press")
