"""Reservations of open runs and spending of ended ones: what a launch is checked against. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from bot.core.policy import Measure, Policy, Scope
from bot.core.run import Run
from bot.core.status import Status


@dataclass(frozen=True, slots=True)
class Hold:
    """What one run that has not ended may use.

    Attributes:
        run_id: the run's id.
        person, team: Slack's ids of its requester and of its channel.
        gpus: number of all its nodes together.
        dollars_per_hour: the rate; zero where the run is unpriced.
        dollars: its budget: the most that it may spend altogether.
    """

    run: str
    person: str
    team: str
    gpus: int
    dollars_per_hour: float
    dollars: float

    def of(self, measure: Measure) -> float:
        """Return how much of a measure the run reserves."""
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
        """Return the ledger's key of the budget in this scope, such as `person:U0ANA`."""
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
        recorded_at: Unix seconds of when it was recorded.
        dollars: the most that it may cost.
    """

    person: str
    at: float
    dollars: float


@dataclass(frozen=True, slots=True)
class Ledger:
    """All reservations, and all spending.

    Attributes:
        spent_dollars: dollars of runs that have ended, by month and budget: `2026-11 person:U0ANA`.
        budget_overrides: dollars a month that an approver has set for a budget, in place of the policy's.
        notified_percents: the highest percent of a month's dollars that people were notified of, by month, budget and
            cap.
        recent_launches: recent launches, by run.
    """

    holds: tuple[Hold, ...] = ()
    spent: Mapping[str, float] = field(default_factory=dict)
    given: Mapping[str, float] = field(default_factory=dict)
    told: Mapping[str, int] = field(default_factory=dict)
    launched: Mapping[str, Launched] = field(default_factory=dict)

    def without(self, run: str) -> "Ledger":
        """Return the ledger without the reservation of a run."""
        return replace(self, holds=tuple(one for one in self.holds if one.run != run))

    def launched_by(self, person: str, since: datetime, but: str) -> float:
        """Return the most that a person's launches since then may cost together, without one run."""
        recent = (one for run, one in self.launched.items() if run != but and one.person == person)
        return sum(one.dollars for one in recent if one.at >= since.timestamp())

    def most(self, policy: Policy, scope: Scope, measure: Measure, wanted: Hold) -> float | None:
        """Return the cap that applies: the one that an approver has set, or else the policy's; None for none."""
        given = self.given.get(wanted.purse(scope)) if measure is Measure.DOLLARS_PER_MONTH else None
        return policy.most(scope, measure, wanted.team) if given is None else given

    def taken(self, scope: Scope, measure: Measure, wanted: Hold, month: str) -> float:
        """Return how much other runs use of a cap that `reservation` falls under."""
        purse = wanted.purse(scope)
        others = sum(one.of(measure) for one in self.holds if one.run != wanted.run and one.purse(scope) == purse)
        if measure is Measure.DOLLARS_PER_MONTH:
            return others + self.spent.get(entry(month, purse), 0.0)
        return others


def hold(run: Run) -> Hold | None:
    """Return what a run reserves; None once it has ended."""
    if run.status is Status.ENDED:
        return None
    rate = run.hourly.dollars_per_hour if run.hourly else 0.0
    dollars = max(run.budget_dollars, run.bill.dollars if run.bill else 0.0)  # a rescue may exceed the budget
    return Hold(run.id, run.requester, run.channel, gpu_count(run.nodes, run.gpus), rate, dollars)


def spending(run: Run, zone: tzinfo) -> dict[str, float]:
    """Return what an ended run adds to the ledger, by entry; nothing where it has cost nothing, or is unpriced.

    All of it counts in the month in which the run ended.
    """
    dollars = run.cost(run.ended_at) if run.ended_at else None
    if not dollars or run.ended_at is None:
        return {}
    month = month_of(run.ended_at, zone)
    paid = Hold(run.id, run.requester, run.channel, 0, 0.0, dollars)
    return {entry(month, paid.purse(scope)): dollars for scope in Scope}


def month_of(at: datetime, zone: tzinfo) -> str:
    """Return the calendar month in a time zone, such as `2026-11`."""
    return at.astimezone(zone).strftime("%Y-%m")


def entry(month: str, purse: str) -> str:
    """Return the ledger's key of a budget in a month."""
    return f"{month} {purse}"


def gpu_count(nodes: int, gpus: str) -> int:
    """Return the number of accelerators of all nodes.

    Of several kinds that SkyPilot may choose from, the largest number counts.

    >>> gpu_count(2, "H100:8"), gpu_count(1, "L4"), gpu_count(3, ""), gpu_count(1, "A100:4, H100:8")
    (16, 1, 0, 8)
    """
    kinds = [one.strip() for one in gpus.split(",") if one.strip()]
    counts = [int(found[1]) if (found := re.search(r":(\d{1,9})$", kind)) else 1 for kind in kinds]
    return nodes * max(counts, default=0)
