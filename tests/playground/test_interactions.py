"""What people do in messages, forms and Homes, as Bolt receives it over a real socket."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from bot.playground.client import Person, PlaygroundClient
from bot.playground.server import Playground
from tests.playground.echo import Echo, field, form, option, plain
from tests.story import ANA, BEN, TRAINING
from tests.waiting import eventually

pytestmark = pytest.mark.slow

Json = dict[str, Any]


@pytest.fixture
def ana(slack: PlaygroundClient) -> Person:
    return Person(slack)


def posted(echo: Echo, *elements: Json, **more: Any) -> Json:
    """Where a message with these elements stands."""
    blocks = [{"type": "actions", "block_id": "row", "elements": list(elements)}]
    ts = echo.web.chat_postMessage(channel=TRAINING, text="x", blocks=blocks, **more)["ts"]
    return {"channel": TRAINING, "ts": ts}


def button(name: str, **more: Any) -> Json:
    return {"type": "button", "action_id": name, "text": plain(name), "value": "v", **more}


def opened(echo: Echo, ana: Person, view: Json) -> Json:
    """The form that Ana has opened, as she sees it."""
    echo.form = view
    ana.says("/echo form")
    return dict(ana.looks()["modal"])


def refusal(call: Any, *arguments: Any, **more: Any) -> str:
    with pytest.raises(SlackApiError) as error:
        call(*arguments, **more)
    return str(error.value.response["error"])


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


SELECT = {"type": "static_select", "options": [option("ppo"), option("grpo")]}
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
    from slack_sdk.webhook import WebhookClient

    ana.acts(posted(echo, button("press")), "press")
    assert WebhookClient(echo.received[0]["response_url"]).send_dict(said).status_code == 200
    assert [message["text"] for message in Person(slack, BEN).messages()] == after


def test_a_click_while_the_app_is_away_fails_in_words(echo: Echo, ana: Person) -> None:
    where = posted(echo, button("press"))
    echo.socket.stop()
    eventually(lambda: not ana.looks()["connections"])
    assert ana.acts(where, "press") == {"error": "dispatch_failed"}


# in forms


def test_a_form_is_sent_with_what_its_fields_hold_and_closes(echo: Echo, ana: Person) -> None:
    opened(
        echo,
        ana,
        form(
            field("what", {"type": "plain_text_input"}),
            field("recipe", SELECT | {"initial_option": option("ppo")}),
            field("where", {"type": "conversations_select", "default_to_current_conversation": True}),
            field("note", {"type": "plain_text_input"}, optional=True),
        ),
    )
    assert ana.submits({"what": {"what": {"type": "plain_text_input", "value": "x"}}}) == {}
    held = {block: next(iter(own.values())) for block, own in echo.received[1]["view"]["state"]["values"].items()}
    assert held["what"]["value"] == "x"
    assert held["recipe"]["selected_option"] == option("ppo")
    assert held["where"]["selected_conversation"] == TRAINING
    assert held["note"]["value"] is None
    assert ana.looks()["modal"] is None


WRONG = [
    pytest.param({"type": "plain_text_input"}, {"value": ""}, id="nothing"),
    pytest.param({"type": "plain_text_input", "min_length": 3}, {"value": "ab"}, id="too short"),
    pytest.param({"type": "plain_text_input", "max_length": 3}, {"value": "abcd"}, id="too long"),
    pytest.param({"type": "number_input", "is_decimal_allowed": False}, {"value": "1.5"}, id="not whole"),
    pytest.param({"type": "number_input", "is_decimal_allowed": True}, {"value": "many"}, id="no number"),
    pytest.param({"type": "number_input", "is_decimal_allowed": True, "min_value": "2"}, {"value": "1"}, id="too few"),
    pytest.param({"type": "number_input", "is_decimal_allowed": True, "max_value": "2"}, {"value": "3"}, id="too many"),
    pytest.param({"type": "email_text_input"}, {"value": "ana"}, id="no address"),
    pytest.param({"type": "url_text_input"}, {"value": "x.y"}, id="no link"),
    pytest.param(SELECT, {"selected_option": None}, id="no choice"),
]


@pytest.mark.parametrize(("element", "value"), WRONG)
def test_slack_itself_keeps_a_form_that_is_not_filled_in(echo: Echo, ana: Person, element: Json, value: Json) -> None:
    opened(echo, ana, form(field("what", element)))
    assert list(ana.submits({"what": {"what": {"type": element["type"], **value}}})["errors"]) == ["what"]
    assert len(echo.received) == 1
    assert ana.looks()["modal"] is not None


def send(ana: Person) -> Json:
    return ana.submits({"what": {"what": {"type": "plain_text_input", "value": "x"}}})


def test_an_app_may_keep_a_form_change_it_or_put_one_over_it(echo: Echo, ana: Person) -> None:
    first = opened(echo, ana, form())
    echo.answers = [
        {"response_action": "errors", "errors": {"what": "no"}},
        {"response_action": "update", "view": form(private_metadata="2")},
        {"response_action": "push", "view": form(private_metadata="3")},
    ]
    assert send(ana) == {"errors": {"what": "no"}}
    assert ana.looks()["modal"]["id"] == first["id"]
    assert send(ana)["response_action"] == "update"
    assert ana.looks()["modal"]["body"]["private_metadata"] == "2"
    assert send(ana)["response_action"] == "push"
    above = ana.looks()["modal"]
    assert (above["body"]["previous_view_id"], above["body"]["root_view_id"]) == (first["id"], first["id"])
    send(ana)
    assert ana.looks()["modal"]["id"] == first["id"], "the one below is in front again"


def test_an_app_may_clear_them_all(echo: Echo, ana: Person) -> None:
    opened(echo, ana, form())
    echo.answers = [{"response_action": "push", "view": form()}, {"response_action": "clear"}]
    send(ana)
    send(ana)
    assert ana.looks()["modal"] is None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"response_action": "errors", "errors": {"other": "no"}}, id="an error of no field"),
        pytest.param({"response_action": "update", "view": {"type": "modal"}}, id="a view that is none"),
    ],
)
def test_nonsense_for_an_answer_is_trouble_in_the_form_and_in_the_record(
    echo: Echo, ana: Person, slack: PlaygroundClient, answer: Json
) -> None:
    opened(echo, ana, form())
    echo.answers = [answer]
    assert "We had some trouble connecting" in send(ana)["error"]
    assert ana.looks()["modal"] is not None
    assert next(one for one in slack.record("call") if one["name"] == "response_action")["outcome"] != "ok"


def test_three_forms_stand_over_one_another_and_no_more(echo: Echo, ana: Person) -> None:
    row = {"type": "actions", "block_id": "row", "elements": [button("more")]}
    view = opened(echo, ana, form(row))
    for _ in range(2):
        ana.acts({"view": view["id"]}, "more")
        pushed = echo.web.views_push(trigger_id=echo.received[-1]["trigger_id"], view=form(row))["view"]
        view = ana.looks()["modal"]
        assert pushed["id"] == view["id"]
    ana.acts({"view": view["id"]}, "more")
    assert refusal(echo.web.views_push, trigger_id=echo.received[-1]["trigger_id"], view=form()) == "push_limit_reached"


def test_an_action_in_a_form_tells_of_the_view_and_of_all_its_fields(echo: Echo, ana: Person) -> None:
    view = opened(
        echo,
        ana,
        form(
            field("recipe", SELECT, dispatch_action=True),
            field("nodes", {"type": "number_input", "is_decimal_allowed": False, "initial_value": "2"}),
        ),
    )
    state = {"nodes": {"nodes": {"type": "number_input", "value": "4"}}}
    ana.acts({"view": view["id"]}, "recipe", {"selected_option": option("grpo")}, state=state)
    body = echo.received[1]
    assert body["container"] == {"type": "view", "view_id": view["id"]}
    assert "response_url" not in body
    values = body["view"]["state"]["values"]
    assert values["recipe"]["recipe"]["selected_option"] == option("grpo")
    assert values["nodes"]["nodes"]["value"] == "4"
    with pytest.raises(LookupError, match="sent with its form"):
        ana.acts({"view": view["id"]}, "nodes", {"value": "4"})


@pytest.mark.parametrize(
    ("more", "deliveries", "left"),
    [
        pytest.param({}, [], 1, id="in silence"),
        pytest.param({"notify_on_close": True}, [False], 1, id="told of"),
        pytest.param({"notify_on_close": True, "clear_on_close": True}, [True, True], 0, id="all of them"),
    ],
)
def test_a_form_is_closed(
    echo: Echo, ana: Person, slack: PlaygroundClient, more: Json, deliveries: list[bool], left: int
) -> None:
    opened(echo, ana, form(**more))
    echo.answers = [{"response_action": "push", "view": form(**more)}]
    send(ana)
    ana.closes()
    assert [one["is_cleared"] for one in echo.received if one.get("type") == "view_closed"] == deliveries
    assert len(slack.get("state")["modals"]) == left


def test_a_view_is_changed_by_its_id_by_its_own_name_and_only_in_the_state_that_was_seen(
    echo: Echo, ana: Person
) -> None:
    view = opened(echo, ana, form(external_id="mine"))
    seen = view["body"]["hash"]
    changed = form(external_id="mine", private_metadata="2")
    assert echo.web.views_update(external_id="mine", hash=seen, view=changed)["view"]["id"] == view["id"]
    assert refusal(echo.web.views_update, view_id=view["id"], hash=seen, view=changed) == "hash_conflict"
    assert refusal(echo.web.views_update, view_id="V9", view=changed) == "not_found"
    both = {"view": changed, "view_id": view["id"], "external_id": "mine"}
    assert refusal(echo.web.api_call, "views.update", json=both) == "invalid_arguments"
    echo.web.views_publish(user_id=ANA, view={"type": "home", "blocks": [], "external_id": "home"})
    taken = form(external_id="home")
    assert refusal(echo.web.views_update, view_id=view["id"], view=taken) == "duplicate_external_id"


@pytest.mark.parametrize(
    ("later_seconds", "used", "code"),
    [
        pytest.param(0, True, "exchanged_trigger_id", id="used"),
        pytest.param(4, False, "expired_trigger_id", id="too old"),
    ],
)
def test_a_trigger_opens_one_form_within_three_seconds(
    playground: Playground, echo: Echo, ana: Person, later_seconds: int, used: bool, code: str
) -> None:
    ana.says("/echo form" if used else "/echo x")
    trigger = echo.received[0]["trigger_id"]
    playground._deliveries._triggers[trigger].until -= later_seconds
    assert refusal(echo.web.views_open, trigger_id=trigger, view=form()) == code
    assert refusal(echo.web.views_open, trigger_id="never", view=form()) == "invalid_trigger_id"


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
