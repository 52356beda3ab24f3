"""Monthly budgets: dollars of a calendar month, how much of them is used, and when people are notified. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from bot.core.model.ledger import Ledger, Reservation, build_ledger_key, build_reservation, format_month
from bot.core.model.money import BudgetOverrun, BudgetThreshold, compute_max_dollars
from bot.core.model.policy import Measure, Policy, Scope, cap_rule
from bot.core.model.run import Run
from bot.core.model.run_state import TOLERANCE_DOLLARS, Approval, ApprovalCause, RequesterMonth, RunStatus
from bot.core.rules.approval_rules import build_launch_facts

THRESHOLD_PERCENTS = (50, 80, 100)
"""Percents of a month's dollars at which people are notified."""


@dataclass(frozen=True, slots=True)
class CapUsage:
    """The usage of one cap.

    Attributes:
        used: by open runs; for dollars a month, dollars spent and reserved.
        cap: the maximum; None for no cap.
        spent: for dollars a month, what ended runs, open runs so far and external clusters have cost.
        waiting: for dollars an hour, the part of `used` that costs nothing yet: runs whose machines are not requested.
    """

    scope: Scope
    measure: Measure
    used: float
    cap: float | None
    spent: float = 0.0
    waiting: float = 0.0

    @property
    def reserved(self) -> float:
        """Return the dollars that open runs may still spend."""
        return self.used - self.spent


def list_cap_usage(
    policy: Policy, ledger: Ledger, runs: Iterable[Run], person: str, team: str, now: datetime, month: str
) -> list[CapUsage]:
    """Return the usage of every cap that applies to a person's next launch in this channel.

    Args:
        runs: the open runs.
    """
    runs, next_launch = list(runs), Reservation("", person, team, 0, 0.0, 0.0)
    costs, waiting_ledger = list_open_costs(runs, now), ledger.select_runs(run.id for run in runs if run.is_waiting)
    usages = []
    for scope in Scope:
        for measure in Measure:
            cap = ledger.get_cap(policy, scope, measure, next_launch)
            if measure is Measure.DOLLARS_PER_MONTH:
                month_usage = compute_month_usage(ledger, next_launch.budget_key(scope), scope, costs, month)
                usages.append(
                    CapUsage(scope, measure, month_usage.spent + month_usage.reserved, cap, month_usage.spent)
                )
            else:
                used = ledger.sum_usage_by_others(scope, measure, next_launch, month)
                is_rate = measure is Measure.DOLLARS_PER_HOUR
                waiting = waiting_ledger.sum_usage_by_others(scope, measure, next_launch, month) if is_rate else 0.0
                usages.append(CapUsage(scope, measure, used, cap, waiting=waiting))
    return usages


@dataclass(frozen=True, slots=True)
class MonthUsage:
    """The dollars of a monthly budget: those spent, and those reserved: the rest that open runs may still spend."""

    spent: float
    reserved: float


def list_open_costs(runs: Iterable[Run], now: datetime) -> dict[str, float]:
    """Return what each run that has not ended has cost so far, in dollars; 0 for one without a price."""
    return {run.id: run.cost(now) or 0.0 for run in runs if run.status is not RunStatus.ENDED}


def compute_month_usage(
    ledger: Ledger, budget_key: str, scope: Scope, costs: Mapping[str, float], month: str
) -> MonthUsage:
    """Return how much of a monthly budget is spent and reserved.

    Args:
        costs: what each open run has cost so far.
    """
    spent, reserved = ledger.spent_dollars.get(build_ledger_key(month, budget_key), 0.0), 0.0
    for reservation in ledger.reservations:
        if reservation.budget_key(scope) == budget_key:
            cost = reservation.spent_dollars + costs.get(reservation.run_id, 0.0)
            spent, reserved = spent + cost, reserved + max(reservation.dollars - cost, 0.0)
    return MonthUsage(spent, reserved)


def record_requester_month(
    run: Run, ledger: Ledger, policy: Policy, costs: Mapping[str, float], now: datetime, zone: tzinfo
) -> Run:
    """Return a run that waits for an approver with its requester's monthly budget and launches of a day as they are
    now, where either has changed materially; any other run as it is.

    Args:
        costs: what each open run has cost so far.
    """
    shown = show_requester_month(run, ledger, policy, costs, now, zone)
    before, after = (one.approval.facts if one.approval else None for one in (run, shown))
    if before is None or after is None:
        return run
    is_other_day = abs(after.day_dollars - before.day_dollars) > TOLERANCE_DOLLARS
    is_other_month = before.month is None or after.month is None or is_material_change(before.month, after.month)
    return shown if is_other_day or is_other_month else run


def show_requester_month(
    run: Run, ledger: Ledger, policy: Policy, costs: Mapping[str, float], now: datetime, zone: tzinfo
) -> Run:
    """Return a run that waits for an approver with its requester's monthly budget to the cent, and what the launches of
    a day can cost where they are why it waits; any other as it is.

    Args:
        costs: what each open run has cost so far.
    """
    approval = run.approval
    if run.status is not RunStatus.AWAITING_APPROVAL or approval is None or approval.by or approval.facts is None:
        return run
    launch = Reservation(run.id, run.requester, run.channel, 0, 0.0, 0.0)
    limit = ledger.get_cap(policy, Scope.PERSON, Measure.DOLLARS_PER_MONTH, launch)
    budget_key, month = launch.budget_key(Scope.PERSON), format_month(now, zone)
    usage = compute_month_usage(ledger.without_run(run.id), budget_key, Scope.PERSON, costs, month)
    shown = None if limit is None else RequesterMonth(round(usage.spent, 2), round(usage.reserved, 2), limit, now)
    facts = replace(approval.facts, month=shown, day_dollars=find_day_dollars(run, approval, ledger, policy, now))
    return replace(run, approval=replace(approval, facts=facts))


def find_day_dollars(run: Run, approval: Approval, ledger: Ledger, policy: Policy, now: datetime) -> float:
    """Return the most that the launches of a day can cost now, where they are why a launch waits; otherwise, and once
    they alone would ask for no approval any more, what the request says.
    """
    requested_dollars = approval.facts.day_dollars if approval.facts else 0.0
    dollars, limit = build_launch_facts(run, ledger, now).day_dollars, policy.approve_above_dollars
    is_cause = ApprovalCause.DAY in approval.causes and limit is not None and dollars > limit
    return dollars if is_cause else requested_dollars


MATERIAL_SHARE = 0.01
"""Share of a month by which what is spent must change before a card that waits is edited for it."""


def is_material_change(before: RequesterMonth, after: RequesterMonth) -> bool:
    """Return whether an approver would care for a change of a requester's month: another limit, a run that was launched
    or has ended, or a hundredth of the month. What open runs spend moves from reserved to spent each minute.
    """
    moved = abs(after.spent_dollars - before.spent_dollars)
    in_all = abs(after.spent_dollars + after.reserved_dollars - before.spent_dollars - before.reserved_dollars)
    # Each amount is rounded to a cent, so their sums may differ by two.
    return (
        after.limit_dollars != before.limit_dollars or moved >= MATERIAL_SHARE * after.limit_dollars or in_all > 0.025
    )


def find_reached_thresholds(
    policy: Policy, ledger: Ledger, runs: Sequence[Run], now: datetime, zone: tzinfo
) -> dict[str, list[BudgetThreshold]]:
    """Return the thresholds of monthly budgets to report, by the id of the open run in whose thread they are reported.

    All have the dollars of one moment, so that the notices of several budgets of one run agree.

    The highest threshold that is reached counts, once a month and cap. Where a cap was changed since a run reported it,
    the run reports it again, with 0 percent where no threshold is reached of the new cap.
    """
    month = format_month(now, zone)
    thresholds: dict[str, list[BudgetThreshold]] = {}
    for budget_key, group in group_runs_by_budget(runs).items():
        cap, spent_dollars = group.compute_cap_and_spending(policy, ledger, now, month)
        reached_percents = [percent for percent in THRESHOLD_PERCENTS if cap and 100 * spent_dollars >= percent * cap]
        if not cap:
            continue
        percent = max(reached_percents, default=0)
        reporter = choose_reporter(group.runs, budget_key, month, now)
        is_new = percent > ledger.notified_percents.get(build_threshold_key(month, budget_key, cap), 0)
        if is_new or find_reported_cap(reporter, budget_key, month) not in (None, cap):
            reached = BudgetThreshold(month, budget_key, percent, spent_dollars, cap)
            reached = reached.with_others(list_drawing_runs(group.runs, reporter.id))
            thresholds.setdefault(reporter.id, []).append(reached)
    return thresholds


def record_thresholds(run: Run, thresholds: Iterable[BudgetThreshold]) -> Run:
    """Return the run with these reached thresholds of monthly budgets."""
    for threshold in thresholds:
        run = run.record_budget_threshold(threshold)
    return run


def record_final_spending(run: Run, ledger: Ledger, open_runs: Sequence[Run], now: datetime, zone: tzinfo) -> Run:
    """Return an ended run with what is spent now of the monthly budgets that it has reported, once: its notices are
    not edited any more. A run that has not ended, or that reported another month, is returned as it is.
    """
    if run.status is not RunStatus.ENDED:
        return run
    month, groups, reported = format_month(now, zone), group_runs_by_budget(open_runs), run.spending.budget_thresholds
    latest = {item.budget_key: item for item in reported if item.month == month}

    def finish(item: BudgetThreshold) -> BudgetThreshold:
        if item.is_final or item is not latest.get(item.budget_key):
            return item
        others = groups[item.budget_key].runs if item.budget_key in groups else []
        spent_dollars = sum_spending(ledger, item.budget_key, others, now, month)
        return replace(item, spent_dollars=spent_dollars, is_final=True).with_others(list_drawing_runs(others, run.id))

    return replace(run, spending=replace(run.spending, budget_thresholds=tuple(map(finish, reported))))


def list_drawing_runs(runs: Iterable[Run], reporter: str) -> list[str]:
    """Return the ids of the runs of a monthly budget that have machines, in order, without the run that reports it."""
    return sorted(run.id for run in runs if run.id != reporter and not run.is_waiting)


def choose_reporter(runs: Sequence[Run], budget_key: str, month: str, now: datetime) -> Run:
    """Return the run whose thread reports a threshold: the one that has reported this budget this month, so that its
    message is edited; else the costliest.
    """

    def rank(run: Run) -> tuple[bool, float]:
        reported = any((item.budget_key, item.month) == (budget_key, month) for item in run.spending.budget_thresholds)
        return reported, run.cost(now) or 0.0

    return max(runs, key=rank)


def find_reported_cap(run: Run, budget_key: str, month: str) -> float | None:
    """Return the cap in dollars of the last threshold of a monthly budget that a run has reported; None for none."""
    caps = [
        item.limit_dollars
        for item in run.spending.budget_thresholds
        if (item.budget_key, item.month) == (budget_key, month)
    ]
    return caps[-1] if caps else None


def find_budget_overruns(
    policy: Policy, ledger: Ledger, runs: Sequence[Run], now: datetime, zone: tzinfo
) -> dict[str, dict[str, BudgetOverrun]]:
    """Return the exhausted monthly budgets that open runs still draw on, by run id and rule.

    Launches are admitted with their whole budgets, so this happens in three cases only: an approver lowered the monthly
    budget, a run was allowed to exceed its own budget, or external clusters cost more than estimated.
    """
    month, until = format_month(now, zone), now + policy.month_grace
    overruns: dict[str, dict[str, BudgetOverrun]] = {run.id: {} for run in runs}
    for budget_key, group in group_runs_by_budget(runs).items():
        cap, spent_dollars = group.compute_cap_and_spending(policy, ledger, now, month)
        rule = cap_rule(group.scope, Measure.DOLLARS_PER_MONTH)
        if cap is not None and spent_dollars > 0 and spent_dollars >= cap:
            needed = compute_needed_dollars(group.runs, spent_dollars, now)
            is_report_only = policy.is_report_only(rule)
            overrun = BudgetOverrun(rule, budget_key, spent_dollars, cap, until, is_report_only, needed_dollars=needed)
            # A run without a price has no known cost, and is left alone.
            overruns |= {run.id: {**overruns[run.id], rule: overrun} for run in group.runs if run.spending.hourly_rate}
    return overruns


def compute_needed_dollars(runs: Iterable[Run], spent_dollars: float, now: datetime) -> int:
    """Return the least whole dollars a month with which these runs can cost as much as their own limits allow.

    Args:
        spent_dollars: what is spent of the month already, by these runs too.
    """
    remaining = 0.0
    for run in runs:
        cost, rate = run.cost(now), run.spending.hourly_rate
        if cost is not None and rate is not None:
            remaining += max(compute_max_dollars(run.limits.budget_dollars, run.limits.lease, rate) - cost, 0.0)
    # A month is used up at its limit, so a limit equal to what is spent would not do.
    return max(math.ceil(round(spent_dollars + remaining, 2)), math.floor(spent_dollars) + 1)


def build_threshold_key(month: str, budget_key: str, cap: float) -> str:
    """Return the ledger's key for a reported threshold. The cap is part of it, so that a new cap starts with no
    threshold reported.
    """
    return f"{build_ledger_key(month, budget_key)} {cap:g}"


@dataclass(frozen=True, slots=True)
class BudgetGroup:
    """A monthly budget with the open runs that draw on it; `reservation` belongs to any one of them."""

    scope: Scope
    reservation: Reservation
    runs: list[Run]

    def compute_cap_and_spending(
        self, policy: Policy, ledger: Ledger, now: datetime, month: str
    ) -> tuple[float | None, float]:
        """Return the cap of that month in dollars, if there is one, and the dollars spent."""
        cap = ledger.get_cap(policy, self.scope, Measure.DOLLARS_PER_MONTH, self.reservation)
        return cap, sum_spending(ledger, self.reservation.budget_key(self.scope), self.runs, now, month)


def sum_spending(ledger: Ledger, budget_key: str, runs: Iterable[Run], now: datetime, month: str) -> float:
    """Return the dollars that were spent from a monthly budget: by what ended in that month, by its open runs so far,
    and by external clusters so far.
    """
    return (
        ledger.spent_dollars.get(build_ledger_key(month, budget_key), 0.0)
        + sum(run.cost(now) or 0.0 for run in runs)
        + sum_external_spending(ledger, budget_key)
    )


def sum_external_spending(ledger: Ledger, budget_key: str) -> float:
    """Return what external clusters that are not gone have spent so far from a monthly budget, in dollars."""
    return sum(
        reservation.spent_dollars
        for reservation in ledger.reservations
        if budget_key in (reservation.budget_key(scope) for scope in Scope)
    )


def group_runs_by_budget(runs: Iterable[Run]) -> dict[str, BudgetGroup]:
    """Return every monthly budget that an open run draws on, by key."""
    groups: dict[str, BudgetGroup] = {}
    for run in runs:
        if run_reservation := build_reservation(run):
            for scope in Scope:
                groups.setdefault(
                    run_reservation.budget_key(scope), BudgetGroup(scope, run_reservation, [])
                ).runs.append(run)
    return groups
