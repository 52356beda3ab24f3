"""The costs that a person may ask for, computed from the records. It may take a second or two."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from bot import runs, zones
from bot.core.run import Run
from bot.core.spend import Spent, calendar_month, charge, spent
from bot.core.worth import Past, past, worth
from bot.isolation import sound_ones
from bot.ports import Now, Store

COMPARED = 500
"""Number of the newest ended runs among which those of a run's recipe are looked for."""


@dataclass(frozen=True, slots=True)
class Account:
    """What one run has cost, and the baseline of earlier runs of its recipe."""

    run: Run
    past: Past | None


@dataclass(frozen=True, slots=True)
class Costs:
    """Computes costs.

    Attributes:
        zone: time zone in which a month begins.
    """

    store: Store
    now: Now
    zone: str = "UTC"

    def of_run(self, run: Run) -> Account:
        """Return the cost of a run with the baseline of its recipe."""
        now = self.now()
        others = sound_ones(self.store.recent(COMPARED), lambda other: worth(other, now), [])
        return Account(run, past(others, run, now))

    def of_month(self, covers: Callable[[Run], bool]) -> Spent:
        """Return the costs of this month's covered runs, with the ids of those that could not be computed."""
        now = self.now()
        month = calendar_month(now, zones.zone(self.zone))
        failed: list[str] = []
        paid = sound_ones(filter(covers, paid_in(self.store, month.begin)), lambda run: charge(run, now), failed)
        return replace(spent(paid, month, now), failed=tuple(dict.fromkeys(failed)))

    def find(self, name: str) -> Run:
        """Return the run of that name."""
        return runs.find(self.store, name)


def paid_in(store: Store, since: datetime) -> Iterable[Run]:
    """Return every run that bills or has ended since then; one that ends meanwhile appears twice, its end last."""
    return chain(store.open(), store.ended_since(since))
