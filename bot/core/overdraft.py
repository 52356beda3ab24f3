"""Budget overruns: a month's dollars are spent. Runs that use them end after a grace time, in which an approver may
raise the budget.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BudgetOverrun:
    """A monthly budget that is exhausted, as a run's record has it.

    Attributes:
        rule: the cap's name, such as `team.dollars_per_month`.
        budget_key: the budget, as the ledger names it.
        spent_dollars, limit_dollars: dollars when the overrun was found.
        until: when the run is to end.
        is_report_only: whether the rule only reports what it would have done.
        resolved_at: when an approver had raised the budget, or another month had begun; the run continues.
    """

    rule: str
    budget_key: str
    spent_dollars: float
    limit_dollars: float
    until: datetime
    is_report_only: bool = False
    resolved_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Return whether the overrun is not resolved."""
        return self.resolved_at is None


def update_budget_overruns(
    previous: Sequence[BudgetOverrun], current: Mapping[str, BudgetOverrun], now: datetime
) -> tuple[BudgetOverrun, ...]:
    """Return a run's budget overruns after these were found, by rule.

    An open one keeps its deadline, however often it is found.

    An overrun whose rule has become report only, or has become enforced, begins again, with the full grace time.
    """
    updated: list[BudgetOverrun] = []
    for overrun in previous:
        current_overrun = current.get(overrun.rule)
        # A resolved overrun stays as history; an open one keeps its deadline.
        if not overrun.is_open or (current_overrun and current_overrun.is_report_only == overrun.is_report_only):
            updated.append(overrun)
        elif current_overrun is None:
            updated.append(replace(overrun, resolved_at=now))
    open_rules = {overrun.rule for overrun in updated if overrun.is_open}
    return (*updated, *(overrun for rule, overrun in current.items() if rule not in open_rules))
