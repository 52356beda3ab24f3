"""Monthly budgets of a channel, a person or the workspace: how much is used, and who may raise them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo

from bot.asked import Requester
from bot.core.access import refuse_act
from bot.core.admission import find_cap_violations
from bot.core.audit import build_request_event
from bot.core.command import SetMonthlyBudget
from bot.core.holds import Reservation, build_reservation, format_month
from bot.core.policy import Measure, Policy, cap_rule
from bot.core.purse import CapUsage, group_runs_by_budget, list_cap_usage, sum_spending
from bot.core.roles import Act
from bot.core.run import Run
from bot.errors import Denied
from bot.language import join_sentences, translate
from bot.origin import get_origin
from bot.ports import Audit, Now, Store


@dataclass(frozen=True, slots=True)
class MonthlyBudgetService:
    """Shows, sets and enforces monthly budgets.

    Attributes:
        timezone: the time zone of the months that count.
    """

    store: Store
    audit: Audit
    now: Now
    read_policy: Callable[[], Policy]
    timezone: tzinfo = UTC

    def get_cap_usage(self, caller: Requester) -> list[CapUsage]:
        """Return the usage of every cap that applies to this person's next launch here."""
        month = format_month(self.now(), self.timezone)
        return list_cap_usage(self.read_policy(), self.store.get_ledger(), caller.user, caller.channel, month)

    def set_monthly_budget(self, command: SetMonthlyBudget, caller: Requester) -> float:
        """Record the monthly budget of a channel, a person or the workspace, in dollars.

        Returns the dollars of it that are already spent; 0 where that has no consequence: no run is active, or the
        rule is report-only.

        Raises:
            UserError: the person may not.
        """
        policy = self.read_policy()
        refuse_act(policy, Act.SET_MONTHLY_BUDGET, caller.actor)
        budget_key = Reservation("", command.person, caller.channel, 0, 0.0, 0.0).budget_key(command.scope)
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
            UserError: a budget is exhausted; the message says which, and how to raise it.
        """
        policy, run_reservation = self.read_policy(), build_reservation(run)
        # Without the run's own reservation, which must not count twice.
        ledger = self.store.get_ledger().without_run(run.id)
        cap_violations = (
            find_cap_violations(policy, ledger, run_reservation, format_month(self.now(), self.timezone))
            if run_reservation
            else []
        )
        exhausted = [
            cap_violation
            for cap_violation in cap_violations
            if cap_violation.measure is Measure.DOLLARS_PER_MONTH and not policy.is_report_only(cap_violation.rule)
        ]
        if exhausted:
            raise Denied(
                join_sentences(*(cap_violation.sentence for cap_violation in exhausted)),
                translate("Raise it first, such as `/verl budget team 5000`, and approve then."),
                act=Act.APPROVE,
                on=run.id,
            )
