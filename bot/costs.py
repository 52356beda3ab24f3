"""What a person may ask of dollars: records in, what they have come to out. It may take a second or two."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from bot import runs, zones
from bot.core.run import Run
from bot.core.spend import Spent, calendar_month, spent
from bot.core.worth import Past, past
from bot.ports import Now, Store

COMPARED = 500
"""Runs that ended last, among which those of a run's recipe are looked for."""


@dataclass(frozen=True, slots=True)
class Account:
    """What one run has cost, and what earlier ones of its recipe have had for their dollars."""

    run: Run
    past: Past | None


@dataclass(frozen=True, slots=True)
class Costs:
    """Reckons.

    Attributes:
        zone: whose clock says when a month begins.
    """

    store: Store
    now: Now
    zone: str = "UTC"

    def of_run(self, run: Run) -> Account:
        return Account(run, past(self.store.recent(COMPARED), run, self.now()))

    def of_month(self, covers: Callable[[Run], bool]) -> Spent:
        """What this month's runs have cost, of those that are covered."""
        now = self.now()
        month = calendar_month(now, zones.zone(self.zone))
        return spent(filter(covers, paid_in(self.store, month.begin)), month, now)

    def find(self, name: str) -> Run:
        return runs.find(self.store, name)


def paid_in(store: Store, since: datetime) -> Iterable[Run]:
    """Every run that bills or has ended since then; one that ends meanwhile is there twice, its end last."""
    return chain(store.open(), store.ended_since(since))
