"""The bot's own page in Slack: what a person sees there, and does."""

from datetime import timedelta

import pytest

from bot.core.model.policy import Policy
from bot.slack.outbound.home_publisher import VIEWING_PERIOD
from bot.slack.views.home_view import HomeRuns, build_home_blocks, build_home_view, render_current_cost
from slack_playground.checks import check_view
from tests.builders import NOON, a_run, approvers, at, running
from tests.story import ANA, BEN, LEA, Bot

AN_HOUR_LATER = NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([], "Nothing is billing."),
        ([a_run()], "Nothing is billing."),
        ([running()], "*$4.00/h* now for 1 run, $4.00 so far"),
        ([running(), running()], "*$8.00/h* now for 2 runs, $8.00 so far"),
        ([running(), running(rate=None)], "*$4.00/h* now for 1 run, $4.00 so far · 1 of unknown price"),
        ([running(rate=None)], "1 of unknown price"),
    ],
    ids=["no run", "one that waits", "one", "two", "one without a price", "none with a price"],
)
def test_what_it_costs_now(runs: list[object], said: str) -> None:
    assert render_current_cost(runs, AN_HOUR_LATER) == f":moneybag: {said}"  # type: ignore[arg-type]  # a table of mixed rows


def test_slack_takes_the_page_of_a_busy_team() -> None:
    many = [running(id=f"ppo-{number:04x}") for number in range(40)]
    view = build_home_view(build_home_blocks(HomeRuns(many, many, many), NOON), NOON)
    check_view(view, "home")
    assert "… and 30 more" in str(view)


def test_the_page_shows_own_runs_the_teams_and_what_ended(bot: Bot) -> None:
    bot.running("launch smoke nodes=2")
    bot.say("launch smoke", user=BEN)
    bot.ticks(2)
    page = bot.opens_page(ANA)
    assert "$6.00/h* now for 2 runs" in page
    own, team = page.split("The team's runs")
    assert "|smoke-0001>" in own
    assert "|smoke-0002>" in team
    bot.say("stop smoke-0002", user=BEN)
    bot.ticks(8, seconds=10)
    bot.homes.publish()
    assert "|smoke-0002>" in bot.page().split("Recently finished")[1]


def test_a_run_is_stopped_from_the_page(bot: Bot) -> None:
    run_id = bot.running()
    bot.opens_page()
    bot.click_on_page("stop", run_id)
    bot.homes.publish()
    assert "stop requested by" in bot.page()


def test_a_log_is_read_in_a_view(bot: Bot) -> None:
    run_id = bot.running()
    bot.cloud.logs[f"verl-{run_id}"] = "step:1 - critic/rewards/mean:0.5"
    bot.opens_page()
    bot.click_on_page("logs", run_id)
    assert "critic/rewards/mean:0.5" in str(bot.view())


def test_what_cannot_be_done_from_the_page_is_said_in_a_direct_message(bot: Bot) -> None:
    bot.opens_page()
    bot.click_on_page("stop", "smoke-9999")
    direct = bot.playground._slack.workspace.direct(ANA).id
    assert "no run `smoke-9999`" in bot.reads(channel=direct)


def test_a_run_is_launched_from_the_page_into_a_channel_that_the_person_chooses(bot: Bot) -> None:
    bot.opens_page()
    bot.click_on_page("form", "new")
    assert bot.submits(channel="C0RANDOM") == {}
    bot.homes.publish()
    assert "smoke-0001" in bot.page()
    assert bot.run().channel == "C0RANDOM"


def test_a_page_that_shows_the_same_is_not_written_again(bot: Bot) -> None:
    bot.opens_page()
    bot.homes.publish()
    assert len([entry for entry in bot.slack.record("call") if entry["name"] == "views.publish"]) == 1


def test_a_page_is_left_alone_an_hour_after_it_was_opened(bot: Bot) -> None:
    before = bot.opens_page()
    bot.moment += VIEWING_PERIOD + timedelta(seconds=1)
    bot.say("launch smoke")
    bot.homes.publish()
    assert bot.page() == before


@pytest.mark.parametrize("trouble", ["limited", "broken"])
def test_a_page_that_slack_does_not_take_now_is_written_later(bot: Bot, trouble: str) -> None:
    bot.slack.faults({"method": "views.publish", "trouble": trouble, "retry_after_seconds": 60})
    bot.homes.mark_opened(ANA)
    bot.homes.publish()
    assert ANA not in bot.playground._slack.workspace.homes
    bot.moment += timedelta(seconds=61)
    bot.homes.publish()
    assert "Your runs" in bot.page()


def test_while_slack_asks_to_wait_no_page_is_written_whoever_opens_his(bot: Bot) -> None:
    bot.slack.faults({"method": "views.publish", "trouble": "limited", "retry_after_seconds": 60})
    bot.homes.mark_opened(ANA)
    bot.homes.publish()
    bot.moment += timedelta(seconds=20)
    bot.homes.mark_opened(BEN)
    assert bot.homes.publish() == timedelta(seconds=40)
    assert len([entry for entry in bot.slack.record("call") if entry["name"] == "views.publish"]) == 1


def test_when_a_page_was_made_stands_on_it() -> None:
    assert "As of <!date^" in str(build_home_view(build_home_blocks(HomeRuns([], [], []), NOON), at(5)))


EXPENSIVE = "launch smoke nodes=2 budget=9"


def buttons_on_page(bot: Bot, user: str) -> list[str]:
    """The labels of all buttons on a person's page."""
    blocks = bot.playground._slack.workspace.homes[user].body["blocks"]
    elements = [element for block in blocks for element in block.get("elements", []) if element["type"] == "button"]
    return [element["text"]["text"] for element in elements]


@pytest.mark.parametrize(
    ("reader", "waits", "buttons"),
    [
        (ANA, False, {"Show task", "Stop"}),
        (BEN, False, {"Show task", "Stop"}),
        (LEA, True, {"Approve", "Decline…", "Show task"}),
    ],
    ids=["its requester, who is an approver too", "another launcher", "another approver"],
)
def test_a_launch_waits_only_for_those_who_may_approve_it(
    bot: Bot, reader: str, waits: bool, buttons: set[str]
) -> None:
    bot.policy = Policy(grants=approvers(ANA, LEA), approve_above_dollars=5.0)
    bot.say(EXPENSIVE, user=ANA)
    page = bot.opens_page(reader)
    assert ("Waiting for your approval" in page) is waits
    assert page.count("`smoke-0001`") == (2 if reader == ANA else 1)
    assert set(buttons_on_page(bot, reader)) == buttons | {"Launch a run"}


def test_a_launch_that_an_approver_has_answered_waits_on_no_page(bot: Bot) -> None:
    bot.policy = Policy(grants=approvers(ANA, LEA), approve_above_dollars=5.0)
    bot.say(EXPENSIVE, user=ANA)
    bot.say("approve smoke-0001", user=LEA)
    assert "Waiting for your approval" not in bot.opens_page(LEA)
