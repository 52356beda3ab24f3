"""Reports as a channel meets them: asked for in a line, told when their time has come, once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from slack_sdk import WebClient

from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.cluster import JobState
from bot.core.model.run_state import SummaryInterval
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.message_calls import BlockRenderer, send_message
from bot.slack.views.message import Message
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.examples import thorough
from tests.story import ANA, BEN, LEA, RANDOM, SECRET, TRAINING, Bot

CLUSTER = "verl-smoke-0001"
HOUR, DAY = 3600, 86_400


def boards_in(bot: Bot, channel: str = TRAINING) -> list[datetime]:
    """The occasions whose boards stand in a channel."""
    found = bot.slack.get("messages", user=ANA, channel=channel)["messages"]
    payloads = [(message["metadata"] or {}).get("event_payload", {}) for message in found]
    return [datetime.fromtimestamp(one["occasion"], UTC) for one in payloads if "occasion" in one]


def on(day: int, hour: int, minute: int = 0) -> datetime:
    """The story begins on January 2nd at noon, a Friday."""
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def until(bot: Bot, moment: datetime, every: float = 1800) -> None:
    """Let time pass, with a tick every so often."""
    while bot.moment < moment:
        bot.tick(min(every, (moment - bot.moment).total_seconds()))


def steps(bot: Bot, *numbers: int, reward: float = 0.41, validation: float = 0.37) -> None:
    values = f"critic/rewards/mean:{reward} - val-core/cipher/reward/mean@1:{validation} - timing_s/step:58"
    lines = [f"(head, rank=0, pid=7) (TaskRunner pid=7) step:{number} - {values}" for number in numbers]
    bot.cloud.print(CLUSTER, "(head, rank=0, pid=7) (TaskRunner pid=7) Total training steps: 435", *lines)


# boards


def test_a_board_comes_every_day_at_the_persons_nine_and_only_once(bot: Bot) -> None:
    bot.say("report daily 09:00", user=ANA)
    assert "`report-1` · *every day at 09:00* · `Europe/Berlin`" in bot.told()
    until(bot, on(4, 12))
    assert boards_in(bot) == [on(3, 8), on(4, 8)]


def test_a_board_tells_what_runs_what_ended_and_what_it_cost(bot: Bot) -> None:
    bot.say("report every 2h tz=UTC")
    bot.running("launch smoke nodes=2 lease=24 budget=100")
    bot.tick(30)
    steps(bot, 1, 2, 3)
    until(bot, on(2, 14))
    read = bot.reads().split(":clipboard:")[1]
    row = next(line for line in read.splitlines() if line.strip().startswith("smoke-0001 |"))
    assert [cell.strip() for cell in row.split("|")][2:5] == ["3/435 1%", "0.41", "0.37 (step 3)"]
    assert "*Spent*: $8.00 since the last report, $8.00 this month" in read
    assert "*Best validation* of smoke: 0.37" in read
    assert "The log has gone silent" in read
    assert "only on its cluster" not in read
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(12)
    until(bot, on(2, 16))
    read = bot.reads().split(":clipboard:")[2]
    assert "Nothing is running." in read
    assert "smoke-0001 :white_check_mark: succeeded · 2 h" in read
    assert "Active" not in read


def test_that_nothing_runs_is_told_once_by_a_digest_and_every_day_by_a_morning_board(bot: Bot) -> None:
    bot.say("report every 2h tz=UTC")
    bot.say("report daily 09:00 tz=UTC", channel=RANDOM)
    until(bot, on(4, 12))
    assert boards_in(bot) == [on(2, 14)]
    assert boards_in(bot, RANDOM) == [on(3, 9), on(4, 9)]
    assert "Nothing is running, and nothing has finished since then." in bot.reads()


def test_weekdays_have_a_weekend(bot: Bot) -> None:
    bot.say("report weekdays 09:00 tz=UTC")
    until(bot, on(6, 8), every=3600)
    assert boards_in(bot) == [on(5, 9)]


def test_a_board_that_was_missed_is_told_once_and_says_that_it_is_late(bot: Bot) -> None:
    bot.say("report daily 09:00 tz=UTC")
    bot.moment = on(5, 15)  # nobody was there for three days
    later = bot.later()
    later.ticks(30)
    assert boards_in(bot) == [on(5, 9)]
    assert "Late: this was due at 09:00 UTC." in bot.reads()
    until(later, on(6, 10))
    assert boards_in(bot) == [on(5, 9), on(6, 9)]


def test_what_falls_into_the_quiet_hours_waits_for_their_end_and_is_said_once(bot: Bot) -> None:
    bot.say("report every 2h tz=UTC quiet=22:00-07:00")
    bot.running("launch smoke lease=48 budget=1000 --yes")
    until(bot, on(3, 9))
    assert boards_in(bot) == [on(2, hour) for hour in (14, 16, 18, 20)] + [on(3, 6), on(3, 8)]
    assert bot.reads().count("This was due at 06:00 UTC, in the quiet hours.") == 1


def test_a_report_that_was_taken_away_is_told_no_more(bot: Bot) -> None:
    bot.say("report daily 09:00 tz=UTC")
    until(bot, on(3, 10))
    assert "`report-1` is turned off." in bot.say("report off", user=BEN)
    until(bot, on(4, 10))
    assert boards_in(bot) == [on(3, 9)]
    assert "This channel has no scheduled reports." in bot.say("report")


def test_a_report_that_was_changed_comes_at_its_new_time_alone(bot: Bot) -> None:
    bot.say("report daily 09:00 tz=UTC")
    assert "*Monday to Friday at 10:00* · `Asia/Shanghai` · quiet 22:00–07:00" in bot.say(
        "report report-1 weekdays 10:00 tz=asia/shanghai quiet=22:00-07:00"
    )
    until(bot, on(5, 10), every=3600)
    assert boards_in(bot) == [on(5, 2)]
    assert "quiet" not in bot.say("report report-1 quiet=off")


def test_the_list_is_of_the_channel_with_when_each_comes_next(bot: Bot) -> None:
    bot.say("report daily 09:00 tz=UTC")
    bot.say("report every 2h tz=UTC runs=all", user=BEN)
    bot.say("report daily 10:00 tz=UTC", channel=RANDOM)
    read = bot.say("report").splitlines()
    assert len(read) == 3
    assert read[0].startswith("`report-1` · *every day at 09:00* · `UTC` · next <!date^")
    assert read[1].endswith("set up by <@U0BEN>")
    assert "`report-2` · *every 2 h* · `UTC` · all runs" in read[1]
    assert "This channel has several reports. Valid: `report-1`, `report-2`." in bot.say("report off")


def test_the_same_wish_twice_is_one_report(bot: Bot) -> None:
    for _ in range(2):
        bot.say("report daily 09:00 tz=UTC")
    assert [report.id for report in bot.store.list_reports()] == ["report-1"]


def test_a_channel_has_ten_reports_at_the_most(bot: Bot) -> None:
    for hour in range(10):
        bot.say(f"report daily {hour}:00 tz=UTC")
    assert "This channel has 10 reports already." in bot.say("report daily 11:00 tz=UTC")


def test_what_another_channel_is_told_is_not_changed_from_here(bot: Bot) -> None:
    bot.say("report daily 09:00 tz=UTC", channel=RANDOM)
    assert "There is no report `report-1`." in bot.say("report off report-1", user=BEN)
    assert "`report-1` is turned off." in bot.say("report off report-1", user=ANA)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("report daily", "`daily` is not a schedule. Write it as `daily 09:00`"),
        ("report every 20 steps", "For a run: `/verl report RUN every 20 steps`, `every 30min` or `off`."),
        ("report daily 09:00 tz=Berlin2", "There is no time zone `Berlin2`."),
        (
            "report daily 09:00 tz=berlin",
            "There is no time zone `berlin`. Give a city's zone, such as `Europe/Berlin`.",
        ),
        ("report daily 09:00 quiet=9-9", "`9-9` is not a time range."),
        ("report daily 09:00 runs=mine", "There is no choice `mine`."),
        ("report report-7 off", "There is no report `report-7`."),
        ("report off", "This channel has no report."),
        ("report smoke-0009 off", "There is no run `smoke-0009`."),
        ("report smoke-0009 every now", "`now` is neither steps nor time."),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(bot: Bot, typed: str, said: str) -> None:
    assert said in bot.say(typed)
    assert bot.store.list_reports() == []


def test_where_slack_tells_no_time_zone_the_workspaces_counts(bot: Bot) -> None:
    bot.say("help", user=LEA)  # so that who she is is known
    bot.slack.faults({"method": "users.info", "trouble": "broken", "times": 1})
    bot.say("report daily 09:00", user=LEA)
    assert "*every day at 09:00* · `UTC`" in bot.told(user=LEA)
    assert "these times are in `UTC`" in bot.told(user=LEA)
    assert bot.store.list_reports()[0].zone == "UTC"


def test_a_time_zone_that_slack_did_not_tell_is_queried_again(bot: Bot) -> None:
    bot.say("help", user=LEA)
    bot.slack.faults({"method": "users.info", "trouble": "refused", "error": "internal_error", "times": None})
    bot.say("report daily 09:00", user=LEA)
    bot.speak()
    assert (bot.store.list_reports()[0].zone, bot.store.list_reports()[0].is_zone_assumed) == ("UTC", True)
    bot.slack.faults()
    bot.moment += timedelta(minutes=11)
    bot.speak()
    assert (bot.store.list_reports()[0].zone, bot.store.list_reports()[0].is_zone_assumed) == (
        bot.playground._slack.workspace.users[LEA].tz,
        False,
    )


def test_the_board_as_it_is_now_is_shown_to_the_person_alone(bot: Bot) -> None:
    bot.running()
    assert bot.say("report now") == ""
    said = bot.told()
    assert "*Active*\nRun\nState" in said
    assert ":clipboard:" not in bot.reads(user=BEN)


def test_where_the_bot_may_not_write_the_person_who_asked_is_told(bot: Bot) -> None:
    bot.say("report daily 09:00 tz=UTC", channel=SECRET)
    until(bot, on(3, 10))
    direct = bot.store.list_reports()[0].fallback_channel
    assert direct is not None
    assert boards_in(bot, direct) == [on(3, 9)]
    assert "so I'm posting here" in bot.reads(channel=direct)
    until(bot, on(4, 10))
    assert boards_in(bot, direct) == [on(3, 9), on(4, 9)]


def test_a_direct_message_is_told_of_ones_own_runs(bot: Bot) -> None:
    direct = bot.playground._slack.workspace.direct(ANA).id
    bot.say("report every 1h tz=UTC", channel=direct)
    bot.say("launch smoke", user=ANA)
    bot.say("launch smoke", user=BEN)
    until(bot, on(2, 13))
    read = bot.reads(channel=direct)
    assert "*Your runs*" in read
    assert "smoke-0001" in read
    assert "`smoke-0002`" not in read


@pytest.mark.parametrize("trouble", thorough(["lost", "broken_after", "limited", "broken"], usual=2))
def test_a_board_is_told_once_whatever_slack_does(bot: Bot, trouble: str) -> None:
    bot.say("report daily 09:00 tz=UTC")
    bot.running("launch smoke lease=48 budget=1000 --yes")
    until(bot, on(3, 8, 59))
    bot.slack.faults({"method": "chat.postMessage", "trouble": trouble, "times": 3})
    bot.ticks(60, seconds=5)
    assert boards_in(bot) == [on(3, 9)]


def test_a_bot_that_dies_between_posting_and_recording_brings_that_board_up_to_date(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies_after(
        client: WebClient, conversation: Conversation, messages: Sequence[Message], show: BlockRenderer
    ) -> tuple[str, str]:
        sent = send_message(client, conversation, messages, show)
        if "report" in conversation.identity:
            raise KeyboardInterrupt
        return sent

    bot.say("report every 2h tz=UTC")
    bot.running("launch smoke nodes=2 lease=48 budget=1000 --yes")
    with monkeypatch.context() as patch:
        patch.setattr("bot.slack.outbound.outbox.send_message", dies_after)
        with pytest.raises(KeyboardInterrupt):
            until(bot, on(2, 14))
    assert "*Spent*: $8.00 since the last report" in bot.reads()
    later = bot.later()
    later.tick(0.5 * HOUR)
    later.ticks(10)
    assert boards_in(bot) == [on(2, 14)]
    assert "*Spent*: $10.00 since the last report" in bot.reads()
    until(later, on(2, 16))
    assert "*Spent*: $6.00 since the last report, $16.00 this month" in bot.reads()


def test_a_board_shares_its_channels_turns_with_the_runs(bot: Bot) -> None:
    for hour in range(6):
        bot.say(f"report every {hour + 1}h tz=UTC")
    bot.moment = on(3, 0) - timedelta(seconds=1)
    bot.tick(1)
    posted = [entry for entry in bot.slack.record("call") if entry["name"] == "chat.postMessage"]
    assert len(posted) == 3
    bot.ticks(20)
    assert len(boards_in(bot)) == 6


def test_a_board_is_in_the_workspaces_language(
    store: RedisStore, playground: Playground, slack: PlaygroundClient
) -> None:
    bot = Bot(store, playground, slack, language="zh-CN")
    bot.say("report daily 09:00 tz=UTC")
    until(bot, on(3, 9))
    assert "没有任务在运行" in bot.reads()


# summaries


def summaries(bot: Bot) -> list[str]:
    return [line.strip() for line in bot.reads().splitlines() if ":bar_chart:" in line]


def test_an_hour_of_training_is_summed_up_in_its_thread(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 lease=24 budget=100")
    bot.tick(30)
    steps(bot, *range(1, 5), reward=0.41, validation=0.37)
    bot.tick(30)
    steps(bot, *range(5, 50), reward=0.48, validation=0.39)
    bot.ticks(2, HOUR)
    steps(bot, *range(50, 60), reward=0.41, validation=0.39)
    bot.ticks(2, HOUR)
    first, second = summaries(bot)
    assert "steps 4 → 49 of 435 · reward 0.41 → 0.48 ▲ · val 0.37 → 0.39 ▲ · 58 s/step · ETA" in first
    assert "$4.07 of $100.00 ($4.00 since the last summary)" in first
    assert "steps 49 → 59 of 435 · reward 0.48 → 0.41 ▼ · val 0.39 · 58 s/step" in second


def test_a_short_run_gets_none(bot: Bot) -> None:
    bot.running()
    steps(bot, *range(1, 60))
    bot.ticks(10, seconds=300)
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(12)
    assert summaries(bot) == []


@pytest.mark.long
def test_a_run_may_be_summed_up_by_steps_or_not_at_all(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 lease=24 budget=100")
    assert "gets a summary every 20 steps" in bot.say("report smoke-0001 every 20 steps", user=BEN)
    for step in range(1, 50):
        steps(bot, step)
        bot.tick(60)
    assert [line.split(" · ")[:2] for line in summaries(bot)] == [
        ["verlbot: :bar_chart: smoke-0001", "steps 1 → 21 of 435"],
        ["verlbot: :bar_chart: smoke-0001", "steps 21 → 41 of 435"],
    ]
    assert "|smoke-0001> gets no more summaries." in bot.say("report smoke-0001 off")
    for step in range(50, 90):
        steps(bot, step)
        bot.tick(600)
    assert len(summaries(bot)) == 2
    assert "gets a summary every 30 min" in bot.say("report smoke-0001 every 30min")


def test_in_the_thread_of_a_run_its_name_can_be_left_out(bot: Bot) -> None:
    bot.running()
    thread = bot.run().messages.sent["card"].ts
    bot.mention("report every 20 steps", thread_ts=thread)
    assert bot.run().requests.summary_interval == SummaryInterval(steps=20)
    bot.mention("report off", thread_ts=thread)
    assert bot.run().requests.summary_interval == SummaryInterval()


def test_a_run_that_is_over_is_not_summed_up(bot: Bot) -> None:
    bot.running()
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(12)
    assert "`smoke-0001` has ended, so it gets no more summaries." in bot.say("report smoke-0001 every 20 steps")


def test_what_is_usual_may_be_set(store: RedisStore, playground: Playground, slack: PlaygroundClient) -> None:
    bot = Bot(store, playground, slack, rhythm=SummaryInterval(period=timedelta(minutes=10)))
    bot.running("launch smoke nodes=2 lease=24 budget=100")
    for step in range(1, 13):
        steps(bot, step)
        bot.tick(60)
    assert len(summaries(bot)) == 1


@pytest.mark.long
@pytest.mark.parametrize("trouble", thorough(["lost", "broken_after", "limited", "broken"], usual=2))
def test_a_summary_is_told_once_whatever_slack_does(bot: Bot, trouble: str) -> None:
    bot.running("launch smoke nodes=2 lease=24 budget=100")
    bot.say("report smoke-0001 every 5 steps")
    bot.slack.faults({"method": "chat.postMessage", "trouble": trouble, "times": None, "every": 2})
    for step in range(1, 40):
        steps(bot, step)
        bot.tick(20)
    bot.slack.faults()
    bot.ticks(10, seconds=10)
    told = [line.split("steps ")[1].split(" of")[0].split(" → ") for line in summaries(bot)]
    assert [before for before, _ in told[1:]] == [now for _, now in told[:-1]]
    assert len(told) > 2
