"""The rescue of a run's checkpoint: when the end waits for it, what is downloaded, when that is given up. Pure.

A checkpoint that is on a cluster alone is not lost without a person's approval or the end of a lease; and no money is
spent beyond a limit for longer than a set time, unless the bot says that it waits for a person.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.clock import has_passed
from bot.core.keeping import Draining
from bot.core.run import Run
from bot.core.seen import Cluster, Job, Seen
from bot.core.status import Reason, Status

FETCH_TRIES = 3
"""Failed downloads after which people must decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the end of a run waits for its checkpoint.

    Attributes:
        save: wait for a checkpoint that may come while the run still trains.
        download: wait for the download, and for a person's answer if it fails; if the lease ends later, until then.
        download_retry: time after which a failed download is tried again.
    """

    save: timedelta = timedelta(minutes=10)
    fetch: timedelta = timedelta(minutes=60)
    fetch_again: timedelta = timedelta(seconds=60)


def deadline(run: Run) -> datetime | None:
    """Return when a requested run will end by itself: at its lease's end, or when its budget is spent."""
    end, began, rate = run.lease_ends_at, run.first_asked_at, run.rate
    if end is None or began is None or rate is None or not rate.dollars_per_hour:
        return end
    spent = min(run.budget_dollars / rate.dollars_per_hour, run.lease.total_seconds() / 3600)
    return min(end, began + timedelta(hours=spent))


def waits(run: Run, reason: Reason, seen: Seen | None, now: datetime, patience: Patience) -> Draining | None:
    """Return until when the end of a training run waits for a checkpoint; None if it ends now."""
    began = ends_since(run, reason, now)
    until = began + patience.save
    if now >= until or run.keeping.lost_by or not trains(run, seen):
        return None
    # A checkpoint that is half written is worth its wait for every reason.
    if is_writing(run):
        return Draining(reason, until)
    if reason is Reason.STOPPED and not run.keeping.save_asked:
        return None
    # A limit is announced beforehand, so that a save may precede it; without another one at most `save` is lost.
    since = began if reason is Reason.STOPPED else began - patience.save
    is_saved = run.progress.checkpoint_step == run.progress.step
    return None if is_saved or (run.checkpoint_at and run.checkpoint_at >= since) else Draining(reason, until)


def ends_since(run: Run, reason: Reason, now: datetime) -> datetime:
    """Return since when the run is to end.

    For a budget that is when it was spent, by the run's rate now, even if the bot was away.
    """
    match reason:
        case Reason.STOPPED if run.stop_requested_at:
            return run.stop_requested_at
        case Reason.LEASE_OVER if run.lease_ends_at:
            return run.lease_ends_at
        case Reason.OVER_BUDGET if run.hourly and run.hourly.dollars_per_hour:
            over = (run.cost(now) or 0.0) - run.budget_dollars
            return now - timedelta(hours=min(over / run.hourly.dollars_per_hour, 24.0 * 365))
        case Reason.MONTH_SPENT:
            due = [one.until for one in run.overdrafts if one.stands and not one.rehearsed and now >= one.until]
            return min(due, default=now)
        case _:
            return now


def trains(run: Run, seen: Seen | None) -> bool:
    """Return whether there may be something to save: the run saves, its job runs, and it has made a step."""
    saves = run.model_dies or run.place is not None
    runs = run.job is Job.RUNNING and (seen is None or (seen.job is Job.RUNNING and seen.cluster is Cluster.UP))
    return saves and runs and run.progress.step is not None


def is_writing(run: Run) -> bool:
    """Return whether the newest checkpoint may not be whole.

    verl names a checkpoint before it writes it, and prints its step after.
    """
    saved = run.progress.checkpoint_step
    return saved is not None and (run.progress.step is None or run.progress.step < saved)


def keeps(run: Run) -> bool:
    """Return whether a finished run may have a checkpoint on its cluster alone that is still to be downloaded.

    A managed job's machines are removed when its program ends, even if a person wants to keep them.
    """
    there = run.model_dies and not run.managed and (run.progress.checkpoint is not None or may_have_saved(run))
    stands = run.status is Status.STOPPING and run.first_asked_at is not None and run.downed_at is None
    return there and stands and not run.keeping.settled


def keeps_while_forgotten(run: Run, now: datetime, patience: Patience) -> bool:
    """Return whether the teardown of a forgotten cluster waits for a checkpoint that is known to be there alone.

    The cloud may remember the cluster at the next request.
    """
    return keeps(run) and run.progress.checkpoint is not None and now < gives_up_at(run, patience)


def is_kept(run: Run) -> bool:
    """Return whether to show the rescue to people.

    The checkpoint is known, or is looked for because the log could not be read.
    """
    searched = run.keeping.began_at is not None and run.log_saved_at is None
    return keeps(run) and (run.progress.checkpoint is not None or searched)


REMOVED = (Reason.AUTODOWNED, Reason.DOWNED_OUTSIDE)
"""Reasons for which the cluster is gone already."""

ASKED_FOR = (Reason.STOPPED, Reason.LEASE_OVER, Reason.OVER_BUDGET, Reason.MONTH_SPENT)
"""Reasons for which the job continues until it is cancelled."""

UNTRAINED = (
    Reason.LAUNCH_FAILED,
    Reason.SETUP_FAILED,
    Reason.REFUSED,
    Reason.NOT_APPROVED,
    Reason.OVER_CAP,
)
"""Reasons that apply before the training has begun."""

TRAINED = (Job.RUNNING, Job.SUCCEEDED, Job.FAILED, Job.FAILED_DRIVER)
"""Job states that no job reaches without having begun."""

PROGRAM_ENDED = (Reason.SUCCEEDED, Reason.FAILED, Reason.DRIVER_DIED)
"""Reasons of a job that had begun and ended by itself."""


def may_have_trained(run: Run) -> bool:
    """Return whether the job may have run, though no observation shows it: it may have begun and ended between two.

    A run that is ended by a person or a limit is known not to have begun, unless nothing of it can be observed.
    """
    if run.running_at is not None or run.job in TRAINED:
        return True
    if run.reason is None or run.reason in UNTRAINED:
        return False
    return not trains_on(run) or (run.outage is not None and run.outage.until is None)


def shows_untrained(run: Run, seen: Seen) -> bool:
    """Return whether the observation shows that the job has not begun, of a run that was never observed to train."""
    if run.running_at is not None or run.reason in PROGRAM_ENDED or seen.nothing:
        return False
    return seen.job in (None, Job.INIT, Job.PENDING, Job.SETTING_UP, Job.FAILED_SETUP)


def may_have_saved(run: Run) -> bool:
    """Return whether to ask the cluster for a checkpoint that no log line has named.

    The log may have had gaps, or not have been read to its end. If it was read, or if the cluster may never answer
    again, the wait is short; and there is none if the log was followed from the first to the last line and showed no
    step.
    """
    if not run.checkpoints or not may_have_trained(run) or run.reason in REMOVED:
        return False
    if run.log_saved_at is None and run.reason is not Reason.CLUSTER_LOST:
        return True
    followed = run.running_at is not None and run.log_saved_at is not None
    return run.keeping.tries < FETCH_TRIES and not (followed and run.progress.step is None)


def puts_off_autostop(run: Run, seen: Seen, now: datetime, patience: Patience) -> bool:
    """Return whether to postpone the cluster's autostop now, before any other wait.

    Once the job has ended the cluster is idle, and may remove itself while its last log lines are still awaited.
    """
    known = (run.autostop_asked, run.autostop_minutes, seen.autostop_minutes)
    if seen.job is None or not seen.job.over or not any(known) or run.keeping.held_until is not None:
        return False
    tried = run.keeping.hold_tried_at
    return tried is None or now >= tried + patience.fetch_again


def wants_recall(run: Run) -> bool:
    """Return whether to look on the bot's own disk for a checkpoint that would be lost, before and after the teardown.

    A download runs beside the observations: it may have ended since the last one, and the cluster be gone before the
    next.
    """
    found = run.keeping
    if not run.model_dies or found.fetched or found.began_at is None or run.progress.checkpoint is None:
        return False
    return found.recalled_at is None or (run.downed_at is not None and found.recalled_at <= run.downed_at)


def halts(run: Run, now: datetime, patience: Patience) -> bool:
    """Return whether to cancel the job now, before the checkpoint is downloaded.

    The job would continue training, save, and remove older checkpoints, among them the one that is being downloaded.
    """
    tried = run.keeping.halt_tried_at
    due = tried is None or has_passed(patience.fetch_again, tried, now)
    return trains_on(run) and run.keeping.halted_at is None and due


def trains_on(run: Run) -> bool:
    """Return whether the job has not ended by itself."""
    return run.reason in ASKED_FOR


def finishes_writing(run: Run, now: datetime, patience: Patience) -> bool:
    """Return whether the job still has time to finish writing the checkpoint that its last log lines have named."""
    if run.reason is None or not trains_on(run) or run.keeping.halted_at or not is_writing(run):
        return False
    return now < ends_since(run, run.reason, now) + patience.save


def over_at(run: Run) -> datetime:
    """Return when the run was finished; when it was created, for one that is not."""
    return run.over_at or run.created_at


def gives_up_at(run: Run, patience: Patience) -> datetime:
    """Return until when the cluster is kept for the rescue: as a person has set, or else to the end of the lease.

    A run that has made no known step has hardly saved anything, and is not paid for so long; nor is one whose
    checkpoints are all torn.
    """
    found = run.keeping
    least = over_at(run) + patience.fetch
    longest = max(run.lease_ends_at or least, least)
    if found.keep_until:
        until = found.keep_until
    elif found.none_whole_at:
        until = min(longest, max(least, found.none_whole_at + patience.fetch))
    else:
        until = longest if run.progress.step is not None or run.progress.checkpoint is not None else least
    loss = run.memory.loss
    # While the cloud did not remember the cluster, nothing could be downloaded.
    return max(until, loss.until + patience.fetch) if loss and loss.until else until


def is_due(run: Run, now: datetime, patience: Patience) -> bool:
    """Return whether it is time to download: to begin, to check the progress, or to try again."""
    found = run.keeping
    if not found.trouble or found.tried_at is None:
        return True
    return is_heard_again(run, found.tried_at) or has_passed(patience.fetch_again, found.tried_at, now)


def is_heard_again(run: Run, tried_at: datetime) -> bool:
    """Return whether an outage has ended since the last try: it may have caused the failure."""
    return run.outage is not None and run.outage.until is not None and run.outage.until > tried_at
