"""Budgets and leases as people meet them: warned before, extended by a button or a line, ended when nobody does."""

import re
from datetime import timedelta

import pytest

from tests.story import ANA, BEN, Bot

RUN = "smoke-0001"
CLUSTER = "verl-smoke-0001"


def extend_button(bot: Bot, hours: int = 2) -> str:
    """What the button of the newest warning carries."""
    end = bot.run().lease_ends_at
    assert end is not None
    return f"{RUN} {hours} {end.timestamp():.0f}"


def test_one_notice_follows_a_budget_from_half_to_its_end_and_pings_once(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=4 lease=12")  # at four dollars an hour
    bot.ticks(17, seconds=110)
    assert "has used 52% of its budget* ($2.08 of $4.00)" in bot.reads()
    assert "[Raise to $8.00] [Save and stop] [Let it stop]" in bot.reads()
    bot.ticks(14, seconds=110)
    assert "50%" not in bot.reads()
    shown = re.findall(r"smoke-0001 has used (\d+)% of its budget\*", bot.reads())
    assert shown == [shown[0]] * 2, "the notice, in the channel too; its reply, which is not edited, has no number"
    assert "@ana :moneybag: *smoke-0001 has used most of its budget* of $4.00." in bot.reads()
    bot.ticks(14, seconds=20)
    bot.ticks(12)
    assert bot.run().reason == "over_budget"
    assert bot.run().status == "ended"
    assert bot.reads().count("used up its budget* ($4.0") == 2  # the thread's, in the channel too
    assert "Raise to" not in bot.reads()


def test_a_bot_that_was_away_tells_the_highest_share_alone(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=4 lease=12")
    bot.tick(3400)
    read = bot.reads()
    assert (
        len(re.findall(r"has used 9\d% of its budget\* \(\$3\.", read)) == 2
    )  # no reply beside the notice, which has just pinged
    assert "50%" not in read


def test_a_budget_that_is_raised_in_time_is_the_one_that_counts(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=4 lease=12")
    bot.tick(3000)
    bot.say(f"budget {RUN} 8")
    bot.tick(500)
    assert bot.run().status == "running"
    assert "@ana changed the budget of smoke-0001 from $4.00 to $8.00." in bot.reads()
    assert bot.reads().count("*smoke-0001 is within its budget again* ($3.8") == 2
    assert "$8.00" in bot.card()
    bot.tick(1000)
    assert len(re.findall(r"has used 6[23]% of its budget\* \(\$5.00 of \$8.00\)", bot.reads())) == 2


def test_the_same_budget_is_no_change(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=4 lease=12")
    assert "is $4.00 already" in bot.say(f"budget {RUN} 4")
    bot.ticks(2)
    assert bot.run().limits.changes == ()
    assert "changed the budget" not in bot.reads()


def test_a_budget_is_raised_by_the_button_once(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=4 lease=12")
    bot.tick(3000)
    for _ in range(2):
        bot.click("raise_budget", f"{RUN} 4.0 8.0", user=BEN)
    bot.tick(60)
    assert bot.run().limits.budget_dollars == 8.0
    assert "changed meanwhile" in bot.reads(BEN)


def test_whoever_lets_a_run_stop_is_named_and_nobody_is_pinged_again(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=4 lease=12")
    bot.tick(2000)
    bot.click("accept_budget_end", f"{RUN} 4.0", user=ANA)
    bot.tick(1300)
    assert "@ana lets it stop there." in bot.reads()
    assert "[Let it stop]" not in bot.reads()
    assert "of its budget* of $4.00" not in bot.reads()


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("budget smoke-0001 1", "has already cost $2.00"),
        ("budget smoke-0001 many", "`many` is not an amount of dollars. Write the amount as `3.50`."),
        ("budget smoke-0001", "To raise it, for example: `/verl budget smoke-0001 8`"),
        ("extend smoke-0001 0h", "A lease cannot be extended by `0h`. Give a time such as `2h`, `90m` or `1d`"),
        ("extend smoke-0001 90d", "can run for at most 90 days"),
        ("extend smoke-0001 soon", "A lease cannot be extended by `soon`"),
        ("extend nope 2h", "There is no run `nope`"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(bot: Bot, line: str, refused: str) -> None:
    bot.running("launch smoke nodes=2 budget=4 lease=12")
    bot.tick(1800)
    assert refused in bot.say(line)
    assert bot.run().limits.changes == ()


def test_a_lease_is_warned_of_an_hour_and_a_quarter_before_and_then_ends_the_run(bot: Bot) -> None:
    bot.running("launch smoke lease=3 budget=100")
    bot.ticks(26, seconds=300)
    assert bot.reads().count("*The lease of smoke-0001 ends at 15:00 UTC*, in less than 1 h.") == 2
    assert "[Extend 2 h] [Extend 8 h] [Save and stop]" in bot.reads()
    bot.ticks(9, seconds=300)
    assert bot.reads().count("*The lease of smoke-0001 ends at 15:00 UTC*, in less than 15 min.") == 2
    assert "@ana :alarm_clock: *The lease of smoke-0001 ends* in less than 15 min." in bot.reads()
    bot.ticks(8, seconds=300)
    assert bot.reads().count("The lease of smoke-0001 ended at 15:00 UTC.") == 2
    assert bot.run().reason == "lease_over"


def test_a_lease_extended_by_the_button_lives_on_and_a_second_click_adds_nothing(bot: Bot) -> None:
    bot.running("launch smoke lease=3 budget=100")
    bot.tick(2.2 * 3600)
    button = extend_button(bot)
    bot.click("extend-2", button, user=BEN)
    bot.click("extend-2", button, user=ANA)
    bot.tick(3600)
    assert bot.run().status == "running"
    assert bot.run().limits.lease == timedelta(hours=5)
    assert bot.reads().count("@ben extended the lease of smoke-0001: it now ends at 17:00 UTC.") == 1
    bot.ticks(30, seconds=300)
    assert bot.run().reason == "lease_over"


@pytest.mark.parametrize("line", [f"extend {RUN} 2h", f"budget {RUN} 900"])
def test_a_run_that_is_to_stop_gets_neither_time_nor_money(bot: Bot, line: str) -> None:
    bot.running("launch smoke nodes=2 lease=5")
    limits = bot.run().limits
    bot.say(f"stop {RUN}", user=BEN)
    answer = bot.say(line)
    assert f"<@U0BEN> has requested to stop `{RUN}`, so its lease and its budget stay as they are." in answer
    assert f"Once it has ended, launch it again: `/verl retry {RUN}`." in answer
    assert bot.run().limits == limits


def test_the_same_delivery_of_a_line_extends_once(bot: Bot) -> None:
    bot.running("launch smoke lease=3 budget=100")
    for _ in range(2):
        said = bot.say(f"extend {RUN} 90m", trigger="the same")
        assert ":alarm_clock: Lease extended: <" in said
        assert "|smoke-0001> now runs until" in said
    assert bot.run().limits.lease == timedelta(hours=4.5)


def test_in_its_thread_the_run_can_be_left_out(bot: Bot) -> None:
    bot.running("launch smoke lease=3 budget=100")
    bot.mention("extend 2h", thread_ts=bot.run().messages.sent["card"].ts)
    bot.mention("budget 200", thread_ts=bot.run().messages.sent["card"].ts)
    assert bot.run().limits.lease == timedelta(hours=5)
    assert bot.run().limits.budget_dollars == 200.0


def test_what_is_over_is_given_no_more(bot: Bot) -> None:
    bot.running("launch smoke lease=3 budget=100")
    bot.say(f"stop {RUN}")
    bot.ticks(12)
    assert "has already ended" in bot.say(f"extend {RUN} 2h")


def test_a_run_of_somebody_else_is_given_more_by_its_whole_name_only(bot: Bot) -> None:
    bot.running("launch smoke lease=3 budget=100")
    assert "which you did not launch" in bot.say("extend smoke 2h", user=BEN)
    assert "|smoke-0001> now runs until" in bot.say(f"extend {RUN} 2h", user=BEN)


def test_warnings_outlive_a_restart_and_are_not_repeated(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=4 lease=12")
    bot.tick(2000)
    later = bot.later()
    later.ticks(5, seconds=20)
    assert len(re.findall(r"has used 5\d% of its budget\*", later.reads())) == 2


def test_a_forecast_over_the_budget_is_told_once_and_taken_back_when_it_heals(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=4 lease=12")
    bot.cloud.print(CLUSTER, "(TaskRunner pid=7) Total training steps: 60")
    for step in range(1, 13):
        bot.cloud.print(CLUSTER, f"(TaskRunner pid=7) step:{step} - critic/rewards/mean:0.4 - timing_s/step:120.0")
        bot.tick(120)
    assert bot.reads().count("over its budget of $4.00.") == 2
    assert "It will run out at about step" in bot.reads()
    for step in range(13, 30):
        bot.cloud.print(CLUSTER, f"(TaskRunner pid=7) step:{step} - critic/rewards/mean:0.4 - timing_s/step:12.0")
        bot.tick(12)
    assert bot.reads().count("is within its budget again*") == 2
