"""Monthly budgets: how much is used, at which shares people are notified, and which are exhausted."""

from dataclasses import replace
from datetime import UTC

import pytest

from bot.core.model.ledger import Ledger, Reservation, build_reservation
from bot.core.model.money import Rate
from bot.core.model.policy import Caps, Measure, Policy, Scope
from bot.core.model.run import Run
from bot.core.model.run_state import RequesterMonth, RunStatus
from bot.core.rules.monthly_budget import (
    MonthUsage,
    build_threshold_key,
    compute_month_usage,
    find_budget_overruns,
    find_reached_thresholds,
    is_material_change,
    list_cap_usage,
    list_open_costs,
)
from tests.builders import a_run, at, launching, running

MONTH = "2026-01"
HOUR = at(3600)  # after which a run of four dollars an hour has cost four dollars
KEY = "person:U0ANA"


def capped(dollars: float, *report_only: str) -> Policy:
    return Policy(person=Caps(dollars_per_month=dollars), report_only=report_only)


def spent(dollars: float, percent: int = 0, cap: float = 10.0) -> Ledger:
    """Return a ledger of this month's spending, with the share that people were notified of."""
    return Ledger(
        spent_dollars={f"{MONTH} {KEY}": dollars}, notified_percents={build_threshold_key(MONTH, KEY, cap): percent}
    )


@pytest.mark.parametrize(
    ("ledger", "percent"),
    [
        pytest.param(spent(0.9), None, id="less than half"),
        pytest.param(spent(1.0), 50, id="half"),
        pytest.param(spent(5.0), 80, id="of two thresholds, the higher"),
        pytest.param(spent(7.0), 100, id="all of it"),
        pytest.param(spent(5.0, 80), None, id="reported already"),
        pytest.param(spent(7.0, 80), 100, id="a higher one than was reported"),
        pytest.param(spent(5.0, 80, cap=20.0), 80, id="reported of another cap"),
    ],
)
def test_the_highest_share_that_is_reached_is_reported_once(ledger: Ledger, percent: int | None) -> None:
    found = find_reached_thresholds(capped(10.0), ledger, [running()], HOUR, UTC)
    assert [threshold.percent for (threshold,) in found.values()] == ([percent] if percent else [])


def test_a_share_is_reported_by_the_costliest_run() -> None:
    costly = running(id="ppo-0001", rate=Rate(9.0, "demo price"))
    found = find_reached_thresholds(capped(10.0), Ledger(), [running(), costly], HOUR, UTC)
    assert list(found) == ["ppo-0001"]
    assert [threshold.spent_dollars for threshold in found["ppo-0001"]] == [13.0]


def test_a_share_is_reported_with_the_other_runs_that_have_machines() -> None:
    others = [running(id="ppo-0002"), running(id="ppo-0001"), a_run(id="ppo-0003")]
    costly = running(id="ppo-0009", rate=Rate(9.0, "demo price"))
    ((threshold,),) = find_reached_thresholds(capped(10.0), Ledger(), [*others, costly], HOUR, UTC).values()
    assert (threshold.other_runs, threshold.other_count) == (("ppo-0001", "ppo-0002"), 2)


def test_without_a_cap_there_is_no_share() -> None:
    assert find_reached_thresholds(Policy(), spent(900.0), [running()], HOUR, UTC) == {}


@pytest.mark.parametrize(
    ("policy", "dollars", "is_exhausted"),
    [
        pytest.param(capped(10.0), 5.9, False, id="a dime is left"),
        pytest.param(capped(10.0), 6.0, True, id="nothing is left"),
        pytest.param(Policy(), 900.0, False, id="no cap"),
    ],
)
def test_a_run_is_to_end_once_its_month_is_spent(policy: Policy, dollars: float, is_exhausted: bool) -> None:
    (overruns,) = find_budget_overruns(policy, spent(dollars), [running()], HOUR, UTC).values()
    assert list(overruns) == (["person.dollars_per_month"] if is_exhausted else [])
    for overrun in overruns.values():
        assert (overrun.spent_dollars, overrun.until) == (10.0, HOUR + policy.month_grace)


@pytest.mark.parametrize(
    ("runs", "needed"),
    [
        # Of each: four dollars an hour for at most twelve hours, and a budget of $100, of which $4 is spent.
        pytest.param([running()], 6 + 48, id="its lease"),
        pytest.param([running(budget_dollars=30.5)], 6 + 31, id="its budget, rounded up"),
        pytest.param([running(), running(id="ppo-0001", budget_dollars=10.0)], 6 + 48 + 10, id="all that draw on it"),
        pytest.param([running(budget_dollars=4.0)], 6 + 4 + 1, id="more than is spent"),
    ],
)
def test_the_advised_month_lets_every_run_reach_its_own_limits(runs: list[Run], needed: int) -> None:
    found = find_budget_overruns(capped(10.0), spent(6.0), runs, HOUR, UTC)
    assert {overrun.needed_dollars for rules in found.values() for overrun in rules.values()} == {needed}
    raised = find_budget_overruns(capped(needed), spent(6.0), runs, HOUR, UTC)
    assert not any(raised.values())


def test_an_overrun_keeps_its_deadline_and_learns_a_new_limit_and_a_larger_need() -> None:
    before = find_budget_overruns(capped(10.0), spent(6.0), [running()], HOUR, UTC)["ppo-7f3a"]
    run = running().record_budget_overruns(before, HOUR)
    later = at(3660)
    same = find_budget_overruns(capped(10.0), spent(6.0), [running()], later, UTC)["ppo-7f3a"]
    assert run.record_budget_overruns(same, later) == run
    lowered = find_budget_overruns(capped(9.0), spent(6.0), [running()], later, UTC)["ppo-7f3a"]
    (overrun,) = run.record_budget_overruns(lowered, later).spending.budget_overruns
    assert (overrun.limit_dollars, overrun.until) == (9.0, HOUR + Policy().month_grace)


def test_a_run_that_reported_a_share_reports_it_again_under_a_changed_cap() -> None:
    ((used_up,),) = find_reached_thresholds(capped(10.0), spent(6.0), [running()], HOUR, UTC).values()
    run = running().record_budget_threshold(used_up)
    ((raised,),) = find_reached_thresholds(capped(60.0), spent(6.0, 100), [run], HOUR, UTC).values()
    assert (raised.percent, raised.limit_dollars) == (0, 60.0)
    again = run.record_budget_threshold(raised)
    assert find_reached_thresholds(capped(60.0), spent(6.0, 100), [again], HOUR, UTC) == {}
    ((lowered,),) = find_reached_thresholds(capped(10.0), spent(6.0, 100), [again], HOUR, UTC).values()
    assert (lowered.percent, lowered.limit_dollars) == (100, 10.0)


def test_a_report_only_cap_is_found_and_marked() -> None:
    policy = capped(10.0, "person.dollars_per_month")
    overruns = find_budget_overruns(policy, spent(6.0), [running()], HOUR, UTC)
    assert overruns["ppo-7f3a"]["person.dollars_per_month"].is_report_only


def test_a_run_without_a_price_is_left_alone() -> None:
    assert find_budget_overruns(capped(1.0), spent(6.0), [running(rate=None)], HOUR, UTC) == {"ppo-7f3a": {}}


def test_an_ended_run_draws_on_no_budget() -> None:
    ended = running(status=RunStatus.ENDED)
    assert find_budget_overruns(capped(1.0), spent(6.0), [ended], HOUR, UTC) == {"ppo-7f3a": {}}


def test_the_usage_of_every_cap_is_listed() -> None:
    usages = list_cap_usage(capped(10.0), spent(6.0), [], "U0ANA", "C0TRAIN", HOUR, MONTH)
    assert [(usage.scope, usage.measure) for usage in usages] == [(s, m) for s in Scope for m in Measure]
    (person,) = (u for u in usages if (u.scope, u.measure) == (Scope.PERSON, Measure.DOLLARS_PER_MONTH))
    assert (person.used, person.spent, person.cap) == (6.0, 6.0, 10.0)


def test_runs_without_machines_hold_a_part_of_an_hourly_cap_and_cost_nothing() -> None:
    runs = [running(), a_run(id="a", status=RunStatus.AWAITING_APPROVAL), a_run(id="b"), launching(id="c")]
    reservations = (*filter(None, map(build_reservation, runs)), OUTSIDE)
    usages = list_cap_usage(Policy(), Ledger(reservations=reservations), iter(runs), "U0ANA", "C0TRAIN", HOUR, MONTH)
    hourly = [(usage.used, usage.waiting) for usage in usages if usage.measure is Measure.DOLLARS_PER_HOUR]
    assert hourly == [(19.0, 8.0), (16.0, 8.0), (19.0, 8.0)]
    assert {usage.waiting for usage in usages if usage.measure is not Measure.DOLLARS_PER_HOUR} == {0.0}


OUTSIDE = Reservation("sky/dev", "U0ANA", "", 8, 3.0, 5.0, spent_dollars=2.0)


@pytest.mark.parametrize(
    ("reservations", "runs", "used"),
    [
        pytest.param((), [], MonthUsage(6.0, 0.0), id="what has ended alone"),
        pytest.param((build_reservation(running()),), [running()], MonthUsage(10.0, 96.0), id="an open run so far"),
        pytest.param((build_reservation(running()),), [], MonthUsage(6.0, 100.0), id="a run whose record is not read"),
        pytest.param((OUTSIDE,), [], MonthUsage(8.0, 3.0), id="a cluster launched outside"),
        pytest.param(
            (build_reservation(running(budget_dollars=1.0)),),
            [running(budget_dollars=1.0)],
            MonthUsage(10.0, 0.0),
            id="a run beyond its budget reserves nothing",
        ),
    ],
)
def test_a_dollar_is_either_spent_or_reserved(
    reservations: tuple[Reservation, ...], runs: list[Run], used: MonthUsage
) -> None:
    ledger = replace(spent(6.0), reservations=reservations)
    assert compute_month_usage(ledger, KEY, Scope.PERSON, list_open_costs(runs, HOUR), MONTH) == used


def test_what_a_cluster_outside_has_cost_so_far_counts_toward_the_shares() -> None:
    ledger = replace(spent(2.0), reservations=(OUTSIDE,))
    ((threshold,),) = find_reached_thresholds(capped(10.0), ledger, [running()], HOUR, UTC).values()
    assert (threshold.percent, threshold.spent_dollars) == (80, 8.0)


@pytest.mark.parametrize(
    ("after", "is_material"),
    [
        pytest.param(RequesterMonth(20.0, 30.0, 100.0), False, id="nothing"),
        pytest.param(RequesterMonth(20.99, 29.01, 100.0), False, id="an open run spends some cents of its reservation"),
        pytest.param(RequesterMonth(20.99, 29.02, 100.0), False, id="and both are rounded"),
        pytest.param(RequesterMonth(21.0, 29.0, 100.0), True, id="a hundredth of the month"),
        pytest.param(RequesterMonth(20.0, 35.0, 100.0), True, id="a run was launched"),
        pytest.param(RequesterMonth(20.0, 29.5, 100.0), True, id="a run has ended and spent less"),
        pytest.param(RequesterMonth(20.0, 30.0, 120.0), True, id="another limit"),
    ],
)
def test_a_card_that_waits_is_edited_for_what_an_approver_cares_for(after: RequesterMonth, is_material: bool) -> None:
    assert is_material_change(RequesterMonth(20.0, 30.0, 100.0), after) is is_material
