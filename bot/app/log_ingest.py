"""Record what is new in the logs of active runs, and in their files of metrics."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from bot.app.health_monitor import WINDOW_ROWS, HealthMonitor, HealthUpdate
from bot.app.hidden_causes import HiddenCauseReader
from bot.app.metrics_file import FileReadLimits, MetricsFileReader
from bot.app.ports import Notifier, Now
from bot.app.store_ports import RunDataStore
from bot.core.frameworks import FRAMEWORK
from bot.core.model.cluster import Observation
from bot.core.model.failure import FailureSummary
from bot.core.model.history import MAX_LATE_STEPS
from bot.core.model.metrics import LogEvent, StepMetrics, select_step_metrics
from bot.core.model.rollout import FilePart, MetricsOrigin
from bot.core.model.run import Run
from bot.core.model.run_state import SummaryInterval
from bot.core.model.tracker import TrackerHosts
from bot.core.rules.failure_diagnosis import diagnose
from bot.core.rules.health.stall import LivenessSignals
from bot.core.rules.log_cursor import LogCursor, NewLines
from bot.core.rules.log_lines import (
    append_log,
    find_failure,
    merge_logs,
    replace_surrogates,
    truncate_log,
)
from bot.core.rules.metrics_merge import MetricsMerge, MetricsSource
from bot.core.rules.report_content import prepare_summary
from bot.errors import Unavailable, UnreadableRecord
from bot.phrase import Text
from bot.runtime.failure_isolation import REPORTED_FAILURES, report_once

T = TypeVar("T")

log = logging.getLogger(__name__)

MAX_TRIES = 2
"""Maximum tries to read the same lines. More would end the bot again at each start, so they are skipped."""

LAST_READ_FACTOR = 6
"""How many usual reads' time the last read may take: what it does not reach is lost with the cluster."""

QUOTED_CHARACTERS = 60
"""Characters of a line that the bot's own log quotes."""


@dataclass(frozen=True, slots=True)
class LogReadLimits:
    """Limits of one read of a log, so that others do not wait.

    Attributes:
        seconds: of one read; the rest is left for the next one.
        yield_to_interactive: called every few lines, so that people who wait for an answer are served first.
        clock: seconds on a monotonic clock.
        returned_run_ids: runs whose last read has returned, though the store could not record that.
        files: limits of the reads of files of metrics.
    """

    seconds: float = 5.0
    yield_to_interactive: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    returned_run_ids: set[str] = field(default_factory=set)
    files: FileReadLimits = field(default_factory=FileReadLimits)

    def start_timer(self, looks: int = 1) -> Callable[[], bool]:
        """Return a function that returns whether there is still time; it lets interactive requests go first.

        Args:
            looks: how many usual reads' time this read may take.
        """
        end = self.clock() + looks * self.seconds

        def has_time() -> bool:
            self.yield_to_interactive()
            return self.clock() < end

        return has_time


@dataclass(frozen=True, slots=True)
class LogIngest:
    """Ingests log lines. A line that cannot be ingested costs no other line and no other run.

    Attributes:
        hidden_causes: reads the cause of a failure that the run's log hides.
        summary_interval: how often a run's thread gets a summary, unless a person has set that.
        metrics_file: reads the files of metrics; None to read logs alone.
        tracker_hosts: hosts whose pages count as a run's page at a tracker.
    """

    store: RunDataStore
    hidden_causes: HiddenCauseReader
    notifier: Notifier
    health_monitor: HealthMonitor
    now: Now
    summary_interval: SummaryInterval
    limits: LogReadLimits = field(default_factory=LogReadLimits)
    metrics_file: MetricsFileReader | None = None
    tracker_hosts: TrackerHosts = field(default_factory=TrackerHosts)

    def ingest(self, run: Run, text: str) -> Run:
        """Ingest new lines; return the run. A faulty log never keeps its run from being stopped.

        The file of metrics is read after the log was and ingested before it, so that it has the log's steps already.
        """
        text = replace_surrogates(text)
        run = self._run_part(run, lambda: self._ingest_file(run)) or run
        try:
            cursor = self._load_cursor(run)
            news = cursor.find_new_lines(text)
            if news.lines:
                run = self._ingest_lines(run, cursor, news, text)
        except (Unavailable, UnreadableRecord):
            raise
        except Exception as error:
            report_once(f"run {run.id}: its log cannot be taken in", error)
        return run

    def check_for_stall(self, run: Run, observation: Observation | None) -> Run:
        """Check for a stall; return the run. A mistake in the check blocks nothing either."""
        try:
            return self._detect_stall(run, observation)
        except (Unavailable, UnreadableRecord):
            raise
        except Exception as error:
            report_once(f"run {run.id}: it cannot be judged", error)
        return run

    def ingest_last_lines(self, run: Run, text: str) -> Run:
        """Ingest the last lines of a run whose cluster is about to be removed with the rest; return the run."""
        text = replace_surrogates(text)
        detail: Text | None = None
        failure_summary: FailureSummary | None = None
        with self._count_try(run) as is_allowed:
            run = self._lose_file(run, self._load_cursor(run))
            cursor = self._load_cursor(run)
            news = cursor.find_new_lines(text, is_final=True)
            if is_allowed:
                failure_summary = self._run_part(run, lambda: self._diagnose(run, text))
                detail = self._run_part(run, lambda: find_failure(text))
                self._run_part(run, lambda: self._append_log(run, text))
                run = self._run_part(run, lambda: self._ingest_in_time(run, cursor, news, LAST_READ_FACTOR)) or run
            # Reading these lines has ended the bot before.
            elif news.lines:
                run = self._skip_lines(run, cursor, news)
        return self.store.update(run.id, lambda run: run.record_saved_log(detail, self.now(), failure_summary))

    def _ingest_lines(self, run: Run, cursor: LogCursor, news: NewLines, text: str) -> Run:
        """Ingest new lines and append them to the stored log; return the run."""
        with self._count_try(run) as is_allowed:
            if not is_allowed:
                return self._skip_lines(run, cursor, news)
            if run.teardown.log_saved_at is None:  # a slow read must not overwrite the last lines
                self._run_part(run, lambda: self._append_log(run, text[: text.rfind("\n") + 1]))
            return self._ingest_in_time(run, cursor, news)

    def _run_part(self, run: Run, part: Callable[[], T]) -> T | None:
        """Return the result of one part of a read; None where a bug makes it fail, which costs no other part."""
        try:
            return part()
        except (Unavailable, UnreadableRecord):
            raise
        except Exception as error:
            report_once(f"run {run.id}: a part of its log cannot be taken in", error)
        return None

    @contextmanager
    def _count_try(self, run: Run) -> Iterator[bool]:
        """Count a try before it is made, and record that it returned. Yield whether it may be made at all."""
        tries = self.store.begin_log_read(run.id, run.id in self.limits.returned_run_ids)
        self.limits.returned_run_ids.discard(run.id)
        try:
            yield tries <= MAX_TRIES
        except Exception:
            self.limits.returned_run_ids.add(run.id)
            raise
        self.limits.returned_run_ids.add(run.id)
        self.store.end_log_read(run.id)
        self.limits.returned_run_ids.discard(run.id)

    def _load_cursor(self, run: Run) -> LogCursor:
        """Return the log cursor. Where the stored one is lost, steps that the record has are not ingested again."""
        cursor, step = self.store.get_log_cursor(run.id), run.training.progress.step
        if run.plan.files.metrics:
            cursor = replace(cursor, merge=cursor.merge.begin(step))
        if cursor.last_digests and cursor.parser.step is None and step is not None:
            return replace(cursor, parser=cursor.parser.resume_at(step))
        return cursor

    def _skip_lines(self, run: Run, cursor: LogCursor, news: NewLines) -> Run:
        """Skip lines that must not be read again; return the run."""
        log.error("run %s: %d lines of its log are skipped: reading them has ended the bot", run.id, len(news.lines))
        after = cursor.skip_lines(news, self.now().timestamp()).end_read()
        return self.store.append_metrics(run.id, count_skip, after, ())

    def _ingest_in_time(self, run: Run, cursor: LogCursor, news: NewLines, looks: int = 1) -> Run:
        """Ingest new lines in chunks until the time is over; the rest is left for the next read, if any."""
        has_time = self.limits.start_timer(looks)
        while news.lines:
            count = news.chunk_size
            part, news = news.take_first(count), news.drop_first(count)
            run, cursor = self._ingest_part(run, cursor, part, has_time, is_last=not news.lines)
            if news.lines and not has_time():
                if REPORTED_FAILURES.is_new(run.id, "slow log"):
                    log.warning("run %s: its log is slow to read; it is read a part at a time", run.id)
                break
        return run

    def _ingest_part(
        self, run: Run, cursor: LogCursor, part: NewLines, has_time: Callable[[], bool], is_last: bool
    ) -> tuple[Run, LogCursor]:
        """Ingest a chunk. Where that fails, ingest each half by itself, down to the one line that
        cannot be ingested."""
        try:
            return self._commit(run, cursor, part, has_time, is_last)
        except (Unavailable, UnreadableRecord):
            raise
        except Exception as error:
            stored = self._load_cursor(run)
            if stored != cursor:  # the transaction succeeded; what failed came later
                report_once(f"run {run.id}: after its log was taken in", error)
                return self.store.get(run.id) or run, stored
            # The halves have led to the one faulty line.
            if len(part.lines) == 1:
                begin = ascii(part.lines[0][:QUOTED_CHARACTERS])
                report_once(f"run {run.id}: a line of its log cannot be taken in, and is skipped", error, begin)
                after = cursor.skip_lines(part, self.now().timestamp())
                return self.store.append_metrics(run.id, lambda run: run, after, ()), after
        half = len(part.lines) // 2
        run, cursor = self._ingest_part(run, cursor, part.take_first(half), has_time, is_last=False)
        return self._ingest_part(run, cursor, part.drop_first(half), has_time, is_last)

    def _commit(
        self, run: Run, cursor: LogCursor, part: NewLines, has_time: Callable[[], bool], is_last: bool
    ) -> tuple[Run, LogCursor]:
        after, log_events = cursor.advance(part, self.now().timestamp())
        events = self.tracker_hosts.drop_unknown_pages(log_events)
        if is_last:
            after = after.end_read()
        if run.plan.files.metrics:
            merge, counted, new = self._merge(run, after.merge, MetricsSource.CONSOLE, events)
            after, events = replace(after, merge=merge), counted
        else:
            new = list(select_step_metrics(events))
        update = self._judge(run, new, has_time) if new else None

        def change(run: Run) -> Run:
            changed = apply_events(run, events, update, self.now(), self.summary_interval) if events else run
            return keep_step(changed, after.merge.newest_step)

        return self.store.append_metrics(run.id, change, after, new), after

    def _merge(
        self, run: Run, merge: MetricsMerge, source: MetricsSource, events: Sequence[LogEvent]
    ) -> tuple[MetricsMerge, list[LogEvent], list[StepMetrics]]:
        """Return what counts of a source's events, beside the rows that are recorded."""
        return merge.take(source, events, self.store.get_recent_metrics(run.id, MAX_LATE_STEPS))

    def _ingest_file(self, run: Run) -> Run:
        """Ingest the new rows of the run's file of metrics, if it is read now; return the run."""
        if self.metrics_file is None or not run.plan.files.metrics:
            return run
        cursor = self._load_cursor(run)
        part = self.metrics_file.read(run, cursor.merge.position)
        if part is None:
            return run
        if not isinstance(part, FilePart):
            return self._record_origin(self._lose_file(run, cursor), MetricsOrigin(why=part))
        moved = replace(cursor, merge=cursor.merge.move_file(part))
        if moved == cursor and not part.text:
            return self._record_origin(run, moved.merge.describe_origin())
        with self._count_try(run) as is_allowed:
            if not is_allowed:  # reading this part has ended the bot before
                return self.store.append_metrics(run.id, count_skip, moved, ())
            return self._run_part(run, lambda: self._commit_file(run, moved, part)) or self._skip_part(run, part)

    def _commit_file(self, run: Run, cursor: LogCursor, part: FilePart) -> Run:
        """Record the rows of a part of the file, and in the same transaction how far it has been read."""
        rows = FRAMEWORK.samples.parse_metrics(part.text, self.now().timestamp())
        merge, events, new = self._merge(run, cursor.merge, MetricsSource.FILE, rows)
        merge = merge.end_file(part)
        update, origin = self._judge(run, new, self.limits.start_timer()) if new else None, merge.describe_origin()

        def change(run: Run) -> Run:
            run = apply_events(run, events, update, self.now(), self.summary_interval) if new else run
            return replace(run, training=replace(run.training, metrics_origin=origin))

        return self.store.append_metrics(run.id, change, replace(cursor, merge=merge), new)

    def _skip_part(self, run: Run, part: FilePart) -> Run:
        """Skip a part of the file that cannot be ingested, so that the console counts; return the run."""
        stored = self._load_cursor(run)
        after = replace(stored, merge=replace(stored.merge, position=part.position))
        return self.store.append_metrics(run.id, lambda run: run, after, ())

    def _lose_file(self, run: Run, cursor: LogCursor) -> Run:
        """Let the console count alone; return the run."""
        merge = cursor.merge.lose_file()
        if merge == cursor.merge:
            return run
        return self.store.append_metrics(run.id, lambda run: run, replace(cursor, merge=merge), ())

    def _record_origin(self, run: Run, origin: MetricsOrigin) -> Run:
        """Record where the metrics are read, if that has changed; return the run."""
        if run.training.metrics_origin == origin:
            return run
        return self.store.update(
            run.id, lambda run: replace(run, training=replace(run.training, metrics_origin=origin))
        )

    def _judge(self, run: Run, new: Sequence[StepMetrics], has_time: Callable[[], bool]) -> HealthUpdate | None:
        """Judge the health with the new steps; a mistake in judging loses none of them."""
        try:
            earlier, task = self.store.get_recent_metrics(run.id, WINDOW_ROWS), self.store.get_task(run.id)
            return self.health_monitor.judge_steps(run.training.health, earlier, new, task, has_time)
        except Unavailable:
            raise
        except Exception as error:
            report_once(f"run {run.id}: its new steps cannot be judged", error)
        return None

    def _diagnose(self, run: Run, text: str) -> FailureSummary | None:
        """Return why the run failed, from the whole known log.

        The stored log may end before the first error is in it.
        """
        if run.reason is None or not run.reason.is_explained_by_log:
            return None
        full_log = "\n".join([merge_logs(self.store.get_log(run.id), text), str(run.detail or "")])
        summary = diagnose(full_log, run.plan.nodes, self.limits.start_timer())
        return self.hidden_causes.find(run, full_log, summary)

    def _detect_stall(self, run: Run, observation: Observation | None) -> Run:
        """Check whether a run that has made no step for a while is stalled; return the run."""
        cursor = self.store.get_log_cursor(run.id)
        settled_at = run.observed.recoveries.stable_since  # a recovered job starts again on new machines then
        signals = LivenessSignals(
            began_at=max(run.running_at.timestamp() if run.running_at else 0.0, settled_at),
            step_at=max(run.training.progress.stepped_at, settled_at) if run.training.progress.stepped_at else None,
            line_at=cursor.read_at,
            is_answering=observation is not None,
            phase=cursor.phase,
        )
        health = self.health_monitor.check_for_stall(
            run, self.store.get_recent_metrics(run.id, WINDOW_ROWS), signals, self.now()
        )
        if health == run.training.health:
            return run
        run = self.store.update(run.id, lambda run: replace(run, training=replace(run.training, health=health)))
        self.notifier.show([run])
        return run

    def _append_log(self, run: Run, text: str) -> None:
        """Append the new lines to the stored log."""
        before = self.store.get_log(run.id)
        after = truncate_log(append_log(before, text))
        if after != before:
            self.store.save_log(run.id, after)


def apply_events(
    run: Run, events: Sequence[LogEvent], update: HealthUpdate | None, now: datetime, summary_interval: SummaryInterval
) -> Run:
    """Apply log events and a health update to a run; return the changed run."""
    progress = run.training.progress.record_events(events, FRAMEWORK.keys, run.plan.metrics)
    training = run.training.record_progress(progress, now)
    if update:
        training = training.record_health(update.health, update.unreliable_metrics)
    return prepare_summary(replace(run, training=training), now, summary_interval)


def keep_step(run: Run, step: int | None) -> Run:
    """Return the run at this step at least: its console may name the checkpoint that it resumed from after its file has
    named later steps.
    """
    progress = run.training.progress
    if step is None or step <= (progress.step or 0):
        return run
    return replace(run, training=replace(run.training, progress=replace(progress, step=step)))


def count_skip(run: Run) -> Run:
    """Return the run with one more skipped read."""
    progress = run.training.progress
    return replace(run, training=replace(run.training, progress=replace(progress, skips=progress.skips + 1)))
