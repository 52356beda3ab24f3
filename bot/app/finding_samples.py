"""Attach samples to findings: what the model answered when its training became sick."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.app.ports import Notifier
from bot.app.sample_reader import SampleReader
from bot.app.store_ports import RunStore
from bot.core.commands.command import ShowSamples
from bot.core.frameworks import FRAMEWORK
from bot.core.model.finding import Finding
from bot.core.model.rollout import MAX_FINDING_SAMPLES, FindingSamples, SampleBatch, shorten_batch
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.errors import BeingStopped, Unavailable, UserError
from bot.runtime.failure_isolation import report_once

log = logging.getLogger(__name__)

MAX_READS_PER_PASS = 2
"""Maximum clusters that one pass reads: each may take half a minute, and the next pass comes soon."""


@dataclass(frozen=True, slots=True)
class FindingSampleAttacher:
    """Reads samples once for each finding that they explain, while the cluster still exists."""

    store: RunStore
    samples: SampleReader
    notifier: Notifier
    is_leader: Callable[[], bool]

    def attach(self) -> timedelta | None:
        """Read the samples of new findings; a run that cannot be read is not tried again for the same finding."""
        if not self.is_leader():
            return None
        due = [(run, finding) for run in self.store.list_open_runs() if (finding := find_unread_finding(run))]
        for run, finding in due[:MAX_READS_PER_PASS]:
            self._attach_to(run, finding)
        return None

    def _attach_to(self, run: Run, finding: Finding) -> None:
        """Read the samples of one finding and record them, or that there are none."""
        order = FRAMEWORK.samples.finding_orders[finding.name]
        try:
            batch = self._read(run, ShowSamples(run.id, None, order, MAX_FINDING_SAMPLES))
        except BeingStopped:
            return
        attached = FindingSamples(finding.name, finding.since_step, order, batch)
        run = self.store.update(
            run.id, lambda run: run.record_finding_samples(attached) if find_unread_finding(run) == finding else run
        )
        self.notifier.show([run])

    def _read(self, run: Run, command: ShowSamples) -> SampleBatch | None:
        """Return short samples; None where they cannot be read."""
        try:
            return shorten_batch(self.samples.read(run, command))
        except BeingStopped:
            raise
        except (Unavailable, UserError) as error:
            log.info("run %s: no samples for its finding: %s", run.id, error)
        except Exception as error:
            report_once(f"run {run.id}: no samples for its finding", error)
        return None


def find_unread_finding(run: Run) -> Finding | None:
    """Return the first open finding whose samples were not read; None once a run has samples of enough findings."""
    known: Sequence[tuple[str, int]] = [
        (attached.finding, attached.since_step) for attached in run.training.finding_samples
    ]
    if run.status is not RunStatus.RUNNING or len(known) >= MAX_FINDING_SAMPLES or not run.plan.files.samples:
        return None
    return next(
        (
            finding
            for finding in run.training.health.open_findings
            if finding.name in FRAMEWORK.samples.finding_orders and (finding.name, finding.since_step) not in known
        ),
        None,
    )
