"""Runs that people give names: found by them, listed by them, and never taken for something else."""

import pytest

from bot.core.commands.command import Launch
from bot.core.commands.parser import parse_command
from bot.core.model.cluster import JobState
from tests.story import ANA, BEN, LEA, SECRET, Bot

BIG = 'launch smoke name="Big batch"'


def end(bot: Bot, run_id: str) -> None:
    bot.cloud.finish(f"verl-{run_id}", JobState.SUCCEEDED)
    bot.ticks(6, 10)
    assert bot.run(run_id).closed_at


@pytest.mark.parametrize(
    "line",
    [
        'status "Big batch"',
        'status "BIG  batch"',
        "status `big-not`",
        'explain "big batch"',
        'artifacts "big batch"',
        'history "big batch"',
        'budget "big batch"',
        'extend "big batch" 2h',
        'budget "big batch" 3',
        'report "big batch" every 20 steps',
        'logs "big batch"',
        'cost "big batch"',
        'stop "big batch"',
    ],
)
def test_every_command_about_a_run_takes_its_name(bot: Bot, line: str) -> None:
    bot.running(BIG)
    answer = bot.say(line, user=ANA) or bot.told()
    found = "smoke-0001" in answer and "There is no run" not in answer
    assert found is ("not" not in line), answer


def test_an_exact_name_is_enough_to_stop_the_run_of_another_person(bot: Bot) -> None:
    bot.running(BIG)
    assert "Stopping" in bot.say('stop "big batch"', user=BEN)


def test_of_runs_with_one_name_the_active_one_is_meant_and_of_several_ended_ones_a_person_chooses(bot: Bot) -> None:
    bot.running(BIG)
    end(bot, "smoke-0001")
    bot.running(BIG)
    assert "smoke-0002" in bot.say('status "big batch"')
    end(bot, "smoke-0002")
    answer = bot.say('status "big batch"')
    assert "Which run? Several ended ones match `big batch`." in answer
    assert "Type one of these ids: `smoke-0002` (<!date^" in answer
    assert "`smoke-0001` (<!date^" in answer


def test_a_name_in_a_private_channel_is_no_name_for_those_who_may_not_read_it(bot: Bot) -> None:
    bot.say('launch smoke name="secret plan"', channel=SECRET)
    assert "smoke-0001" in bot.say('status "secret plan"')
    assert "There is no run `secret plan`" in bot.say('status "secret plan"', user=BEN)
    bot.say("list all name=secret", user=BEN)
    assert "smoke-0001" not in bot.told(user=BEN)
    assert "Launching" in bot.say('launch smoke name="secret plan"', user=BEN)


def test_the_name_of_an_active_run_is_no_name_for_another(bot: Bot) -> None:
    bot.running(BIG)
    refused = bot.say('launch smoke name="big BATCH"', user=BEN)
    assert "`big BATCH` is the name of `smoke-0001`, which is active." in refused
    assert 'Type another one, such as `name="big BATCH 2"`.' in refused
    assert "Launching" in bot.say('launch smoke name="big BATCH 2"', user=BEN)
    end(bot, "smoke-0001")
    assert "Launching" in bot.say(BIG)


def test_a_named_launch_that_slack_delivers_twice_makes_one_run(bot: Bot) -> None:
    launch = parse_command(BIG)
    assert isinstance(launch, Launch)
    runs = [bot.service.launch(launch, bot.caller(ANA, wish="delivery")) for _ in range(2)]
    assert [run.id for run in runs] == ["smoke-0001"] * 2


def test_a_list_finds_a_part_of_a_name(bot: Bot) -> None:
    bot.say(BIG)
    bot.say("launch smoke name=other", user=BEN)
    bot.say("list name=BAT")
    assert "smoke-0001" in bot.told()
    assert "smoke-0002" not in bot.told()


def test_a_list_of_nothing_active_says_how_to_see_what_has_ended(bot: Bot) -> None:
    bot.running(BIG)
    end(bot, "smoke-0001")
    bot.say(f"list who=<@{ANA}|ana> recipe=smoke", user=LEA)
    assert "No active run matches, but 1 ended one does: `/verl list all recipe=smoke who=@ana`" in bot.told(user=LEA)
    bot.say("list all recipe=smoke who=@ana", user=LEA)
    assert "smoke-0001" in bot.told(user=LEA)
    bot.say("list name=big")
    assert "`/verl list all name=big`" in bot.told()
    bot.say("list all mine")
    assert "smoke-0001" in bot.told()
    bot.say("list recipe=ppo")
    assert "No run matches." in bot.told()


@pytest.mark.parametrize("command", ["status", "stop", "logs", "retry"])
def test_a_person_in_place_of_a_run_is_named_and_shown_what_to_type(bot: Bot, command: str) -> None:
    answer = bot.say(f"{command} <@U0BEN|ben>")
    assert "&lt;@" not in answer
    assert f"`{command}` takes a run, and <@U0BEN> is a person." in answer
    assert "`/verl list who=`<@U0BEN>" in answer
