"""Money over time: the cost report of a month, warnings about monthly budgets, and who may change those budgets."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from functools import partial
from itertools import chain
from typing import Protocol

from bot.app import report_service
from bot.app.ports import Notifier, Now
from bot.app.run_queries import Requester
from bot.app.store_ports import Audit, LedgerStore, RunReader, RunWriter
from bot.core.commands.command import SetMonthlyBudget
from bot.core.model.audit import build_request_event
from bot.core.model.ledger import Ledger, build_budget_key, build_ledger_key, build_reservation, format_month
from bot.core.model.people import Act
from bot.core.model.policy import Measure, Policy, Scope, cap_rule
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules.access import refuse_act
from bot.core.rules.admission import CapViolation, find_cap_violations, list_raising_commands
from bot.core.rules.cluster_keeping import is_kept
from bot.core.rules.costs import (
    MonthlyCosts,
    RecipeBaseline,
    calendar_month,
    compute_baseline,
    compute_charge,
    compute_efficiency,
    compute_monthly_costs,
)
from bot.core.rules.monthly_budget import (
    CapUsage,
    MonthUsage,
    compute_month_usage,
    find_budget_overruns,
    find_reached_thresholds,
    group_runs_by_budget,
    list_cap_usage,
    list_open_costs,
    record_final_spending,
    record_requester_month,
    record_thresholds,
    show_requester_month,
    sum_external_spending,
    sum_spending,
)
from bot.errors import Denied, UnreadableRecord
from bot.phrase import N_, Phrase, join_sentences, name_channel, name_person
from bot.runtime.failure_isolation import skip_failing_runs
from bot.runtime.request_origin import get_origin

MAX_COMPARED_RUNS = 500
"""Number of the newest ended runs among which those of a run's recipe are looked for."""


MAX_ENDED_REPORTERS = 50
"""Number of the newest ended runs whose notices about monthly budgets are brought up to date once more."""


class BudgetStore(RunReader, LedgerStore, Protocol):
    """The runs, and what they reserve and have spent."""


@dataclass(frozen=True, slots=True)
class RunCostAnswer:
    """What one run has cost, and the baseline of earlier runs of its recipe."""

    run: Run
    baseline: RecipeBaseline | None


@dataclass(frozen=True, slots=True)
class CostService:
    """Computes costs.

    Attributes:
        zone: time zone in which a month begins.
    """

    store: BudgetStore
    now: Now
    zone: str = "UTC"

    def report_run(self, run: Run) -> RunCostAnswer:
        """Return the cost of a run with the baseline of its recipe."""
        now = self.now()
        others = skip_failing_runs(
            self.store.list_recent_runs(MAX_COMPARED_RUNS), lambda other: compute_efficiency(other, now), []
        )
        return RunCostAnswer(run, compute_baseline(others, run, now))

    def report_month(self, covers: Callable[[Run], bool], budget_key: str) -> MonthlyCosts:
        """Return the costs of this month's covered runs, with the ids of those that could not be computed.

        Args:
            budget_key: the monthly budget that they draw on, as the ledger names it; what else was spent from it is in
                the sum.
        """
        now = self.now()
        month = calendar_month(now, report_service.load_zone(self.zone))
        # Read before the runs: a run that ends between the two reads is in the sum once.
        ledger = self.store.get_ledger()
        failed: list[str] = []
        sound_runs = skip_failing_runs(
            filter(covers, list_paid_runs(self.store, month.begin)), lambda run: compute_charge(run, now), failed
        )
        costs = replace(compute_monthly_costs(sound_runs, month, now), failed=tuple(dict.fromkeys(failed)))
        settled = ledger.spent_dollars.get(build_ledger_key(month.name, budget_key), 0.0)
        return costs.add_other_spending(settled, sum_external_spending(ledger, budget_key))

    def get_run(self, run_id: str) -> Run | None:
        """Return the run of this id; None where it does not exist, or its record cannot be read."""
        try:
            return self.store.get(run_id)
        except UnreadableRecord:
            return None


def list_paid_runs(store: RunReader, since: datetime) -> Iterable[Run]:
    """Return every run that bills or has ended since then; one that ends meanwhile appears twice, its end last."""
    return chain(store.list_open_runs(), store.iterate_ended_runs(since))


log = logging.getLogger(__name__)


class BudgetMonitorStore(BudgetStore, RunWriter, Protocol):
    """The same, with the warnings on the runs."""


@dataclass(frozen=True, slots=True)
class MonthlyBudgetMonitor:
    """Records warnings on runs that use a monthly budget, the overrun on each run to be stopped, and the month of a
    requester on each run that waits for an approver.

    A warning is recorded on one run, whose thread shows it.

    Attributes:
        read_policy: returns what is allowed now.
        is_leader: whether this bot, of those that share the store, is the one that acts.
        timezone: the time zone of the months that count.
    """

    store: BudgetMonitorStore
    notifier: Notifier
    read_policy: Callable[[], Policy]
    now: Now
    is_leader: Callable[[], bool]
    timezone: tzinfo

    def check(self) -> None:
        """Check all monthly budgets that open runs use."""
        if not self.is_leader():
            return
        # Read before the runs: a run that ends between the two reads is then missed, and not counted twice.
        ledger = self.store.get_ledger()
        runs = [run for run in self.store.list_open_runs() if run.status is not RunStatus.ENDED]
        if runs:
            self._check_open_runs(ledger, runs)
        self._record_final_spending()

    def _check_open_runs(self, ledger: Ledger, runs: Sequence[Run]) -> None:
        """Check the monthly budgets of runs that have not ended."""
        inputs = (self.read_policy(), ledger, runs, now := self.now(), self.timezone)
        for run_id, thresholds in find_reached_thresholds(*inputs).items():
            self._change(run_id, partial(record_thresholds, thresholds=thresholds))
        self._record_requester_months(ledger, runs, now)
        overruns = find_budget_overruns(*inputs)
        for run in runs:
            draws = not run.is_waiting and (not run.is_finished or is_kept(run, now))
            if draws and run.record_budget_overruns(overruns[run.id], now) != run:
                self._change(run.id, partial(Run.record_budget_overruns, overruns=overruns[run.id], now=now))

    def _record_final_spending(self) -> None:
        """Bring the notices of runs that have ended up to date, once a run."""
        ended_runs = [run for run in self.store.list_recent_runs(MAX_ENDED_REPORTERS) if run.spending.budget_thresholds]
        if all(run.spending.budget_thresholds[-1].is_final for run in ended_runs):
            return
        # Read after the runs that have ended, so that it has what they have cost.
        ledger = self.store.get_ledger()
        runs = [run for run in self.store.list_open_runs() if run.status is not RunStatus.ENDED]
        finish = partial(record_final_spending, ledger=ledger, open_runs=runs, now=self.now(), zone=self.timezone)
        for run in ended_runs:
            if finish(run) != run:
                self._change(run.id, finish)

    def _record_requester_months(self, ledger: Ledger, runs: Sequence[Run], now: datetime) -> None:
        """Bring the month that the cards of waiting launches show up to date: one edit a check at most."""
        show_month = partial(
            record_requester_month,
            ledger=ledger,
            policy=self.read_policy(),
            costs=list_open_costs(runs, now),
            now=now,
            zone=self.timezone,
        )
        for run in runs:
            if show_month(run) != run:
                self._change(run.id, show_month)

    def _change(self, run_id: str, change: Callable[[Run], Run]) -> None:
        """Change one run's record; a record that cannot be read does not affect the other runs."""
        try:
            self.notifier.show([self.store.update(run_id, change)])
        except UnreadableRecord as error:
            log.error("run %s: %s", run_id, error)


@dataclass(frozen=True, slots=True)
class MonthlyBudgetService:
    """Shows, sets and enforces monthly budgets.

    Attributes:
        timezone: the time zone of the months that count.
    """

    store: BudgetStore
    audit: Audit
    now: Now
    read_policy: Callable[[], Policy]
    timezone: tzinfo = UTC

    def get_cap_usage(self, user: str, channel: str) -> list[CapUsage]:
        """Return the usage of every cap that applies to a person's next launch in a channel."""
        # Read before the runs: a run that ends between the two reads is not counted twice.
        ledger, now = self.store.get_ledger(), self.now()
        month, runs = format_month(now, self.timezone), self.store.list_open_runs()
        return list_cap_usage(self.read_policy(), ledger, runs, user, channel, now, month)

    def show_requester_months(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs; of those that wait for an approver, with their requesters' monthly budgets to the cent, as
        other answers of this moment show the same months. Nothing is recorded.
        """
        ledger, now = self.store.get_ledger(), self.now()
        costs = list_open_costs(self.store.list_open_runs(), now)
        return [show_requester_month(run, ledger, self.read_policy(), costs, now, self.timezone) for run in runs]

    def set_monthly_budget(self, command: SetMonthlyBudget, caller: Requester) -> float:
        """Record the monthly budget of a channel, a person or the workspace, in dollars.

        Returns the dollars of it that are spent already; 0 where that has no consequence: no run is active, or the
        rule is report-only.

        Raises:
            UserError: the person may not.
        """
        policy = self.read_policy()
        refuse_act(policy, Act.SET_MONTHLY_BUDGET, caller.actor)
        budget_key = build_budget_key(command.scope, command.person, caller.channel)
        before = {"dollars_per_month": self.store.get_ledger().budget_overrides.get(budget_key)}
        self.store.set_monthly_budget(budget_key, command.dollars, caller.user, now := self.now())
        new_value = {"dollars_per_month": command.dollars}
        self.audit.record(
            build_request_event(Act.SET_MONTHLY_BUDGET, budget_key, now, get_origin(), after=new_value, before=before)
        )
        if policy.is_report_only(cap_rule(command.scope, Measure.DOLLARS_PER_MONTH)):
            return 0.0
        ledger = self.store.get_ledger()
        open_budget = group_runs_by_budget(self.store.list_open_runs()).get(budget_key)
        return (
            sum_spending(ledger, budget_key, open_budget.runs, now, format_month(now, self.timezone))
            if open_budget
            else 0.0
        )

    def refuse_exhausted(self, run: Run) -> None:
        """Refuse to approve a run that no longer fits a monthly budget: an approval must not override it silently.

        Raises:
            UserError: a budget is exhausted; the message has its amounts, and says how to raise it.
        """
        policy, run_reservation, now = self.read_policy(), build_reservation(run), self.now()
        if run_reservation is None:
            return
        # Without the run's own reservation, which must not count twice.
        ledger, month = self.store.get_ledger().without_run(run.id), format_month(now, self.timezone)
        costs = list_open_costs(self.store.list_open_runs(), now)
        exhausted = [
            (
                violation,
                compute_month_usage(ledger, run_reservation.budget_key(violation.scope), violation.scope, costs, month),
            )
            for violation in find_cap_violations(policy, ledger, run_reservation, month)
            if violation.measure is Measure.DOLLARS_PER_MONTH and not policy.is_report_only(violation.rule)
        ]
        if exhausted:
            refusals = (explain_exhausted_budget(run, violation, usage) for violation, usage in exhausted)
            raise Denied(
                join_sentences(*refusals),
                explain_how_to_approve((violation for violation, _ in exhausted), run),
                act=exhausted[0][0].rule,
                on=run.id,
            )


MONTH_SPENT = {
    Scope.PERSON: N_("The monthly budget of {person} is used up: ${spent} of ${cap}."),
    Scope.TEAM: N_("The monthly budget of {channel} is used up: ${spent} of ${cap}."),
    Scope.WORKSPACE: N_("The workspace's monthly budget is used up: ${spent} of ${cap}."),
}
MONTH_TOO_FULL = {
    Scope.PERSON: N_(
        "`{run}` would exceed the monthly budget of {person}: its budget of ${more} is reserved at its launch; of "
        "${cap}, ${spent} is spent and ${reserved} is reserved."
    ),
    Scope.TEAM: N_(
        "`{run}` would exceed the monthly budget of {channel}: its budget of ${more} is reserved at its launch; of "
        "${cap}, ${spent} is spent and ${reserved} is reserved."
    ),
    Scope.WORKSPACE: N_(
        "`{run}` would exceed the workspace's monthly budget: its budget of ${more} is reserved at its launch; of "
        "${cap}, ${spent} is spent and ${reserved} is reserved."
    ),
}


def explain_exhausted_budget(run: Run, violation: CapViolation, usage: MonthUsage) -> Phrase:
    """Return which monthly budget has no room for a run, with its amounts, to the person who would approve the run."""
    phrases = MONTH_SPENT if usage.spent >= violation.cap else MONTH_TOO_FULL
    amounts = {"spent": usage.spent, "reserved": usage.reserved, "cap": violation.cap, "more": violation.requested}
    return Phrase(
        phrases[violation.scope],
        run=run.id,
        person=name_person(run.requester),
        channel=name_channel(run.channel),
        **{name: f"{value:,.2f}" for name, value in amounts.items()},
    )


def explain_how_to_approve(violations: Iterable[CapViolation], run: Run) -> Phrase:
    """Return how an approver makes room for a run in its monthly budgets."""
    return Phrase("Type this first, then approve: {commands}.", commands=list_raising_commands(violations, run))
