"""An approval rests on what a launch may come to, and so does more time or money for a run."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.model.ledger import Ledger, RecentLaunch
from bot.core.model.money import Rate
from bot.core.model.people import Role, create_trusted_actor
from bot.core.model.policy import Policy
from bot.core.model.run import Run
from bot.core.model.run_state import ApprovalCause, LaunchFacts, RunStatus
from bot.core.rules.approval_rules import (
    build_launch_facts,
    build_recent_launch,
    refuse_unapproved_change,
    update_approval,
)
from tests.builders import NOON, a_run, approvers, at, change_run, refusal_of

ANA, BEN, LEA = "U0ANA", "U0BEN", "U0LEA"
POLICY = Policy(
    grants=approvers(BEN, LEA), approve_above_dollars=50.0, approve_above_gpu_hours=100.0, approve_unpriced=True
)
NOTHING = Ledger()


def small(**changes: Any) -> Run:
    """A launch that needs no approval: $4 an hour for two hours, and a budget of $10."""
    cheap = {"budget_dollars": 10.0, "lease": timedelta(hours=2), "nodes": 1, "priced_at": NOON}
    return a_run(**cheap | changes)


def settled(run: Run, ledger: Ledger = NOTHING) -> Run:
    return update_approval(run, ledger, POLICY, NOON)


def causes(run: Run, ledger: Ledger = NOTHING) -> tuple[ApprovalCause, ...]:
    approval = settled(run, ledger).approval
    return approval.causes if approval else ()


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        pytest.param({"budget_dollars": 50.01}, ApprovalCause.DOLLARS, id="its budget"),
        pytest.param({"lease": timedelta(hours=13)}, ApprovalCause.DOLLARS, id="its rate times its lease"),
        pytest.param({"gpus": "H100:9", "lease": timedelta(hours=12)}, ApprovalCause.GPU_HOURS, id="GPU-hours"),
        pytest.param(
            {"gpus": "H100:8", "lease": timedelta(hours=7), "nodes": 2},
            ApprovalCause.GPU_HOURS,
            id="of all its nodes",
        ),
        pytest.param({"rate": None}, ApprovalCause.UNPRICED, id="no price"),
    ],
)
def test_a_launch_waits_for_an_approver_by_what_it_may_come_to(changes: dict[str, Any], cause: ApprovalCause) -> None:
    assert causes(small()) == ()
    assert causes(small(**changes)) == (cause,)
    assert settled(small(**changes)).status is RunStatus.AWAITING_APPROVAL


@pytest.mark.parametrize(
    ("who", "hours_ago", "counts"),
    [(ANA, 23, True), (ANA, 25, False), (BEN, 23, False)],
    ids=["within a day", "before", "another person's"],
)
def test_what_one_person_launches_within_a_day_counts_together(who: str, hours_ago: float, counts: bool) -> None:
    earlier = RecentLaunch(who, at(-3600 * hours_ago).timestamp(), 45.0)
    found = causes(small(), Ledger(recent_launches={"ppo-0001": earlier}))
    assert found == ((ApprovalCause.DAY,) if counts else ())


@pytest.mark.parametrize(
    ("launch", "dollars"),
    [
        pytest.param({"budget_dollars": 5.0, "lease": timedelta(hours=12)}, 5.0, id="its budget"),
        pytest.param({"budget_dollars": 45.0, "lease": timedelta(hours=1)}, 4.0, id="its lease"),
        pytest.param({"budget_dollars": 45.0, "rate": None}, 45.0, id="its budget, without a price"),
    ],
)
def test_a_launch_counts_within_a_day_for_the_most_that_it_can_cost(launch: dict[str, Any], dollars: float) -> None:
    run = small(**launch)
    earlier = build_recent_launch(run)
    assert earlier
    assert earlier.dollars == dollars
    facts = build_launch_facts(run, Ledger(recent_launches={"ppo-0001": earlier}), NOON)
    assert facts.day_dollars == 2 * dollars


def test_an_approval_covers_what_was_approved_and_no_higher_price() -> None:
    waits = settled(small(budget_dollars=60.0))
    assert waits.approval
    assert waits.approval.approvers == (BEN, LEA)
    approved = waits.record_approval_decision(BEN, True, NOON)
    assert settled(approved) == approved
    dearer = settled(change_run(approved, rate=Rate(40.0, "demo price")))
    assert dearer.status is RunStatus.AWAITING_APPROVAL
    assert dearer.approval
    assert (dearer.approval.by, dearer.approval.granted) == (None, False)


def test_an_approver_is_not_asked_about_a_launch_of_his_own() -> None:
    waits = settled(small(requester=BEN, budget_dollars=60.0))
    assert waits.approval
    assert waits.approval.approvers == (LEA,)


@pytest.mark.parametrize(
    ("who", "role", "requester", "is_refused"),
    [
        pytest.param(ANA, Role.LAUNCHER, ANA, True, id="its owner"),
        pytest.param(BEN, Role.APPROVER, ANA, False, id="an approver"),
        pytest.param(BEN, Role.APPROVER, BEN, True, id="an approver who owns it"),
        pytest.param(BEN, Role.ADMIN, BEN, True, id="an admin who owns it"),
    ],
)
@pytest.mark.parametrize("more", [{"budget_dollars": 60.0}, {"lease": timedelta(hours=20)}], ids=["money", "time"])
def test_more_time_or_money_needs_whom_a_launch_would_need(
    who: str, role: Role, requester: str, is_refused: bool, more: dict[str, Any]
) -> None:
    before = small(requester=requester)
    after = change_run(before, **more)
    refused = refusal_of(
        lambda: refuse_unapproved_change(before, after, NOTHING, POLICY, create_trusted_actor(who, role), NOON)
    )
    assert (refused is not None) == is_refused


@pytest.mark.parametrize(
    ("more", "ledger", "sentence"),
    [
        pytest.param(
            {"budget_dollars": 60.0, "lease": timedelta(hours=14)},
            NOTHING,
            "It could then cost at most $56.00; more than $50.00 needs another approver.",
            id="the lesser of both",
        ),
        pytest.param(
            {"budget_dollars": 60.0},
            NOTHING,
            "It could then cost at most $8.00, but a budget above $50.00 needs another approver.",
            id="a budget above its lease's cost",
        ),
        pytest.param(
            {"lease": timedelta(hours=20)},
            NOTHING,
            "It could then cost at most $10.00, but a lease worth more than $50.00 needs another approver.",
            id="a lease above its budget",
        ),
        pytest.param(
            {"budget_dollars": 60.0, "rate": None},
            NOTHING,
            "A budget above $50.00 needs another approver.",
            id="no price",
        ),
        pytest.param(
            {"lease": timedelta(hours=3)},
            Ledger(recent_launches={"ppo-0001": RecentLaunch(ANA, NOON.timestamp(), 45.0)}),
            "Your launches within a day could then cost at most $55.00 together; more than $50.00 needs another "
            "approver.",
            id="a day's launches",
        ),
    ],
)
def test_a_refusal_of_more_names_the_most_that_the_run_could_then_cost(
    more: dict[str, Any], ledger: Ledger, sentence: str
) -> None:
    policy = Policy(grants=approvers(BEN, LEA), approve_above_dollars=50.0)
    before = small(**({"rate": None} if "rate" in more else {}))
    after = small(**more)
    owner = create_trusted_actor(ANA, Role.LAUNCHER)
    refused = refusal_of(lambda: refuse_unapproved_change(before, after, ledger, policy, owner, NOON))
    assert str(refused) == sentence


@pytest.mark.parametrize(
    ("more", "is_refused"),
    [
        pytest.param({"budget_dollars": 20.0}, False, id="a budget that its lease cannot use up"),
        pytest.param({"lease": timedelta(hours=2, minutes=1)}, True, id="a longer lease"),
    ],
)
def test_launches_of_a_day_need_no_approver_for_a_change_that_lets_none_cost_more(
    more: dict[str, Any], is_refused: bool
) -> None:
    ledger = Ledger(recent_launches={"ppo-0001": RecentLaunch(ANA, NOON.timestamp(), 49.0)})
    owner = create_trusted_actor(ANA, Role.LAUNCHER)
    before, after = small(), small(**more)  # eight dollars by its lease
    refused = refusal_of(lambda: refuse_unapproved_change(before, after, ledger, POLICY, owner, NOON))
    assert ("Your launches within a day" in str(refused)) is is_refused


@pytest.mark.parametrize("rule", ["budget", "lease"])
def test_a_limit_that_is_report_only_bounds_no_named_cost(rule: str) -> None:
    policy = Policy(grants=approvers(BEN, LEA), approve_above_dollars=50.0, report_only=(rule,))
    owner = create_trusted_actor(ANA, Role.LAUNCHER)
    refused = refusal_of(
        lambda: refuse_unapproved_change(small(), small(budget_dollars=60.0), NOTHING, policy, owner, NOON)
    )
    assert str(refused) == "It could then cost at most $60.00; more than $50.00 needs another approver."


def test_more_within_what_was_approved_needs_no_other_word() -> None:
    before = settled(small(budget_dollars=60.0)).record_approval_decision(BEN, True, NOON)
    owner = create_trusted_actor(ANA, Role.LAUNCHER)
    within, beyond = change_run(before, lease=timedelta(hours=2.1)), change_run(before, budget_dollars=61.0)
    assert before.approval
    facts = LaunchFacts(60.0, 10.0, False, 60.0)
    approved = replace(before, approval=replace(before.approval, facts=facts))
    assert refusal_of(lambda: refuse_unapproved_change(approved, within, NOTHING, POLICY, owner, NOON)) is None
    assert refusal_of(lambda: refuse_unapproved_change(approved, beyond, NOTHING, POLICY, owner, NOON)) is not None


@pytest.mark.parametrize(
    ("launch", "shown_dollars", "covered", "beyond"),
    [
        pytest.param(
            {"budget_dollars": 150.0, "lease": timedelta(hours=1)},
            4.0,
            {"budget_dollars": 200.0},
            {"lease": timedelta(hours=2)},
            id="its lease",
        ),
        pytest.param(
            {"budget_dollars": 40.0, "lease": timedelta(hours=24)},
            40.0,
            {"lease": timedelta(hours=25)},
            {"budget_dollars": 41.0},
            id="its budget",
        ),
    ],
)
def test_an_approval_covers_the_dollars_that_the_approver_was_shown_and_no_more(
    launch: dict[str, Any], shown_dollars: float, covered: dict[str, Any], beyond: dict[str, Any]
) -> None:
    policy = Policy(grants=approvers(BEN, LEA), approve_above_dollars=50.0)
    owner = create_trusted_actor(ANA, Role.LAUNCHER)
    run = update_approval(small(**launch), NOTHING, policy, NOON).record_approval_decision(BEN, True, NOON)
    assert run.approval
    assert run.approval.facts
    assert run.approval.facts.max_dollars == shown_dollars
    # A policy that was loosened since leaves the approved number as it is.
    for later in (policy, replace(policy, approve_above_dollars=1_000.0)):
        within, more = change_run(run, **covered), change_run(run, **beyond)
        assert refusal_of(lambda: refuse_unapproved_change(run, within, NOTHING, later, owner, NOON)) is None  # noqa: B023
        refused = refusal_of(lambda: refuse_unapproved_change(run, more, NOTHING, later, owner, NOON))  # noqa: B023
        assert f"its approval covers ${shown_dollars:.2f}" in str(refused)


@pytest.mark.parametrize(
    ("rule", "more"), [("budget", {"lease": timedelta(hours=30)}), ("lease", {"budget_dollars": 99})]
)
def test_a_limit_that_is_report_only_bounds_no_approved_dollars(rule: str, more: dict[str, Any]) -> None:
    policy = Policy(grants=approvers(BEN, LEA), approve_above_dollars=20.0)
    before = small(budget_dollars=40.0, lease=timedelta(hours=24 if rule == "budget" else 2))
    approved = update_approval(before, NOTHING, policy, NOON).record_approval_decision(BEN, True, NOON)
    owner, after = create_trusted_actor(ANA, Role.LAUNCHER), change_run(approved, **more)
    assert refusal_of(lambda: refuse_unapproved_change(approved, after, NOTHING, policy, owner, NOON)) is None
    reporting = replace(policy, report_only=(rule,))
    assert refusal_of(lambda: refuse_unapproved_change(approved, after, NOTHING, reporting, owner, NOON)) is not None


def test_a_longer_lease_within_the_approved_dollars_is_not_refused_for_its_gpu_hours_where_none_are_limited() -> None:
    policy = Policy(grants=approvers(BEN, LEA), approve_above_dollars=50.0)
    before = update_approval(small(budget_dollars=60.0, lease=timedelta(hours=20), gpus="L4:1"), NOTHING, policy, NOON)
    run = before.record_approval_decision(BEN, True, NOON)
    owner, after = create_trusted_actor(ANA, Role.LAUNCHER), change_run(run, lease=timedelta(hours=21))
    assert refusal_of(lambda: refuse_unapproved_change(run, after, NOTHING, policy, owner, NOON)) is None
    strict = replace(policy, approve_above_gpu_hours=10.0)
    refused = refusal_of(lambda: refuse_unapproved_change(run, after, NOTHING, strict, owner, NOON))
    assert str(refused) == "It could then use 21 GPU-hours; more than 10 need another approver."
