"""The costs that a person may ask for, computed from the records. It may take a second or two."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from bot import runs, zones
from bot.core.run import Run
from bot.core.spend import MonthlyCosts, calendar_month, compute_charge, compute_monthly_costs
from bot.core.worth import RecipeBaseline, compute_baseline, compute_efficiency
from bot.isolation import skip_failing_runs
from bot.ports import Now, Store

MAX_COMPARED_RUNS = 500
"""Number of the newest ended runs among which those of a run's recipe are looked for."""


@dataclass(frozen=True, slots=True)
class RunCostAnswer:
    """What one run has cost, and the baseline of earlier runs of its recipe."""

    run: Run
    baseline: RecipeBaseline | None


@dataclass(frozen=True, slots=True)
class CostService:
    """Computes costs.

    Attributes:
        zone: time zone in which a month begins.
    """

    store: Store
    now: Now
    zone: str = "UTC"

    def report_run(self, run: Run) -> RunCostAnswer:
        """Return the cost of a run with the baseline of its recipe."""
        now = self.now()
        others = skip_failing_runs(
            self.store.list_recent_runs(MAX_COMPARED_RUNS), lambda other: compute_efficiency(other, now), []
        )
        return RunCostAnswer(run, compute_baseline(others, run, now))

    def report_month(self, covers: Callable[[Run], bool]) -> MonthlyCosts:
        """Return the costs of this month's covered runs, with the ids of those that could not be computed."""
        now = self.now()
        month = calendar_month(now, zones.load_zone(self.zone))
        failed: list[str] = []
        sound_runs = skip_failing_runs(
            filter(covers, list_paid_runs(self.store, month.begin)), lambda run: compute_charge(run, now), failed
        )
        return replace(compute_monthly_costs(sound_runs, month, now), failed=tuple(dict.fromkeys(failed)))

    def find_run(self, name: str) -> Run:
        """Return the run of that name."""
        return runs.find_run(self.store, name)


def list_paid_runs(store: Store, since: datetime) -> Iterable[Run]:
    """Return every run that bills or has ended since then; one that ends meanwhile appears twice, its end last."""
    return chain(store.list_open_runs(), store.iterate_ended_runs(since))
