"""What to do about one run, given what was seen of it. Pure: no I/O, no clock.

The order of the launch and of the teardown is facts of SkyPilot's: it has no idempotency key, so a
launch is asked for again only when its name has left no trace for a while; and an absent record is
no proof that machines are gone, so it takes two looks, apart in time, and a confirmation.
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
    """The one next action for a run, or None to wait. `seen` is None where no look succeeded."""
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
            return Look(seen)  # before anything else, so that it is told that the cloud remembers
        case Status.LAUNCHING | Status.RUNNING:
            if seen and run.recoveries.looked(seen.recovering, seen.recoveries, now) != run.recoveries:
                return Look(seen)  # before its end, so that what it went through is told
            over = (seen and over_by_job(seen)) or decide_wished(run, seen, now, rules)
            return over or rehearse(run, now, rules) or (decide_active(run, seen, now, rules) if seen else None)
        case Status.STOPPING:
            return decide_stopping(run, seen, now, rules)


def decide_awaiting(run: Run, seen: Seen | None, now: datetime) -> Action | None:
    """An approver's word is waited for; one that has come counts, however late it is carried out."""
    approval = run.approval
    if run.stop_requested_by:
        return End(Reason.STOPPED)
    if approval is None or (now >= approval.until and approval.by is None):
        return End(Reason.NOT_APPROVED)
    if approval.by is None:
        return Price() if seen and run.priced_at is None else None
    return decide_pending(run, seen) if approval.granted else End(Reason.REFUSED)


def decide_pending(run: Run, seen: Seen | None) -> Action | None:
    """Nothing was asked for yet, so a stop needs no teardown; and without a look nothing is launched."""
    if run.stop_requested_by:
        return End(Reason.STOPPED)
    return Ask(seen.server) if seen else None


def decide_forgotten(run: Run, now: datetime, rules: Rules) -> Action | None:
    """Return what to do while the cloud does not remember the cluster.

    Nothing is concluded from its absence. What a person, a lease or a budget wants is carried out as far as it can be:
    the removal is asked for by name, again and again, until the cloud remembers or a person says what is gone.
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
    """An ending that waits for a checkpoint, where one may come; till then the run is as active as before."""
    finish = over_by_wish(run, now, rules.shadow)
    draining = drain.waits(run, finish.reason, seen, now, rules.patience) if finish else None
    if finish and draining is None:
        return finish
    known = run.keeping.draining
    same = known and draining and known.reason is draining.reason  # a bill may move the second of its end
    return None if same or known == draining else Drain(draining)


def over_by_wish(run: Run, now: datetime, shadow: Collection[str] = ()) -> Finish | None:
    """The endings that need no look: a person's wish, the lease, the budget; but for rules that are only rehearsed."""
    if run.stop_requested_by:
        return Finish(Reason.STOPPED)
    enforced = (rule for rule in limits_passed(run, now) if rule not in shadow)
    return next((Finish(LIMITS.get(rule, Reason.MONTH_SPENT)) for rule in enforced), None)


LIMITS = {LEASE_RULE: Reason.LEASE_OVER, BUDGET_RULE: Reason.OVER_BUDGET}
"""What ends a run by itself, by the name of its rule; the others are months."""


def limits_passed(run: Run, now: datetime) -> list[str]:
    """Names of the rules by which a run is to end."""
    leased = run.lease_ends_at is not None and now >= run.lease_ends_at
    spent = (run.spent(now) or 0.0) > run.budget_dollars
    months = [one.rule for one in run.overdrafts if one.stands and now >= one.until]
    return [*(rule for rule, passed in ((LEASE_RULE, leased), (BUDGET_RULE, spent)) if passed), *months]


def rehearse(run: Run, now: datetime, rules: Rules) -> Rehearse | None:
    """What would end the run, did its rule not stand in the shadow; of each rule the first time is told."""
    told = {one.rule for one in run.shadows if one.ends}
    passed = (rule for rule in limits_passed(run, now) if rule in rules.shadow and rule not in told)
    return next(map(Rehearse, passed), None)


def decide_active(run: Run, seen: Seen, now: datetime, rules: Rules) -> Action | None:
    """A launch is under way or the job trains, as far as the record knows."""
    if finish := over_by_request(run, seen) or over_by_cluster(seen):
        return finish
    if seen.nothing:
        return explain_absence(run, seen, now, rules)
    if seen.unhealthy:
        lost = Finish(Reason.CLUSTER_LOST, seen.unhealthy)
        return after(run, Puzzle.UNHEALTHY, rules.unhealthy, now, rules, lost, seen.unhealthy)
    if seen.job is run.job is None and seen.request is not Request.LIVE:
        failed = Finish(Reason.LAUNCH_FAILED, jobless(seen))
        return after(run, Puzzle.JOBLESS, rules.ask_again, now, rules, failed)
    if unguarded := autostop_to_set(run, seen, now, rules):
        return unguarded
    return Look(seen) if run.looked(seen, now) != run else None


def autostop_to_set(run: Run, seen: Seen, now: datetime, rules: Rules) -> SetAutostop | None:
    """The net below the lease, where it is not as asked for.

    SkyPilot sets it before it submits the job, so it is missed only once an earlier look has shown that.
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
    """What has become of a launch that left a cluster without a job."""
    if seen.cluster is Cluster.UP:
        return say("The cluster came up and was given no job.")
    return say("Its launch was interrupted half-way, and nobody goes on with it.")


def over_by_job(seen: Seen) -> Finish | None:
    """What became of the job; it comes before any wish, because it is what happened.

    One that failed on a broken cluster has not failed by itself.
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
    """A launch that failed; a job that is there all the same tells more."""
    if run.status is Status.LAUNCHING and seen.job is None and run.job is None:
        if seen.request is Request.FAILED:
            return Finish(Reason.LAUNCH_FAILED, seen.error)
        if seen.request is Request.CANCELLED:
            cancelled = say("Its launch was cancelled outside of verlbot.")
            return Finish(Reason.CANCELLED_OUTSIDE, seen.error or cancelled)
    return None


def over_by_cluster(seen: Seen) -> Finish | None:
    """A stopped cluster trains no more, and its disks go on billing."""
    if seen.cluster is Cluster.STOPPED:
        return Finish(Reason.CANCELLED_OUTSIDE, say("Its cluster was stopped outside of verlbot."))
    return None


def explain_absence(run: Run, seen: Seen, now: datetime, rules: Rules) -> Action | None:
    """No cluster and no launch under way: it is gone, or the launch never arrived. See also `decide_forgotten`."""
    if seen.ending is not None:
        return after(run, Puzzle.ABSENT, rules.gone, now, rules, Finish(reason_of(seen.ending), seen.error))
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
    """The action, once every look for that long has shown the puzzle, this one included."""
    doubt = run.doubt
    if doubt is None or doubt.puzzle is not puzzle or now > doubt.last + rules.steady or now < doubt.since:
        return Wonder(Doubt(puzzle, now, now, detail))
    return action if now >= doubt.since + wait else Wonder(Doubt(puzzle, doubt.since, now, detail))


def decide_stopping(run: Run, seen: Seen | None, now: datetime, rules: Rules) -> Action | None:
    """Over and perhaps billing. What is on the bot's own disk is never called lost, so that is asked before."""
    action = decide_removal(run, seen, now, rules)
    last_chance = isinstance(action, TearDown | LoseModel | End)
    return RecallModel() if last_chance and drain.wants_recall(run) else action


def decide_removal(run: Run, seen: Seen | None, now: datetime, rules: Rules) -> Action | None:
    """Last lines, model, removal, proof.

    The removal is asked for even where nothing is seen: a launch may still be on its way, and arrive when nobody looks.
    """
    if seen and seen.keeps_log and wants_log(run, seen, rules):
        return log_to_save(run, seen, now, rules)
    if seen and seen.nothing and (run.downed_at is not None or seen.ending is not None):
        confirmed = seen.ending is not None or seen.request in (Request.FAILED, Request.CANCELLED)
        wait = rules.gone if confirmed else rules.ask_again
        return after(run, Puzzle.ABSENT, wait, now, rules, End(run.reason or Reason.STOPPED, seen.bill))
    if seen and tells_more(run, seen):
        return Look(seen)
    keeps = drain.keeps(run) and not (seen and drain.shows_untrained(run, seen))
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
    """Return whether its removal is to be asked for now: it never was, or not lately."""
    return run.downed_at is None or has_passed(rules.down_again, run.downed_at, now)


def tells_more(run: Run, seen: Seen) -> bool:
    """Whether a look is to be kept before anything else: a silence has ended, or its job has begun unseen.

    The bot may have been away for the whole of a training; what is done next depends on whether there was one.
    """
    silence_ends = run.outage is not None and run.outage.until is None
    return silence_ends or (seen.job in drain.TRAINED and not drain.may_have_trained(run))


def stands_since(run: Run, now: datetime) -> timedelta:
    """How long its cluster has stood since it was to go."""
    since = run.keeping.settled_at or run.over_at
    loss = run.memory.loss
    if since and loss and loss.until:  # until then its removal could not be done, nor be seen
        since = max(since, loss.until)
    return now - since if since else timedelta()


def decide_keeping(run: Run, seen: Seen | None, now: datetime, rules: Rules) -> Action | None:
    """A model that is on its cluster alone: fetched before that goes, or given up in time."""
    until = drain.gives_up_at(run, rules.patience)
    if now >= until:
        return LoseModel()
    if seen and seen.nothing:  # a record may be dropped for a while, and a removal would find its machines
        return after(run, Puzzle.ABSENT, rules.ask_again, now, rules, TearDown())
    if drain.is_due(run, now, rules.patience):
        return FetchModel(until)
    return Look(seen) if seen and run.looked(seen, now) != run else None


def wants_log(run: Run, seen: Seen | None, rules: Rules) -> bool:
    """Whether there are last lines to read, and still patience to wait for them.

    A look that has failed says nothing of that: they are asked for all the same, before a removal takes them.
    """
    if run.log_saved_at is not None or run.log_tries >= rules.log_tries:
        return False
    if seen is None:
        has_job = run.job is not None or run.reason in (*drain.PROGRAM_ENDED, Reason.SETUP_FAILED)
        return has_job and run.downed_at is None
    return (seen.cluster is Cluster.UP or seen.keeps_log) and (seen.job or run.job) is not None


def log_to_save(run: Run, seen: Seen | None, now: datetime, rules: Rules) -> SaveLog | Look | None:
    """The last lines, some time after they could not be read: what was in the way may be over by then."""
    tried = run.log_tried_at
    if tried is None or has_passed(rules.log_again, tried, now) or drain.is_heard_again(run, tried):
        return SaveLog()
    return Look(seen) if seen and run.looked(seen, now) != run else None
