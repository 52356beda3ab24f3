"""The health of runs: their new rows judged one after the other, and what is quiet for too long."""

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
"""Rows that a judgement looks at."""

CHUNK_ROWS = 16
"""Rows that are judged between two looks at the clock: each takes some milliseconds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a run's health after its newest row.

    Attributes:
        misleading: why numbers that it shows say nothing, by their keys.
    """

    watch: Watch
    misleading: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Watcher:
    """Judges runs by rules.

    Attributes:
        others: what somebody else's code finds in the last rows of a run.
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
        """The verdict after new rows.

        Args:
            known: the run's last rows before these, oldest first.
            in_time: asked every few rows; where there is no time left, the rest is not judged.
        """
        rules, window = rules_for(task, self.rules), tuple(known)
        for count, row in enumerate(new, 1):
            if count % CHUNK_ROWS == 0 and not in_time():
                break
            window = in_order([*window[-WINDOW_ROWS:], row])
            watch = judge(window, watch, rules, self.others(window))
            if row.trains and (stall := watch.found(STALL)):
                watch = watch.taken_back(stall, row)
        return Verdict(watch, misleading(window))

    def is_quiet(self, run: Run, now: datetime) -> bool:
        """Whether it is worth while to look for a stall: no step for a while, and nothing said of it that lasts."""
        if run.status is not Status.RUNNING or run.running_at is None or run.recoveries.open or run.memory.is_lost:
            return False
        found = run.watch.found(STALL)
        since = run.progress.stepped_at or run.running_at.timestamp()
        waited = now.timestamp() - max(since, run.recoveries.settled_at)
        if found is None:
            return waited > self.rules.stall_least_seconds
        return found.severity is not Severity.STOP and waited > dead_after(None, self.rules)

    def stalled(self, run: Run, rows: Sequence[Row], quiet: Quiet, now: datetime) -> Watch:
        """The watch after a look at who is quiet; the same where nothing is, or where it is said already."""
        found = stalled(rows, now.timestamp(), quiet, self.rules)
        known = run.watch.found(STALL)
        if found is None or (known and known.severity is found.severity):
            return run.watch
        return run.watch.said(replace(found, since_step=known.since_step) if known else found)
