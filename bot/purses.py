"""Warnings before a monthly budget is spent, and the end of runs once it is."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial

from bot.core.policy import Policy
from bot.core.purse import find_budget_overruns, find_reached_thresholds
from bot.core.run import Run
from bot.core.status import RunStatus
from bot.errors import UnreadableRecord
from bot.ports import Notifier, Now, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MonthlyBudgetMonitor:
    """Records warnings on runs that use a monthly budget, and the overrun on each run to be stopped.

    A warning is recorded on one run, whose thread shows it.

    Attributes:
        read_policy: returns what is allowed now.
        is_leader: whether this bot, of those that share the store, is the one that acts.
        timezone: the time zone of the months that count.
    """

    store: Store
    notifier: Notifier
    read_policy: Callable[[], Policy]
    now: Now
    is_leader: Callable[[], bool]
    timezone: tzinfo

    def check(self) -> None:
        """Check all monthly budgets that open runs use."""
        if not self.is_leader():
            return
        # Read before the runs: a run that ends between the two reads is then missed, and not counted twice.
        ledger = self.store.get_ledger()
        runs = [run for run in self.store.list_open_runs() if run.status is not RunStatus.ENDED]
        if not runs:
            return
        inputs = (self.read_policy(), ledger, runs, now := self.now(), self.timezone)
        for run_id, share in find_reached_thresholds(*inputs).items():
            self._change(run_id, partial(Run.record_budget_threshold, threshold=share))
        overruns = find_budget_overruns(*inputs)
        for run in runs:
            if not run.is_finished and not run.is_waiting and run.record_budget_overruns(overruns[run.id], now) != run:
                self._change(run.id, partial(Run.record_budget_overruns, overruns=overruns[run.id], now=now))

    def _change(self, run_id: str, change: Callable[[Run], Run]) -> None:
        """Change one run's record; a record that cannot be read does not affect the other runs."""
        try:
            self.notifier.show([self.store.update(run_id, change)])
        except UnreadableRecord as error:
            log.error("run %s: %s", run_id, error)
