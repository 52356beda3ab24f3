"""`/verl plot` and `/verl compare`, and what becomes of charts where a workspace draws none."""

from collections import Counter
from typing import Any

import pytest

from bot.slack.views.chart_blocks import CHART, IMAGE
from tests.slack.outbound.test_run_notifier import notices
from tests.story import ANA, BEN, TRAINING, Bot

RUN, OTHER = "smoke-0001", "smoke-0002"

NO_CHARTS = {"method": "*", "trouble": "refused", "times": None, "error": "invalid_blocks", "block": CHART}
NO_PICTURES = NO_CHARTS | {"block": IMAGE}


def trained(bot: Bot, steps: int = 30, line: str = "launch smoke nodes=2", top: float = 0.6) -> str:
    """A run whose reward grows to `top`, validated every ten steps; its id."""
    before = {run.id for run in bot.service.queries.list_active()}
    bot.say(line)
    bot.ticks(2)
    run_id = next(run.id for run in bot.service.queries.list_active() if run.id not in before)
    trains(bot, run_id, range(1, steps + 1), top / steps)
    bot.ticks(2, seconds=31)
    return run_id


def trains(bot: Bot, run_id: str, steps: range, slope: float) -> None:
    for step in steps:
        seldom = f" - val-core/toy/reward/mean@1:{slope * step - 0.05}" if step % 10 == 0 else ""
        reward = f"critic/rewards/mean:{slope * step} - actor/kl_loss:{step / 1000}"
        bot.cloud.print(f"verl-{run_id}", f"(job, pid=1) step:{step} - {reward}{seldom} - timing_s/step:2.0")


def blocks_of(bot: Bot, kind: str) -> list[dict[str, Any]]:
    """Blocks of a kind that stand in the channel."""
    messages = bot.slack.get("messages", user=ANA, channel=TRAINING)["messages"]
    return [block for message in messages for block in message["blocks"] if block["type"] == kind]


def last_chart(bot: Bot) -> dict[str, Any]:
    """The chart of the last answer to the person alone."""
    messages = bot.slack.get("messages", user=ANA, channel=TRAINING)["messages"]
    answer = next(one for one in reversed(messages) if one["only_for"] == ANA)
    return dict(next(block for block in answer["blocks"] if block["type"] == CHART))


def names(chart: dict[str, Any]) -> list[str]:
    return [series["name"] for series in chart["chart"]["series"]]


def test_a_plot_is_the_reward_with_its_validation_and_the_same_in_words(bot: Bot) -> None:
    trained(bot)
    assert bot.say(f"plot {RUN}") == ""
    assert "reward ▁▁▁▂▂" in bot.told()
    assert "0.60 at step 30, between 0.02 and 0.60" in bot.told()
    chart = last_chart(bot)
    assert chart["title"] == "Reward of smoke-0001"
    assert names(chart) == ["reward", "validation from 10"]
    assert chart["chart"]["axis_config"]["categories"][-1] == "30"


def test_a_validation_that_begins_early_is_in_the_chart(bot: Bot) -> None:
    trained(bot, steps=60)
    bot.say("plot 0001")
    assert names(last_chart(bot)) == ["reward", "validation from 10"]


def test_a_plot_of_metrics_is_a_chart_each(bot: Bot) -> None:
    trained(bot)
    bot.say(f"plot {RUN} kl timing_s/step")
    messages = bot.slack.get("messages", user=ANA, channel=TRAINING)["messages"]
    answer = next(one for one in reversed(messages) if one["only_for"] == ANA)
    titles = [block["title"] for block in answer["blocks"] if block["type"] == CHART]
    assert titles == ["KL of smoke-0001", "timing_s/step of smoke-0001"]


@pytest.mark.parametrize("word", ["picture", "--picture", "Picture"])
def test_a_picture_of_a_chart_goes_into_the_thread_of_its_run(bot: Bot, word: str) -> None:
    trained(bot)
    assert bot.say(f"plot {RUN} reward {word}") == ""
    assert "|A picture> of the chart is in the thread of `smoke-0001`." in bot.told()
    assert "[file Reward of smoke-0001]" in bot.reads()
    assert len(bot.painter.figures) == 1


def test_in_a_thread_a_picture_needs_no_name(bot: Bot) -> None:
    trained(bot)
    bot.mention("plot picture", thread_ts=bot.run().messages.sent["card"].ts)
    assert "[file Reward of smoke-0001]" in bot.reads()


def test_where_slack_takes_no_file_the_chart_is_drawn_and_the_reason_said(bot: Bot) -> None:
    trained(bot)
    bot.slack.faults({"method": "files.*", "trouble": "refused", "times": None, "error": "file_uploads_disabled"})
    bot.say(f"plot {RUN} picture")
    assert last_chart(bot)["title"] == "Reward of smoke-0001"
    assert "File uploads are switched off in this workspace." in bot.told()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("plot smoke-0001 rewards", "Did you mean `reward`?", id="a metric that there is not"),
        pytest.param("plot smoke-0009", "There is no run", id="a run that there is not"),
        pytest.param("compare smoke-0001 0001", "Both are `smoke-0001`.", id="one run twice"),
    ],
)
def test_what_is_wrong_is_said_at_once(bot: Bot, line: str, said: str) -> None:
    trained(bot)
    assert said in bot.say(line)


def test_a_run_that_has_told_nothing_is_not_drawn(bot: Bot) -> None:
    bot.running()
    assert "`smoke-0001` has no metrics yet." in bot.say("plot smoke-0001")


def test_in_a_thread_a_mention_is_enough_and_everybody_sees_the_chart(bot: Bot) -> None:
    trained(bot)
    before = len(blocks_of(bot, CHART))
    bot.mention("plot kl", thread_ts=bot.run().messages.sent["card"].ts)
    charts = blocks_of(bot, CHART)
    assert len(charts) == before + 1
    assert charts[-1]["title"] == "KL of smoke-0001"


def two(bot: Bot) -> None:
    trained(bot)
    trained(bot, 20, "launch smoke nodes=4 learning_rate=0.2", 0.3)


def test_two_runs_are_compared_by_what_they_reached_cost_and_were_set_to(bot: Bot) -> None:
    two(bot)
    bot.say(f"compare {RUN} {OTHER}")
    told = bot.told()
    assert names(last_chart(bot)) == [RUN, OTHER]
    assert "best 0.60 (step 30)" in told
    assert "best 0.30 (step 20)" in told
    assert "2.0 s/step" in told
    assert "• `nodes`: `2`, `4`" in told
    assert "• `learning_rate`: `0.1` (default), `0.2`" in told
    assert last_chart(bot)["chart"]["axis_config"]["x_label"] == "step (shared range)"


def test_without_names_the_persons_last_two_are_compared(bot: Bot) -> None:
    assert "You do not have two runs of one recipe with metrics yet." in bot.say("compare")
    two(bot)
    bot.say("compare")
    alone = bot.told()
    bot.say(f"compare {RUN} {OTHER}")
    assert bot.told() == alone
    bot.say("compare", user=BEN)
    assert bot.told() == alone, "a person without runs of their own gets the channel's"


@pytest.mark.parametrize("by", ["time", "dollars"])
def test_two_runs_are_compared_by_time_and_by_dollars(bot: Bot, by: str) -> None:
    two(bot)
    bot.say(f"compare {RUN} {OTHER} by={by}")
    assert "Different settings" in bot.told()


def test_an_unpriced_run_cannot_be_compared_by_dollars(bot: Bot) -> None:
    bot.cloud.dollars_per_node_hour = None
    two(bot)
    assert f"The price of `{RUN}` is unknown" in bot.say(f"compare {RUN} {OTHER} by=dollars")


# where a workspace draws no charts


def test_an_answer_without_charts_says_where_the_picture_is(bot: Bot) -> None:
    trained(bot)
    bot.slack.faults(NO_CHARTS)
    bot.say(f"plot {RUN}")
    assert "reward ▁▁▁▂▂" in bot.told()
    assert "Slack draws no chart here. <http" in bot.told()
    assert "|A picture> of the chart is in the thread of `smoke-0001`." in bot.told()
    assert "[file Reward of smoke-0001]" in bot.reads()


def test_a_refusal_is_remembered_and_forgotten_after_a_day(bot: Bot) -> None:
    trained(bot)
    bot.slack.faults(NO_CHARTS)
    for _ in range(3):
        bot.say(f"plot {RUN}")
    refused = [one for one in bot.slack.record("call") if one["outcome"] == "refused"]
    assert len(refused) == 1
    bot.slack.faults()
    bot.tick(86_400)
    bot.say(f"plot {RUN}")
    assert last_chart(bot)


def test_where_no_picture_can_be_sent_either_the_words_are(bot: Bot) -> None:
    trained(bot)
    bot.slack.faults(NO_CHARTS)
    bot.painter.answers = False
    bot.say(f"plot {RUN}")
    assert "No picture." in bot.told()
    assert "reward ▁▁▁▂▂" in bot.told()


def test_the_chart_of_a_thread_is_a_picture_where_charts_are_refused(bot: Bot) -> None:
    bot.slack.faults(NO_CHARTS)
    trained(bot)
    bot.ticks(8, seconds=2)
    assert blocks_of(bot, CHART) == []
    (shown,) = blocks_of(bot, IMAGE)
    assert shown["alt_text"].startswith("smoke-0001 · Reward ▁▁")
    assert str(bot.painter.figures[-1].title) == "Reward of smoke-0001"
    files = bot.slack.get("look", user=ANA)["files"]
    assert files[shown["slack_file"]["id"]]["mimetype"] == "image/png"
    assert notices(bot)[f"{RUN} chart"] == 1


def test_a_picture_that_slack_is_not_ready_for_is_tried_again(bot: Bot) -> None:
    bot.slack.faults(NO_CHARTS, NO_PICTURES | {"times": 2})
    trained(bot)
    bot.ticks(12, seconds=3)
    assert len(blocks_of(bot, IMAGE)) == 1
    assert len(bot.painter.figures) == 1  # the same one, which has been uploaded


def test_where_pictures_are_refused_too_the_thread_has_the_words(bot: Bot) -> None:
    bot.slack.faults(NO_CHARTS, NO_PICTURES)
    trained(bot)
    bot.ticks(20, seconds=5)
    assert blocks_of(bot, CHART) + blocks_of(bot, IMAGE) == []
    assert "Reward ▁▁" in bot.reads()
    assert notices(bot)[f"{RUN} chart"] == 1


@pytest.mark.parametrize("trouble", ["limited", "broken", "lost", "broken_after"])
@pytest.mark.parametrize("method", ["chat.*", "files.*"])
@pytest.mark.long
def test_a_picture_is_shown_once_whatever_else_slack_does(bot: Bot, trouble: str, method: str) -> None:
    bot.slack.faults(NO_CHARTS, {"method": method, "trouble": trouble, "times": 6, "every": 2})
    trained(bot)
    bot.say(f"budget {RUN} 50")
    for step in range(31, 43):  # the waits grow to minutes, in which a run that made no step would look stalled
        trains(bot, RUN, range(step, step + 1), 0.02)
        bot.ticks(10, seconds=6)
    assert notices(bot) == Counter(f"{RUN} {key}" for key in ("card", "launching", "running", "amended-1", "chart"))
    assert len(blocks_of(bot, IMAGE)) == 1


def test_a_chart_in_a_thread_grows_by_being_edited(bot: Bot) -> None:
    bot.slack.faults(NO_CHARTS)
    trained(bot)
    bot.ticks(4, seconds=2)
    first = blocks_of(bot, IMAGE)[0]["slack_file"]
    trains(bot, RUN, range(31, 41), 0.02)
    bot.ticks(10, seconds=31)
    (later,) = blocks_of(bot, IMAGE)
    assert later["slack_file"] != first
    assert "0.80 (step 40)" in later["alt_text"]


def test_whoever_asks_is_told_of_charts_in_his_language(bot: Bot) -> None:
    trained(bot)
    bot.say("language zh-CN")
    bot.say(f"plot {RUN}")
    assert last_chart(bot)["chart"]["axis_config"]["x_label"] == "步"
    bot.slack.faults(NO_CHARTS)
    bot.say(f"plot {RUN}")
    assert "Slack 在这里不绘制图表" in bot.told()
