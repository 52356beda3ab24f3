"""The time that a finished run's cluster is kept until its checkpoint is saved, and what is lost otherwise. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.model.bot_clock import has_passed
from bot.core.model.checkpoint import SaveGrace
from bot.core.model.cluster import ClusterState, JobState, Observation
from bot.core.model.finding import Severity
from bot.core.model.money import compute_cost
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus

MAX_DOWNLOAD_TRIES = 3
"""Failed downloads after which people must decide."""


SOUND_FINDINGS = frozenset({"memory-growth", "slow-steps", "stale-samples"})
"""Names of findings about the machines: the weights are sound, so that a stop waits for the next checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointGrace:
    """How long the end of a run waits for its checkpoint.

    Attributes:
        save: wait for a checkpoint that may come while the run still trains.
        download: wait for the download, and for a person's answer if it fails; if the lease ends later, until then.
        download_retry: time after which a failed download is tried again.
    """

    save: timedelta = timedelta(minutes=10)
    download: timedelta = timedelta(minutes=60)
    download_retry: timedelta = timedelta(seconds=60)


def find_deadline(run: Run) -> datetime | None:
    """Return when a requested run will end by itself: at its lease's end, or when its budget is spent."""
    end, began, rate = run.lease_ends_at, run.launch.first_requested_at, run.spending.rate
    if end is None or began is None or rate is None or not rate.dollars_per_hour:
        return end
    affordable_hours = min(run.limits.budget_dollars / rate.dollars_per_hour, run.limits.lease.total_seconds() / 3600)
    return min(end, began + timedelta(hours=affordable_hours))


def find_save_grace(
    run: Run, reason: Reason, observation: Observation | None, now: datetime, grace: CheckpointGrace
) -> SaveGrace | None:
    """Return until when the end of a training run waits for a checkpoint; None if it ends now."""
    began = find_end_time(run, reason, now)
    until = find_wait_end(run, reason, began + grace.save)
    if now >= until or run.checkpoint_rescue.discard_approved_by or not may_save(run, observation):
        return None
    # A checkpoint that is half written is worth its wait for every reason.
    if is_writing_checkpoint(run):
        return SaveGrace(reason, until)
    if not is_save_wanted(run, reason):
        return None
    # A limit is announced beforehand, so that a save may precede it; without another one at most `save` is lost.
    since = began if reason is Reason.STOPPED else began - grace.save
    is_saved = run.training.progress.checkpoint_step == run.training.progress.step
    return (
        None
        if is_saved or (run.training.checkpoint_at and run.training.checkpoint_at >= since)
        else SaveGrace(reason, until)
    )


def find_wait_end(run: Run, reason: Reason, until: datetime) -> datetime:
    """Return when the wait for a checkpoint ends.

    A sickness has no time of its own at which it ends a run, so that a wait for it keeps the end that it was given.
    """
    wait = run.checkpoint_rescue.save_grace
    return wait.until if reason is Reason.SICK and wait and wait.reason is reason else until


def is_save_wanted(run: Run, reason: Reason) -> bool:
    """Return whether an end waits for a checkpoint that does not exist yet: one of sick weights is worth nothing."""
    match reason:
        case Reason.STOPPED:
            return run.checkpoint_rescue.is_save_requested
        case Reason.SICK:
            return has_sound_weights(run)
        case _:
            return True


def has_sound_weights(run: Run) -> bool:
    """Return whether only the machines look sick in a run, and not what its model learns."""
    grave = [one.name for one in run.training.health.open_findings if one.severity is not Severity.NOTE]
    return bool(grave) and SOUND_FINDINGS.issuperset(grave)


def find_end_time(run: Run, reason: Reason, now: datetime) -> datetime:
    """Return since when the run is to end.

    For a budget that is when it was spent, by the run's rate now, even if the bot was away.
    """
    match reason:
        case Reason.STOPPED if run.requests.stop_requested_at:
            return run.requests.stop_requested_at
        case Reason.LEASE_EXPIRED if run.lease_ends_at:
            return run.lease_ends_at
        case Reason.BUDGET_EXCEEDED if run.spending.hourly_rate and run.spending.hourly_rate.dollars_per_hour:
            excess_dollars = (run.cost(now) or 0.0) - run.limits.budget_dollars
            return now - timedelta(hours=min(excess_dollars / run.spending.hourly_rate.dollars_per_hour, 24.0 * 365))
        case Reason.MONTHLY_BUDGET_EXCEEDED:
            due_times = [
                overrun.until
                for overrun in run.spending.budget_overruns
                if overrun.is_open and not overrun.is_report_only and now >= overrun.until
            ]
            return min(due_times, default=now)
        case _:
            return now


def may_save(run: Run, observation: Observation | None) -> bool:
    """Return whether there may be something to save: the run saves, its job runs, and it has made a step."""
    saves = run.plan.checkpoints_ephemeral or run.plan.checkpoint_store is not None
    is_running = run.observed.job is JobState.RUNNING and (
        observation is None or (observation.job is JobState.RUNNING and observation.cluster is ClusterState.UP)
    )
    return saves and is_running and run.training.progress.step is not None


def is_writing_checkpoint(run: Run) -> bool:
    """Return whether the newest checkpoint may not be whole.

    verl names a checkpoint before it writes it, and prints its step after.
    """
    saved = run.training.progress.checkpoint_step
    return saved is not None and (run.training.progress.step is None or run.training.progress.step < saved)


def needs_rescue(run: Run) -> bool:
    """Return whether a finished run may have a checkpoint on its cluster alone that is still to be downloaded."""
    return run.status is RunStatus.STOPPING and may_hold_checkpoint(run)


def may_hold_checkpoint(run: Run) -> bool:
    """Return whether a checkpoint that is still to be downloaded may be on the cluster alone, of a finished run or not.

    A managed job's machines are removed when its program ends, even if a person wants to keep them.
    """
    may_have_checkpoint = (
        run.plan.checkpoints_ephemeral
        and not run.plan.managed
        and (run.training.progress.checkpoint is not None or may_have_saved(run))
    )
    may_have_cluster = run.launch.first_requested_at is not None and run.teardown.requested_at is None
    return may_have_checkpoint and may_have_cluster and not run.checkpoint_rescue.is_resolved


def needs_rescue_while_forgotten(run: Run, now: datetime, grace: CheckpointGrace) -> bool:
    """Return whether the teardown of a forgotten cluster waits for a checkpoint that may be there alone.

    The cloud may remember the cluster at the next request. Until then neither its log nor its disk can be read, so a
    checkpoint that no log line has named counts too.
    """
    return needs_rescue(run) and now < rescue_deadline(run, grace)


def shows_rescue(run: Run) -> bool:
    """Return whether to show the rescue to people.

    The checkpoint is known, or is looked for because the log could not be read.
    """
    is_searched = run.checkpoint_rescue.started_at is not None and run.teardown.log_saved_at is None
    return needs_rescue(run) and (run.training.progress.checkpoint is not None or is_searched)


REASONS_WITHOUT_CLUSTER = (Reason.AUTODOWNED, Reason.DOWNED_EXTERNALLY)
"""Reasons for which the cluster is gone already."""

REASONS_WITH_LIVE_JOB = (
    Reason.STOPPED,
    Reason.LEASE_EXPIRED,
    Reason.BUDGET_EXCEEDED,
    Reason.MONTHLY_BUDGET_EXCEEDED,
    Reason.SICK,
)
"""Reasons for which the job continues until it is cancelled."""

REASONS_BEFORE_TRAINING = (
    Reason.LAUNCH_FAILED,
    Reason.SETUP_FAILED,
    Reason.REFUSED,
    Reason.NOT_APPROVED,
    Reason.CAP_EXCEEDED,
)
"""Reasons that apply before the training has begun."""

STARTED_JOB_STATES = (JobState.RUNNING, JobState.SUCCEEDED, JobState.FAILED, JobState.FAILED_DRIVER)
"""Job states that no job reaches without having begun."""

REASONS_OF_PROGRAM_END = (Reason.SUCCEEDED, Reason.FAILED, Reason.DRIVER_DIED)
"""Reasons of a job that had begun and ended by itself."""


def may_have_trained(run: Run) -> bool:
    """Return whether the job may have run, though no observation shows it: it may have begun and ended between two.

    A run that is ended by a person or a limit is known not to have begun, unless it cannot be observed.
    """
    if run.running_at is not None or run.observed.job in STARTED_JOB_STATES:
        return True
    if run.reason is None or run.reason in REASONS_BEFORE_TRAINING:
        return False
    return not leaves_job_running(run) or (run.observed.outage is not None and run.observed.outage.until is None)


def shows_no_training(run: Run, observation: Observation) -> bool:
    """Return whether the observation shows that the job has not begun, of a run that was never observed to train."""
    if run.running_at is not None or run.reason in REASONS_OF_PROGRAM_END or observation.is_empty:
        return False
    return observation.job in (None, JobState.INIT, JobState.PENDING, JobState.SETTING_UP, JobState.FAILED_SETUP)


def may_have_saved(run: Run) -> bool:
    """Return whether to ask the cluster for a checkpoint that no log line has named.

    The log may have had gaps, or not have been read to its end. If it was read, or if the cluster may never answer
    again, the wait is short; and there is none if the log was followed from the first to the last line and showed no
    step.
    """
    if not run.plan.checkpoint_folder or not may_have_trained(run) or run.reason in REASONS_WITHOUT_CLUSTER:
        return False
    if run.teardown.log_saved_at is None and run.reason is not Reason.CLUSTER_LOST:
        return True
    was_followed = run.running_at is not None and run.teardown.log_saved_at is not None
    return run.checkpoint_rescue.failure_count < MAX_DOWNLOAD_TRIES and not (
        was_followed and run.training.progress.step is None
    )


def must_postpone_autostop(run: Run, observation: Observation, now: datetime, grace: CheckpointGrace) -> bool:
    """Return whether to postpone the cluster's autostop now, before any other wait.

    Once the job has ended the cluster is idle, and may remove itself while its last log lines are still awaited.
    """
    autostops = (run.plan.autostop_minutes, run.observed.autostop_minutes, observation.autostop_minutes)
    if (
        observation.job is None
        or not observation.job.is_finished
        or not any(autostops)
        or run.checkpoint_rescue.autostop_postponed_until is not None
    ):
        return False
    tried_at = run.checkpoint_rescue.autostop_postpone_failed_at
    return tried_at is None or now >= tried_at + grace.download_retry


def must_find_download(run: Run) -> bool:
    """Return whether to look on the bot's own disk for a checkpoint that would be lost, before and after the teardown.

    A download runs beside the observations: it may have ended since the last one, and the cluster be gone before the
    next.
    """
    rescue = run.checkpoint_rescue
    if (
        not run.plan.checkpoints_ephemeral
        or rescue.is_downloaded
        or rescue.started_at is None
        or run.training.progress.checkpoint is None
    ):
        return False
    return rescue.local_copy_checked_at is None or (
        run.teardown.requested_at is not None and rescue.local_copy_checked_at <= run.teardown.requested_at
    )


def must_cancel_job(run: Run, now: datetime, grace: CheckpointGrace) -> bool:
    """Return whether to cancel the job now, before the checkpoint is downloaded.

    The job would continue training, save, and remove older checkpoints, among them the one that is being downloaded.
    """
    tried_at = run.checkpoint_rescue.cancel_failed_at
    is_due_again = tried_at is None or has_passed(grace.download_retry, tried_at, now)
    return leaves_job_running(run) and run.checkpoint_rescue.job_cancelled_at is None and is_due_again


def leaves_job_running(run: Run) -> bool:
    """Return whether the job has not ended by itself."""
    return run.reason in REASONS_WITH_LIVE_JOB


def must_await_write(run: Run, now: datetime, grace: CheckpointGrace) -> bool:
    """Return whether the job still has time to finish writing the checkpoint that its last log lines have named."""
    if (
        run.reason is None
        or not leaves_job_running(run)
        or run.checkpoint_rescue.job_cancelled_at
        or not is_writing_checkpoint(run)
    ):
        return False
    return now < find_end_time(run, run.reason, now) + grace.save


def get_finished_at(run: Run) -> datetime:
    """Return when the run was finished; when it was created, for one that is not."""
    return run.finished_at or run.created_at


def rescue_deadline(run: Run, grace: CheckpointGrace) -> datetime:
    """Return until when the cluster is kept for the rescue: as a person has set, or else to the end of the lease.

    A run that has made no known step has hardly saved anything, and is not paid for so long; nor is one whose
    checkpoints are all torn, or whose record, as of an older version, does not name their folder: no look finds them.
    """
    rescue = run.checkpoint_rescue
    earliest = get_finished_at(run) + grace.download
    latest = max(run.lease_ends_at or earliest, earliest)
    if rescue.keep_cluster_until:
        rescue_until = rescue.keep_cluster_until
    elif rescue.failure_count and not run.plan.checkpoint_folder:
        rescue_until = earliest
    elif rescue.none_complete_at:
        rescue_until = min(latest, max(earliest, rescue.none_complete_at + grace.download))
    else:
        rescue_until = (
            latest
            if run.training.progress.step is not None or run.training.progress.checkpoint is not None
            else earliest
        )
    memory_loss = run.observed.memory.loss
    # While the cloud did not remember the cluster, nothing could be downloaded.
    return max(rescue_until, memory_loss.until + grace.download) if memory_loss and memory_loss.until else rescue_until


def is_download_due(run: Run, now: datetime, grace: CheckpointGrace) -> bool:
    """Return whether it is time to download: to begin, to check the progress, or to try again."""
    rescue = run.checkpoint_rescue
    if not rescue.last_error or rescue.last_tried_at is None:
        return True
    return has_outage_ended(run, rescue.last_tried_at) or has_passed(grace.download_retry, rescue.last_tried_at, now)


def has_outage_ended(run: Run, tried_at: datetime) -> bool:
    """Return whether an outage has ended since the last try: it may have caused the failure."""
    return (
        run.observed.outage is not None
        and run.observed.outage.until is not None
        and run.observed.outage.until > tried_at
    )


@dataclass(frozen=True, slots=True)
class RunLoss:
    """What a failed run has lost.

    Attributes:
        dollars: None where the price is not known, or when that checkpoint was saved.
        checkpoint_step: the step of the surviving checkpoint; None where everything is lost.
        steps_lost: number of steps that were done after it.
        is_checkpoint_complete: whether the run continued after that checkpoint, so that it was written to its end, or
            it was opened after its download.
    """

    dollars: float | None
    checkpoint_step: int | None = None
    steps_lost: int = 0
    is_checkpoint_complete: bool = True


def compute_loss(run: Run, now: datetime) -> RunLoss:
    """Return the part of a run's cost that left no checkpoint.

    verl names a checkpoint before it writes it, and prints the step after that.
    """
    progress, rescue = run.training.progress, run.checkpoint_rescue
    downloaded_step = (
        (rescue.step if rescue.step is not None else progress.checkpoint_step) if rescue.is_downloaded else None
    )
    surviving_step = progress.checkpoint_step if checkpoint_outlives_cluster(run) else downloaded_step
    spent_dollars = run.cost(now)
    # No checkpoint survives, so the whole cost is lost.
    if surviving_step is None:
        return RunLoss(spent_dollars)
    saved_at = run.training.checkpoint_at if surviving_step == progress.checkpoint_step else None
    dollars_since = compute_cost(run.spending.hourly_rate, (run.closed_at or now) - saved_at) if saved_at else None
    dollars = None if spent_dollars is None or dollars_since is None else min(spent_dollars, dollars_since)
    step = progress.step or 0
    return RunLoss(
        dollars,
        surviving_step,
        max(step - surviving_step, 0),
        step >= surviving_step or surviving_step == downloaded_step,
    )


def checkpoint_outlives_cluster(run: Run) -> bool:
    """Return whether the newest checkpoint survives the cluster.

    It does in the run's own folder of its checkpoint store, which the cluster's end does not reach.
    """
    return run.plan.checkpoint_store is not None and run.id in (run.training.progress.checkpoint or "")
