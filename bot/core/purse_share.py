"""A threshold of a monthly budget that is reached: reported once, in the thread of a run that draws on the budget."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BudgetThreshold:
    """A threshold of a monthly budget that is reached.

    Attributes:
        month: `2026-11`; budget_key: whose budget, as the ledger names it: `team:C0TRAIN`.
        percent: the highest threshold that is reported; spent_dollars, limit_dollars: as of when it was reached.
    """

    month: str
    budget_key: str
    percent: int
    spent_dollars: float
    limit_dollars: float
