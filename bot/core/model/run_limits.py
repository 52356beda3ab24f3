"""The limits that end a run, which people may change. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from bot.core.model.run_state import LimitChange, RunLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """The limits that end a run.

    Attributes:
        budget_dollars: the most that it may spend.
        lease: how long it may live after its first launch request.
        changes: how people have changed the limits since, oldest first.
    """

    budget_dollars: float
    lease: timedelta
    changes: tuple[LimitChange, ...] = ()

    def was_changed_by(self, delivery_id: str | None) -> bool:
        """Return whether a delivery changed one of them, rather than setting what was set; True where it has no id."""
        return not delivery_id or any(change.delivery_id == delivery_id for change in self.changes)

    def change(self, limit: RunLimit, new_value: float, by: str, now: datetime, delivery_id: str = "") -> Self:
        """Return the limits with another one from now on; the same delivery counts once, the same value not at all.

        Args:
            new_value: dollars of the budget, or hours of the whole lease.
        """
        if delivery_id and any(change.delivery_id == delivery_id for change in self.changes):
            return self
        old_value = self.budget_dollars if limit is RunLimit.BUDGET else self.lease.total_seconds() / 3600
        if new_value == old_value:
            return self
        changes = (*self.changes, LimitChange(limit, by, now, old_value, new_value, delivery_id))
        match limit:
            case RunLimit.BUDGET:
                return replace(self, budget_dollars=new_value, changes=changes)
            case RunLimit.LEASE:
                return replace(self, lease=timedelta(hours=new_value), changes=changes)
