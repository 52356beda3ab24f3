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


REMOVED = (Reason.AUTODOWNED, Reason.DOWNED_OUTSIDE)
"""Ends that took the cluster with them."""

ASKED_FOR = (Reason.STOPPED, Reason.LEASE_OVER, Reason.OVER_BUDGET, Reason.MONTH_SPENT)
"""Ends at which its job goes on until it is told."""

UNTRAINED = (
    Reason.LAUNCH_FAILED,
    Reason.SETUP_FAILED,
    Reason.REFUSED,
    Reason.NOT_APPROVED,
    Reason.OVER_CAP,
)
"""Ends before the training began."""

TRAINED = (Job.RUNNING, Job.SUCCEEDED, Job.FAILED, Job.FAILED_DRIVER)
"""States that no job reaches without having begun."""

PROGRAM_ENDED = (Reason.SUCCEEDED, Reason.FAILED, Reason.DRIVER_DIED)
"""Ends of a job that had begun."""


def may_have_trained(run: Run) -> bool:
    """Whether its job may have run, though no look may have shown that: it may have begun and ended between two looks.

    A run that is ended by a wish or a limit is known not to have begun, unless nothing can be seen of it.
    """
    if run.running_at is not None or run.job in TRAINED:
        return True
    if run.reason is None or run.reason in UNTRAINED:
        return False
    return not trains_on(run) or (run.outage is not None and run.outage.until is None)


def shows_untrained(run: Run, seen: Seen) -> bool:
    """Whether a look shows that its job has not begun, of a run that no look has shown to train."""
    if run.running_at is not None or run.reason in PROGRAM_ENDED or seen.nothing:
        return False
    return seen.job in (None, Job.INIT, Job.PENDING, Job.SETTING_UP, Job.FAILED_SETUP)


def may_have_saved(run: Run) -> bool:
    """Whether its cluster is to be asked for a checkpoint that no log has told of.

    Its log may have had gaps, or not have been read to its end. Where it was read, and where the cluster may never
    answer again, it is not waited for long; and not at all where it was followed from the first to the last line, and
    told of no step.
    """
    if not run.checkpoints or not may_have_trained(run) or run.reason in REMOVED:
        return False
    if run.log_saved_at is None and run.reason is not Reason.CLUSTER_LOST:
        return True
    followed = run.running_at is not None and run.log_saved_at is not None
    return run.keeping.tries < FETCH_TRIES and not (followed and run.progress.step is None)


def puts_off_autostop(run: Run, seen: Seen, now: datetime, patience: Patience) -> bool:
    """Whether its cluster's autostop is to be put off now, before anything else is waited for.

    Once its job is over the cluster is idle, and may remove itself while its last lines are still awaited.
    """
    known = (run.autostop_asked, run.autostop_minutes, seen.autostop_minutes)
    if seen.job is None or not seen.job.over or not any(known) or run.keeping.held_until is not None:
        return False
    tried = run.keeping.hold_tried_at
    return tried is None or now >= tried + patience.fetch_again


def wants_recall(run: Run) -> bool:
    """Whether the bot's own disk is to be asked, before its cluster goes and once it is gone, for a model to be lost.

    A fetch goes on beside the looks: it may have ended since the last one, and its cluster be gone before the next.
    """
    found = run.keeping
    if not run.model_dies or found.fetched or found.began_at is None or run.progress.checkpoint is None:
        return False
    return found.recalled_at is None or (run.downed_at is not None and found.recalled_at <= run.downed_at)


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

    One that has made no step, as far as anybody knows, has hardly saved anything, and is not paid for so long; nor is
    one whose checkpoints are all torn.
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
    # While the cloud did not remember its cluster, nothing could be fetched.
    return max(until, loss.until + patience.fetch) if loss and loss.until else until


def is_due(run: Run, now: datetime, patience: Patience) -> bool:
    """Whether it is time to fetch: to begin, to see how far it is, or to try again."""
    found = run.keeping
    if not found.trouble or found.tried_at is None:
        return True
    return is_heard_again(run, found.tried_at) or has_passed(patience.fetch_again, found.tried_at, now)


def is_heard_again(run: Run, tried_at: datetime) -> bool:
    """Whether a silence of the outside has ended since something was tried: it may have been what was in the way."""
    return run.outage is not None and run.outage.until is not None and run.outage.until > tried_at
