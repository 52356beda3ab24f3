"""A finding that acts, as people meet it: posted, then reported as a stop that was not made, then a stop that saves."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from bot.core.model.finding import FindingAction
from tests.stories.test_findings import CLUSTER, RUN, a_bot_whose_gradient_is_none, trains
from tests.stories.test_keeping import save
from tests.story import BEN, OPEN, Bot

NAN = "not-a-number"
NO_NUMBER = {"actor/grad_norm": float("nan")}


def under(bot: Bot, **actions: FindingAction) -> Bot:
    """Return the bot under a policy with these actions, by the findings' names."""
    bot.policy = replace(OPEN, finding_actions={name.replace("_", "-"): action for name, action in actions.items()})
    return bot


@pytest.mark.parametrize("actions", [{}, {"not_a_number": FindingAction.TELL}], ids=["default", "tell"])
def test_a_finding_that_tells_stops_nothing(bot: Bot, actions: Mapping[str, FindingAction]) -> None:
    a_bot_whose_gradient_is_none(under(bot, **actions))
    trains(bot, range(10, 20), **NO_NUMBER)
    assert bot.run().status == "running"
    assert "Mute this" in bot.reads()
    assert "would have been stopped" not in bot.reads()


def test_a_finding_that_only_reports_says_what_it_would_have_stopped_when_and_how_many_dollars_ago(bot: Bot) -> None:
    a_bot_whose_gradient_is_none(under(bot, not_a_number=FindingAction.REPORT_ONLY))
    trains(bot, range(10, 40), **NO_NUMBER)
    bot.ticks(3, seconds=900)
    assert bot.run().status == "running"
    said = re.findall(
        rf"Test rule `findings\.{NAN}`: {RUN} would have been stopped at (12:\d\d) UTC \(its training is sick\)\. "
        r"It has cost \$(\d\.\d\d) since then\.",
        bot.reads(),
    )
    assert len(said) == 1
    assert float(said[0][1]) > 3  # 45 minutes at four dollars an hour


def test_the_end_says_what_a_finding_that_only_reports_would_have_saved(bot: Bot) -> None:
    a_bot_whose_gradient_is_none(under(bot, not_a_number=FindingAction.REPORT_ONLY))
    trains(bot, range(10, 12), **NO_NUMBER)
    bot.ticks(1, seconds=3600)
    bot.say(f"stop {RUN}")
    bot.ticks(12, seconds=10)
    assert bot.run().status == "ended"
    would = rf"Test rule `findings\.{NAN}` would have stopped it at [^.]*12:\d\d UTC and saved \$4\.\d\d\."
    assert re.search(would, bot.reads()), bot.reads()


def test_a_finding_that_stops_ends_the_run_and_says_why(bot: Bot) -> None:
    a_bot_whose_gradient_is_none(under(bot, not_a_number=FindingAction.STOP))
    trains(bot, range(10, 20), **NO_NUMBER)
    bot.ticks(12)
    run = bot.run()
    assert (run.status, run.reason) == ("ended", "sick")
    assert CLUSTER in bot.cloud.downs
    assert f"{RUN} was stopped: its training is sick" in bot.card()
    assert str(run.detail) in bot.reads()
    assert "nan" in str(run.detail).lower()


def test_a_finding_about_the_machines_lets_the_run_save_first(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=1000 lease=12 --yes")
    under(bot, slow_steps=FindingAction.STOP)
    trains(bot, range(1, 40))
    trains(bot, range(40, 60), seconds=180)
    assert bot.run().status == "running"
    assert f"The training of {RUN} is sick, and it will be stopped." in bot.reads()
    save(bot, 60)
    trains(bot, range(60, 61), seconds=180)
    bot.ticks(12)
    assert bot.run().reason == "sick"
    assert bot.cloud.fetches == [f"~/checkpoints/{RUN}/global_step_60"]


def test_a_person_who_mutes_a_finding_keeps_the_run(bot: Bot) -> None:
    a_bot_whose_gradient_is_none(bot)
    bot.click("mute", f"{RUN} {NAN}", user=BEN)
    under(bot, not_a_number=FindingAction.STOP)
    trains(bot, range(10, 30), **NO_NUMBER)
    assert bot.run().status == "running"
