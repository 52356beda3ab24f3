"""What open runs take of the caps, and what the ended ones have spent: what a launch is held against. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from bot.core.policy import Measure, Policy, Scope
from bot.core.run import Run
from bot.core.status import Status


@dataclass(frozen=True, slots=True)
class Hold:
    """What one run that has not ended may take.

    Attributes:
        run: its id; person, team: Slack's ids of its requester and of its channel.
        gpus: of all its nodes together.
        dollars_per_hour: zero where nobody has priced it.
        dollars: its budget: what it may spend altogether.
    """

    run: str
    person: str
    team: str
    gpus: int
    dollars_per_hour: float
    dollars: float

    def of(self, measure: Measure) -> float:
        match measure:
            case Measure.RUNS:
                return 1
            case Measure.GPUS:
                return self.gpus
            case Measure.DOLLARS_PER_HOUR:
                return self.dollars_per_hour
            case Measure.DOLLARS_PER_MONTH:
                return self.dollars

    def purse(self, scope: Scope) -> str:
        """Whose money it is, as the ledger names it."""
        match scope:
            case Scope.PERSON:
                return f"{scope}:{self.person}"
            case Scope.TEAM:
                return f"{scope}:{self.team}"
            case Scope.EVERYBODY:
                return str(scope)


@dataclass(frozen=True, slots=True)
class Launched:
    """A launch of the last day or two.

    Attributes:
        at: Unix seconds of when it was recorded; dollars: the most that it may cost.
    """

    person: str
    at: float
    dollars: float


@dataclass(frozen=True, slots=True)
class Ledger:
    """All holds, and what was spent.

    Attributes:
        spent: dollars of runs that have ended, by month and purse: `2026-11 person:U0ANA`.
        given: dollars a month that an approver has given to a purse, in place of the policy's.
        told: the highest percent of a month's dollars that was told of, by month, purse and cap.
        launched: recent launches, by run.
    """

    holds: tuple[Hold, ...] = ()
    spent: Mapping[str, float] = field(default_factory=dict)
    given: Mapping[str, float] = field(default_factory=dict)
    told: Mapping[str, int] = field(default_factory=dict)
    launched: Mapping[str, Launched] = field(default_factory=dict)

    def without(self, run: str) -> "Ledger":
        """Return it as if this run held nothing."""
        return replace(self, holds=tuple(one for one in self.holds if one.run != run))

    def launched_by(self, person: str, since: datetime, but: str) -> float:
        """Return the most that a person's launches since then may cost, but for one run."""
        recent = (one for run, one in self.launched.items() if run != but and one.person == person)
        return sum(one.dollars for one in recent if one.at >= since.timestamp())

    def most(self, policy: Policy, scope: Scope, measure: Measure, wanted: Hold) -> float | None:
        """The cap that counts: what an approver has given since, or the policy's."""
        given = self.given.get(wanted.purse(scope)) if measure is Measure.DOLLARS_PER_MONTH else None
        return policy.most(scope, measure, wanted.team) if given is None else given

    def taken(self, scope: Scope, measure: Measure, wanted: Hold, month: str) -> float:
        """What others take of a cap that `wanted` falls under, without itself."""
        purse = wanted.purse(scope)
        others = sum(one.of(measure) for one in self.holds if one.run != wanted.run and one.purse(scope) == purse)
        if measure is Measure.DOLLARS_PER_MONTH:
            return others + self.spent.get(entry(month, purse), 0.0)
        return others


def hold(run: Run) -> Hold | None:
    """What a run takes; None once it has ended."""
    if run.status is Status.ENDED:
        return None
    rate = run.hourly.dollars_per_hour if run.hourly else 0.0
    dollars = max(run.budget_dollars, run.bill.dollars if run.bill else 0.0)  # it may wait for its model beyond that
    return Hold(run.id, run.requester, run.channel, gpu_count(run.nodes, run.gpus), rate, dollars)


def spending(run: Run, zone: tzinfo) -> dict[str, float]:
    """What a run that has ended adds to the ledger, by entry; nothing where it has cost nothing, or is unpriced.

    It counts in the month in which it ended, as a whole.
    """
    dollars = run.cost(run.ended_at) if run.ended_at else None
    if not dollars or run.ended_at is None:
        return {}
    month = month_of(run.ended_at, zone)
    paid = Hold(run.id, run.requester, run.channel, 0, 0.0, dollars)
    return {entry(month, paid.purse(scope)): dollars for scope in Scope}


def month_of(at: datetime, zone: tzinfo) -> str:
    """The calendar month there, `2026-11`."""
    return at.astimezone(zone).strftime("%Y-%m")


def entry(month: str, purse: str) -> str:
    return f"{month} {purse}"


def gpu_count(nodes: int, gpus: str) -> int:
    """Accelerators of all nodes; of several that SkyPilot may choose from, the most.

    >>> gpu_count(2, "H100:8"), gpu_count(1, "L4"), gpu_count(3, ""), gpu_count(1, "A100:4, H100:8")
    (16, 1, 0, 8)
    """
    kinds = [one.strip() for one in gpus.split(",") if one.strip()]
    counts = [int(found[1]) if (found := re.search(r":(\d{1,9})$", kind)) else 1 for kind in kinds]
    return nodes * max(counts, default=0)
