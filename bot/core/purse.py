"""Monthly budgets: dollars of a calendar month, how much of them is used, and when people are notified. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from bot.core.holds import Hold, Ledger, entry, hold, month_of
from bot.core.overdraft import Overdraft
from bot.core.policy import Measure, Policy, Scope, cap_rule
from bot.core.purse_share import PurseShare
from bot.core.run import Run

SHARES = (50, 80, 100)
"""Percents of a month's dollars at which people are notified."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The usage of one cap.

    Attributes:
        used: by open runs; for dollars a month, dollars spent plus the budgets of open runs.
        cap: the maximum; None for no cap.
        spent: for dollars a month, the cost of runs that have ended.
    """

    scope: Scope
    measure: Measure
    taken: float
    most: float | None
    spent: float = 0.0


def taken(policy: Policy, ledger: Ledger, person: str, team: str, month: str) -> list[Taken]:
    """Return the usage of every cap that applies to a person's next launch in this channel."""
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
    """Return the thresholds of monthly budgets to report, each by the id of an open run in whose thread it is
    reported: the costliest run of each budget.

    The highest threshold that is reached counts, once a month and cap.
    """
    month = month_of(now, zone)
    found: dict[str, PurseShare] = {}
    for purse, held in purses(runs).items():
        most, spent = held.month(policy, ledger, now, month)
        reached = [share for share in SHARES if most and 100 * spent >= share * most]
        if most and reached and max(reached) > ledger.told.get(told_entry(month, purse, most), 0):
            dearest = max(held.runs, key=lambda run: run.cost(now) or 0.0)
            # A run may be the costliest of several budgets: it reports one threshold at a time.
            found.setdefault(dearest.id, PurseShare(month, purse, max(reached), spent, most))
    return found


def overdrafts(
    policy: Policy, ledger: Ledger, runs: Sequence[Run], now: datetime, zone: tzinfo
) -> dict[str, dict[str, Overdraft]]:
    """Return the exhausted monthly budgets that open runs still draw on, by run id and rule.

    Launches are admitted with their whole budgets, so this happens in three cases only: an approver lowered the monthly
    budget, a run was allowed to exceed its own budget, or external clusters cost more than estimated.
    """
    month, until = month_of(now, zone), now + policy.month_grace
    found: dict[str, dict[str, Overdraft]] = {run.id: {} for run in runs}
    for purse, held in purses(runs).items():
        most, spent = held.month(policy, ledger, now, month)
        rule = cap_rule(held.scope, Measure.DOLLARS_PER_MONTH)
        if most is not None and spent > 0 and spent >= most:
            overdraft = Overdraft(rule, purse, spent, most, until, policy.is_shadow(rule))
            # A run without a price has no known cost, and is left alone.
            found |= {run.id: {**found[run.id], rule: overdraft} for run in held.runs if run.hourly}
    return found


def told_entry(month: str, purse: str, most: float) -> str:
    """Return the ledger's key for a reported threshold. The cap is part of it, so that a new cap starts with no
    threshold reported.
    """
    return f"{entry(month, purse)} {most:g}"


@dataclass(frozen=True, slots=True)
class Held:
    """A monthly budget with the open runs that draw on it; `reservation` belongs to any one of them."""

    scope: Scope
    hold: Hold
    runs: list[Run]

    def month(self, policy: Policy, ledger: Ledger, now: datetime, month: str) -> tuple[float | None, float]:
        """Return the cap of that month in dollars, if there is one, and the dollars spent."""
        most = ledger.most(policy, self.scope, Measure.DOLLARS_PER_MONTH, self.hold)
        return most, spent_from(ledger, self.hold.purse(self.scope), self.runs, now, month)


def spent_from(ledger: Ledger, purse: str, runs: Iterable[Run], now: datetime, month: str) -> float:
    """Return the dollars that were spent from a monthly budget: by ended runs in that month, and by its open runs so
    far.
    """
    return ledger.spent.get(entry(month, purse), 0.0) + sum(run.cost(now) or 0.0 for run in runs)


def purses(runs: Iterable[Run]) -> dict[str, Held]:
    """Return every monthly budget that an open run draws on, by key."""
    found: dict[str, Held] = {}
    for run in runs:
        if held := hold(run):
            for scope in Scope:
                found.setdefault(held.purse(scope), Held(scope, held, [])).runs.append(run)
    return found
