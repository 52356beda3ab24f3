"""The next action for one run, given its observation. Pure: no I/O, no clock.

The order of the launch and of the teardown follows from facts of SkyPilot: it has no idempotency key, so a launch is
requested again only when its name has left no trace for a while; and an absent record does not prove that machines are
gone, so a run ends only after two observations, apart in time, and a confirmation.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from bot.core import drain
from bot.core.action import (
    Action,
    Alarm,
    Ask,
    Drain,
    End,
    FetchModel,
    Finish,
    Look,
    LoseModel,
    NoteMemoryLoss,
    Price,
    PutOffAutostop,
    RecallModel,
    Rehearse,
    SaveLog,
    SetAutostop,
    TearDown,
    Wonder,
)
from bot.core.clock import has_passed
from bot.core.doubt import Doubt, Puzzle
from bot.core.policy import BUDGET_RULE, LEASE_RULE
from bot.core.rules import Rules
from bot.core.run import Run
from bot.core.seen import Cluster, Ending, Job, Request, Seen
from bot.core.status import Reason, Status
from bot.language import say, say_many, together


def decide(run: Run, seen: Seen | None, now: datetime, rules: Rules) -> Action | None:
    """Return the next action for a run, or None to wait. `observation` is None if none succeeded."""
    match run.status:
        case Status.ENDED:
            return None
        case Status.AWAITING_APPROVAL:
            return decide_awaiting(run, seen, now)
        case Status.PENDING:
            return decide_pending(run, seen)
        case Status.LAUNCHING | Status.RUNNING | Status.STOPPING if seen and run.is_forgotten_by(seen):
            return decide_forgotten(run, now, rules)
        case Status.LAUNCHING | Status.RUNNING | Status.STOPPING if seen and run.memory.is_lost:
            return Look(seen)  # first, so that people hear that the cloud remembers the cluster
        case Status.LAUNCHING | Status.RUNNING:
            if seen and run.recoveries.looked(seen.recovering, seen.recoveries, now) != run.recoveries:
                return Look(seen)  # before its end, so that its recoveries are recorded
            over = (seen and over_by_job(seen)) or decide_wished(run, seen, now, rules)
            return over or rehearse(run, now, rules) or (decide_active(run, seen, now, rules) if seen else None)
        case Status.STOPPING:
            return decide_stopping(run, seen, now, rules)


def decide_awaiting(run: Run, seen: Seen | None, now: datetime) -> Action | None:
    """Return the action for a run that waits for an approver.

    An answer that has come counts, however late it is applied.
    """
    approval = run.approval
    if run.stop_requested_by:
        return End(Reason.STOPPED)
    if approval is None or (now >= approval.until and approval.by is None):
        return End(Reason.NOT_APPROVED)
    if approval.by is None:
        return Price() if seen and run.priced_at is None else None
    return decide_pending(run, seen) if approval.granted else End(Reason.REFUSED)


def decide_pending(run: Run, seen: Seen | None) -> Action | None:
    """Return the action for a run that is not requested yet.

    A stop needs no teardown, and without an observation no launch begins.
    """
    if run.stop_requested_by:
        return End(Reason.STOPPED)
    return Ask(seen.server) if seen else None


def decide_forgotten(run: Run, now: datetime, rules: Rules) -> Action | None:
    """Return the action while the cloud does not remember the cluster.

    The cluster's absence proves nothing. What a person, a lease or a budget requires is done as far as possible: the
    teardown is requested by name, again and again, until the cloud remembers or a person confirms what is gone.
    """
    over: Action | None
    if run.status is not Status.STOPPING:
        over = decide_wished(run, None, now, rules) or rehearse(run, now, rules)
    elif run.memory.gone_by:
        return End(run.reason or Reason.STOPPED)
    else:
        waits = drain.keeps_while_forgotten(run, now, rules.patience)
        over = TearDown() if not waits and is_removal_due(run, now, rules) else None
    if over or run.memory.is_lost:
        return over
    return after(run, Puzzle.FORGOTTEN, rules.gone, now, rules, NoteMemoryLoss())


def decide_wished(run: Run, seen: Seen | None, now: datetime, rules: Rules) -> Finish | Drain | None:
    """Return the end that a person or a limit requires, or the wait for a checkpoint before it.

    The run stays active while it waits.
    """
    finish = over_by_wish(run, now, rules.shadow)
    draining = drain.waits(run, finish.reason, seen, now, rules.patience) if finish else None
    if finish and draining is None:
        return finish
    known = run.keeping.draining
    same = known and draining and known.reason is draining.reason  # a new bill may move the end by seconds
    return None if same or known == draining else Drain(draining)


def over_by_wish(run: Run, now: datetime, shadow: Collection[str] = ()) -> Finish | None:
    """Return the end that needs no observation: a person's stop, the lease, the budget.

    Report-only rules do not count.
    """
    if run.stop_requested_by:
        return Finish(Reason.STOPPED)
    enforced = (rule for rule in limits_passed(run, now) if rule not in shadow)
    return next((Finish(LIMITS.get(rule, Reason.MONTH_SPENT)) for rule in enforced), None)


LIMITS = {LEASE_RULE: Reason.LEASE_OVER, BUDGET_RULE: Reason.OVER_BUDGET}
"""The reason of a run that a rule ends, by the name of the rule; all other rules are monthly budgets."""


def limits_passed(run: Run, now: datetime) -> list[str]:
    """Return the names of the rules by which the run is to end."""
    leased = run.lease_ends_at is not None and now >= run.lease_ends_at
    spent = (run.spent(now) or 0.0) > run.budget_dollars
    months = [one.rule for one in run.overdrafts if one.stands and now >= one.until]
    return [*(rule for rule, passed in ((LEASE_RULE, leased), (BUDGET_RULE, spent)) if passed), *months]


def rehearse(run: Run, now: datetime, rules: Rules) -> Rehearse | None:
    """Return a record of a report-only rule that would end the run if enforced; each rule is recorded once."""
    told = {one.rule for one in run.shadows if one.ends}
    passed = (rule for rule in limits_passed(run, now) if rule in rules.shadow and rule not in told)
    return next(map(Rehearse, passed), None)


def decide_active(run: Run, seen: Seen, now: datetime, rules: Rules) -> Action | None:
    """Return the action for a run whose launch is in progress or whose job trains, as far as the record knows."""
    if finish := over_by_request(run, seen) or over_by_cluster(seen):
        return finish
    if seen.nothing:
        return explain_absence(run, seen, now, rules)
    if seen.unhealthy:
        lost = Finish(Reason.CLUSTER_LOST, seen.unhealthy)
        return after(run, Puzzle.UNHEALTHY, rules.unhealthy, now, rules, lost, seen.unhealthy)
    # A cluster without a job, whose launch request is over: the launch was interrupted before the job was submitted.
    if seen.job is run.job is None and seen.request is not Request.LIVE:
        failed = Finish(Reason.LAUNCH_FAILED, jobless(seen))
        return after(run, Puzzle.JOBLESS, rules.ask_again, now, rules, failed)
    if unguarded := autostop_to_set(run, seen, now, rules):
        return unguarded
    return Look(seen) if run.looked(seen, now) != run else None


def autostop_to_set(run: Run, seen: Seen, now: datetime, rules: Rules) -> SetAutostop | None:
    """Return the action that repairs the autostop, the safety net below the lease, if it is not as requested.

    SkyPilot sets it before it submits the job, so it counts as missing only after an earlier observation of the job.
    """
    asked, mending = run.autostop_asked, run.mending
    if asked is None or asked == seen.autostop_minutes or run.job is None:
        return None
    if seen.cluster is not Cluster.UP or seen.request is Request.LIVE:
        return None
    if mending and (mending.refused or not has_passed(rules.autostop_again, mending.tried_at, now)):
        return None
    return SetAutostop(asked, seen.autostop_minutes)


def jobless(seen: Seen) -> str:
    """Return what happened to a launch that left a cluster without a job, a sentence."""
    if seen.cluster is Cluster.UP:
        return say("The cluster came up and was given no job.")
    return say("Its launch was interrupted half-way, and nobody goes on with it.")


def over_by_job(seen: Seen) -> Finish | None:
    """Return the end that the job's state requires. It comes before any request, because it is what happened.

    A job that failed on a broken cluster did not fail by itself.
    """
    if seen.unhealthy and seen.job in (Job.FAILED, Job.FAILED_SETUP, Job.FAILED_DRIVER):
        return Finish(Reason.CLUSTER_LOST, seen.unhealthy)
    match seen.job:
        case Job.SUCCEEDED:
            return Finish(Reason.SUCCEEDED)
        case Job.FAILED:
            return Finish(Reason.FAILED, seen.error)
        case Job.FAILED_SETUP:
            return Finish(Reason.SETUP_FAILED, seen.error)
        case Job.FAILED_DRIVER:
            return Finish(Reason.DRIVER_DIED, seen.error)
        case Job.CANCELLED:
            return Finish(Reason.CANCELLED_OUTSIDE, seen.error)
        case Job.INIT | Job.PENDING | Job.SETTING_UP | Job.RUNNING | None:
            return None


def over_by_request(run: Run, seen: Seen) -> Finish | None:
    """Return the end after a failed or cancelled launch; a job that exists all the same says more, and comes first."""
    if run.status is Status.LAUNCHING and seen.job is None and run.job is None:
        if seen.request is Request.FAILED:
            return Finish(Reason.LAUNCH_FAILED, seen.error)
        if seen.request is Request.CANCELLED:
            cancelled = say("Its launch was cancelled outside of verlbot.")
            return Finish(Reason.CANCELLED_OUTSIDE, seen.error or cancelled)
    return None


def over_by_cluster(seen: Seen) -> Finish | None:
    """Return the end after a stopped cluster: it no longer trains, and its disks are still billed."""
    if seen.cluster is Cluster.STOPPED:
        return Finish(Reason.CANCELLED_OUTSIDE, say("Its cluster was stopped outside of verlbot."))
    return None


def explain_absence(run: Run, seen: Seen, now: datetime, rules: Rules) -> Action | None:
    """Return the action if there is no cluster and no launch in progress: it is gone, or the launch never arrived.

    See also `decide_forgotten`.
    """
    if seen.ending is not None:
        return after(run, Puzzle.ABSENT, rules.gone, now, rules, Finish(reason_of(seen.ending), seen.error))
    # A launch that leaves no trace is requested again, since its request may be lost; but not for ever.
    if run.asks >= rules.most_asks:
        asked = say_many(
            "It was asked for {count} time, and no cluster of its name has appeared.",
            "It was asked for {count} times, and no cluster of its name has appeared.",
            run.asks,
        )
        detail = together(asked, run.trouble or "")
        return after(run, Puzzle.ABSENT, rules.ask_again, now, rules, Finish(Reason.LAUNCH_FAILED, detail))
    return after(run, Puzzle.ABSENT, rules.ask_again, now, rules, Ask(seen.server))


def reason_of(ending: Ending) -> Reason:
    """Return the reason of a run whose cluster went away like this."""
    match ending:
        case Ending.DOWNED:
            return Reason.DOWNED_OUTSIDE
        case Ending.AUTODOWNED:
            return Reason.AUTODOWNED
        case Ending.LOST:
            return Reason.CLUSTER_LOST


def after(
    run: Run, puzzle: Puzzle, wait: timedelta, now: datetime, rules: Rules, action: Action, detail: str | None = None
) -> Action:
    """Return the action once every observation for that long has shown the ambiguity, this one included.

    Until then, return the wait for its confirmation.
    """
    doubt = run.doubt
    # A gap between two observations, or a clock that was set back, proves nothing: the wait begins again.
    if doubt is None or doubt.puzzle is not puzzle or now > doubt.last + rules.steady or now < doubt.since:
        return Wonder(Doubt(puzzle, now, now, detail))
    return action if now >= doubt.since + wait else Wonder(Doubt(puzzle, doubt.since, now, detail))


def decide_stopping(run: Run, seen: Seen | None, now: datetime, rules: Rules) -> Action | None:
    """Return the action for a finished run that may still be billed.

    A checkpoint on the bot's own disk is never reported as lost, so the disk is checked first.
    """
    action = decide_removal(run, seen, now, rules)
    last_chance = isinstance(action, TearDown | LoseModel | End)
    return RecallModel() if last_chance and drain.wants_recall(run) else action


def decide_removal(run: Run, seen: Seen | None, now: datetime, rules: Rules) -> Action | None:
    """Return the next step of the teardown: last log lines, checkpoint, removal, proof that the machines are gone.

    The removal is requested even if nothing is observed: a launch may still be in progress, and arrive unobserved.
    """
    if seen and seen.keeps_log and wants_log(run, seen, rules):
        return log_to_save(run, seen, now, rules)
    if seen and seen.nothing and (run.downed_at is not None or seen.ending is not None):
        # A server that was restarted has forgotten its requests: without a confirmation the absence must last longer.
        confirmed = seen.ending is not None or seen.request in (Request.FAILED, Request.CANCELLED)
        wait = rules.gone if confirmed else rules.ask_again
        return after(run, Puzzle.ABSENT, wait, now, rules, End(run.reason or Reason.STOPPED, seen.bill))
    if seen and tells_more(run, seen):
        return Look(seen)
    keeps = drain.keeps(run) and not (seen and drain.shows_untrained(run, seen))
    # A cluster that is kept for its checkpoint is expected to stay.
    if run.alarmed_at is None and not keeps and stands_since(run, now) >= rules.stopping_alarm:
        return Alarm()
    if keeps and seen and drain.puts_off_autostop(run, seen, now, rules.patience):
        return PutOffAutostop(drain.gives_up_at(run, rules.patience))
    if wants_log(run, seen, rules):
        return log_to_save(run, seen, now, rules)
    if keeps:
        return decide_keeping(run, seen, now, rules)
    if is_removal_due(run, now, rules):
        return TearDown()
    return Look(seen) if seen and run.looked(seen, now) != run else None


def is_removal_due(run: Run, now: datetime, rules: Rules) -> bool:
    """Return whether the removal is to be requested now: it never was, or not lately."""
    return run.downed_at is None or has_passed(rules.down_again, run.downed_at, now)


def tells_more(run: Run, seen: Seen) -> bool:
    """Return whether to record the observation before anything else: an outage has ended, or the job began unobserved.

    The bot may have been away for the whole training; what is done next depends on whether there was one.
    """
    silence_ends = run.outage is not None and run.outage.until is None
    return silence_ends or (seen.job in drain.TRAINED and not drain.may_have_trained(run))


def stands_since(run: Run, now: datetime) -> timedelta:
    """Return how long the cluster has existed since its teardown was due."""
    since = run.keeping.settled_at or run.over_at
    loss = run.memory.loss
    if since and loss and loss.until:  # until then the teardown could be neither done nor observed
        since = max(since, loss.until)
    return now - since if since else timedelta()


def decide_keeping(run: Run, seen: Seen | None, now: datetime, rules: Rules) -> Action | None:
    """Return the action for a checkpoint that exists on the cluster alone.

    It is downloaded before the teardown, or given up in time.
    """
    until = drain.gives_up_at(run, rules.patience)
    if now >= until:
        return LoseModel()
    if seen and seen.nothing:  # SkyPilot may drop a record for a while; a teardown would still find the machines
        return after(run, Puzzle.ABSENT, rules.ask_again, now, rules, TearDown())
    if drain.is_due(run, now, rules.patience):
        return FetchModel(until)
    return Look(seen) if seen and run.looked(seen, now) != run else None


def wants_log(run: Run, seen: Seen | None, rules: Rules) -> bool:
    """Return whether there are last log lines to read, and tries left to read them.

    A failed observation says nothing about that: the lines are read all the same, before a teardown deletes them.
    """
    if run.log_saved_at is not None or run.log_tries >= rules.log_tries:
        return False
    if seen is None:
        has_job = run.job is not None or run.reason in (*drain.PROGRAM_ENDED, Reason.SETUP_FAILED)
        return has_job and run.downed_at is None
    return (seen.cluster is Cluster.UP or seen.keeps_log) and (seen.job or run.job) is not None


def log_to_save(run: Run, seen: Seen | None, now: datetime, rules: Rules) -> SaveLog | Look | None:
    """Return the action that saves the last log lines, or None to wait.

    A failed read is tried again after some time: the obstacle may be gone.
    """
    tried = run.log_tried_at
    if tried is None or has_passed(rules.log_again, tried, now) or drain.is_heard_again(run, tried):
        return SaveLog()
    return Look(seen) if seen and run.looked(seen, now) != run else None
