"""Sick training as people meet it: told once with numbers and advice, taken back, muted; and a stall by the clock."""

import re
from dataclasses import replace
from typing import Any

import pytest

from bot.app.health_monitor import HealthMonitor, HealthUpdate
from bot.core.model.cluster import JobState
from tests.story import BEN, Bot, changed

RUN = "smoke-0001"
CLUSTER = "verl-smoke-0001"


def trains(bot: Bot, steps: range, seconds: float = 30, **values: float) -> None:
    """Let it print steps of a healthy training but for these values, one a tick."""
    for step in steps:
        usual = {"critic/rewards/mean": 0.4 + step / 1000, "actor/grad_norm": 1.0, "actor/entropy": 0.5}
        line = " - ".join(f"{key}:{value}" for key, value in (usual | values).items())
        bot.cloud.print(CLUSTER, f"(TaskRunner pid=7) step:{step} - {line} - timing_s/step:{seconds}")
        bot.tick(seconds)


def a_bot_whose_gradient_is_none(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=100 lease=12")
    trains(bot, range(1, 9))
    trains(bot, range(9, 10), **{"actor/grad_norm": float("nan")})


@pytest.mark.long
def test_a_healthy_training_is_not_talked_about(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=100 lease=12")
    trains(bot, range(1, 40))
    assert bot.run().training.health.row_count == 39
    assert "Mute this" not in bot.reads()


def test_a_finding_is_told_once_with_its_numbers_what_it_has_cost_and_what_to_change(bot: Bot) -> None:
    a_bot_whose_gradient_is_none(bot)
    (found,) = bot.run().training.health.open_findings
    assert found.name == "not-a-number"
    trains(bot, range(10, 11), **{"actor/grad_norm": float("nan")})
    read = bot.reads()
    assert read.count(str(found.what)) == 3  # on the card, in the thread and, with it, in the channel
    assert re.search(r"Since step 9 \((1 min 0|0) s ago\); (under )?\$0\.\d\d spent since then\.", read), read
    assert "Lower `learning_rate`." in read, "smoke takes no settings of verl"
    assert str(found.what) in bot.card()


@pytest.mark.long
def test_it_is_taken_back_when_it_heals(bot: Bot) -> None:
    a_bot_whose_gradient_is_none(bot)
    trains(bot, range(10, 40))
    assert bot.run().training.health.open_findings == ()
    assert bot.reads().count(": `not-a-number` (since step 9)") == 1
    assert "Mute this" in bot.reads()  # what was said stands
    assert "gradient" not in bot.card()


@pytest.mark.long
def test_a_finding_that_is_muted_is_said_no_more(bot: Bot) -> None:
    a_bot_whose_gradient_is_none(bot)
    for _ in range(2):
        bot.click("mute", f"{RUN} not-a-number", user=BEN)
    trains(bot, range(10, 40))
    trains(bot, range(40, 41), **{"actor/grad_norm": float("nan")})
    read = bot.reads()
    assert read.count("@ben muted `not-a-number` for ") == 1
    assert read.count("[Mute this]") == 2  # the one message, in the thread and in the channel
    assert "gradient" not in bot.card()


def test_a_finding_outlives_a_restart_and_is_not_said_twice(bot: Bot) -> None:
    a_bot_whose_gradient_is_none(bot)
    what = bot.run().training.health.open_findings[0].what
    later = bot.later()
    later.ticks(4, seconds=30)
    assert later.reads().count(str(what)) == bot.reads().count(str(what)) == 3


def test_a_training_that_makes_no_step_is_told_of_and_healed_by_the_next(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=1000 lease=12 --yes")
    trains(bot, range(1, 20), seconds=60)
    bot.ticks(12, seconds=60)
    assert "The log has gone silent: the training hangs." in bot.reads()
    assert bot.reads().count("[Mute this]") == 2
    trains(bot, range(20, 22), seconds=60)
    assert bot.run().training.health.open_findings == ()
    assert "Resolved at step 20: `stall`" in bot.reads()


@pytest.mark.long
def test_a_stall_that_lasts_says_to_stop_and_offers_it(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=1000 lease=12 --yes")
    trains(bot, range(1, 20), seconds=60)
    bot.ticks(70, seconds=60)
    assert bot.run().status == "running"  # advice to a person: nothing is stopped by it
    assert ":rotating_light:" in bot.card()
    assert "[Mute this] [Stop]" in bot.reads()


@pytest.mark.long
def test_a_cluster_that_cannot_be_seen_is_said_to_be_what_is_quiet(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=1000 lease=12 --yes")
    trains(bot, range(1, 20), seconds=60)
    bot.cloud.answers = False
    bot.ticks(15, seconds=60)
    assert "The cluster does not answer, and the last step was long ago." in bot.reads()


@pytest.mark.long
def test_a_reward_that_is_none_is_told_of_though_there_are_validations_to_draw(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=100 lease=12")
    trains(bot, range(1, 9), **{"critic/rewards/mean": float("nan"), "val-core/a/reward/mean@1": 0.5})
    assert "step 8" in bot.card()
    bot.say(f"stop {RUN}")
    bot.ticks(12, seconds=10)
    assert "was stopped by" in bot.reads()


def test_whatever_is_wrong_with_a_log_its_run_is_ended_when_it_is_to_be(bot: Bot) -> None:
    class Mistaken(HealthMonitor):
        def judge_steps(self, *_: Any, **__: Any) -> HealthUpdate:
            raise RuntimeError("a mistake in the judging of rows")

    bot.reconciler = replace(bot.reconciler, health_monitor=Mistaken())
    bot.running("launch smoke nodes=2 budget=100 lease=12")
    bot.say(f"stop {RUN}")
    bot.cloud.print(CLUSTER, "(TaskRunner pid=7) step:1 - critic/rewards/mean:0.5 - actor/entropy:0.5")
    bot.ticks(12, seconds=10)
    assert (bot.run().status, bot.run().reason) == ("ended", "stopped")


@pytest.mark.long
@pytest.mark.parametrize("minutes", [5, 20])
def test_setting_up_for_long_is_no_stall(bot: Bot, minutes: int) -> None:
    bot.cloud.comes_up_at_once = False
    bot.say("launch smoke nodes=2 budget=1000 lease=12 --yes")
    bot.ticks(minutes, seconds=60)
    assert bot.run().training.health.open_findings == ()


@pytest.mark.long
def test_a_number_that_says_nothing_is_not_shown_as_one(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=100 lease=12")
    trains(bot, range(1, 30), **{"actor/kl_loss": 0.0})
    bot.cloud.print(CLUSTER, "boom")
    changed(bot.cloud, CLUSTER, error="`run` failed.")
    bot.say(f"stop {RUN}")
    bot.ticks(12)
    assert "`actor/kl_loss` unknown" in bot.reads()
    assert "`actor/kl_loss` is shown as unknown: " in bot.reads()


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.SUCCEEDED])
def test_what_the_last_lines_show_raises_no_alarm_beside_the_end(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, state: JobState
) -> None:
    bot.running("launch smoke nodes=2 budget=100 lease=12")
    trains(bot, range(1, 9))
    monkeypatch.setattr(bot.notifier, "_wake", bot.speak)  # the thread that sends is faster than the tick
    bot.cloud.print(CLUSTER, "(TaskRunner pid=7) step:9 - actor/grad_norm:nan - critic/rewards/mean:0.4")
    bot.cloud.finish(CLUSTER, state)
    bot.ticks(4)
    assert bot.run().training.health.open_findings
    assert "Mute this" not in bot.reads()


def test_what_comes_up_after_a_request_to_stop_raises_no_alarm(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=100 lease=12")
    trains(bot, range(1, 9))
    bot.store.update(RUN, lambda run: run.request_stop(BEN, bot.moment))
    bot.cloud.print(CLUSTER, "(TaskRunner pid=7) step:9 - actor/grad_norm:nan - critic/rewards/mean:0.4")
    bot.ticks(4)
    assert "Mute this" not in bot.reads()
