"""That so much of a month's dollars is spent: said once, in the thread of a run that spends them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PurseShare:
    """
    Attributes:
        month: `2026-11`; purse: whose, as the ledger names it: `team:C0TRAIN`.
        percent: the highest share that is told of; spent, most: dollars when it was found.
    """

    month: str
    purse: str
    percent: int
    spent: float
    most: float
