"""Log ingest: a run's record, its metrics and its stored log lines, updated after every look."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from bot.core.digest import Digest
from bot.core.fact import Fact, rows
from bot.core.failure import diagnose
from bot.core.health.stall import Quiet
from bot.core.loglines import bounded, failure, joined, whole, whole_characters
from bot.core.reading import News, Reading
from bot.core.row import Row
from bot.core.run import Run
from bot.core.seen import Seen
from bot.core.standings import Rhythm
from bot.core.summary import summarised
from bot.errors import Unavailable, UnreadableRecord
from bot.isolation import REPORTED, report_once
from bot.ports import Notifier, Now, Store
from bot.watcher import WINDOW_ROWS, Verdict, Watcher

T = TypeVar("T")

log = logging.getLogger(__name__)

MOST_TRIES = 2
"""Maximum tries to read the same lines. More would end the bot again at each start, so they are skipped."""

LAST_LOOK = 6
"""How many usual reads' time the last read may take: what it does not reach is lost with the cluster."""

QUOTED = 60
"""Characters of a line that the bot's own log quotes."""


@dataclass(frozen=True, slots=True)
class LookLimits:
    """Limits of one read of a log, so that others do not wait.

    Attributes:
        seconds: of one read; the rest is left for the next one.
        yield_to_interactive: called every few lines, so that people who wait for an answer are served first.
        clock: seconds on a monotonic clock.
        returned_run_ids: runs whose last read has returned, though the store could not record that.
    """

    seconds: float = 5.0
    give_way: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    returned: set[str] = field(default_factory=set)

    def begin(self, looks: int = 1) -> Callable[[], bool]:
        """Return a function that returns whether there is still time; it lets interactive requests go first.

        Args:
            looks: how many usual reads' time this read may take.
        """
        end = self.clock() + looks * self.seconds

        def in_time() -> bool:
            self.give_way()
            return self.clock() < end

        return in_time


@dataclass(frozen=True, slots=True)
class Intake:
    """Ingests log lines. A line that cannot be ingested costs no other line and no other run.

    Attributes:
        summary_interval: how often a run's thread gets a summary, unless a person has set that.
    """

    store: Store
    notifier: Notifier
    watcher: Watcher
    now: Now
    rhythm: Rhythm
    limits: LookLimits = field(default_factory=LookLimits)

    def taken_in(self, run: Run, text: str) -> Run:
        """Ingest new lines; return the run. A faulty log never keeps its run from being stopped."""
        text = whole_characters(text)
        try:
            reading = self._reading(run)
            news = reading.news(text)
            if news.lines:
                run = self._look(run, reading, news, text)
        except (Unavailable, UnreadableRecord):
            raise
        except Exception as error:
            report_once(f"run {run.id}: its log cannot be taken in", error)
        return run

    def listened(self, run: Run, seen: Seen | None) -> Run:
        """Check for a stall; return the run. A mistake in the check blocks nothing either."""
        try:
            return self._listen(run, seen)
        except (Unavailable, UnreadableRecord):
            raise
        except Exception as error:
            report_once(f"run {run.id}: it cannot be judged", error)
        return run

    def saved(self, run: Run, text: str) -> Run:
        """Ingest the last lines of a run whose cluster is about to be removed with the rest; return the run."""
        text = whole_characters(text)
        detail: str | None = None
        digest: Digest | None = None
        with self._tried(run) as is_allowed:
            reading = self._reading(run)
            news = reading.news(text, over=True)
            if is_allowed:
                digest = self._guarded(run, lambda: self._diagnose(run, text))
                detail = self._guarded(run, lambda: failure(text))
                self._guarded(run, lambda: self._grow_log(run, text))
                run = self._guarded(run, lambda: self._take_all(run, reading, news, LAST_LOOK)) or run
            # Reading these lines has ended the bot before.
            elif news.lines:
                run = self._skip(run, reading, news)
        return self.store.update(run.id, lambda run: run.log_saved(detail, self.now(), digest))

    def _look(self, run: Run, reading: Reading, news: News, text: str) -> Run:
        """Ingest new lines and append them to the stored log; return the run."""
        with self._tried(run) as is_allowed:
            if not is_allowed:
                return self._skip(run, reading, news)
            if run.log_saved_at is None:  # a slow read must not overwrite the last lines
                self._guarded(run, lambda: self._grow_log(run, text[: text.rfind("\n") + 1]))
            return self._take_all(run, reading, news)

    def _guarded(self, run: Run, part: Callable[[], T]) -> T | None:
        """Return the result of one part of a read; None where a bug makes it fail, which costs no other part."""
        try:
            return part()
        except (Unavailable, UnreadableRecord):
            raise
        except Exception as error:
            report_once(f"run {run.id}: a part of its log cannot be taken in", error)
        return None

    @contextmanager
    def _tried(self, run: Run) -> Iterator[bool]:
        """Count a try before it is made, and record that it returned. Yield whether it may be made at all."""
        tries = self.store.begin_reading(run.id, run.id in self.limits.returned)
        self.limits.returned.discard(run.id)
        try:
            yield tries <= MOST_TRIES
        except Exception:
            self.limits.returned.add(run.id)
            raise
        self.limits.returned.add(run.id)
        self.store.end_reading(run.id)
        self.limits.returned.discard(run.id)

    def _reading(self, run: Run) -> Reading:
        """Return the log cursor. Where the stored one is lost, steps that the record has are not ingested again."""
        found = self.store.reading(run.id)
        if found.last and found.reader.step is None and run.progress.step is not None:
            return replace(found, reader=replace(found.reader, step=run.progress.step))
        return found

    def _skip(self, run: Run, reading: Reading, news: News) -> Run:
        """Skip lines that must not be read again; return the run."""
        log.error("run %s: %d lines of its log are skipped: reading them has ended the bot", run.id, len(news.lines))
        after = reading.skip(news, self.now().timestamp()).end_look()
        return self.store.take_in(run.id, skipped, after, ())

    def _take_all(self, run: Run, reading: Reading, news: News, looks: int = 1) -> Run:
        """Ingest new lines in chunks until the time is over; the rest is left for the next read, if any."""
        in_time = self.limits.begin(looks)
        while news.lines:
            count = news.chunk
            part, news = news.first(count), news.after(count)
            run, reading = self._take(run, reading, part, in_time, is_last=not news.lines)
            if news.lines and not in_time():
                if REPORTED.is_new(run.id, "slow log"):
                    log.warning("run %s: its log is slow to read; it is read a part at a time", run.id)
                break
        return run

    def _take(
        self, run: Run, reading: Reading, part: News, in_time: Callable[[], bool], is_last: bool
    ) -> tuple[Run, Reading]:
        """Ingest a chunk. Where that fails, ingest each half by itself, down to the one line that
        cannot be ingested."""
        try:
            return self._commit(run, reading, part, in_time, is_last)
        except (Unavailable, UnreadableRecord):
            raise
        except Exception as error:
            stored = self._reading(run)
            if stored != reading:  # the transaction succeeded; what failed came later
                report_once(f"run {run.id}: after its log was taken in", error)
                return self.store.get(run.id) or run, stored
            # The halves have led to the one faulty line.
            if len(part.lines) == 1:
                begin = ascii(part.lines[0][:QUOTED])
                report_once(f"run {run.id}: a line of its log cannot be taken in, and is skipped", error, begin)
                after = reading.skip(part, self.now().timestamp())
                return self.store.take_in(run.id, lambda run: run, after, ()), after
        half = len(part.lines) // 2
        run, reading = self._take(run, reading, part.first(half), in_time, is_last=False)
        return self._take(run, reading, part.after(half), in_time, is_last)

    def _commit(
        self, run: Run, reading: Reading, part: News, in_time: Callable[[], bool], is_last: bool
    ) -> tuple[Run, Reading]:
        after, facts = reading.take(part, self.now().timestamp())
        if is_last:
            after = after.end_look()
        new = list(rows(facts))
        verdict = self._judge(run, new, in_time) if new else None

        def change(run: Run) -> Run:
            return told(run, facts, verdict, self.now(), self.rhythm) if facts else run

        return self.store.take_in(run.id, change, after, new), after

    def _judge(self, run: Run, new: Sequence[Row], in_time: Callable[[], bool]) -> Verdict | None:
        """Judge the health with the new steps; a mistake in judging loses none of them."""
        try:
            known = self.store.rows(run.id, WINDOW_ROWS)
            return self.watcher.judged(run.watch, known, new, self.store.task(run.id), in_time)
        except Unavailable:
            raise
        except Exception as error:
            report_once(f"run {run.id}: its new steps cannot be judged", error)
        return None

    def _diagnose(self, run: Run, text: str) -> Digest | None:
        """Return why the run failed, from the whole known log.

        The stored log may end before the first error is in it.
        """
        if run.reason is None or not run.reason.is_told_by_log:
            return None
        known = "\n".join([whole(self.store.log(run.id), text), run.detail or ""])
        return diagnose(known, run.nodes, self.limits.begin())

    def _listen(self, run: Run, seen: Seen | None) -> Run:
        """Check whether a run that has made no step for a while is stalled; return the run."""
        reading = self.store.reading(run.id)
        settled = run.recoveries.settled_at  # a recovered job starts again on new machines then
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
        """Append the new lines to the stored log."""
        before = self.store.log(run.id)
        after = bounded(joined(before, text))
        if after != before:
            self.store.save_log(run.id, after)


def told(run: Run, facts: Sequence[Fact], verdict: Verdict | None, now: datetime, rhythm: Rhythm) -> Run:
    """Apply log events and a health update to a run; return the changed run."""
    run = summarised(run.progressed(run.progress.told(facts, run.metrics), now), now, rhythm)
    return run.judged(verdict.watch, verdict.misleading) if verdict else run


def skipped(run: Run) -> Run:
    """Return the run with one more skipped read."""
    return replace(run, progress=replace(run.progress, skips=run.progress.skips + 1))
