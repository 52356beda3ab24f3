"""Dollars with their source: rates, bills, overruns and thresholds of budgets, and what a run spends of them. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

MAX_CLOCK_DIFFERENCE = timedelta(minutes=1)
"""Maximum difference between a provider's seconds and the bot's, since each measures at another moment."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What a whole cluster costs.

    Attributes:
        dollars_per_hour: for all nodes together.
        source: where the number comes from, in words that fit behind "by".
    """

    dollars_per_hour: float
    source: str

    @property
    def is_priced(self) -> bool:
        """Return whether the rate is known: SkyPilot reports 0 where it knows no price, as for Kubernetes and Slurm."""
        return self.dollars_per_hour > 0


def compute_max_dollars(budget_dollars: float, lease: timedelta, rate: Rate | None) -> float:
    """Return the most that a launch can cost: its budget, or its rate × its lease where that is less.

    >>> compute_max_dollars(150.0, timedelta(hours=2), Rate(2.0, "demo")), compute_max_dollars(9.0, timedelta(1), None)
    (4.0, 9.0)
    """
    if rate is None or not rate.is_priced:
        return budget_dollars
    return min(budget_dollars, rate.dollars_per_hour * (lease / timedelta(hours=1)))


def round_up_dollars(dollars: float) -> str:
    """Return the next plain amount above these dollars, to be typed as a budget: whole dollars, or tenths below $10.

    >>> round_up_dollars(0.22), round_up_dollars(4.0), round_up_dollars(118.01)
    ('0.30', '4.10', '119')
    """
    if dollars < 10:
        return f"{(math.floor(round(dollars * 10, 6)) + 1) / 10:.2f}"
    return str(math.floor(dollars) + 1)


@dataclass(frozen=True, slots=True)
class Bill:
    """What a provider itself reports that a cluster has cost.

    Attributes:
        dollars: from its first machine until `at`.
        rate: its cost per hour.
        at: when the provider reported it.
        is_closed: whether the cluster is gone, so that nothing more is added.
    """

    dollars: float
    rate: Rate
    at: datetime
    is_closed: bool = False

    def compute_total(self, until: datetime) -> float:
        """Return the dollars until then: what was billed, plus the rate since.

        >>> from datetime import UTC
        >>> noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
        >>> Bill(10.0, Rate(4.0, "SkyPilot"), noon).compute_total(noon + timedelta(minutes=30))
        12.0
        """
        return self.dollars if self.is_closed else self.dollars + (compute_cost(self.rate, until - self.at) or 0.0)

    def compute_bounded_total(self, until: datetime, least: timedelta, most: timedelta) -> float:
        """Return the dollars until then, bounded by the time that the cluster has billed by the bot's own clock.

        The provider counts time by a clock that may be set: an hour ahead would exhaust a budget that is not exhausted,
        and an hour back would hide that one is.

        >>> from datetime import UTC
        >>> noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
        >>> bill, hour = Bill(10.0, Rate(4.0, "SkyPilot"), noon), timedelta(hours=1)
        >>> [round(bill.compute_bounded_total(noon, least * hour, most * hour), 1)
        ...  for least, most in ((1, 2), (1, 3), (3, 3))]
        [8.1, 10.0, 11.9]
        """
        low, high = (
            compute_cost(self.rate, span) or 0.0 for span in (least - MAX_CLOCK_DIFFERENCE, most + MAX_CLOCK_DIFFERENCE)
        )
        return max(low, min(self.compute_total(until), high))


def compute_cost(rate: Rate | None, billed: timedelta) -> float | None:
    """Return the dollars for a span of time; None where the price is not known.

    >>> compute_cost(Rate(4.0, "the price table"), timedelta(minutes=30))
    2.0
    >>> compute_cost(Rate(0.0, "SkyPilot"), timedelta(minutes=30)) is None
    True
    """
    return (
        None if rate is None or not rate.is_priced else rate.dollars_per_hour * max(billed.total_seconds(), 0.0) / 3600
    )


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
        needed_dollars: the least whole dollars a month with which all runs that draw on the budget can reach their own
            limits; None in records of earlier versions.
    """

    rule: str
    budget_key: str
    spent_dollars: float
    limit_dollars: float
    until: datetime
    is_report_only: bool = False
    resolved_at: datetime | None = None
    needed_dollars: int | None = None

    @property
    def raised_dollars(self) -> int:
        """Return the whole dollars a month to which an approver can raise the budget, so that its runs continue."""
        return self.needed_dollars or math.floor(self.spent_dollars) + 1

    @property
    def is_open(self) -> bool:
        """Return whether the overrun is not resolved."""
        return self.resolved_at is None

    def update_dollars(self, latest: Self) -> Self:
        """Return the overrun with the dollars of one that was found later, where the limit or the need has grown or
        changed; else unchanged, so that a record is not written for each dollar that a run spends.
        """
        is_changed = latest.limit_dollars != self.limit_dollars or latest.raised_dollars > self.raised_dollars
        return replace(latest, until=self.until) if is_changed else self


def update_budget_overruns(
    previous: Sequence[BudgetOverrun], current: Mapping[str, BudgetOverrun], now: datetime
) -> tuple[BudgetOverrun, ...]:
    """Return a run's budget overruns after these were found, by rule.

    An open one keeps its deadline, however often it is found; its dollars change with the limit and with what its runs
    need.

    An overrun whose rule has become report only, or has become enforced, begins again, with the full grace time.
    """
    updated: list[BudgetOverrun] = []
    for overrun in previous:
        current_overrun = current.get(overrun.rule)
        # A resolved overrun stays as history; an open one keeps its deadline.
        if not overrun.is_open or (current_overrun and current_overrun.is_report_only == overrun.is_report_only):
            updated.append(overrun.update_dollars(current_overrun) if overrun.is_open and current_overrun else overrun)
        elif current_overrun is None:
            updated.append(replace(overrun, resolved_at=now))
    open_rules = {overrun.rule for overrun in updated if overrun.is_open}
    return (*updated, *(overrun for rule, overrun in current.items() if rule not in open_rules))


MAX_NAMED_RUNS = 5
"""Maximum other runs that a notice of a monthly budget names."""


@dataclass(frozen=True, slots=True)
class BudgetThreshold:
    """A threshold of a monthly budget that is reached.

    Attributes:
        month: `2026-11`; budget_key: whose budget, as the ledger names it: `team:C0TRAIN`.
        percent: the highest threshold that is reported; spent_dollars, limit_dollars: as of when it was reached.
        other_runs: ids of other runs that drew on the budget then, `MAX_NAMED_RUNS` at most; other_count: how many.
        is_final: whether the dollars are those at the end of the run that has reported it.
    """

    month: str
    budget_key: str
    percent: int
    spent_dollars: float
    limit_dollars: float
    is_final: bool = False
    other_runs: tuple[str, ...] = ()
    other_count: int = 0

    def with_others(self, run_ids: Sequence[str]) -> Self:
        """Return the threshold with the other runs that draw on the budget."""
        return replace(self, other_runs=tuple(run_ids[:MAX_NAMED_RUNS]), other_count=len(run_ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """The price of a run's cluster, what it has cost, and what that does to monthly budgets.

    Attributes:
        rate: dollars an hour of the whole cluster as estimated before its launch, or None if unknown.
        priced_at: when its price was last looked up with an answer, also if the answer was that none is known.
        bill: the cost that the provider has reported since.
        budget_overruns: exhausted monthly budgets that the run draws on.
        budget_thresholds: thresholds of monthly budgets to report in its thread.
    """

    rate: Rate | None = None
    priced_at: datetime | None = None
    bill: Bill | None = None
    budget_overruns: tuple[BudgetOverrun, ...] = ()
    budget_thresholds: tuple[BudgetThreshold, ...] = ()

    @property
    def hourly_rate(self) -> Rate | None:
        """Return the hourly rate of the best source that knows a price."""
        return next((rate for rate in (self.bill and self.bill.rate, self.rate) if rate and rate.is_priced), None)

    @property
    def priced_bill(self) -> Bill | None:
        """Return the provider's bill if the provider knows a price."""
        return self.bill if self.bill and self.bill.rate.is_priced else None

    def compute_cost(self, until: datetime, billed: timedelta) -> float | None:
        """Return the dollars until then, by the bill or else by the rate for the billed duration; None if unknown."""
        return self.priced_bill.compute_total(until) if self.priced_bill else compute_cost(self.rate, billed)

    def record_price(self, rate: Rate | None, now: datetime) -> Self:
        """Return the spending with the price as estimated now; None means that no price is known."""
        return replace(self, rate=rate, priced_at=now)

    def record_launch(self, rate: Rate | None) -> Self:
        """Return the spending at the rate of a launch, if that is known."""
        return replace(self, rate=rate or self.rate)

    def record_bill(self, bill: Bill | None) -> Self:
        """Return the spending with a newer bill, if there is one."""
        return replace(self, bill=bill or self.bill)

    def bill_nothing(self, now: datetime) -> Bill | None:
        """Return the bill of a cluster that never existed; None where no price is known."""
        return Bill(0.0, self.rate, now, is_closed=True) if self.rate else None

    def record_budget_overruns(self, overruns: Mapping[str, BudgetOverrun], now: datetime) -> Self:
        """Return the spending with exactly these exhausted monthly budgets, by the name of their rules."""
        return replace(self, budget_overruns=update_budget_overruns(self.budget_overruns, overruns, now))

    def record_budget_threshold(self, threshold: BudgetThreshold) -> Self:
        """Return the spending with a reached threshold of a monthly budget."""
        return replace(self, budget_thresholds=(*self.budget_thresholds, threshold))
