"""What people are told who ask what it costs."""

from datetime import timedelta

import pytest

from bot.core.model.cluster import Ending, JobState
from tests.story import ANA, BEN, RANDOM, TRAINING, Bot, read

CLUSTER = "verl-smoke-0001"
LINE = "launch smoke nodes=2 lease=24 budget=100"
TRAINS = "step:{} - critic/rewards/mean:0.5 - val-core/gsm8k/reward/mean@1:{} - timing_s/step:60.0"


def over(bot: Bot, run_id: str) -> None:
    bot.cloud.finish(f"verl-{run_id}", JobState.SUCCEEDED)
    bot.ticks(6, 10)
    assert bot.run(run_id).closed_at


def test_a_run_is_accounted_for_while_it_trains_and_once_it_is_over(bot: Bot) -> None:
    bot.running(LINE)
    bot.tick(1800)
    bot.cloud.print(CLUSTER, *(TRAINS.format(n, 0.4 + n / 100) for n in range(1, 11)))
    bot.tick(600)
    assert bot.say("cost smoke-0001") == ""
    said = bot.told()
    assert "|smoke-0001> has cost *$2.67* so far, 3% of its budget of $100.00" in said
    assert "Estimated: 40 min × $4.00/h (demo price), since machines were requested at " in said
    assert "$0.27 per step (10 steps)" in said
    assert "$0.30 per 0.01 of validation gained (0.41 → 0.50)" in said
    over(bot, "smoke-0001")
    bot.say("cost")
    assert "smoke-0001\n$2.73" in bot.told()
    assert "succeeded" in bot.told()
    bot.running(LINE)
    bot.cloud.print("verl-smoke-0002", TRAINS.format(1, 0.4), TRAINS.format(2, 0.6))
    bot.tick(3600)
    bot.say("cost smoke-0002")
    assert (
        "The one earlier run of smoke that succeeded paid $0.30 per 0.01 of validation gained; this run paid 0.7× that"
        in bot.told()
    )


def test_idle_dollars_are_those_of_setup_stalls_and_teardown(bot: Bot) -> None:
    bot.cloud.comes_up_at_once = False
    bot.say(LINE)
    bot.ticks(2, 600)
    bot.cloud.come_up(CLUSTER)
    bot.tick(600)
    bot.cloud.print(CLUSTER, TRAINS.format(1, 0.4))
    bot.tick(60)
    bot.tick(3600)
    bot.say("cost smoke")
    assert "20 min before its job started, 58 min without a step while it ran" in bot.told()


def test_the_months_dollars_are_those_of_the_person_the_channel_and_everybody(bot: Bot) -> None:
    bot.running(LINE)
    bot.tick(3600)
    over(bot, "smoke-0001")
    bot.say(LINE, user=BEN, channel=RANDOM)
    bot.ticks(2)
    bot.tick(1800)
    assert bot.say("cost mine") == bot.say("cost team") == bot.say("cost month", channel=RANDOM) == ""
    mine, team = map(read, bot.slack.get("messages", user=ANA, channel=TRAINING)["messages"][-2:])
    assert "smoke-0001" in mine
    assert "smoke-0002" not in mine
    assert "Person\nana\n$4.06\n1" in team
    every = bot.told(channel=RANDOM)
    assert "*All runs* in 2026-01: *$6.06* · $4.00/h now" in every
    assert "Person\nben\n$2.00\n1\n$4.00/h" in every


def test_what_has_ended_has_cost_as_much_as_the_budget_of_the_month_has_noted(bot: Bot) -> None:
    bot.running(LINE)
    bot.tick(3600)
    over(bot, "smoke-0001")
    bot.say("cost mine")
    assert "*Your runs* in 2026-01: *$4.06*" in bot.told()
    assert "$4.06 spent this month" in bot.say("budget")


def test_what_ended_in_another_month_is_not_this_ones(bot: Bot) -> None:
    bot.running(LINE)
    over(bot, "smoke-0001")
    bot.moment += timedelta(days=31)
    bot.say("cost month")
    assert "*All runs* in 2026-02: nothing spent yet." in bot.told()


def test_runs_without_a_price_are_counted_apart_and_never_said_to_be_free(bot: Bot) -> None:
    bot.cloud.dollars_per_node_hour = 0.0
    bot.running(LINE)
    bot.tick(3600)
    bot.say("cost smoke")
    assert "smoke-0001>: *price unknown*" in bot.told()
    assert "$" not in bot.told()
    assert "$0" not in bot.card()
    assert "price unknown" in bot.card()
    bot.say("cost month")
    assert "*1 run of unknown price*, not in these sums." in bot.told()
    assert "$" not in bot.told()
    assert "price unknown" in (bot.say("list") or bot.told())
    assert "$" not in bot.told()


def test_a_launch_bills_from_the_ask_on_and_until_its_machines_are_seen_to_be_gone(bot: Bot) -> None:
    bot.cloud.comes_up_at_once = bot.cloud.removes = False
    bot.say(LINE)
    bot.tick(0)
    bot.tick(1800)
    bot.say("cost smoke")
    assert "has cost *$2.00* so far" in bot.told()
    bot.say("stop smoke")
    bot.tick(1800)
    bot.say("cost smoke")
    assert "has cost *$4.00* so far" in bot.told()
    bot.cloud.vanish(CLUSTER, Ending.DOWNED)
    bot.ticks(9, 10)
    bot.moment += timedelta(hours=5)
    bot.say("cost smoke")
    assert "in total" in bot.told()
    assert bot.run().cost(bot.now()) == pytest.approx(4.0, abs=0.15)


def test_in_a_runs_thread_the_run_is_that_of_the_thread(bot: Bot) -> None:
    bot.running(LINE)
    bot.mention("cost", thread_ts=bot.run().messages.sent["card"].ts)
    assert "smoke-0001 has cost" in bot.reads(user=BEN)


def test_it_is_told_in_the_language_of_the_person(bot: Bot) -> None:
    bot.running(LINE)
    bot.say("language zh-CN")
    bot.say("cost smoke")
    assert "已花费" in bot.told()


def test_a_run_that_is_not_known_is_refused_with_those_that_are(bot: Bot) -> None:
    bot.running(LINE)
    assert "smoke-0001" in bot.say("cost smoke-9999")
