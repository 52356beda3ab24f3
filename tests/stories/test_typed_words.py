"""Words that people type: states as lists show them, reasons without quotes, numbers with commas."""

from dataclasses import replace

import pytest

from tests.builders import approvers
from tests.story import BEN, OPEN, Bot


def answer(bot: Bot, line: str, user: str = "U0ANA") -> str:
    return bot.say(line, user=user) or bot.told(user=user)


@pytest.fixture
def asked(bot: Bot) -> Bot:
    """A bot with one declined launch and one that needs approval."""
    bot.policy = replace(OPEN, approve_above_dollars=3)
    for _ in range(2):
        bot.say("launch ppo")
        bot.ticks(2)
    bot.say("decline ppo-0001 too big for today", user=BEN)
    bot.ticks(3)
    return bot


def test_a_reason_needs_no_quotes(asked: Bot) -> None:
    assert "Reason: too big for today" in asked.card("ppo-0001")


@pytest.mark.parametrize(
    ("words", "run"),
    [
        ("needs approval", "ppo-0002"),
        ("待审批", "ppo-0002"),
        ("declined", "ppo-0001"),
        ("已驳回", "ppo-0001"),
    ],
)
@pytest.mark.parametrize("form", ['list state="{}"', "list state={}", "list {}"])
def test_a_list_takes_the_states_that_it_shows(asked: Bot, form: str, words: str, run: str) -> None:
    listed = answer(asked, form.format(words))
    assert "1 run" in listed
    assert run in listed


@pytest.mark.parametrize("state", ["over the limit", "not approved in time", "cluster lost", "over budget"])
def test_a_state_that_no_run_has_is_no_mistake(asked: Bot, state: str) -> None:
    assert "No run matches." in answer(asked, f'list state="{state}"')


def test_a_refusal_of_a_state_names_valid_ones(asked: Bot) -> None:
    said = answer(asked, "list state=nope")
    assert "No state is called `nope`." in said
    assert "as lists show it" in said


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("logs smoke-0001 lines=10,000", "(it has printed nothing yet)"),
        ("logs smoke-0001 lines=1_000", "(it has printed nothing yet)"),
        ("logs smoke-0001 lines=1,0", "must be a whole number"),
        ("status big batch", '`/verl status "big batch"`'),
        ("launch smoke why=too big nodes=99", "from 1 to 8"),
        ("approve smoke-0001 looks fine", '`/verl approve smoke-0001 note="looks fine"`'),
        ("decline smoke-0001 <@U0ANA|ana> wants less", "isn't waiting for approval"),
        ("budget smoke-0001 1.20", "is now $1.20."),
    ],
)
def test_each_line_gets_its_answer(bot: Bot, line: str, says: str) -> None:
    bot.running("launch smoke")
    assert says in answer(bot, line)


def test_a_budget_that_is_set_already_is_said_to_be(bot: Bot) -> None:
    bot.running("launch smoke")
    assert "is now $5.00." in answer(bot, "budget smoke-0001 5")
    assert "is $5.00 already." in answer(bot, "budget smoke-0001 5.00")


def test_in_a_thread_too(bot: Bot) -> None:
    bot.running("launch smoke")
    thread = bot.run().messages.sent["card"].ts
    bot.mention("budget 5", thread_ts=thread)
    bot.tick()
    bot.mention("budget 5", thread_ts=thread)
    assert "is $5.00 already." in bot.reads()


@pytest.mark.parametrize(
    ("typed", "id_with_step"),
    [("first", "ppo-0001"), ("0001/global_step_40", "ppo-0001/global_step_40"), ("other", "other")],
)
def test_a_run_to_resume_from_is_taken_by_its_name(bot: Bot, typed: str, id_with_step: str) -> None:
    bot.running("launch ppo name=first volume=models")
    bot.say(f"launch ppo volume=models resume_from={typed}")
    assert f"resume_from={id_with_step}" in bot.run("ppo-0002").command_line


def test_a_record_is_deleted_by_its_name(bot: Bot) -> None:
    bot.policy = replace(OPEN, grants=approvers(BEN, admins=("U0ANA",)))
    bot.say("launch smoke name=mine-first")
    bot.say("stop mine-first")
    bot.ticks(8, 600)
    assert "I deleted the records of `smoke-0001`." in answer(bot, "forget mine-first")


def test_the_log_of_a_launch_that_needs_approval_is_not_followed(asked: Bot) -> None:
    assert "Type `/verl logs ppo-0002 follow` once it runs." in answer(asked, "logs ppo-0002 follow")
    assert asked.run("ppo-0002").requests.follow is None


def test_the_log_of_a_run_that_has_not_started_is_followed_once_it_prints(bot: Bot) -> None:
    bot.say("launch smoke")
    assert "It has not started yet; its lines come once it prints some." in answer(bot, "logs smoke-0001 follow")
    bot.ticks(2)
    assert "not started" not in answer(bot, "logs smoke-0001 follow")
