"""What a policy allows, as people meet it: asked first, approved by another, refused where there is no room."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.app.cost_service import BudgetMonitorStore, MonthlyBudgetMonitor
from bot.core.model.launch_plan import hash_task
from bot.core.model.policy import Caps, Fairness, Policy
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.actions import Close
from bot.core.rules.apply_action import apply_action
from bot.errors import LaunchDecided, UserError
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.builders import approvers
from tests.story import ANA, BEN, LEA, Bot, shown

RUN = "smoke-0001"

Made = Callable[[Policy], Bot]


@pytest.fixture
def under(store: RedisStore, playground: Playground, slack: PlaygroundClient) -> Made:
    return lambda policy: Bot(store, playground, slack, policy=policy)


def test_a_run_that_is_typed_once_more_with_a_dear_budget_is_asked_about_too(under: Made) -> None:
    bot = under(Policy(confirm_above_dollars=5.0))
    bot.say("launch smoke")
    bot.say(f"stop {RUN}")
    bot.ticks(3)
    bot.say(f"retry {RUN} budget=9")
    assert (
        "`/verl launch smoke budget=9` can cost at most *$2.00* (1 h at $2.00/h; its budget is $9.00). Launch it?"
        in bot.told()
    )
    assert [run.id for run in bot.store.list_open_runs() if not run.is_finished] == []


APPROVING = Policy(grants=approvers(LEA, BEN), approve_above_dollars=5.0)


def test_a_dear_launch_is_asked_about_first_with_what_it_would_cost(under: Made) -> None:
    bot = under(Policy(confirm_above_dollars=5.0))
    bot.say("launch smoke nodes=2 budget=9")
    asked = bot.told()
    assert "`/verl launch smoke nodes=2 budget=9` can cost at most *$4.00* (1 h at $4.00/h; its budget is" in asked
    assert "$4.00/h (demo price)" in asked
    assert bot.store.list_open_runs() == []
    bot.click("launch-sure", "launch smoke nodes=2 budget=9")
    bot.click("launch-sure", "launch smoke nodes=2 budget=9")
    assert [run.id for run in bot.store.list_open_runs()] == [RUN]


def test_the_question_the_request_and_the_decision_name_one_most_that_a_launch_can_cost(under: Made) -> None:
    bot = under(replace(APPROVING, confirm_above_dollars=5.0, approve_above_dollars=None))
    bot.say("launch smoke nodes=2 budget=150 lease=1")
    asked = bot.told()
    assert "can cost at most *$4.00* (1 h at $4.00/h; its budget is $150.00). Launch it?" in asked
    assert "$4.00/h (demo price), $4.00 at most" in asked
    bot.policy = APPROVING
    bot.say("launch smoke nodes=2 budget=150 lease=1")
    bot.ticks(2)
    bot.click("approve", RUN, user=LEA)
    bot.ticks(2)
    everything = asked + bot.card() + bot.reads()
    assert "up to" not in everything
    assert set(re.findall(r"at most \*?\$(\d+\.\d\d)|\$([\d.]+) at most", everything)) == {("4.00", ""), ("", "4.00")}


@pytest.mark.parametrize("line", ["launch smoke budget=5", "launch smoke budget=9 --yes"])
def test_what_is_not_dear_and_what_is_meant_is_launched_at_once(under: Made, line: str) -> None:
    bot = under(Policy(confirm_above_dollars=5.0))
    assert "Launching `smoke-0001`" in bot.say(line)


def test_a_launch_waits_for_a_lead_and_goes_on_with_the_word_of_one(under: Made) -> None:
    bot = under(APPROVING)
    assert "needs approval from <@U0LEA>, <@U0BEN>" in bot.say("launch smoke nodes=2 budget=9")
    bot.ticks(3)
    assert bot.cloud.launches == []
    assert "needs approval*" in bot.card()
    bot.click("approve", RUN, user=LEA)
    bot.ticks(3)
    assert bot.cloud.launches == [f"verl-{RUN}"]
    assert "@lea has approved the launch of smoke-0001, which can cost at most $4.00." in bot.reads()


@pytest.mark.parametrize(
    ("limit", "launch", "shown_dollars", "more"),
    [
        pytest.param(100, "launch smoke nodes=2 budget=99 lease=27", "99.00", f"budget {RUN} 107", id="money"),
        pytest.param(50, "launch smoke nodes=2 budget=90", "4.00", f"extend {RUN} 20h", id="time"),
    ],
)
def test_an_approved_run_gets_no_more_than_its_approver_was_shown_without_another(
    under: Made, limit: float, launch: str, shown_dollars: str, more: str
) -> None:
    bot = under(Policy(grants=approvers(LEA, BEN), approve_above_dollars=limit))
    bot.say(launch)
    bot.ticks(2)
    assert f"It can cost at most *${shown_dollars}*" in bot.card()
    bot.say(f"approve {RUN}", user=LEA)
    bot.ticks(3)
    assert f"its approval covers ${shown_dollars}, and more needs another approver. Ask <@U0LEA>" in bot.say(more)
    bot.say(more, user=BEN)
    bot.ticks(2)
    outcome = f"@lea has approved the launch of smoke-0001, which can cost at most ${shown_dollars}."
    assert outcome in bot.reads(), "the approver's number of then"


@pytest.mark.parametrize(
    ("who", "line", "refused"),
    [
        (ANA, f"approve {RUN}", "you need the role `approver`; here you are `launcher`. Ask <@U0BEN>."),
        (LEA, f"approve {RUN}", "You can't approve or decline your own launch. Ask <@U0BEN>."),
        (ANA, f"refuse {RUN}", "you need the role `approver`; here you are `launcher`."),
        (BEN, "approve smoke-0009", "There is no run"),
    ],
)
def test_only_another_lead_has_a_say(under: Made, who: str, line: str, refused: str) -> None:
    bot = under(APPROVING)
    bot.say("launch smoke budget=9", user=LEA)
    assert refused in bot.say(line, user=who)
    assert bot.run().status == "awaiting_approval"


def test_the_first_word_stands(under: Made) -> None:
    bot = under(APPROVING)
    bot.say("launch smoke budget=9")
    assert "`smoke-0001` is declined" in bot.say(f"refuse {RUN}", user=LEA)
    assert "<@U0LEA> has already declined `smoke-0001`" in bot.say(f"approve {RUN}", user=BEN)
    bot.ticks(2)
    assert bot.run().reason == "refused"
    assert bot.cloud.launches == []
    assert "*smoke-0001 was declined by @lea*" in bot.reads()


@pytest.mark.parametrize("ticks", [0, 3], ids=["recorded", "launched"])
def test_a_decision_on_an_approved_launch_says_who_approved_it_and_how_to_end_it(under: Made, ticks: int) -> None:
    bot = under(APPROVING)
    bot.say("launch smoke budget=9")
    bot.say(f"approve {RUN}", user=LEA)
    bot.ticks(ticks)
    for user, line in ((LEA, "decline"), (BEN, "decline"), (BEN, "approve")):
        answer = bot.say(f"{line} {RUN}", user=user)
        assert "<@U0LEA> has already approved `smoke-0001`: <!date^" in answer
        assert f"To end it, type `/verl stop {RUN}`." in answer
        assert ":ok:" not in answer
    assert "is approved and launching" in bot.say(f"approve {RUN}", user=LEA), "typed twice"
    bot.say(f"stop {RUN}", user=LEA)
    bot.ticks(6, 10)
    assert f"It has ended since: `/verl status {RUN}`." in bot.say(f"decline {RUN}", user=BEN)


def test_of_two_decisions_at_once_the_second_person_hears_of_the_first(under: Made) -> None:
    bot = under(APPROVING)
    bot.say("launch smoke budget=9")

    def decline_first() -> datetime:
        bot.say(f"decline {RUN}", user=BEN)
        return bot.moment

    months = replace(bot.service.monthly_budgets, now=decline_first)
    with pytest.raises(LaunchDecided) as refused:
        replace(bot.service, monthly_budgets=months).decide_approval(RUN, True, bot.caller(LEA))
    assert (refused.value.by, refused.value.granted) == (BEN, False)


def test_a_budget_that_changes_during_an_approval_is_not_approved_unseen(under: Made) -> None:
    bot = under(APPROVING)
    bot.say("launch smoke budget=9")
    approval = bot.run().approval
    assert approval

    def lower_first() -> datetime:
        bot.say(f"budget {RUN} 8")
        return bot.moment

    months = replace(bot.service.monthly_budgets, now=lower_first)
    with pytest.raises(UserError, match="changed after you saw its card"):
        replace(bot.service, monthly_budgets=months).decide_approval(RUN, True, bot.caller(LEA), approval.digest)
    assert bot.run().status is RunStatus.AWAITING_APPROVAL


def test_without_a_word_it_is_given_up(under: Made) -> None:
    bot = under(replace(APPROVING, approval_timeout_hours=2))
    bot.say("launch smoke budget=9")
    bot.tick(2 * 3600 - 10)
    assert bot.run().status == "awaiting_approval"
    bot.tick(20)
    assert bot.run().reason == "not_approved"
    assert bot.store.get_ledger().reservations == ()


def test_the_person_may_stop_what_waits(under: Made) -> None:
    bot = under(APPROVING)
    bot.say("launch smoke budget=9")
    bot.say(f"stop {RUN}")
    bot.ticks(2)
    assert bot.run().reason == "stopped"


@pytest.mark.parametrize("line", [f"decline {RUN} why=later", f"approve {RUN}"])
def test_a_launch_that_is_to_stop_is_not_decided_on(under: Made, line: str) -> None:
    bot = under(APPROVING)
    bot.say("launch smoke budget=9")
    bot.say(f"stop {RUN}")
    answer = bot.say(line, user=BEN)
    assert "<@U0ANA> has requested to stop `smoke-0001`, so it does not launch and needs no approval." in answer
    bot.click("approve", RUN, user=BEN)
    assert bot.run().approval is not None
    assert bot.run().approval.by is None  # type: ignore[union-attr]
    bot.ticks(2)
    assert bot.run().reason == "stopped"


def test_a_stop_after_a_decline_leaves_the_decline_as_the_outcome(under: Made) -> None:
    bot = under(APPROVING)
    bot.say("launch smoke budget=9")
    bot.say(f"decline {RUN} why=later", user=BEN)
    bot.say(f"stop {RUN}")
    bot.ticks(2)
    assert bot.run().reason == "refused"


@pytest.mark.parametrize("ticks", [0, 3], ids=["recorded", "ended"])
def test_a_reason_that_comes_with_a_second_decline_is_not_dropped_silently(under: Made, ticks: int) -> None:
    bot = under(APPROVING)
    bot.say("launch smoke budget=9")
    assert "is declined" in bot.say(f"decline {RUN} why=later", user=BEN)
    bot.ticks(ticks)
    assert "is declined" in bot.say(f"decline {RUN} why=later", user=BEN), "typed twice"
    assert "is declined" in bot.say(f"decline {RUN}", user=BEN), "typed twice, without the reason"
    answer = bot.say(f"decline {RUN} why=too expensive", user=BEN)
    assert "You have already declined `smoke-0001`, so I did not record this reason." in answer
    assert "Give the reason in the run's thread." in answer
    assert bot.run().approval.note == "later"  # type: ignore[union-attr]


def test_the_note_of_an_approval_is_shown_with_it_and_in_the_history(under: Made) -> None:
    bot = under(APPROVING)
    bot.say("launch smoke budget=9")
    bot.say(f"approve {RUN} note=looks fine to me", user=BEN)
    bot.ticks(3)
    assert "@ben has approved the launch of smoke-0001, which can cost at most $9.00: looks fine to me" in bot.reads()
    shown = bot.say(f"history {RUN}")
    assert "<@U0BEN> approved the launch" in shown
    assert "note: looks fine to me" in shown
    assert "You have already approved `smoke-0001`" in bot.say(f"approve {RUN} note=twice", user=BEN)


def test_words_behind_an_approval_are_refused_with_what_to_type(under: Made) -> None:
    bot = under(APPROVING)
    bot.say("launch smoke budget=9")
    answer = bot.say(f"approve {RUN} not yet", user=BEN)
    assert f'with a note, `/verl approve {RUN} note="not yet"`.' in answer
    assert bot.run().approval.by is None  # type: ignore[union-attr]
    assert "Type `/verl approve RUN [note=TEXT]`" in bot.say(f"approve {RUN} smoke-0002", user=BEN)


def test_the_word_is_bound_to_the_task_that_was_looked_at(under: Made) -> None:
    bot = under(APPROVING)
    bot.say("launch smoke budget=9")
    bot.say(f"approve {RUN}", user=LEA)
    approval = bot.run().approval
    assert approval
    assert approval.task_hash == hash_task(bot.store.get_task(RUN))
    bot.store.update(RUN, lambda run: replace(run, approval=replace(approval, task_hash="0" * 64)))
    bot.ticks(2)
    assert bot.run().reason == "refused"
    assert bot.cloud.launches == []
    assert "The waiting task differs from the approved one." in bot.reads()


def test_a_larger_budget_is_a_leads_to_give(under: Made) -> None:
    bot = under(APPROVING)
    bot.say("launch smoke budget=4")
    bot.ticks(2)
    refused = (
        "It could then cost at most $2.00, but a budget above $5.00 needs another approver. Ask <@U0LEA>, <@U0BEN>."
    )
    assert refused in bot.say(f"budget {RUN} 6")
    assert "The budget of smoke-0001 is now $6.00" in shown(bot.say(f"budget {RUN} 6", user=BEN))
    assert "The budget of smoke-0001 is now $5.00" in shown(bot.say(f"budget {RUN} 5"))


def test_a_lead_gives_no_run_of_his_own_what_another_would_have_to_approve(under: Made) -> None:
    bot = under(APPROVING)
    bot.say("launch smoke budget=9", user=LEA)
    assert "more than $5.00 needs another approver. Ask <@U0BEN>." in bot.say(f"budget {RUN} 900", user=LEA)
    bot.say(f"approve {RUN}", user=BEN)
    bot.ticks(2)
    assert bot.run().limits.budget_dollars == 9
    bot.say(f"budget {RUN} 900", user=LEA)
    assert "covers $9.00, and more needs another approver. Ask <@U0BEN>." in bot.say(f"extend {RUN} 8h", user=LEA)


def test_a_word_that_comes_as_the_time_is_over_counts(under: Made) -> None:
    bot = under(APPROVING)
    bot.say("launch smoke budget=9")
    run = bot.store.update(RUN, lambda run: run.record_approval_decision(BEN, is_granted=True, now=bot.moment))
    assert apply_action(run, Close(Reason.NOT_APPROVED), bot.moment, bot.reconciler.timings) == run


def test_a_cap_of_dollars_an_hour_waits_for_the_price(under: Made) -> None:
    bot = under(Policy(team=Caps(dollars_per_hour=5.0)))
    bot.cloud.answers_prices = False
    bot.say("launch smoke nodes=2")
    bot.ticks(3)
    assert bot.run().status == "pending"
    bot.cloud.answers_prices = True
    bot.ticks(2)
    assert bot.run().status == "running"


def test_what_another_bot_has_ended_is_not_asked_for(under: Made) -> None:
    bot = under(Policy())
    bot.say("launch smoke")
    ended = bot.store.update(RUN, lambda run: run.close(Reason.CAP_EXCEEDED, bot.moment))
    bot.reconciler.launcher.provision(replace(ended, status=RunStatus.PENDING))
    assert bot.run().status == "ended"
    assert bot.cloud.launches == []
    assert bot.store.get_ledger().reservations == ()


def test_a_launch_that_passes_a_cap_is_refused_and_nothing_is_recorded(under: Made) -> None:
    bot = under(Policy(person=Caps(runs=1)))
    bot.say("launch smoke")
    refused = bot.say("launch smoke")
    assert "Your limit of runs at once is 1; with this one you would have 2. Stop a run first" in refused
    assert "Launching" in bot.say("launch smoke", user=BEN)
    assert len(bot.store.list_open_runs()) == 2


def test_what_an_hour_costs_is_weighed_when_it_is_known_and_said_in_the_channel(under: Made) -> None:
    bot = under(Policy(team=Caps(dollars_per_hour=5.0)))
    bot.say("launch smoke nodes=2")  # at four dollars an hour
    bot.ticks(2)
    bot.say("launch smoke nodes=2", user=BEN)
    bot.ticks(2)
    assert bot.run("smoke-0002").reason == "over_cap"
    assert bot.cloud.launches == [f"verl-{RUN}"]
    assert "would cost $8.00 an hour; the limit is $5.00." in bot.reads()


NOTHING = Policy(person=Caps(runs=0, dollars_per_month=0))


def test_a_launch_that_is_asked_for_again_is_not_weighed_again_for_its_cluster_may_stand(
    under: Made, store: RedisStore, playground: Playground, slack: PlaygroundClient
) -> None:
    bot = under(Policy())
    bot.cloud.comes_up_at_once = False
    bot.say("launch smoke nodes=2")
    bot.tick()
    bot.cloud.seen.clear()  # it has left no trace, and no look has shown one
    later = Bot(store, playground, slack, bot.cloud, bot.moment, policy=NOTHING)
    later.ticks(12, seconds=5)
    assert later.run().status == "launching"
    assert later.run().launch.attempts == 2


def test_a_smaller_budget_is_given_however_full_the_caps_are(
    under: Made, store: RedisStore, playground: Playground, slack: PlaygroundClient
) -> None:
    under(Policy()).say("launch smoke budget=5")
    later = Bot(store, playground, slack, policy=NOTHING)
    assert "The budget of `smoke-0001` is now $3.00" in later.say(f"budget {RUN} 3")
    assert "limit is" in later.say(f"budget {RUN} 4")


def test_a_rule_in_the_shadow_tells_what_it_would_have_done_and_does_nothing(under: Made) -> None:
    bot = under(Policy(person=Caps(runs=0), report_only=("person.runs", "budget", "lease")))
    bot.running("launch smoke nodes=2 budget=2 lease=1")
    bot.tick(1500)
    said = bot.reads()
    assert re.search(r"has used 8\d% of its budget", said)
    bot.tick(1200)
    said += bot.reads()
    bot.tick(1100)
    bot.ticks(2)
    assert bot.run().status == "running"
    read = bot.reads()
    for rule in ("budget", "lease"):
        assert f"The rule `{rule}` is report only, so the run will not be stopped." in read
    assert "will be stopped" not in said + read
    assert "Then I stop the run" not in said + read
    assert read.count("would have been stopped now (budget used up).") == 1
    assert read.count("would have been stopped now (lease ended).") == 1
    assert read.count("Test rule `person.runs`: the launch of ") == 1


def test_what_a_month_may_cost_is_told_of_at_each_share_once_and_then_nothing_new_is_launched(under: Made) -> None:
    bot = under(Policy(person=Caps(dollars_per_month=10)))
    bot.running("launch smoke nodes=2 budget=8 lease=12")  # at four dollars an hour
    used = []
    for hours in (1.3, 0.1, 0.6):
        bot.tick(3600 * hours)
        bot.check_monthly_budgets()
        bot.check_monthly_budgets()
        used.append(re.findall(r"\*(\d+)% of @ana's monthly budget is used\* \((.*?) of", bot.reads()))
    half, most = ("52", "$5.20"), ("80", "$8.00")
    assert used == [[half, half], [half, half], [most, most]]  # one notice, edited; in the channel too
    refused = bot.say("launch smoke budget=2.5")
    assert "This would bring your runs this month to $10.50; your limit is $10.00." in refused
    assert "Its budget can be $2.00 at most: `budget=2.00`." in refused


def test_a_bot_that_dies_between_two_looks_tells_no_share_twice(under: Made) -> None:
    bot = under(Policy(team=Caps(dollars_per_month=10)))
    bot.running("launch smoke nodes=2 budget=8 lease=12")
    bot.tick(3600 * 1.3)
    bot.check_monthly_budgets()
    later = under(bot.policy)
    later.moment = bot.moment
    later.check_monthly_budgets()
    assert later.reads().count("*This channel has used 52% of its monthly budget") == 2


def test_a_lead_gives_a_month_more_and_nobody_else_does(under: Made) -> None:
    bot = under(Policy(grants=approvers(LEA), team=Caps(dollars_per_month=1)))
    assert "bring this channel's runs this month to $5.00; its limit is $1.00." in bot.say("launch smoke budget=5")
    assert "To set a monthly budget you need the role `approver`; here you are `launcher`. Ask <@U0LEA>." in bot.say(
        "budget team 20"
    )
    assert "This channel can now spend $20.00 a month." in bot.say("budget team 20", user=LEA)
    assert "Launching" in bot.say("launch smoke budget=5")
    assert "<@U0BEN> can now spend $3.00 a month." in bot.say("budget <@U0BEN|ben> 3", user=LEA)
    assert "This would bring your runs this month to $5.00" in bot.say("launch smoke budget=5", user=BEN)
    assert "The workspace can now spend $4.00 a month." in bot.say("budget workspace 4", user=LEA)
    assert "This would bring the workspace's runs this month to $6.00" in bot.say("launch smoke budget=1")


def test_an_approval_does_not_override_a_month_that_is_spent(under: Made) -> None:
    bot = under(replace(APPROVING, team=Caps(dollars_per_month=20)))
    bot.say("launch smoke budget=9")
    bot.say("budget team 6", user=LEA)
    refused = bot.say(f"approve {RUN}", user=LEA)
    assert "would exceed the monthly budget of <#C0TRAIN>: its budget of $9.00 is reserved at its launch; of" in refused
    assert "Type this first, then approve: `/verl budget team 9` in <#C0TRAIN>." in refused
    assert bot.run().status == "awaiting_approval"
    bot.say("budget team 60", user=LEA)
    assert "is approved and launching" in bot.say(f"approve {RUN}", user=LEA)


def test_one_person_asks_for_so_much_a_minute_and_no_more(under: Made) -> None:
    bot = under(Policy(fairness=Fairness(launches_per_minute=2, questions_per_minute=5)))
    for _ in range(2):
        assert "Launching" in bot.say("launch smoke")
    assert "You launched more than 2 runs within a minute" in bot.say("launch smoke")
    assert len(bot.store.list_open_runs()) == 2
    for _ in range(2):
        assert "smoke-0002" in (bot.say("list") or bot.told())
    assert "You sent more than 5 commands within a minute." in bot.say("list")
    assert "Launching" in bot.say("launch smoke", user=BEN)


def test_a_lease_is_warned_of_when_the_policy_says(under: Made) -> None:
    bot = under(Policy(lease_warnings_minutes=(10,)))
    bot.running("launch smoke nodes=2 lease=1 budget=10")
    bot.tick(49 * 60)
    assert "The lease of" not in bot.reads()
    bot.tick(120)
    assert "in less than 10 min" in bot.reads()


def overdrawn(under: Made, *shadow: str) -> Bot:
    """Two runs of one channel, of which a lead has made the month smaller than what they have cost."""
    bot = under(Policy(grants=approvers(LEA), team=Caps(dollars_per_month=50), report_only=shadow))
    bot.running("launch smoke nodes=2 budget=20 lease=12")  # at four dollars an hour
    bot.say("launch smoke nodes=2 budget=20 lease=12", user=BEN)
    bot.ticks(3)
    bot.tick(3600)
    bot.check_monthly_budgets()
    told = bot.say("budget team 6", user=LEA)
    ends = "*$8.01 is already spent*, so open runs will be stopped unless you raise the limit."
    assert (ends in told) == (not shadow)
    bot.check_monthly_budgets()
    bot.ticks(2)
    return bot


def test_once_a_month_is_spent_what_runs_is_told_and_ended_after_a_while(under: Made) -> None:
    bot = overdrawn(under)
    ends = "*Monthly budget of this channel used up* ($8.01 of $6.00)."
    assert bot.reads().count(ends) == 2  # in the thread of each
    assert "A monthly budget is used up, so the run will be stopped at" in bot.card()
    assert "A monthly budget is used up, so the run will be stopped at" in str(bot.opens_page(ANA))
    assert bot.run().status == bot.run("smoke-0002").status == "running"
    bot.tick(14 * 60)
    bot.check_monthly_budgets()
    assert bot.run().status == "running"
    bot.tick(2 * 60)
    bot.ticks(20)
    assert [bot.run(name).reason for name in (RUN, "smoke-0002")] == ["month_spent", "month_spent"]
    assert bot.reads().count("was stopped: monthly budget used up* · 1 h 16 min") == 6  # card, thread and channel
    assert bot.run().status == "ended"


def test_a_lead_who_gives_more_in_time_lets_it_go_on(under: Made) -> None:
    bot = overdrawn(under)
    bot.say("budget team 60", user=LEA)
    bot.check_monthly_budgets()
    bot.tick(3600)
    bot.check_monthly_budgets()
    assert bot.run().status == "running"
    assert bot.reads().count("The limit was raised at 13:0") == 2
    assert "This channel has used 13% of its monthly budget* ($8.01 of $60.00)" in bot.reads()
    assert "New launches are blocked" not in bot.reads()
    bot.say("budget team 7", user=LEA)
    bot.check_monthly_budgets()
    for run_id in (RUN, "smoke-0002"):  # in the thread of each
        assert bot.reads().count(f"{run_id} will save if it can and stop at 14:1") == 1


def test_the_commands_of_the_notices_keep_the_runs_of_two_used_up_months(under: Made) -> None:
    bot = overdrawn(under)
    bot.say("budget workspace 7", user=LEA)
    bot.check_monthly_budgets()
    bot.ticks(4)
    # $8.01 is spent, and each of two runs may cost $20 in all.
    needed = "unless an approver raises all used-up limits: `/verl budget team 40`, `/verl budget workspace 40`"
    assert bot.reads().count(needed) == 4  # two notices in the thread of each
    bot.say("budget team 40", user=LEA)
    bot.check_monthly_budgets()
    bot.ticks(4)
    assert "continues" not in bot.reads()
    assert bot.reads().count("unless an approver raises the limit: `/verl budget workspace 40`") == 4
    bot.say("budget workspace 40", user=LEA)
    bot.check_monthly_budgets()
    bot.tick(3600)
    bot.check_monthly_budgets()
    assert bot.run().status == bot.run("smoke-0002").status == "running"
    assert bot.reads().count("; smoke-0001 continues.") == 2


def test_a_month_in_the_shadow_ends_nothing_and_says_when_it_would_have(under: Made) -> None:
    bot = overdrawn(under, "team.dollars_per_month")
    bot.tick(20 * 60)
    bot.ticks(2)
    assert bot.run().status == "running"
    read = bot.reads()
    assert "will save if it can and stop at" not in read
    assert read.count("would have been stopped now (monthly budget used up).") == 2


@pytest.mark.long
def test_a_month_that_leaves_the_shadow_ends_nothing_before_its_time(under: Made) -> None:
    bot = overdrawn(under, "team.dollars_per_month")
    bot.tick(3600)
    later = under(replace(bot.policy, report_only=()))
    later.cloud, later.moment = bot.cloud, bot.moment
    later.check_monthly_budgets()
    assert later.run().status == "running"
    for run_id in (RUN, "smoke-0002"):  # in the thread of each
        assert later.reads().count(f"{run_id} will save if it can and stop at 14:1") == 1


@pytest.mark.long
def test_a_run_without_a_price_is_not_ended_for_a_month_that_it_does_not_spend_from(under: Made) -> None:
    bot = under(Policy(grants=approvers(LEA), team=Caps(dollars_per_month=50), month_grace_minutes=0))
    bot.running("launch smoke nodes=2 budget=20 lease=12")
    bot.cloud.dollars_per_node_hour = None
    bot.say("launch smoke budget=20 lease=12", user=BEN)
    bot.ticks(3)
    bot.tick(3600)
    bot.say("budget team 1", user=LEA)
    bot.check_monthly_budgets()
    bot.ticks(10)
    assert [bot.run(name).reason for name in (RUN, "smoke-0002")] == ["month_spent", None]


class Between:
    """A store in which something happens between the first two things that are read of it."""

    def __init__(self, store: RedisStore, happens: Callable[[], object]) -> None:
        self.store = store
        self.happens: Callable[[], object] | None = happens

    def __getattr__(self, name: str) -> Any:
        def read(*args: Any, **more: Any) -> Any:
            found = getattr(self.store, name)(*args, **more)
            happens, self.happens = self.happens, None
            if happens:
                happens()
            return found

        return read


def test_a_run_that_ends_during_a_look_is_not_counted_twice(under: Made) -> None:
    bot = under(Policy(team=Caps(dollars_per_month=10)))
    bot.running("launch smoke nodes=2 budget=4 lease=12")
    bot.say("launch smoke budget=4 lease=12", user=BEN)
    bot.ticks(3)
    bot.tick(3500)  # one has cost almost four dollars by then, the other two

    def ends() -> None:
        bot.store.update(RUN, lambda run: run.close(Reason.STOPPED, bot.moment))

    store = cast(BudgetMonitorStore, Between(bot.store, ends))
    MonthlyBudgetMonitor(store, bot.notifier, bot.allowed, bot.now, lambda: True, UTC).check()
    assert bot.run().status == "ended"
    assert bot.run().spending.budget_thresholds == bot.run("smoke-0002").spending.budget_thresholds == ()


@pytest.mark.long
def test_a_run_that_waits_for_a_month_spent_meanwhile_trains_on_until_it_has_saved(under: Made) -> None:
    bot = under(Policy(grants=approvers(LEA), workspace=Caps(dollars_per_month=50), month_grace_minutes=0))
    bot.running("launch smoke nodes=2 budget=20 lease=12")
    bot.cloud.print(f"verl-{RUN}", "(TaskRunner pid=7) step:20 - critic/rewards/mean:0.4 - timing_s/step:1.0")
    bot.tick(3600)
    bot.say("budget workspace 1", user=LEA)
    bot.check_monthly_budgets()
    bot.ticks(2)
    assert "monthly budget used up" in bot.card()
    assert "The run keeps training until 13:10 UTC at most" in bot.reads()
    bot.ticks(2, seconds=301)
    bot.ticks(12)
    assert bot.run().reason == "month_spent"


def test_a_button_approves_no_more_than_its_card_has_shown(under: Made) -> None:
    bot = under(replace(APPROVING, approve_above_dollars=5.0))
    bot.say("launch smoke budget=9")
    approval = bot.run().approval
    assert approval is not None
    bot.click("approve", f"{RUN} {approval.digest}0", BEN)
    assert f"The possible cost of `{RUN}` changed after you saw its card." in bot.told(BEN)
    assert bot.run().status is RunStatus.AWAITING_APPROVAL
    bot.click("approve", f"{RUN} {approval.digest}", BEN)
    assert bot.run().approval.granted  # type: ignore[union-attr]  # it is there


def test_what_is_taken_and_left_is_shown(under: Made) -> None:
    bot = under(
        Policy(grants=approvers(LEA), person=Caps(runs=4), team=Caps(dollars_per_hour=20, dollars_per_month=500))
    )
    bot.running("launch smoke nodes=2 budget=8")
    bot.say("launch smoke budget=2", user=BEN)
    shown = bot.say("budget")
    assert "*You* · 1 run of 4 · 0 GPUs · $4.00/h · under $0.01 spent this month + $8.00 reserved" in shown
    assert "*This channel* · 2 runs · 0 GPUs · $4.00/h of $20.00 · under $0.01 spent this month + $10.00" in shown
    assert "reserved of $500.00" in shown
    assert "<@U0LEA> can raise these limits." in shown
