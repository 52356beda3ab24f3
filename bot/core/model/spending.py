"""What a run spends: its rate, its bill, and the monthly budgets that it draws on. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from bot.core.model.money import Bill, BudgetOverrun, BudgetThreshold, Rate, compute_cost, update_budget_overruns


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

    def record_budget_overruns(self, overruns: Mapping[str, BudgetOverrun], now: datetime) -> Self:
        """Return the spending with exactly these exhausted monthly budgets, by the name of their rules."""
        return replace(self, budget_overruns=update_budget_overruns(self.budget_overruns, overruns, now))

    def record_budget_threshold(self, threshold: BudgetThreshold) -> Self:
        """Return the spending with a reached threshold of a monthly budget."""
        return replace(self, budget_thresholds=(*self.budget_thresholds, threshold))
