"""What a run's log brings: its record, its numbers and what is kept of its lines, after every look."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.digest import Digest
from bot.core.fact import Fact, rows
from bot.core.failure import diagnose
from bot.core.health.stall import Quiet
from bot.core.loglines import bounded, failure, joined, whole
from bot.core.run import Run
from bot.core.seen import Seen
from bot.core.standings import Rhythm
from bot.core.summary import summarised
from bot.errors import Unavailable
from bot.ports import Notifier, Now, Store
from bot.watcher import WINDOW_ROWS, Verdict, Watcher

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes in what was read of logs.

    Attributes:
        rhythm: how often a run's thread is told how it goes, unless somebody has set it.
    """

    store: Store
    notifier: Notifier
    watcher: Watcher
    now: Now
    rhythm: Rhythm

    def taken_in(self, run: Run, text: str) -> Run:
        """The run after new lines. Whatever is wrong with a log, its run is ended when it is to be."""
        try:
            run = self._read(run, text)
            if run.log_saved_at is None:  # a slow read must not write over the last lines
                self._grow_log(run, text[: text.rfind("\n") + 1])
        except Unavailable:
            raise
        except Exception:
            log.exception("run %s: its log cannot be taken in", run.id)
        return run

    def listened(self, run: Run, seen: Seen | None) -> Run:
        """The run after a look for a stall, which holds up nothing either."""
        try:
            return self._listen(run, seen)
        except Unavailable:
            raise
        except Exception:
            log.exception("run %s: it cannot be judged", run.id)
        return run

    def saved(self, run: Run, text: str) -> Run:
        """The run after its last lines, from a cluster that takes the others with it."""
        digest = self._diagnose(run, text)
        self._grow_log(run, text)
        run = self._read(run, text, over=True)
        return self.store.update(run.id, lambda run: run.log_saved(failure(text), self.now(), digest))

    def _diagnose(self, run: Run, text: str) -> Digest | None:
        """Why it failed, from all that is known of its log: what is kept may end before the first error is in it."""
        if run.reason is None or not run.reason.is_told_by_log:
            return None
        return diagnose("\n".join([whole(self.store.log(run.id), text), run.detail or ""]), run.nodes)

    def _read(self, run: Run, text: str, over: bool = False) -> Run:
        """What is new in the last lines of its log: the run after it."""
        before = self.store.reading(run.id)
        reading, facts = before.look(text, self.now().timestamp(), over)
        if reading == before:
            return run
        new = list(rows(facts))
        known = self.store.rows(run.id, WINDOW_ROWS) if new else ()
        verdict = self.watcher.judged(run.watch, known, new, self.store.task(run.id)) if new else None

        def change(run: Run) -> Run:
            return told(run, facts, verdict, self.now(), self.rhythm) if facts else run

        return self.store.take_in(run.id, change, reading, new)

    def _listen(self, run: Run, seen: Seen | None) -> Run:
        """Whether a run that has made no step for a while is stalled."""
        reading = self.store.reading(run.id)
        settled = run.recoveries.settled_at  # what has new machines begins anew there
        quiet = Quiet(
            began_at=max(run.running_at.timestamp() if run.running_at else 0.0, settled),
            step_at=max(run.progress.stepped_at, settled) if run.progress.stepped_at else None,
            line_at=reading.at,
            answers=seen is not None,
            doing=reading.doing,
        )
        watch = self.watcher.stalled(run, self.store.rows(run.id, WINDOW_ROWS), quiet, self.now())
        if watch == run.watch:
            return run
        run = self.store.update(run.id, lambda run: run.judged(watch, run.misleading))
        self.notifier.show([run])
        return run

    def _grow_log(self, run: Run, text: str) -> None:
        """Keep what is new of the log."""
        before = self.store.log(run.id)
        after = bounded(joined(before, text))
        if after != before:
            self.store.save_log(run.id, after)


def told(run: Run, facts: Sequence[Fact], verdict: Verdict | None, now: datetime, rhythm: Rhythm) -> Run:
    """The run after what its log told."""
    run = summarised(run.progressed(run.progress.told(facts, run.metrics), now), now, rhythm)
    return run.judged(verdict.watch, verdict.misleading) if verdict else run
