"""Budget overruns: a month's dollars are spent. Runs that use them end after a grace time, in which an approver may
raise the budget.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Overdraft:
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
    purse: str
    spent: float
    most: float
    until: datetime
    rehearsed: bool = False
    made_good_at: datetime | None = None

    @property
    def stands(self) -> bool:
        """Return whether the overrun is not resolved."""
        return self.made_good_at is None


def after(known: Sequence[Overdraft], found: Mapping[str, Overdraft], now: datetime) -> tuple[Overdraft, ...]:
    """Return a run's budget overruns after these were found, by rule.

    An open one keeps its deadline, however often it is found.

    An overrun whose rule has become report only, or has become enforced, begins again, with the full grace time.
    """
    kept: list[Overdraft] = []
    for one in known:
        new = found.get(one.rule)
        # A resolved overrun stays as history; an open one keeps its deadline.
        if not one.stands or (new and new.rehearsed == one.rehearsed):
            kept.append(one)
        elif new is None:
            kept.append(replace(one, made_good_at=now))
    standing = {one.rule for one in kept if one.stands}
    return (*kept, *(one for rule, one in found.items() if rule not in standing))
