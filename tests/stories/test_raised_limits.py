"""More money or time that another approver gives: it is the new approved number, with its approver."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.audit import snapshot_run
from bot.core.model.policy import Policy
from bot.core.model.run_state import RunStatus
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.builders import approvers
from tests.story import ANA, BEN, LEA, Bot

RUN = "smoke-0001"
POLICY = Policy(grants=approvers(LEA, BEN), approve_above_dollars=60)


@pytest.fixture
def bot(store: RedisStore, playground: Playground, slack: PlaygroundClient) -> Bot:
    return Bot(store, playground, slack, policy=POLICY)


def read_approved(bot: Bot) -> dict[str, object]:
    """What the audit records of the approval now."""
    return {name: value for name, value in snapshot_run(bot.run()).items() if name.startswith("approved_")}


def by_command(bot: Bot, dollars: float, user: str) -> None:
    bot.say(f"budget {RUN} {dollars:g}", user=user)


def by_button(bot: Bot, dollars: float, user: str) -> None:
    bot.click("raise_budget", f"{RUN} {bot.run().limits.budget_dollars!r} {dollars!r}", user=user)


def by_form(bot: Bot, dollars: float, user: str) -> None:
    where = {"channel": {"id": "C0TRAIN"}, "container": {"type": "message", "message_ts": "1.0"}}
    chosen = {"type": "overflow", "action_id": "card_menu", "selected_option": {"value": f"budget {RUN}"}}
    bot.act(where, chosen, user)
    assert bot.submits(user, value=f"{dollars:g}") == {}


def launch_approved(bot: Bot) -> None:
    """A run that Lea has approved for at most 99 dollars."""
    bot.say("launch smoke nodes=2 budget=99 lease=50")
    bot.ticks(2)
    bot.say(f"approve {RUN}", user=LEA)
    bot.ticks(2)
    assert read_approved(bot) == {"approved_by": LEA, "approved_dollars": 99.0, "approved_gpu_hours": 0.0}


def launch_small(bot: Bot) -> None:
    """A run that needed no approval, and whose lease allows more dollars than its budget."""
    bot.running("launch smoke nodes=2 budget=59 lease=15")
    assert read_approved(bot) == {}


@pytest.mark.parametrize("raise_budget", [by_command, by_button, by_form])
def test_a_raise_by_another_approver_is_the_new_approved_number(
    bot: Bot, raise_budget: Callable[[Bot, float, str], None]
) -> None:
    launch_approved(bot)
    raise_budget(bot, 107.0, BEN)
    bot.ticks(2)
    assert bot.run().limits.budget_dollars == 107
    assert read_approved(bot) == {"approved_by": BEN, "approved_dollars": 107.0, "approved_gpu_hours": 0.0}
    assert "smoke-0001 is now approved for at most $107.00, by @ben." in bot.reads()
    assert "its approval covers $107.00, and more needs another approver. Ask <@U0LEA>" in bot.say(f"budget {RUN} 108")
    assert "is now $50.00" in bot.say(f"budget {RUN} 50")
    assert "is now $106.00" in bot.say(f"budget {RUN} 106"), "within what Ben has approved"
    assert read_approved(bot)["approved_by"] == BEN
    assert "now approved for" not in bot.reads().split("by @ben.", 1)[1]
    raise_budget(bot, 200.0, LEA)
    assert read_approved(bot) == {"approved_by": LEA, "approved_dollars": 200.0, "approved_gpu_hours": 0.0}


def test_a_raise_of_a_run_that_needed_no_approval_is_its_first_approved_number(bot: Bot) -> None:
    launch_small(bot)
    refused = "It could then cost at most $60.00, but a budget above $60.00 needs another approver."
    assert refused in bot.say(f"budget {RUN} 70")
    bot.say(f"budget {RUN} 70", user=BEN)
    assert read_approved(bot) == {"approved_by": BEN, "approved_dollars": 60.0, "approved_gpu_hours": 0.0}
    bot.say(f"extend {RUN} 1h", user=LEA)
    assert read_approved(bot) == {"approved_by": LEA, "approved_dollars": 64.0, "approved_gpu_hours": 0.0}
    assert "its approval covers $64.00" in bot.say(f"extend {RUN} 1h")


@pytest.mark.parametrize("user", [ANA, LEA], ids=["its owner", "an approver of a run of her own"])
def test_a_raise_by_the_owner_is_no_approval(bot: Bot, user: str) -> None:
    bot.say("launch smoke nodes=2 budget=20 lease=20", user=user)
    bot.ticks(2)
    bot.say(f"approve {RUN}", user=BEN)
    bot.ticks(2)
    before = read_approved(bot)
    bot.say(f"budget {RUN} 90", user=user)
    bot.say(f"budget {RUN} 10", user=user)
    assert read_approved(bot) == before


def test_a_raise_while_a_launch_waits_does_not_approve_the_launch(bot: Bot) -> None:
    bot.say("launch smoke nodes=2 budget=99 lease=50")
    bot.ticks(2)
    bot.say(f"budget {RUN} 120", user=BEN)
    bot.ticks(2)
    assert bot.run().status is RunStatus.AWAITING_APPROVAL
    assert read_approved(bot) == {}
    bot.say(f"approve {RUN}", user=BEN)
    assert read_approved(bot) == {"approved_by": BEN, "approved_dollars": 120.0, "approved_gpu_hours": 0.0}


def test_a_raise_of_an_approved_launch_before_its_start_needs_no_second_approval(bot: Bot) -> None:
    bot.say("launch smoke nodes=2 budget=99 lease=50")
    bot.ticks(2)
    bot.say(f"approve {RUN}", user=LEA)
    bot.say(f"budget {RUN} 120", user=BEN)
    bot.ticks(2)
    assert bot.run().status is RunStatus.RUNNING
    assert read_approved(bot)["approved_dollars"] == 120.0


def launch_waiting(bot: Bot, line: str = "launch smoke nodes=2 budget=99 lease=50") -> None:
    bot.say(line)
    bot.ticks(2)
    assert bot.run().status is RunStatus.AWAITING_APPROVAL


@pytest.mark.parametrize("raised", [None, 120.0], ids=["as it was launched", "after an approver's raise"])
def test_an_approval_covers_the_lower_budget_that_its_card_shows(bot: Bot, raised: float | None) -> None:
    launch_waiting(bot)
    if raised:
        bot.say(f"budget {RUN} {raised:g}", user=BEN)
    bot.say(f"budget {RUN} 12")
    bot.ticks(2)
    assert "It can cost at most *$12.00*" in bot.card()
    assert "its budget stops it at $12.00" in bot.reads()
    bot.say(f"approve {RUN}", user=LEA)
    bot.ticks(3)
    assert read_approved(bot) == {"approved_by": LEA, "approved_dollars": 12.0, "approved_gpu_hours": 0.0}
    assert "@lea has approved the launch of smoke-0001, which can cost at most $12.00." in bot.reads()
    assert "its approval covers $12.00, and more needs another approver. Ask <@U0LEA>" in bot.say(f"budget {RUN} 99")


def test_a_button_from_before_a_lower_budget_approves_nothing(bot: Bot) -> None:
    launch_waiting(bot)
    approval = bot.run().approval
    assert approval
    bot.say(f"budget {RUN} 12")
    bot.click("approve", f"{RUN} {approval.digest}", LEA)
    assert f"The possible cost of `{RUN}` changed after you saw its card." in bot.told(LEA)
    assert bot.run().status is RunStatus.AWAITING_APPROVAL


def test_a_launch_whose_lower_budget_needs_no_approval_is_launched_and_its_request_says_so(bot: Bot) -> None:
    launch_waiting(bot, "launch smoke nodes=2 budget=99 lease=2")
    assert "smoke-0001 needs approval* from" in bot.reads()
    bot.say(f"budget {RUN} 12")
    bot.ticks(3)
    assert bot.run().status is RunStatus.RUNNING
    assert read_approved(bot) == {}
    assert "smoke-0001 no longer needs approval." in bot.reads()
    assert "needs approval* from" not in bot.reads()
    assert "isn't waiting for approval" in bot.say(f"approve {RUN}", user=LEA)


@pytest.mark.parametrize("user", [ANA, BEN], ids=["its owner", "an approver"])
def test_a_launch_that_waits_is_not_extended(bot: Bot, user: str) -> None:
    launch_waiting(bot)
    before = bot.run()
    answer = bot.say(f"extend {RUN} 40h", user=user)
    assert f"You can extend `{RUN}` once it is launched." in answer
    assert f"For a longer lease now, type `/verl stop {RUN}`, then launch it again with `lease=`." in answer
    bot.ticks(2)
    assert (bot.run().limits, bot.run().approval) == (before.limits, before.approval)
    assert "extended the lease" not in bot.reads()


def test_a_change_that_makes_a_waiting_launch_need_no_approval_says_that_it_launches(bot: Bot) -> None:
    launch_waiting(bot, "launch smoke nodes=2 budget=80 lease=5")
    bot.policy = replace(POLICY, approve_above_dollars=100)  # what was asked for stays asked for, until it changes
    bot.ticks(2)
    assert bot.run().status is RunStatus.AWAITING_APPROVAL
    raised = bot.say(f"budget {RUN} 90")
    assert "is now $90.00. It needs no approval now, so it launches." in raised
    bot.ticks(2)
    assert bot.run().status is RunStatus.RUNNING
    assert "so it launches" not in bot.say(f"budget {RUN} 95")


def test_a_change_of_a_launch_that_still_waits_says_nothing_of_its_launch(bot: Bot) -> None:
    launch_waiting(bot)
    assert bot.say(f"budget {RUN} 70").endswith("is now $70.00.")


def test_requests_of_one_day_name_the_same_dollars_of_that_day(bot: Bot) -> None:
    for _ in range(3):
        bot.say("launch smoke nodes=2 budget=35 lease=14")
        bot.ticks(2)
    assert [bot.run(f"smoke-000{number}").status for number in (1, 2, 3)] == [
        RunStatus.RUNNING,
        RunStatus.AWAITING_APPROVAL,
        RunStatus.AWAITING_APPROVAL,
    ]
    said = f"The launches of <@{ANA}> within a day can cost at most $105.00 together"
    assert said in bot.say("status smoke-0003")
    assert said in bot.say("status smoke-0002")
    bot.tick(60)
    bot.check_monthly_budgets()
    assert said in bot.card("smoke-0002")
    bot.say("stop smoke-0003")
    bot.ticks(3)
    bot.tick(60)
    bot.check_monthly_budgets()
    assert said.replace("105", "70") in bot.card("smoke-0002")
    bot.say("stop smoke-0001")
    bot.ticks(8, seconds=10)
    bot.tick(60)
    bot.check_monthly_budgets()
    assert said.replace("105", "70") in bot.card("smoke-0002"), "what was asked for, once no day asks for it"
