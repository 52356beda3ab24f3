"""Reservations of open runs and spending of ended ones: what a launch is checked against. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from bot.core.model.policy import Measure, Policy, Scope
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one run that has not ended may use.

    Attributes:
        run_id: the run's id.
        person, team: Slack's ids of its requester and of its channel.
        gpus: number of all its nodes together.
        dollars_per_hour: the rate; zero where the run is unpriced.
        dollars: its budget: the most that it may spend altogether.
        spent_dollars: of an external cluster, what it has cost so far; the cost of a run is in the run's own record.
    """

    run_id: str
    person: str
    team: str
    gpus: int
    dollars_per_hour: float
    dollars: float
    spent_dollars: float = 0.0

    def get_amount(self, measure: Measure) -> float:
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

    def budget_key(self, scope: Scope) -> str:
        """Return the ledger's key of the budget in this scope, such as `person:U0ANA`."""
        return build_budget_key(scope, self.person, self.team)


@dataclass(frozen=True, slots=True)
class RecentLaunch:
    """A launch of the last day or two.

    Attributes:
        recorded_at: Unix seconds of when it was recorded.
        dollars: the most that it may cost.
    """

    person: str
    recorded_at: float
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

    reservations: tuple[Reservation, ...] = ()
    spent_dollars: Mapping[str, float] = field(default_factory=dict)
    budget_overrides: Mapping[str, float] = field(default_factory=dict)
    notified_percents: Mapping[str, int] = field(default_factory=dict)
    recent_launches: Mapping[str, RecentLaunch] = field(default_factory=dict)

    def without_run(self, run_id: str) -> "Ledger":
        """Return the ledger without the reservation of a run."""
        return replace(
            self, reservations=tuple(reservation for reservation in self.reservations if reservation.run_id != run_id)
        )

    def select_runs(self, run_ids: Iterable[str]) -> "Ledger":
        """Return the ledger with the reservations of these runs alone."""
        wanted = frozenset(run_ids)
        return replace(
            self, reservations=tuple(reservation for reservation in self.reservations if reservation.run_id in wanted)
        )

    def sum_launch_dollars(self, person: str, since: datetime, excluded_run: str) -> float:
        """Return the most that a person's launches since then may cost together, without one run."""
        recent = (
            launch
            for run_id, launch in self.recent_launches.items()
            if run_id != excluded_run and launch.person == person
        )
        return sum(launch.dollars for launch in recent if launch.recorded_at >= since.timestamp())

    def get_cap(self, policy: Policy, scope: Scope, measure: Measure, reservation: Reservation) -> float | None:
        """Return the cap that applies: the one that an approver has set, or else the policy's; None for none."""
        override = (
            self.budget_overrides.get(reservation.budget_key(scope)) if measure is Measure.DOLLARS_PER_MONTH else None
        )
        return policy.cap_for(scope, measure, reservation.team) if override is None else override

    def sum_usage_by_others(self, scope: Scope, measure: Measure, reservation: Reservation, month: str) -> float:
        """Return how much other runs use of a cap that `reservation` falls under."""
        budget_key = reservation.budget_key(scope)
        usage = sum(
            other.get_amount(measure)
            for other in self.reservations
            if other.run_id != reservation.run_id and other.budget_key(scope) == budget_key
        )
        if measure is Measure.DOLLARS_PER_MONTH:
            return usage + self.spent_dollars.get(build_ledger_key(month, budget_key), 0.0)
        return usage


def build_reservation(run: Run) -> Reservation | None:
    """Return what a run reserves; None once it has ended."""
    if run.status is RunStatus.ENDED:
        return None
    rate = run.spending.hourly_rate.dollars_per_hour if run.spending.hourly_rate else 0.0
    dollars = max(
        run.limits.budget_dollars, run.spending.bill.dollars if run.spending.bill else 0.0
    )  # a rescue may exceed the budget
    return Reservation(run.id, run.requester, run.channel, count_gpus(run.plan.nodes, run.plan.gpus), rate, dollars)


def build_spending(run: Run, zone: tzinfo) -> dict[str, float]:
    """Return what an ended run adds to the ledger, by entry; nothing where it has cost nothing, or is unpriced.

    All of it counts in the month in which the run ended.
    """
    dollars = run.cost(run.closed_at) if run.closed_at else None
    if not dollars or run.closed_at is None:
        return {}
    month = format_month(run.closed_at, zone)
    reservation = Reservation(run.id, run.requester, run.channel, 0, 0.0, dollars)
    return {build_ledger_key(month, reservation.budget_key(scope)): dollars for scope in Scope}


def format_month(moment: datetime, zone: tzinfo) -> str:
    """Return the calendar month in a time zone, such as `2026-11`."""
    return moment.astimezone(zone).strftime("%Y-%m")


def build_budget_key(scope: Scope, person: str, team: str) -> str:
    """Return the ledger's key of a budget.

    >>> build_budget_key(Scope.TEAM, "U0ANA", "C0TRAIN"), build_budget_key(Scope.WORKSPACE, "", "")
    ('team:C0TRAIN', 'workspace')
    """
    match scope:
        case Scope.PERSON:
            return f"{scope}:{person}"
        case Scope.TEAM:
            return f"{scope}:{team}"
        case Scope.WORKSPACE:
            return str(scope)


def build_ledger_key(month: str, budget_key: str) -> str:
    """Return the ledger's key of a budget in a month."""
    return f"{month} {budget_key}"


def count_gpus(nodes: int, gpus: str) -> int:
    """Return the number of accelerators of all nodes.

    Of several kinds that SkyPilot may choose from, the largest number counts.

    >>> count_gpus(2, "H100:8"), count_gpus(1, "L4"), count_gpus(3, ""), count_gpus(1, "A100:4, H100:8")
    (16, 1, 0, 8)
    """
    kinds = [part.strip() for part in gpus.split(",") if part.strip()]
    counts = [int(match[1]) if (match := re.search(r":(\d{1,9})$", kind)) else 1 for kind in kinds]
    return nodes * max(counts, default=0)
