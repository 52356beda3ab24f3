"""A failed run's cluster that is kept for a look, as people meet it: it says until when, and what ends that earlier."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.model.cluster import JobState
from bot.core.model.people import Role
from bot.core.model.policy import Bounds, Caps
from tests.story import LEA, OPEN, Bot

RUN, CLUSTER = "smoke-0001", "verl-smoke-0001"


def failed(bot: Bot, settings: str = "keep=30m budget=100 lease=3", job: JobState = JobState.FAILED) -> None:
    """Launch a run, and let its job fail a minute after noon."""
    bot.running(f"launch smoke nodes=2 {settings}")
    bot.cloud.print(CLUSTER, "KeyError: 'reward'")
    bot.tick(55)
    bot.cloud.finish(CLUSTER, job)
    bot.ticks(8)


def is_up(bot: Bot) -> bool:
    return CLUSTER not in bot.cloud.downs


@pytest.mark.parametrize("job", [JobState.FAILED, JobState.FAILED_SETUP, JobState.FAILED_DRIVER])
def test_a_failed_cluster_is_kept_and_the_card_and_the_notice_say_until_when(bot: Bot, job: JobState) -> None:
    failed(bot, job=job)
    bot.ticks(14, seconds=120)
    assert is_up(bot)
    assert bot.run().status == "stopping"
    read = bot.reads()
    assert "kept for a look until 12:30 UTC ($4.00/h)" in read
    assert "The cluster is kept for a look until 12:30 UTC ($4.00/h). To delete it now: `/verl stop " in read
    assert "[Delete the cluster]" in read
    assert "Delete the cluster" in bot.card()
    assert "is still up" not in read


def test_it_is_removed_when_its_time_is_over_and_its_cost_counts_to_the_end(bot: Bot) -> None:
    failed(bot)
    bot.ticks(31, seconds=60)
    bot.ticks(8)
    run = bot.run()
    assert (run.status, run.reason) == ("ended", "failed")
    assert not is_up(bot)
    assert (run.cost(bot.moment) or 0) > 2  # half an hour at four dollars an hour
    assert "kept for a look" not in bot.card()


def test_its_autostop_is_postponed_and_never_taken_away(bot: Bot) -> None:
    failed(bot, "keep=30m budget=100 lease=3 volume=models")
    assert bot.cloud.autostops == [29 + 15]


@pytest.mark.parametrize("settings", ["", "keep=0 budget=100"], ids=["by default", "switched off"])
def test_without_it_a_failed_cluster_goes_at_once(bot: Bot, settings: str) -> None:
    failed(bot, settings)
    bot.ticks(8)
    assert bot.run().status == "ended"


@pytest.mark.parametrize("ends", ["stopped", "succeeded"])
def test_no_other_end_keeps_a_cluster(bot: Bot, ends: str) -> None:
    bot.running("launch smoke nodes=2 keep=30m")
    if ends == "stopped":
        bot.say(f"stop {RUN}")
    else:
        bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(14)
    assert (bot.run().status, bot.run().reason) == ("ended", ends)


@pytest.mark.parametrize(
    "remove",
    [lambda bot: bot.say(f"stop {RUN}"), lambda bot: bot.click("stop", RUN)],
    ids=["command", "button"],
)
def test_a_stop_removes_it_at_once(bot: Bot, remove: Callable[[Bot], object]) -> None:
    failed(bot)
    bot.ticks(2, seconds=60)
    remove(bot)
    bot.ticks(8)
    assert (bot.run().status, bot.run().reason) == ("ended", "failed")
    assert f"{RUN} failed" in bot.card()


@pytest.mark.parametrize(
    ("settings", "minutes"),
    [("lease=0.25 budget=100", 15), ("budget=1 lease=3", 15)],
    ids=["lease", "budget"],
)
def test_a_limit_ends_it_earlier(bot: Bot, settings: str, minutes: int) -> None:
    failed(bot, f"keep=2h {settings}")
    assert f"kept for a look until 12:{minutes}" in bot.reads()
    bot.ticks(minutes - 3, seconds=60)
    assert is_up(bot)
    bot.ticks(3, seconds=60)
    bot.ticks(8)
    assert bot.run().status == "ended"
    closed_at = bot.run().closed_at
    assert closed_at is not None
    assert closed_at < bot.run().created_at + timedelta(minutes=minutes + 3)


def spent_month(bot: Bot) -> None:
    """Keep a failed cluster for two hours, and lower the channel's monthly budget below what the month has cost."""
    bot.policy = replace(OPEN, team=Caps(dollars_per_month=50), month_grace_minutes=10)
    failed(bot, "keep=2h budget=20 lease=4")
    bot.ticks(15, seconds=60)
    bot.say("budget team 1", user=LEA)
    bot.check_monthly_budgets()
    bot.ticks(2)


def test_a_monthly_budget_that_runs_out_ends_it_after_the_grace_and_says_so(bot: Bot) -> None:
    spent_month(bot)
    says = f"The kept cluster of {RUN} is removed at 12:2"
    assert bot.reads().count(says) == 1
    bot.ticks(8, seconds=60)
    assert "12:26 UTC> ($4.00/h)" in bot.card()
    bot.check_monthly_budgets()
    assert is_up(bot)
    bot.ticks(4, seconds=60)
    bot.ticks(8)
    assert (bot.run().status, bot.run().reason) == ("ended", "failed")
    assert says not in bot.reads()
    assert len(re.findall(rf"Monthly budget of this channel used up\*.* {RUN} has ended\.", bot.reads())) == 1


def test_an_approver_who_raises_the_monthly_budget_lets_it_be_kept(bot: Bot) -> None:
    spent_month(bot)
    bot.say("budget team 60", user=LEA)
    bot.check_monthly_budgets()
    bot.ticks(30, seconds=60)
    assert is_up(bot)
    assert f"the cluster of {RUN} is kept." in bot.reads()


def test_a_restarted_bot_keeps_it_as_long_as_promised(bot: Bot) -> None:
    failed(bot)
    later = bot.later()
    later.ticks(10, seconds=60)
    assert is_up(later)
    assert later.reads().count("To delete it now") == bot.reads().count("To delete it now")
    later.ticks(22, seconds=60)
    later.ticks(8)
    assert later.run().status == "ended"


def test_the_policy_may_keep_all_failed_clusters_and_bounds_what_a_launch_asks_for(bot: Bot) -> None:
    bot.policy = replace(OPEN, keep_hours=0.5, bounds_by_role={Role.LAUNCHER: Bounds(keep_hours=2.0)})
    failed(bot, "budget=100 lease=3")
    assert "kept for a look until 12:30 UTC" in bot.reads()
    answer = bot.say("launch smoke nodes=2 keep=3h budget=100 lease=4")
    assert "It keeps a failed cluster for 3 h; your limit is 2 h." in answer
