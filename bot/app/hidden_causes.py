"""Find why a run failed where its log does not say: once, in Ray's logs, before its machines go."""

import logging
from dataclasses import dataclass

from bot.app.ports import RunFileSource
from bot.app.store_ports import RunReader
from bot.core.model.failure import FailureSummary
from bot.core.model.run import Run
from bot.core.rules.failure_processes import (
    is_cause_hidden,
    list_named_processes,
    locate_ray_folder,
    prefer_process_cause,
)
from bot.errors import BeingStopped, Unavailable, UserError
from bot.runtime.failure_isolation import report_once

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HiddenCauseReader:
    """Reads Ray's logs of a failed run. Whatever fails here, the run keeps the cause that its own log shows."""

    files: RunFileSource
    store: RunReader

    def find(self, run: Run, run_log: str, summary: FailureSummary | None) -> FailureSummary | None:
        """Return the cause in Ray's logs where the run's own log hides it, else the summary of that.

        It waits for the nodes, half a minute at most. It is called once, before the last lines are recorded as saved.

        Raises:
            BeingStopped: the bot stops; the next one reads them.
        """
        # Only its controller reaches the machines of a managed job.
        if run.plan.managed or not is_cause_hidden(summary):
            return summary
        try:
            return self._read(run, run_log, summary)
        except BeingStopped:
            raise
        except (Unavailable, UserError) as error:
            log.info("run %s: Ray's logs cannot be read: %s", run.id, error)
        except Exception as error:
            report_once(f"run {run.id}: Ray's logs cannot be judged", error)
        return summary

    def _read(self, run: Run, run_log: str, summary: FailureSummary | None) -> FailureSummary | None:
        """Return the better of what the run's log and Ray's logs show."""
        folder = locate_ray_folder(self.store.get_task(run.id), run.plan.nodes)
        named = list_named_processes(run_log)
        logs = self.files.read_process_logs(run.cluster_ref, folder, named)
        return prefer_process_cause(summary, logs, named, run.plan.nodes)
