"""Read a run's file of metrics beside its log, a part at a time."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import BoundedSemaphore

from bot.app.ports import Now, RunFileSource
from bot.app.sample_reader import locate_run_folder
from bot.core.model.rollout import FilePart, FilePosition
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.errors import BeingStopped, Unavailable, UserError
from bot.phrase import N_, Phrase, Text

log = logging.getLogger(__name__)

RETRY_MINUTES = 5
"""Minutes after a failed read in which a run's file is not read: each failure may keep a thread for half a minute."""

READS_AT_ONCE = 2
"""Maximum files that are read at once, half of the threads that act: a stop must not wait for them."""

NO_FILE = N_("There is no such file.")


@dataclass(frozen=True, slots=True)
class FileReadLimits:
    """Limits of the reads of all runs' files.

    Attributes:
        due_at: when the file of a run is read again after a failure, by the run's id.
        slots: one for each read in progress.
    """

    due_at: dict[str, datetime] = field(default_factory=dict)
    slots: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(READS_AT_ONCE))

    def postpone(self, run_id: str, now: datetime) -> None:
        """Record that a read failed, and forget the failures that no longer matter."""
        for other in [other for other, due_at in list(self.due_at.items()) if due_at <= now]:
            self.due_at.pop(other, None)
        self.due_at[run_id] = now + timedelta(minutes=RETRY_MINUTES)

    def is_due(self, run_id: str, now: datetime) -> bool:
        """Return whether the file of a run may be read now."""
        due_at = self.due_at.get(run_id)
        return due_at is None or due_at <= now


@dataclass(frozen=True, slots=True)
class MetricsFileReader:
    """Reads new parts of files of metrics from the clusters."""

    files: RunFileSource
    now: Now
    limits: FileReadLimits = field(default_factory=FileReadLimits)

    def read(self, run: Run, position: FilePosition) -> FilePart | Text | None:
        """Return the new part of a run's file, or why it cannot be read; None where it is not read now."""
        is_wanted = run.plan.files.metrics and run.status is RunStatus.RUNNING and not run.requests.stop_requested_by
        if not is_wanted or not self.limits.is_due(run.id, self.now()) or not self.limits.slots.acquire(blocking=False):
            return None
        try:
            return self._read_part(run, position)
        except BeingStopped:
            raise
        except (Unavailable, UserError) as error:
            self.limits.postpone(run.id, self.now())
            log.info("run %s: its file of metrics cannot be read: %s", run.id, error)
            return error.sentence if isinstance(error, UserError) else error.message
        finally:
            self.limits.slots.release()

    def _read_part(self, run: Run, position: FilePosition) -> FilePart | Text:
        """Return the new part, or that there is no file."""
        part = self.files.read_new_metrics(run.cluster_ref, locate_run_folder(run), run.plan.files.metrics, position)
        return part if part.position.name else Phrase(NO_FILE)
