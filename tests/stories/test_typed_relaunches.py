"""Runs that are launched again, or resumed: before they end, before they start, and only to be looked at."""

from dataclasses import replace

import pytest

from tests.story import ANA, BEN, OPEN, Bot


def answer(bot: Bot, line: str, user: str = ANA) -> str:
    return bot.say(line, user=user) or bot.told(user=user)


@pytest.fixture
def waiting(bot: Bot) -> Bot:
    """A bot with a launch that needs approval."""
    bot.policy = replace(OPEN, approve_above_dollars=3)
    bot.say("launch ppo name=one volume=models")
    bot.ticks(2)
    return bot


@pytest.mark.parametrize("word", ["retry", "resume"])
def test_a_launch_that_waits_is_said_to_wait(waiting: Bot, word: str) -> None:
    said = answer(waiting, f"{word} one")
    assert "`ppo-0001` has not started: it needs approval." in said
    assert "`/verl status ppo-0001` shows what it waits for." in said
    assert "Launch another one: `/verl launch ppo volume=models`." in said
    assert "ppo-0002" in answer(waiting, "launch ppo volume=models")


@pytest.mark.parametrize("named", ["one", "ppo-0001"])
def test_a_launch_that_waits_is_not_resumed_from(waiting: Bot, named: str) -> None:
    said = answer(waiting, f"launch ppo volume=models resume_from={named}")
    assert "`ppo-0001` has not started: it needs approval." in said
    assert "launch without `resume_from=`" in said
    assert waiting.store.get("ppo-0002") is None


def test_a_run_that_is_active_is_stopped_first(bot: Bot) -> None:
    bot.running("launch smoke name=first")
    said = answer(bot, "retry first")
    assert "`smoke-0001` has not ended. Stop it first: `/verl stop smoke-0001`." in said
    assert "Launch another one: `/verl launch smoke`." in said


@pytest.mark.parametrize(("typed", "meant"), [("oen", "one"), ("poo-0001", "ppo-0001"), ("oen/global_step_40", "one")])
def test_a_run_to_resume_from_that_is_mistyped_is_not_paid_for(waiting: Bot, typed: str, meant: str) -> None:
    assert f"Did you mean `{meant}`?" in answer(waiting, f"launch ppo volume=models resume_from={typed}")
    assert waiting.store.get("ppo-0002") is None


def test_a_run_that_is_forgotten_may_be_resumed_from(waiting: Bot) -> None:
    answer(waiting, "launch ppo volume=models resume_from=ppo-0009")
    assert "resume_from=ppo-0009" in waiting.run("ppo-0002").command_line


@pytest.fixture
def ended(bot: Bot) -> Bot:
    """A bot with a run that was stopped."""
    bot.running("launch smoke name=first")
    bot.say("stop first")
    bot.ticks(8, 600)
    return bot


@pytest.mark.parametrize("user", [ANA, BEN])
def test_a_dry_run_of_a_retry_shows_what_would_start_and_starts_nothing(ended: Bot, user: str) -> None:
    said = answer(ended, "retry first nodes=2 --dry-run", user)
    assert said.startswith(":white_check_mark: ")
    assert "/verl launch smoke name=first nodes=2" in said
    assert said == answer(ended, "launch smoke name=first nodes=2 --dry-run", user)
    assert ended.store.get("smoke-0002") is None


def test_a_dry_run_of_a_resume_is_refused_as_the_resume_is(ended: Bot) -> None:
    refusal = answer(ended, "resume first")
    assert "can't be resumed" in refusal
    assert answer(ended, "resume first --dry-run") == refusal


def test_in_a_thread_a_dry_run_is_for_all(ended: Bot) -> None:
    ended.mention("retry --dry-run", thread_ts=ended.run().messages.sent["card"].ts)
    assert "/verl launch smoke name=first" in ended.reads(BEN)
    assert ended.store.get("smoke-0002") is None
