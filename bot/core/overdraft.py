"""That a month's dollars are spent: runs that spend from them end, after a while in which an approver may give more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Overdraft:
    """
    Attributes:
        rule: the cap's name, such as `team.dollars_per_month`; purse: whose money, as the ledger names it.
        spent, most: dollars when it was found.
        until: when the run is to end.
        rehearsed: whether its rule only tells what it would do.
        made_good_at: when an approver had given more, or another month had begun; the run goes on.
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
        return self.made_good_at is None


def after(known: Sequence[Overdraft], found: Mapping[str, Overdraft], now: datetime) -> tuple[Overdraft, ...]:
    """What a run's overdrafts are once these are found, by rule. One that stands keeps its end, however often found.

    One whose rule was taken into the shadow or out of it begins anew, with its whole time.
    """
    kept: list[Overdraft] = []
    for one in known:
        new = found.get(one.rule)
        if not one.stands or (new and new.rehearsed == one.rehearsed):
            kept.append(one)
        elif new is None:
            kept.append(replace(one, made_good_at=now))
    standing = {one.rule for one in kept if one.stands}
    return (*kept, *(one for rule, one in found.items() if rule not in standing))
