"""The form of a launch: the same command as the typed one."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.adapters.redis.connection import create_client
from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.parameter import Parameter, ParameterKind
from bot.core.model.recipe import BUDGET, LEASE
from bot.slack.views import launch_form
from bot.slack.views.launch_form import LaunchFormValues, build_form, read_values
from slack_playground.checks import check_view
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.builders import a_recipe, refusal_of
from tests.story import ANA, BEN, TRAINING, Bot

TOY = a_recipe()


def fields(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The controls of a form by the names of their fields."""
    return {one["label"]["text"]: one["element"] for one in view["blocks"] if one["type"] == "input"}


def toy_form(**filled: Any) -> dict[str, Any]:
    found = LaunchFormValues("toy", **{"channel": TRAINING} | filled)
    return build_form(TOY, ["ppo", "toy"], replace(found, asks_channel=not found.channel))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("nodes", "number_input"),
        ("learning_rate", "plain_text_input"),  # Slack's field for numbers takes no `1e-6`
        ("model", "plain_text_input"),
        ("mode", "static_select"),
        ("debug", "static_select"),
        ("Hydra overrides", "plain_text_input"),
    ],
)
def test_a_parameter_has_the_control_of_its_kind(name: str, kind: str) -> None:
    assert fields(toy_form())[name]["type"] == kind


def test_a_field_says_what_is_valid_and_what_stands_unless_it_is_set() -> None:
    nodes = next(one for one in toy_form()["blocks"] if one.get("block_id") == "toy.nodes")
    assert nodes["hint"]["text"] == "number of machines: a whole number from 1 to 8"
    assert nodes["element"]["placeholder"]["text"] == "default 1"
    assert (nodes["element"]["min_value"], nodes["element"]["max_value"]) == ("1", "8")
    assert nodes["optional"]


@pytest.mark.parametrize(("name", "shown"), [("lease", "default 3h"), ("budget", "default $12")])
def test_a_default_has_its_unit(name: str, shown: str) -> None:
    recipe = a_recipe(parameters=(replace(LEASE, default="3"), replace(BUDGET, default="12")))
    assert fields(build_form(recipe, ["toy"], LaunchFormValues("toy")))[name]["placeholder"]["text"] == shown


def test_what_was_set_before_stands_in_the_fields() -> None:
    found = fields(
        toy_form(parameters=(("nodes", "4"), ("mode", "slow"), ("debug", "nonsense")), extra_arguments="x.y=1")
    )
    assert found["nodes"]["initial_value"] == "4"
    assert found["mode"]["initial_option"]["value"] == "slow"
    assert "initial_option" not in found["debug"]
    assert found["Hydra overrides"]["initial_value"] == "x.y=1"


@pytest.mark.parametrize(
    ("name", "typed", "shown"),
    [
        ("nodes", "+2", "2"),
        ("nodes", "99", None),
        ("debug", "yes", "true"),
        ("debug", "OFF", "false"),
        ("mode", "slow", "slow"),
        ("lease", "90m", "90m"),
        ("learning_rate", "1e-6", "1e-6"),
    ],
)
def test_an_earlier_setting_stands_in_its_field_as_the_field_takes_it(name: str, typed: str, shown: str | None) -> None:
    view = toy_form(parameters=((name, typed),))
    check_view(view, "modal")
    control = fields(view)[name]
    assert (control.get("initial_option") or {"value": control.get("initial_value")})["value"] == shown


def test_settings_that_no_form_holds_are_refused_with_what_to_type() -> None:
    refusal = refusal_of(lambda: toy_form(extra_arguments="x.y=" + "z" * 3_000))
    assert refusal is not None
    assert "Type the command" in str(refusal.hint)


def test_of_many_recipes_each_is_in_a_group_of_the_menu() -> None:
    names = [f"recipe-{number:03}" for number in range(120)]
    view = build_form(a_recipe(name="recipe-119"), names, LaunchFormValues("recipe-119", TRAINING))
    check_view(view, "modal")
    menu = view["blocks"][0]["accessory"]
    groups = menu["option_groups"]
    assert [group["label"]["text"] for group in groups] == ["recipe-000 – recipe-099", "recipe-100 – recipe-119"]
    assert [choice["value"] for group in groups for choice in group["options"]] == names
    assert menu["initial_option"] in groups[1]["options"]


def test_choices_too_long_for_a_menu_are_typed() -> None:
    long = Parameter(name="mode", kind=ParameterKind.CHOICE, meaning="how", choices=("fast", "x" * 90))
    view = build_form(a_recipe(parameters=(long,)), ["toy"], LaunchFormValues("toy", TRAINING))
    check_view(view, "modal")
    assert fields(view)["mode"]["type"] == "plain_text_input"


@pytest.mark.parametrize("channel", [TRAINING, ""], ids=["a channel is known", "a channel is asked for"])
def test_slack_takes_the_form(channel: str) -> None:
    view = toy_form(channel=channel)
    check_view(view, "modal")
    assert ("Channel" in fields(view)) == (not channel)


def test_the_form_of_a_recipe_without_overrides_asks_for_none() -> None:
    assert "Hydra overrides" not in fields(
        build_form(a_recipe(takes_overrides=False), ["toy"], LaunchFormValues("toy"))
    )


def test_values_with_spaces_and_quotes_arrive_as_typed() -> None:
    filled = LaunchFormValues("toy", parameters=(("model", 'a "b" c'),), extra_arguments="'data.prompt_key=d e'")
    asked = launch_form.parse_launch(filled)
    assert asked.parameters == (("model", 'a "b" c'),)
    assert asked.overrides == ("data.prompt_key=d e",)


def test_what_is_filled_in_comes_back_from_slack() -> None:
    view = toy_form(channel="") | {
        "state": {
            "values": {
                "toy.nodes": {"value": {"type": "number_input", "value": "2"}},
                "toy.mode": {"value": {"type": "static_select", "selected_option": {"value": "slow"}}},
                "toy.model": {"value": {"type": "plain_text_input", "value": None}},
                "channel": {"value": {"type": "conversations_select", "selected_conversation": "C1"}},
                "overrides": {"value": {"type": "plain_text_input", "value": " x.y=1 "}},
            }
        }
    }
    assert read_values(view) == LaunchFormValues(
        "toy", "C1", (("nodes", "2"), ("mode", "slow")), "x.y=1", asks_channel=True
    )


# as a person meets it


def test_launch_without_a_recipe_opens_the_form_and_it_launches(bot: Bot) -> None:
    assert bot.say("launch") == ""
    assert bot.submits(nodes="2", steps="5") == {}
    assert bot.run().command_line == "launch smoke nodes=2 steps=5"
    assert bot.run().channel == TRAINING
    assert "Launching `smoke-0001`" in bot.told()


def test_the_form_shows_the_command_that_it_stands_for_and_what_it_costs(bot: Bot) -> None:
    bot.say("launch")
    said = bot.previews(nodes="2")
    assert "`/verl launch smoke nodes=2`" in said
    assert "2 nodes · $4.00/h (demo price)" in said
    bot.ticks(2)
    assert bot.store.list_open_runs() == []


def test_another_recipe_has_other_fields(bot: Bot) -> None:
    bot.say("launch")
    bot.chooses("ppo", nodes="2")
    assert "ppo.model" in [one.get("block_id") for one in bot.view()["blocks"]]
    assert bot.submits(overrides="trainer.total_epochs=3") == {}
    assert bot.run("ppo-0001").command_line == "launch ppo trainer.total_epochs=3"


@pytest.mark.parametrize(
    ("typed", "block", "why"),
    [
        ({"nodes": "99"}, "smoke.nodes", "a whole number from 1 to 8"),
        ({"lease": "long"}, "smoke.lease", "must be a time such as 2h, 90m or 1d"),
        ({"volume": "a", "bucket": "s3://models"}, "smoke.why", "not both"),  # the last of the form
    ],
    ids=["out of range", "no number", "two that exclude each other"],
)
def test_what_is_wrong_is_said_under_its_field_and_nothing_is_lost(
    bot: Bot, typed: dict[str, str], block: str, why: str
) -> None:
    bot.say("launch")
    assert why in bot.submits(**typed)[block]
    assert bot.view()["callback_id"] == launch_form.LAUNCH_FORM
    assert bot.store.list_open_runs() == []


def test_a_flag_among_the_overrides_is_refused(bot: Bot) -> None:
    bot.say("launch")
    bot.chooses("ppo")
    assert "Only settings belong here" in bot.submits(overrides="--dry-run")["overrides"]


def test_a_recipe_that_was_chosen_before_its_fields_came_is_not_launched_as_another(bot: Bot) -> None:
    bot.say("launch")
    ahead = {"b0": {launch_form.RECIPE_ACTION: {"type": "static_select", "selected_option": {"value": "ppo"}}}}
    view = bot.fills() | {"state": {"values": ahead}}
    assert "still loading" in next(iter(bot.listeners.modals.submit(view, bot.caller()).values()))
    assert bot.store.list_open_runs() == []


def test_a_run_launched_again_from_a_page_asks_where_it_shall_be_told_of(bot: Bot) -> None:
    run_id = bot.running()
    bot.click_on_page("form", run_id, user=BEN)
    assert "Channel" in fields(bot.view(BEN))


def test_a_channel_that_was_asked_for_may_be_changed_until_the_end(bot: Bot) -> None:
    bot.opens_page()
    bot.click_on_page("form", "new")
    bot.previews(channel="C0RANDOM")
    assert fields(bot.view())["Channel"]["initial_conversation"] == "C0RANDOM"
    bot.chooses("ppo", channel="C0RANDOM")
    assert bot.submits(channel=TRAINING) == {}
    assert bot.run("ppo-0001").channel == TRAINING


@pytest.mark.parametrize("code", ["expired_trigger_id", "exchanged_trigger_id"])
def test_a_form_that_slack_does_not_open_any_more_is_told_of(bot: Bot, code: str) -> None:
    bot.slack.faults({"method": "views.open", "trouble": "refused", "error": code})
    bot.say("launch")
    direct = bot.playground._slack.workspace.direct(ANA).id
    assert "type or press it again" in bot.reads(channel=direct)


def test_a_mistake_of_ours_in_a_preview_is_told_in_the_form_and_loses_nothing(
    bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    bot.say("launch")
    bot.cloud.breaks_refusals = True
    assert "Reference" in bot.previews(nodes="2")
    assert fields(bot.view())["nodes"]["initial_value"] == "2"
    assert "a mistake in the reading of a task" in caplog.text


def test_a_preview_that_comes_late_leaves_another_recipe_alone(bot: Bot) -> None:
    bot.say("launch")
    earlier = bot.view()
    bot.chooses("ppo")
    bot.listeners.modals.show_preview(earlier, bot.caller())
    assert "ppo.model" in [one.get("block_id") for one in bot.view()["blocks"]]


def test_a_form_that_was_launched_and_is_sent_again_with_other_settings_is_not_told_of_as_launched(bot: Bot) -> None:
    bot.say("launch")
    view = bot.fills(nodes="2")
    assert bot.listeners.modals.submit(view, bot.caller(wish=view["id"])) == {}
    said = next(iter(bot.submits(nodes="4").values()))
    assert "launched already as smoke-0001: /verl launch smoke nodes=2" in said
    assert bot.run().plan.nodes == 2
    assert len(bot.service.queries.list_active()) == 1


def test_a_launch_that_cannot_run_here_is_refused_in_the_form(bot: Bot) -> None:
    bot.say("launch")
    bot.cloud.refuses = "There is no H100."
    assert "There is no H100." in next(iter(bot.submits().values()))
    assert "There is no H100." in bot.previews()


def test_the_same_form_sent_twice_makes_one_run(bot: Bot) -> None:
    bot.say("launch")
    assert bot.submits() == {} == bot.submits()
    assert len(bot.service.queries.list_active()) == 1


def test_a_mention_is_offered_the_form_since_slack_opens_none_for_it(bot: Bot) -> None:
    bot.mention("launch")
    assert "Open the form" in bot.reads()
    bot.click("form", "new")
    assert bot.view()["callback_id"] == launch_form.LAUNCH_FORM


def test_a_run_is_launched_again_with_its_settings(bot: Bot) -> None:
    run_id = bot.running("launch smoke nodes=2 steps=7")
    bot.say(f"stop {run_id}")
    bot.ticks(8, seconds=10)
    assert "Retry with changes…" in bot.card()
    bot.click("form", run_id, user=BEN)
    assert json.loads(bot.view(BEN)["private_metadata"]) == {"recipe": "smoke", "channel": TRAINING}
    assert fields(bot.view(BEN))["steps"]["initial_value"] == "7"


def test_a_form_that_cannot_be_recorded_stays_with_the_person(playground: Playground, slack: PlaygroundClient) -> None:
    bot = Bot(RedisStore(create_client("redis://127.0.0.1:1", 0.2)), playground, slack)
    bot.say("launch")
    assert "Try again in a moment" in next(iter(bot.submits(nodes="2").values()))
    assert bot.view()["callback_id"] == launch_form.LAUNCH_FORM
