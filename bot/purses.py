"""Warnings before a monthly budget is spent, and the end of runs once it is."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial

from bot.core.policy import Policy
from bot.core.purse import overdrafts, shares
from bot.core.run import Run
from bot.core.status import Status
from bot.errors import UnreadableRecord
from bot.ports import Notifier, Now, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Purses:
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
    leads: Callable[[], bool]
    zone: tzinfo

    def look(self) -> None:
        """Check all monthly budgets that open runs use."""
        if not self.leads():
            return
        # Read before the runs: a run that ends between the two reads is then missed, and not counted twice.
        ledger = self.store.ledger()
        runs = [run for run in self.store.open() if run.status is not Status.ENDED]
        if not runs:
            return
        known = (self.read_policy(), ledger, runs, now := self.now(), self.zone)
        for run_id, share in shares(*known).items():
            self._change(run_id, partial(Run.purse_told, share=share))
        found = overdrafts(*known)
        for run in runs:
            if not run.over and not run.waits and run.overdrew(found[run.id], now) != run:
                self._change(run.id, partial(Run.overdrew, found=found[run.id], now=now))

    def _change(self, run_id: str, change: Callable[[Run], Run]) -> None:
        """Change one run's record; a record that cannot be read does not affect the other runs."""
        try:
            self.notifier.show([self.store.update(run_id, change)])
        except UnreadableRecord as error:
            log.error("run %s: %s", run_id, error)
