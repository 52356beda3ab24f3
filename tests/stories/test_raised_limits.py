"""More money or time that another approver gives: it is the new approved number, with its approver."""

from collections.abc import Callable

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
    assert "more than $60.00 needs another approver" in bot.say(f"budget {RUN} 70")
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
