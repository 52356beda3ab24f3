"""Dollars of a calendar month: whose purse holds how much, and when its people are to be told. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from bot.core.holds import Hold, Ledger, entry, hold, month_of
from bot.core.overdraft import Overdraft
from bot.core.policy import Measure, Policy, Scope, cap_rule
from bot.core.purse_share import PurseShare
from bot.core.run import Run

SHARES = (50, 80, 100)
"""Percents of a month's dollars at which people are told."""


@dataclass(frozen=True, slots=True)
class Taken:
    """How much of one cap is taken.

    Attributes:
        taken: by open runs; of dollars a month, what has been spent and what their budgets allow besides.
        most: what is allowed; None for as much as you like.
        spent: of dollars a month, what runs that have ended have cost.
    """

    scope: Scope
    measure: Measure
    taken: float
    most: float | None
    spent: float = 0.0


def taken(policy: Policy, ledger: Ledger, person: str, team: str, month: str) -> list[Taken]:
    """What is taken of every cap that a person's next launch there would fall under."""
    nobody = Hold("", person, team, 0, 0.0, 0.0)
    return [
        Taken(
            scope,
            measure,
            ledger.taken(scope, measure, nobody, month),
            ledger.most(policy, scope, measure, nobody),
            ledger.spent.get(entry(month, nobody.purse(scope)), 0.0),
        )
        for scope in Scope
        for measure in Measure
    ]


def shares(policy: Policy, ledger: Ledger, runs: Sequence[Run], now: datetime, zone: tzinfo) -> dict[str, PurseShare]:
    """What is to be told of purses, each by the id of an open run whose people it concerns, the dearest of each purse.

    The highest share that is reached counts, once a month and cap.
    """
    month = month_of(now, zone)
    found: dict[str, PurseShare] = {}
    for purse, held in purses(runs).items():
        most, spent = held.month(policy, ledger, now, month)
        reached = [share for share in SHARES if most and 100 * spent >= share * most]
        if most and reached and max(reached) > ledger.told.get(told_entry(month, purse, most), 0):
            dearest = max(held.runs, key=lambda run: run.cost(now) or 0.0)
            found.setdefault(dearest.id, PurseShare(month, purse, max(reached), spent, most))
    return found


def overdrafts(
    policy: Policy, ledger: Ledger, runs: Sequence[Run], now: datetime, zone: tzinfo
) -> dict[str, dict[str, Overdraft]]:
    """What is spent of which open runs go on spending, by their ids and the name of the rule.

    Launches are weighed with their whole budgets, so that it takes a month that was made smaller, a run that was let
    go on beyond its own budget, or clusters launched outside that have cost more than was thought. A run without a
    price spends nothing that anybody knows of, and is left alone.
    """
    month, until = month_of(now, zone), now + policy.month_grace
    found: dict[str, dict[str, Overdraft]] = {run.id: {} for run in runs}
    for purse, held in purses(runs).items():
        most, spent = held.month(policy, ledger, now, month)
        rule = cap_rule(held.scope, Measure.DOLLARS_PER_MONTH)
        if most is not None and spent > 0 and spent >= most:
            overdraft = Overdraft(rule, purse, spent, most, until, policy.is_shadow(rule))
            found |= {run.id: {**found[run.id], rule: overdraft} for run in held.runs if run.hourly}
    return found


def told_entry(month: str, purse: str, most: float) -> str:
    """What a share was told of: another cap begins anew."""
    return f"{entry(month, purse)} {most:g}"


@dataclass(frozen=True, slots=True)
class Held:
    """A purse with the open runs that spend from it; `hold` is of any of them."""

    scope: Scope
    hold: Hold
    runs: list[Run]

    def month(self, policy: Policy, ledger: Ledger, now: datetime, month: str) -> tuple[float | None, float]:
        """Dollars that may be spent from it in that month, if there is a cap, and dollars that are."""
        most = ledger.most(policy, self.scope, Measure.DOLLARS_PER_MONTH, self.hold)
        return most, spent_from(ledger, self.hold.purse(self.scope), self.runs, now, month)


def spent_from(ledger: Ledger, purse: str, runs: Iterable[Run], now: datetime, month: str) -> float:
    """Dollars that were spent from it in a month, and by its open runs so far."""
    return ledger.spent.get(entry(month, purse), 0.0) + sum(run.cost(now) or 0.0 for run in runs)


def purses(runs: Iterable[Run]) -> dict[str, Held]:
    """Every purse that an open run spends from."""
    found: dict[str, Held] = {}
    for run in runs:
        if held := hold(run):
            for scope in Scope:
                found.setdefault(held.purse(scope), Held(scope, held, [])).runs.append(run)
    return found
