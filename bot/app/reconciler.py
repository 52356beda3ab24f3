"""One tick: observe every active run, decide, act. The only writer of a run's status."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.app.checkpoint_rescue import CheckpointRescuer
from bot.app.cluster_launcher import ClusterLauncher
from bot.app.health_monitor import HealthMonitor
from bot.app.hidden_causes import HiddenCauseReader
from bot.app.log_ingest import LogIngest, LogReadLimits
from bot.app.log_tailer import LogTailer
from bot.app.metrics_file import MetricsFileReader
from bot.app.ports import Cloud, Notifier, Now
from bot.app.rate_limits import InteractivePriority
from bot.app.resume_point import check_resume_point
from bot.app.store_ports import RunDataStore
from bot.core.model.cluster import Observation
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus, SummaryInterval
from bot.core.model.tracker import TrackerHosts
from bot.core.rules.actions import (
    AbandonCheckpoint,
    Action,
    AwaitConfirmation,
    BeginTeardown,
    CheckResumePoint,
    Close,
    DownloadCheckpoint,
    EstimatePrice,
    FindDownloadedCheckpoint,
    NoteMemoryLoss,
    PostponeAutostop,
    Provision,
    RaiseAlarm,
    ReconcileTimings,
    RecordObservation,
    RecordPolicyHit,
    RecoverLaunch,
    RequestCheckpoint,
    RequestTeardown,
    SaveLog,
    SetAutostop,
    WaitForCheckpoint,
)
from bot.core.rules.apply_action import apply_action, requeue_after
from bot.core.rules.decide import decide
from bot.core.rules.policy_resumes import is_resume_due
from bot.errors import BeingStopped, Unavailable, UserError

log = logging.getLogger(__name__)

PREPARATIONS = (PostponeAutostop, FindDownloadedCheckpoint)
"""Actions that prepare another one. They change nothing that a look has shown, so that the other is taken at once."""

MAX_PREPARATIONS = len(PREPARATIONS)


@dataclass(frozen=True, slots=True)
class Reconciler:
    """The part of the bot that time drives.

    Attributes:
        read_timings: returns what decisions rest on now; a part of it comes from the policy, which may change.
        began_at: when this bot began to look.
        resume_run: launches the run that continues an ended one.
        launcher: launches the clusters.
        is_leader: whether this bot, of those that share the store, is the one that acts.
        pool: where actions run, a few at once, because each may wait for the cloud.
        limits: limits of one read of one log.
        failing_since: when the ticks of a run began to fail by the bot's own mistake, by the run's id.
        pending_actions: actions that a tick has not waited for; their runs are skipped until they are done.
        patience: how long a tick waits for the actions that it began.
        wake: called when an action is done that the tick did not wait for.
        priority: priority of the people who wait for an answer.
        log_lines: how many last lines are read and stored.
        summary_interval: how often a run's thread gets a summary, unless a person has set that.
        tracker_hosts: hosts whose pages count as a run's page at a tracker.
    """

    cloud: Cloud
    store: RunDataStore
    notifier: Notifier
    log_tailer: LogTailer
    health_monitor: HealthMonitor
    now: Now
    read_timings: Callable[[], ReconcileTimings]
    pool: ThreadPoolExecutor
    wake: Callable[[], None]
    priority: InteractivePriority
    began_at: datetime
    is_leader: Callable[[], bool]
    log_lines: int
    launcher: ClusterLauncher
    resume_run: Callable[[Run], None] = lambda run: None
    summary_interval: SummaryInterval = field(default_factory=SummaryInterval)
    patience: timedelta = timedelta(seconds=0.5)
    limits: LogReadLimits = field(default_factory=LogReadLimits)
    tracker_hosts: TrackerHosts = field(default_factory=TrackerHosts)
    failing_since: dict[str, datetime] = field(default_factory=dict)
    pending_actions: dict[str, Future[timedelta | None]] = field(default_factory=dict)

    @property
    def timings(self) -> ReconcileTimings:
        """Return the current timings."""
        return self.read_timings()

    def tick(self) -> timedelta | None:
        """Advance every run by one action. Return the delay until the next tick, None for the usual period."""
        if not self.is_leader():
            return None
        try:
            return self._tick()
        except BeingStopped:  # an aborted look is not silence of the cloud
            return None

    def _tick(self) -> timedelta | None:
        late = self._collect_finished()
        open_runs = self.store.list_open_runs()
        active = [run for run in open_runs if run.status is not RunStatus.ENDED]
        runs = [self._discard_stale(run) for run in active if run.id not in self.pending_actions]
        observations = self._observe(runs)
        printing = [run for run in active if may_print(run)]
        texts = self.log_tailer.collect(printing, self.now(), busy=self.pending_actions)
        busy = [
            run
            for run in runs
            if run.id in texts or run.cluster not in observations or self._has_work(run, observations)
        ]
        started = {run.id: self._start_action(run, observations.get(run.cluster), texts.get(run.id)) for run in busy}
        due = [run for run in open_runs if is_resume_due(run) and run.id not in self.pending_actions]
        started |= {run.id: self.pool.submit(self._resume, run) for run in due}
        self.pending_actions.update(started)
        # A slow action must not hold up the tick: it continues, and wakes the next tick when it is done.
        for future in wait(started.values(), self.patience.total_seconds()).not_done:
            future.add_done_callback(lambda _: self.wake())
        return min((pause for pause in late + self._collect_finished() if pause is not None), default=None)

    def _start_action(self, run: Run, observation: Observation | None, text: str | None) -> Future[timedelta | None]:
        return self.pool.submit(self._reconcile_run, run, observation, text)

    def _collect_finished(self) -> list[timedelta | None]:
        """Return the delays that finished actions need. Runs with unfinished ones wait, and block no other run."""
        done = [run_id for run_id, future in self.pending_actions.items() if future.done()]
        return [self.pending_actions.pop(run_id).result() for run_id in done]

    def _observe(self, runs: Sequence[Run]) -> Mapping[str, Observation]:
        """Return what can be seen; nothing where the cloud does not answer, which is no change of state."""
        if not runs:
            return {}
        try:
            return self.cloud.observe([run.cluster_ref for run in runs])
        except BeingStopped:
            raise
        except Unavailable as error:
            log.warning("nothing can be seen: %s", error)
        except Exception:  # requests to stop must still be carried out
            log.exception("looking failed")
        return {}

    def _has_work(self, run: Run, observations: Mapping[str, Observation]) -> bool:
        """Return whether a run needs an action; True where deciding fails, so that `_reconcile_run` logs it."""
        try:
            action = decide(run, observations.get(run.cluster), self.now(), self.timings)
            return action is not None or self.health_monitor.is_quiet(run, self.now())
        except Exception:  # one run's failure must not cost all others their tick
            return True

    def _reconcile_run(self, run: Run, observation: Observation | None, text: str | None) -> timedelta | None:
        """Take one run's next action, and what prepares it; return the delay until the next tick.

        A failure stops no other run; the next tick tries again.
        """
        self.priority.yield_to_interactive()
        try:
            run = self._record_news(run, observation, text)
            if self.health_monitor.is_quiet(run, self.now()):
                run = self._log_ingest.check_for_stall(run, observation)
            action = self._take_next_action(run, observation)
            self.failing_since.pop(run.id, None)
            return None if action is None else requeue_after(action, self.timings)
        except Unavailable as error:
            log.warning("run %s: %s", run.id, error)
        except Exception:
            # If this continues, the run's stub ends it with its lease: see `UnreadableRunReconciler`.
            self.failing_since.setdefault(run.id, self.now())
            log.exception("run %s: the tick failed", run.id)
        return None

    def _resume(self, run: Run) -> None:
        """Launch the run that continues an ended one; a failure stops no other run, and the next tick tries again."""
        try:
            self.resume_run(run)
        except Exception:
            log.exception("run %s: the policy cannot resume it", run.id)

    def _discard_stale(self, run: Run) -> Run:
        """Return the run without what was uncertain before this observer began."""
        return replace(run, observed=run.observed.discard_stale_confirmation(self.began_at))

    def _take_next_action(self, run: Run, observation: Observation | None) -> Action | None:
        """Take the next action, after what prepares it. Return the action, or None to wait."""
        action = decide(self._discard_stale(run), observation, self.now(), self.timings)
        for _ in range(MAX_PREPARATIONS):
            if not isinstance(action, PREPARATIONS):
                break
            run = self._perform(run, action)
            action = decide(self._discard_stale(run), observation, self.now(), self.timings)
        if action is not None:
            self._perform(run, action)
        return action

    def _perform(self, run: Run, action: Action) -> Run:
        """Log the action, take it, and show the run; return the run."""
        log.log(logging.DEBUG if isinstance(action, DownloadCheckpoint) else logging.INFO, "run %s: %s", run.id, action)
        run = self._act(run, action)
        self.notifier.show([run])
        return run

    def _record_news(self, run: Run, observation: Observation | None, text: str | None) -> Run:
        """Record what the look brought beside a decision: new lines, or that nothing could be seen."""
        unseen = observation is None
        if text:
            run = self._log_ingest.ingest(run, text)
        if unseen:
            run = self.store.update(run.id, lambda run: replace(run, observed=run.observed.record_outage(self.now())))
        # A silence is news once it has lasted, and a log even if the record is unchanged. The last lines of a job that
        # has ended are shown with its end: shown before, a finding in them would be an alarm beside it.
        has_ended = observation is not None and observation.job is not None and observation.job.is_finished
        if unseen or (text and not has_ended):
            self.notifier.show([run])
        return run

    def _act(self, run: Run, action: Action) -> Run:
        """Take the action outside, and record the change that it makes."""
        match action:
            case Provision(server):
                return self.launcher.provision(run, server)
            case RecoverLaunch(usual=usual):
                recovered = self.launcher.recover(run, action)
                return recovered or (self._act(run, usual) if usual else run)
            case EstimatePrice():
                return self.launcher.record_price(run, self.store.get_task(run.id))
            case (
                RecordObservation()
                | AwaitConfirmation()
                | NoteMemoryLoss()
                | BeginTeardown()
                | RecordPolicyHit()
                | WaitForCheckpoint()
                | AbandonCheckpoint()
                | Close()
            ):
                return self._update(run, lambda run: apply_action(run, action, self.now(), self.timings))
            case SetAutostop(minutes, current_minutes):
                return self._set_autostop(run, minutes, current_minutes)
            case SaveLog():
                return self._save_log(run)
            case RequestCheckpoint() | PostponeAutostop() | DownloadCheckpoint() | FindDownloadedCheckpoint():
                return self._rescuer.preserve(run, action)
            case CheckResumePoint():
                change = check_resume_point(self.cloud, run)
                return self._update(run, lambda run: replace(run, lineage=run.lineage.change_resume(change)))
            case RequestTeardown():
                return self._tear_down(run)
            case RaiseAlarm():
                log.error("run %s: its cluster %s does not go", run.id, run.cluster)
                by_hand = self.cloud.teardown_command(run.cluster_ref)
                return self._update(
                    run, lambda run: replace(run, teardown=run.teardown.mark_overdue(by_hand, self.now()))
                )

    def _tear_down(self, run: Run) -> Run:
        """Request the removal of the run's cluster, and record why an earlier one failed."""
        if failure := self.cloud.tear_down(run.cluster_ref):
            log.warning("run %s: an earlier removal failed: %s", run.id, failure)
        return self._update(run, lambda run: run.record_teardown_request(self.now(), failure))

    @property
    def _rescuer(self) -> CheckpointRescuer:
        return CheckpointRescuer(self.cloud, self.store, self.now, self.timings.checkpoint_grace)

    @property
    def _log_ingest(self) -> LogIngest:
        file = MetricsFileReader(self.cloud, self.now, self.limits.files)
        own = (self.store, HiddenCauseReader(self.cloud, self.store), self.notifier, self.health_monitor, self.now)
        return LogIngest(*own, self.summary_interval, self.limits, file, self.tracker_hosts)

    def _update(self, run: Run, change: Callable[[Run], Run]) -> Run:
        return self.store.update(run.id, change)

    def _set_autostop(self, run: Run, minutes: int, current_minutes: int | None) -> Run:
        """Record the attempt, then set the autostop; a later look shows whether it took effect."""
        run = self._update(run, lambda run: run.begin_autostop_repair(current_minutes, self.now()))
        self.notifier.show([run])
        try:
            setting = self.cloud.set_autostop(run.cluster_ref, minutes)
        except UserError as error:
            why = error.sentence
            return self._update(run, lambda run: replace(run, observed=run.observed.record_autostop_refusal(why)))
        except Unavailable as error:
            log.warning("run %s: its autostop may have been set or not: %s", run.id, error)
            return run
        return self._update(run, lambda run: replace(run, observed=run.observed.record_autostop_setting(setting)))

    def _save_log(self, run: Run) -> Run:
        """Ingest the last lines before the cluster is removed with them."""
        try:
            return self._log_ingest.ingest_last_lines(run, self.cloud.tail_log(run.cluster_ref, self.log_lines))
        except BeingStopped:
            raise
        except Unavailable as error:
            log.info("run %s: its last lines cannot be read: %s", run.id, error)
        except Exception:  # a faulty log must not keep a cluster, which is billed
            log.exception("run %s: its last lines cannot be kept", run.id)
        return self._update(run, lambda run: run.record_log_failure(self.now()))


def may_print(run: Run) -> bool:
    """Return whether there may be new lines to read."""
    return run.observed.job is not None and not run.is_finished and not run.observed.memory.is_lost
