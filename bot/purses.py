"""Sees to it that people hear of a month's dollars before these are spent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial

from bot.core.policy import Policy
from bot.core.purse import shares
from bot.core.run import Run
from bot.core.status import Status
from bot.ports import Notifier, Now, Store


@dataclass(frozen=True, slots=True)
class Purses:
    """Notes what is to be told on a run that spends the money, whose thread tells it.

    Attributes:
        leads: whether this bot is, of those that share the store, the one that acts.
        zone: whose months count.
    """

    store: Store
    notifier: Notifier
    policy: Policy
    now: Now
    leads: Callable[[], bool]
    zone: tzinfo

    def look(self) -> None:
        """One look at all purses that open runs spend from."""
        if not self.leads():
            return
        runs = [run for run in self.store.open() if run.status is not Status.ENDED]
        found = shares(self.policy, self.store.ledger(), runs, self.now(), self.zone) if runs else {}
        for run_id, share in found.items():
            self.notifier.show([self.store.update(run_id, partial(Run.purse_told, share=share))])
