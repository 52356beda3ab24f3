"""The health of runs: their new rows are judged one after the other, and silences are checked for stalls."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.core.health.finding import Finding, Severity
from bot.core.health.misleading import misleading
from bot.core.health.rules import HealthRules
from bot.core.health.stall import Quiet, dead_after, stalled
from bot.core.health.task import rules_for
from bot.core.health.watch import Watch, judge
from bot.core.history import in_order
from bot.core.recipe import Task
from bot.core.row import Row
from bot.core.run import Run
from bot.core.status import Status

STALL = "stall"

WINDOW_ROWS = 256
"""Number of rows that a judgement looks at."""

CHUNK_ROWS = 16
"""Number of rows that are judged between two looks at the clock: each takes some milliseconds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A run's health after its newest row.

    Attributes:
        unreliable_metrics: why displayed metrics mean nothing, by key.
    """

    watch: Watch
    misleading: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Watcher:
    """Judges runs by rules.

    Attributes:
        find_others: returns what code of other packages finds in the last rows of a run.
    """

    rules: HealthRules = field(default_factory=HealthRules)
    others: Callable[[Sequence[Row]], Iterable[Finding]] = lambda rows: ()

    def judged(
        self,
        watch: Watch,
        known: Sequence[Row],
        new: Sequence[Row],
        task: Task,
        in_time: Callable[[], bool] = lambda: True,
    ) -> Verdict:
        """Return the health after new rows.

        Args:
            earlier: the run's last rows before these, oldest first.
            has_time: called every few rows; where no time is left, the rest is not judged.
        """
        rules, window = rules_for(task, self.rules), tuple(known)
        for count, row in enumerate(new, 1):
            if count % CHUNK_ROWS == 0 and not in_time():
                break
            window = in_order([*window[-WINDOW_ROWS:], row])
            watch = judge(window, watch, rules, self.others(window))
            # A step of training disproves a stall.
            if row.trains and (stall := watch.found(STALL)):
                watch = watch.taken_back(stall, row)
        return Verdict(watch, misleading(window))

    def is_quiet(self, run: Run, now: datetime) -> bool:
        """Return whether to check for a stall: no step for a while, and no lasting report of it."""
        if run.status is not Status.RUNNING or run.running_at is None or run.recoveries.open or run.memory.is_lost:
            return False
        found = run.watch.found(STALL)
        since = run.progress.stepped_at or run.running_at.timestamp()
        waited = now.timestamp() - max(since, run.recoveries.settled_at)
        if found is None:
            return waited > self.rules.stall_least_seconds
        return found.severity is not Severity.STOP and waited > dead_after(None, self.rules)

    def stalled(self, run: Run, rows: Sequence[Row], quiet: Quiet, now: datetime) -> Watch:
        """Return the health after a check for a stall; the same where there is none, or it is reported already."""
        found = stalled(rows, now.timestamp(), quiet, self.rules)
        known = run.watch.found(STALL)
        if found is None or (known and known.severity is found.severity):
            return run.watch
        return run.watch.said(replace(found, since_step=known.since_step) if known else found)
