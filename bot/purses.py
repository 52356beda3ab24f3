"""Sees to it that people hear of a month's dollars before these are spent, and that runs end once they are."""

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
    """Notes what is to be told on a run that spends the money, whose thread tells it; and on each that is to end.

    Attributes:
        read_policy: what is allowed now.
        leads: whether this bot is, of those that share the store, the one that acts.
        zone: whose months count.
    """

    store: Store
    notifier: Notifier
    read_policy: Callable[[], Policy]
    now: Now
    leads: Callable[[], bool]
    zone: tzinfo

    def look(self) -> None:
        """One look at all purses that open runs spend from."""
        if not self.leads():
            return
        ledger = self.store.ledger()  # before the runs: one that ends between the two is missed, and not counted twice
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
        """Change one run's record; one that cannot be read costs no other its month."""
        try:
            self.notifier.show([self.store.update(run_id, change)])
        except UnreadableRecord as error:
            log.error("run %s: %s", run_id, error)
