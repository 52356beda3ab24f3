"""Runs that never had a cluster: every command says that they never started, and why."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.core.model.run_requests import RunRequests
from bot.core.model.run_state import Reason
from bot.core.rules.unstarted_runs import explain_unstarted, is_unstarted
from tests.builders import NOON, a_run
from tests.story import ANA, BEN, OPEN, Bot

RUN = "ppo-0001"
DAY = 86_400.0


def wait_for_approval(bot: Bot) -> None:
    bot.policy = replace(OPEN, approve_above_dollars=0.5)
    bot.say("launch ppo")
    bot.ticks(2)


def decline(bot: Bot) -> None:
    wait_for_approval(bot)
    bot.say(f'decline {RUN} why="too big"', user=BEN)


def let_wait(bot: Bot) -> None:
    wait_for_approval(bot)
    bot.tick(3 * DAY)


def withdraw(bot: Bot) -> None:
    wait_for_approval(bot)
    assert "No machines were requested." in bot.say(f"stop {RUN}")


def fail_to_launch(bot: Bot) -> None:
    bot.say("launch ppo")
    bot.cloud.refuses = "No cloud has H100 here."


ENDS: dict[str, tuple[Callable[[Bot], None], str]] = {
    "declined": (decline, "<@U0BEN> declined it: too big."),
    "not approved": (let_wait, "No approver decided in time."),
    "withdrawn": (withdraw, "<@U0ANA> stopped it before it had machines."),
    "refused by SkyPilot": (fail_to_launch, "SkyPilot could not launch it. No cloud has H100 here."),
}
LINES = ["logs {}", "logs {} lines=100 grep=x", "logs {} --follow", "plot {}", "plot {} kl", "plot {} picture"]
LINES += ["samples {}", "artifacts {}", "explain {}", "compare {}"]


@pytest.mark.parametrize("kind", ENDS)
def test_every_question_about_it_is_answered_with_why_it_never_started(bot: Bot, kind: str) -> None:
    end, why = ENDS[kind]
    end(bot)
    bot.ticks(8, 10)
    assert bot.run(RUN).closed_at
    for line in LINES:
        answer = bot.say(line.format(RUN)) or bot.told()
        assert "never started. " + why in answer, (line, answer)
    assert "it never ran" in bot.say(f"resume {RUN}")
    history = bot.say(f"history {RUN}")
    assert "cluster gone" not in history
    assert ("closed it: no machines were requested" in history) is (kind != "refused by SkyPilot")
    bot.say("report now")
    assert "0 s" not in bot.told() or kind == "refused by SkyPilot"
    assert "No machine of it is running" not in bot.say(f"stop {RUN}") or kind == "refused by SkyPilot"


def test_a_launch_that_its_owner_withdraws_is_news_once(bot: Bot) -> None:
    withdraw(bot)
    bot.ticks(5)
    news = bot.slack.get("messages", user=BEN, channel="C0TRAIN")["messages"]
    told = [message["text"] for message in news if "was stopped" in message["text"] and message.get("thread_ts")]
    assert len(told) == 1, told


def test_one_who_asked_is_told_that_another_person_stopped_the_launch(bot: Bot) -> None:
    wait_for_approval(bot)
    bot.say(f"stop {RUN}", user=BEN)
    bot.ticks(5)
    notice = bot.run(RUN).messages.sent["ended"]
    assert notice.ts
    assert "(also in the channel): :black_square_for_stop:" not in bot.reads()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("logs ppo-0001", "`ppo-0001` has not started: it needs approval."),
        ("plot ppo-0001", "`ppo-0001` has not started: it needs approval."),
        ("samples ppo-0001", "`ppo-0001` has not started: it needs approval."),
        ("artifacts ppo-0001", "`ppo-0001` has not started: it needs approval."),
    ],
)
def test_one_that_waits_has_not_started_yet(bot: Bot, line: str, says: str) -> None:
    wait_for_approval(bot)
    assert says in (bot.say(line) or bot.told())


@pytest.mark.parametrize("line", ["samples ppo-0001", "samples ppo-0001 validation"])
def test_one_that_launches_has_no_samples_yet_and_its_cluster_is_not_asked(bot: Bot, line: str) -> None:
    bot.cloud.comes_up_at_once = False
    bot.cloud.breaks_fetch = "The cluster does not answer."
    bot.say("launch ppo")
    bot.ticks(3)
    assert bot.run(RUN).status == "launching"
    answer = bot.say(line)
    assert "`ppo-0001` is launching and has no samples yet." in answer
    assert "The training writes them at the end of each" in answer


def test_one_that_was_stopped_while_skypilot_made_its_machines_is_not_said_to_have_had_none() -> None:
    run = replace(a_run(), requests=RunRequests().stop("U0ANA", NOON))
    launching = run.record_launch_request(NOON).begin_teardown(Reason.STOPPED, None, NOON)
    withdrawn = run.begin_teardown(Reason.STOPPED, None, NOON)
    assert is_unstarted(launching)
    assert is_unstarted(withdrawn)
    assert str(explain_unstarted(launching)) == "@U0ANA stopped it while its machines were being launched."
    assert str(explain_unstarted(withdrawn)) == "@U0ANA stopped it before it had machines."


@pytest.mark.parametrize(
    ("end", "why"),
    [
        pytest.param(
            let_wait, f"The approval request of `{RUN}` has expired: no approver decided in time.", id="expired"
        ),
        pytest.param(withdraw, f"`{RUN}` never started. <@U0ANA> stopped it before it had machines.", id="withdrawn"),
    ],
)
@pytest.mark.parametrize("act", ["approve", "decline"])
def test_a_decision_that_comes_too_late_is_told_how_the_request_ended(
    bot: Bot, end: Callable[[Bot], None], why: str, act: str
) -> None:
    end(bot)
    bot.ticks(8, 10)
    assert f"{why} To launch it again, its owner types `/verl retry {RUN}`." in bot.say(f"{act} {RUN}", user=BEN)
    assert f"{why} Launch it again: `/verl retry {RUN}`." in bot.say(f"{act} {RUN}")
    assert "ppo-0002" in bot.say(f"retry {RUN}")


def test_a_request_that_is_withdrawn_asks_nobody_for_an_approval_any_more(bot: Bot) -> None:
    wait_for_approval(bot)
    assert "It needs approval from" in bot.opens_page(ANA)
    assert "[Approve]" in bot.reads()
    bot.say(f"stop {RUN}")  # the next tick is still to come
    for text in (bot.opens_page(ANA), bot.opens_page(BEN), bot.say(f"explain {RUN}") or bot.told()):
        assert "will not be launched · stop requested by <@U0ANA>" in text
        assert "approv" not in text.lower()
    status = bot.say(f"status {RUN}")
    assert f"{RUN} will not be launched* · stop requested by <@U0ANA>" in status
    assert "approv" not in status.lower()
