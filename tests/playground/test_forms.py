"""What people do in forms, and what an app does with them, as Bolt receives it over a real socket."""

from typing import Any

import pytest

from slack_playground.client import Person, PlaygroundClient
from slack_playground.server import Playground
from slack_playground.views import WINDOWS
from tests.playground.echo import SELECT, Echo, button, field, form, option, refusal
from tests.story import ANA, RANDOM, TRAINING

pytestmark = pytest.mark.slow

Json = dict[str, Any]


def opened(echo: Echo, ana: Person, view: Json) -> Json:
    """The form that Ana has opened, as she sees it."""
    echo.form = view
    ana.says("/echo form")
    return dict(ana.looks()["modal"])


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


def test_forms_of_windows_that_were_closed_do_not_pile_up(echo: Echo, slack: PlaygroundClient) -> None:
    windows = [Person(slack, window=f"window-{number}") for number in range(WINDOWS + 2)]
    for window in windows:
        opened(echo, window, form(field("what", {"type": "plain_text_input"})))
    shown = [window.looks()["modal"] is not None for window in windows]
    assert shown == [False, False, *[True] * WINDOWS]


def test_a_form_opens_in_the_window_in_which_the_person_acted(echo: Echo, slack: PlaygroundClient) -> None:
    windows = [Person(slack, window=name) for name in ("one", "two")]
    first = opened(echo, windows[0], form(field("what", {"type": "plain_text_input"})))
    assert windows[1].looks()["modal"] is None
    assert opened(echo, windows[1], form())["id"] != first["id"]
    assert windows[0].looks()["modal"]["id"] == first["id"], "the form of the other window stays"
    windows[1].closes()
    assert windows[0].submits({"what": {"what": {"type": "plain_text_input", "value": "x"}}}) == {}
    assert [window.looks()["modal"] for window in windows] == [None, None]


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


def test_a_menu_of_conversations_begins_with_the_one_in_which_the_form_was_asked_for(echo: Echo, ana: Person) -> None:
    here = {"type": "conversations_select", "default_to_current_conversation": True}
    there = {"type": "conversations_select", "initial_conversation": RANDOM, "default_to_current_conversation": True}
    seen = opened(echo, ana, form(field("here", here), field("there", there)))["body"]["blocks"]
    assert [block["element"]["initial_conversation"] for block in seen] == [TRAINING, RANDOM]


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
