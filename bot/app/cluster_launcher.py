"""The launch of a run's cluster: its price, its order, and what the cloud answers."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from bot.app.ports import ClusterControl, JobControl, Notifier, Now, TaskEstimator
from bot.app.store_ports import RunStore
from bot.core.model.launch_plan import hash_task
from bot.core.model.money import Rate
from bot.core.model.recipe import Task
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.actions import ReconcileTimings, RecoverLaunch
from bot.core.rules.admission import AdmissionCheck, admit_all
from bot.core.rules.launch_orders import build_launch_order, may_launch
from bot.core.rules.waiting_runs import recover_launch
from bot.errors import BeingStopped, ClusterNameInUse, Unavailable, UnreadableRecord, UserError
from bot.phrase import Phrase

log = logging.getLogger(__name__)


class LaunchCloud(TaskEstimator, JobControl, ClusterControl, Protocol):
    """The prices, the jobs and the clusters."""


@dataclass(frozen=True, slots=True)
class ClusterLauncher:
    """Launches clusters for the tick.

    Attributes:
        read_timings: returns what decisions rest on now.
        admit: checks a launch against the caps once its rate is known.
        find_bot_name: returns the name of this bot in Slack, which its clusters carry; empty while it is unknown.
    """

    cloud: LaunchCloud
    store: RunStore
    notifier: Notifier
    now: Now
    read_timings: Callable[[], ReconcileTimings]
    admit: AdmissionCheck = admit_all
    find_bot_name: Callable[[], str] = str

    def provision(self, run: Run, server: str = "") -> Run:
        """Record the launch, then request it.

        From the record on, a cluster may exist, even if this process ends.
        """
        try:
            task = self.store.get_task(run.id)
        except UnreadableRecord as error:
            return self._give_up(run, error)
        # An approval is for exactly one task.
        if run.is_waiting and run.approval and run.approval.task_hash != hash_task(task):
            mismatch = Phrase("The waiting task differs from the approved one.")
            return self._update(run, lambda run: run.close(Reason.REFUSED, self.now(), detail=mismatch))
        # A run that was launched before may have a cluster, even if it is not allowed any more: do not check it again.
        if run.is_waiting:
            run = self.record_price(run, task)
            rate = None
        else:
            rate = self._estimate_rate(run, task)
        approval = run.approval
        if run.status is RunStatus.AWAITING_APPROVAL and not (approval and approval.granted):
            return run  # at its price it needs approval
        run = self._update(
            run, lambda run: run.record_launch_request(self.now(), rate, server) if may_launch(run) else run
        )
        if run.status is not RunStatus.LAUNCHING:
            return run
        self.notifier.show([run])
        try:
            request_id = self.cloud.launch(build_launch_order(run, task, self.find_bot_name()))
        except ClusterNameInUse as error:
            # The run has no cluster, and a removal would remove another user's.
            conflict = error.sentence
            return self._update(
                run,
                lambda run: run.close(
                    Reason.LAUNCH_FAILED, self.now(), run.spending.bill_nothing(self.now()), detail=conflict
                ),
            )
        except UserError as error:
            refusal = error.sentence
            return self._update(run, lambda run: run.begin_teardown(Reason.LAUNCH_FAILED, refusal, self.now()))
        except BeingStopped:
            raise
        except Unavailable as error:
            log.warning("run %s: its launch may have been accepted or not: %s", run.id, error)
            # The next look shows whether it was accepted; until then the run counts as launched.
            failure = error.message
            return self._update(run, lambda run: replace(run, launch=run.launch.record_error(failure)))
        return self._update(run, lambda run: replace(run, launch=run.launch.accept(request_id)))

    def recover(self, run: Run, action: RecoverLaunch) -> Run | None:
        """Record the launch of a run whose record of it the store has lost. Return the run; None where the cloud shows
        another launch.
        """
        listed = next((cluster for cluster in self.cloud.list_clusters() if cluster.name == run.cluster), None)
        if recover_launch(run, listed, action, self.now()) is None:
            return None
        log.warning("run %s: the store has lost its launch, and the cloud shows it", run.id)

        def recover(run: Run) -> Run:
            return (recover_launch(run, listed, action, self.now()) or run) if run.is_waiting else run

        return self._update(run, recover)

    def record_price(self, run: Run, task: Task) -> Run:
        """Record the price, and check it against the caps and the approvals, before anything is billed."""
        rate = self._estimate_rate(run, task)
        try:
            return self.store.update(run.id, lambda run: run.record_price(rate, self.now()), self.admit)
        except UserError as error:
            # The hourly rate is known only now, and other runs may have used up the cap.
            full = error.sentence
            return self._update(run, lambda run: run.close(Reason.CAP_EXCEEDED, self.now(), detail=full))

    def _give_up(self, run: Run, error: UnreadableRecord) -> Run:
        """End a run whose task cannot be read: it cannot be launched.

        A cluster that may have been launched by it is removed.
        """
        log.error("run %s: %s", run.id, error)
        why = Phrase("I cannot read its task, so I cannot launch it.")
        if run.is_waiting:
            return self._update(run, lambda run: run.close(Reason.LAUNCH_FAILED, self.now(), detail=why))
        return self._update(run, lambda run: run.begin_teardown(Reason.LAUNCH_FAILED, why, self.now()))

    def _estimate_rate(self, run: Run, task: Task) -> Rate | None:
        """Return the rate, where it can be known now; a launch does not wait for it."""
        try:
            return self.cloud.estimate_rate(task)
        except Unavailable as error:
            if self.read_timings().needs_price and run.is_waiting:
                raise
            log.warning("run %s: its price is not known yet: %s", run.id, error)
            return None

    def _update(self, run: Run, change: Callable[[Run], Run]) -> Run:
        return self.store.update(run.id, change)
