"""An ending that loses no model: when it waits for a checkpoint, what is fetched, when that is given up. Pure.

No checkpoint that is on a cluster alone goes with it without a person's word or the end of a lease; and no money is
spent beyond a limit for longer than a time that is set, but where it is said that somebody is waited for.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.clock import has_passed
from bot.core.keeping import Draining
from bot.core.run import Run
from bot.core.seen import Cluster, Job, Seen
from bot.core.status import Reason, Status

FETCH_TRIES = 3
"""Failures of a fetch after which people are asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the end of a run waits for its model.

    Attributes:
        save: for a checkpoint that may come while it still trains.
        fetch: for what is fetched, and for a person's word where that fails; where the lease ends later, until then.
        fetch_again: after which a fetch that has failed is tried again.
    """

    save: timedelta = timedelta(minutes=10)
    fetch: timedelta = timedelta(minutes=60)
    fetch_again: timedelta = timedelta(seconds=60)


def deadline(run: Run) -> datetime | None:
    """When a run that is asked for will be ended by itself: at its lease's end, or when its budget is spent."""
    end, began, rate = run.lease_ends_at, run.first_asked_at, run.rate
    if end is None or began is None or rate is None or not rate.dollars_per_hour:
        return end
    spent = min(run.budget_dollars / rate.dollars_per_hour, run.lease.total_seconds() / 3600)
    return min(end, began + timedelta(hours=spent))


def waits(run: Run, reason: Reason, seen: Seen | None, now: datetime, patience: Patience) -> Draining | None:
    """Until when the end of a run that trains waits for a checkpoint; None where it ends now."""
    began = ends_since(run, reason, now)
    until = began + patience.save
    if now >= until or run.keeping.lost_by or not trains(run, seen):
        return None
    if is_writing(run):
        return Draining(reason, until)
    if reason is Reason.STOPPED and not run.keeping.save_asked:
        return None
    # A limit was told beforehand, and was saved for; more than a wait's worth of training is not lost without it.
    since = began if reason is Reason.STOPPED else began - patience.save
    is_saved = run.progress.checkpoint_step == run.progress.step
    return None if is_saved or (run.checkpoint_at and run.checkpoint_at >= since) else Draining(reason, until)


def ends_since(run: Run, reason: Reason, now: datetime) -> datetime:
    """Since when it is to end. Of a budget that is when it was spent, by its rate now, whoever was away then."""
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
    """Whether there may be something to save: it saves, its job runs, and it has made a step."""
    saves = run.model_dies or run.place is not None
    runs = run.job is Job.RUNNING and (seen is None or (seen.job is Job.RUNNING and seen.cluster is Cluster.UP))
    return saves and runs and run.progress.step is not None


def is_writing(run: Run) -> bool:
    """Whether its newest checkpoint may not be whole: verl names one before it writes it, and prints its step after."""
    saved = run.progress.checkpoint_step
    return saved is not None and (run.progress.step is None or run.progress.step < saved)


def keeps(run: Run) -> bool:
    """Whether a run that is over has, or may have, a checkpoint on its cluster alone that is still to be fetched.

    A managed job's machines go when its program ends, whatever anybody asks for.
    """
    there = run.model_dies and not run.managed and (run.progress.checkpoint is not None or may_have_saved(run))
    stands = run.status is Status.STOPPING and run.first_asked_at is not None and run.downed_at is None
    return there and stands and not run.keeping.settled


def keeps_while_forgotten(run: Run, now: datetime, patience: Patience) -> bool:
    """Return whether the removal of a cluster that the cloud does not remember waits for a model, which is known to be
    there alone: the cloud may remember just when it is asked."""
    return keeps(run) and run.progress.checkpoint is not None and now < gives_up_at(run, patience)


def is_kept(run: Run) -> bool:
    """Whether people are to hear of that: its model is known, or is looked for because its log could not be read."""
    searched = run.keeping.began_at is not None and run.log_saved_at is None
    return keeps(run) and (run.progress.checkpoint is not None or searched)


LOST = (Reason.CLUSTER_LOST, Reason.AUTODOWNED, Reason.DOWNED_OUTSIDE)
"""Ends that took the cluster with them: of these the log was read until then."""

ASKED_FOR = (Reason.STOPPED, Reason.LEASE_OVER, Reason.OVER_BUDGET, Reason.MONTH_SPENT)
"""Ends at which its job goes on until it is told."""


def may_have_saved(run: Run) -> bool:
    """Whether its cluster is to be asked for a checkpoint that nobody has read of.

    Its log may have had gaps, or not have been read to its end. Where it was read, it is not waited for long.
    """
    if run.running_at is None or not run.checkpoints or run.reason in LOST:
        return False
    if run.log_saved_at is None:
        return True
    return run.progress.step is not None and run.keeping.tries < FETCH_TRIES


def halts(run: Run, now: datetime, patience: Patience) -> bool:
    """Whether its job is to be ended now, before its model is fetched.

    It would go on training, save, and remove its older checkpoints, the one that is just being fetched among them.
    """
    tried = run.keeping.halt_tried_at
    due = tried is None or has_passed(patience.fetch_again, tried, now)
    return trains_on(run) and run.keeping.halted_at is None and due


def trains_on(run: Run) -> bool:
    """Whether its job has not ended by itself."""
    return run.reason in ASKED_FOR


def finishes_writing(run: Run, now: datetime, patience: Patience) -> bool:
    """Whether it is still given time to write the checkpoint whole that its last lines have named."""
    if run.reason is None or not trains_on(run) or run.keeping.halted_at or not is_writing(run):
        return False
    return now < ends_since(run, run.reason, now) + patience.save


def over_at(run: Run) -> datetime:
    return run.over_at or run.created_at


def gives_up_at(run: Run, patience: Patience) -> datetime:
    """Until when its cluster is kept for that: as a person has said, or else to the end of the lease.

    One that has made no step, as far as anybody knows, has hardly saved anything, and is not paid for so long.
    """
    least = over_at(run) + patience.fetch
    known = run.progress.step is not None or run.progress.checkpoint is not None
    until = run.keeping.keep_until or (max(run.lease_ends_at or least, least) if known else least)
    loss = run.memory.loss
    # While the cloud did not remember its cluster, nothing could be fetched.
    return max(until, loss.until + patience.fetch) if loss and loss.until else until


def is_due(run: Run, now: datetime, patience: Patience) -> bool:
    """Whether it is time to fetch: to begin, to see how far it is, or to try again."""
    found = run.keeping
    return not found.trouble or found.tried_at is None or has_passed(patience.fetch_again, found.tried_at, now)
