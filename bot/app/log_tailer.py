"""Read the newest log lines of many runs.

A tail that fails costs its own run one look and no more.
"""

from collections.abc import Container, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.app.ports import JobControl
from bot.core.model.run import Run
from bot.core.rules.log_lines import find_new_lines, truncate_line
from bot.errors import Unavailable
from bot.runtime.failure_isolation import report_once


@dataclass(slots=True)
class TailState:
    """What is remembered of a run's log between two reads.

    Attributes:
        lines: how many lines the next read takes.
        due_at: when the next read is due.
        last: the last line that was read, or its beginning.
    """

    lines: int
    due_at: datetime
    last: str | None = None


class LogTailer:
    """The newest log lines of many runs, without making the tick wait for a slow cluster.

    A read is twice as long as the new part of the last one, so that a quiet run costs little and nothing of a busy
    run is missed.

    Args:
        lines: minimum and maximum lines of one read; a first read takes the maximum.
        period: between two reads of one log.
        reads_per_tick: how many reads a tick starts; the runs that were read longest ago come first.
        patience_seconds: how long a tick waits for what it started; a later tick gets the rest.
        threads: reads in progress at once.
    """

    def __init__(
        self,
        cloud: JobControl,
        *,
        lines: tuple[int, int],
        period: timedelta = timedelta(),
        reads_per_tick: int,
        patience_seconds: float = 0.5,
        threads: int = 4,
    ) -> None:
        self._cloud = cloud
        self._min_lines, self._max_lines = lines
        self._period = period
        self._reads_per_tick = reads_per_tick
        self._patience_seconds = patience_seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="tail")
        self._reads: dict[str, Future[str]] = {}
        self._states: dict[str, TailState] = {}

    def collect(self, runs: Sequence[Run], now: datetime, busy: Container[str] = ()) -> dict[str, str]:
        """Start reads for these runs; return what has arrived, of these and of earlier reads, by run id.

        Args:
            busy: runs that cannot ingest lines now; their text waits for a later tick.
        """
        self._states = {run.id: self._states.get(run.id) or TailState(self._max_lines, now) for run in runs}
        for run in self._select_due(runs, now):
            tail = self._states[run.id]
            tail.due_at = now + self._period
            self._reads[run.id] = self._pool.submit(self._cloud.tail_log, run.cluster_ref, tail.lines)
        wait(self._reads.values(), timeout=self._patience_seconds)
        done = [run_id for run_id, future in self._reads.items() if future.done() and run_id not in busy]
        texts = {run_id: self._finish_read(run_id) for run_id in done}
        return {run_id: text for run_id, text in texts.items() if text}

    def stop(self) -> None:
        """Cancel the reads that have not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _select_due(self, runs: Sequence[Run], now: datetime) -> list[Run]:
        """Return the runs to read now, those that were read longest ago first."""
        due = [run for run in runs if run.id not in self._reads and self._states[run.id].due_at <= now]
        longest_ago = sorted(due, key=lambda run: self._states[run.id].due_at)
        return longest_ago[: self._reads_per_tick]

    def _finish_read(self, run_id: str) -> str:
        """Return what a finished read brought; empty where the cluster did not answer."""
        try:
            text = self._reads.pop(run_id).result()
        except Unavailable:
            return ""
        except Exception as error:
            report_once(f"run {run_id}: its log cannot be read", error)
            return ""
        if text and (tail := self._states.get(run_id)):
            self._plan_next_read(tail, list(map(truncate_line, text.rstrip("\n").split("\n"))))
        return text

    def _plan_next_read(self, tail: TailState, lines: Sequence[str]) -> None:
        """Set how long the next read is, and the last line."""
        new = find_new_lines(lines, tail.last)
        # None: the previous last line is not in this read, so lines may be missing and the next read is longer.
        line_count = 2 * (tail.lines if new is None else len(new))
        tail.lines = min(max(line_count, self._min_lines), self._max_lines)
        tail.last = lines[-1]
