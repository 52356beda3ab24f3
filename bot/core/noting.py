"""Applies an action to a run's record, and computes when to look at the run again."""

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
    Settle,
    TearDown,
    Wonder,
)
from bot.core.decide import over_by_wish
from bot.core.rules import Rules
from bot.core.run import Run
from bot.core.shadow import Shadow
from bot.core.status import Reason


def noted(run: Run, action: Look | Wonder | NoteMemoryLoss | Settle | End, now: datetime, rules: Rules) -> Run:
    """Return the run after an action that changes only its record."""
    match action:
        case Look(seen):
            return run.looked(seen, now)
        case Wonder(doubt):
            return run.doubted(doubt)
        case NoteMemoryLoss():
            return run.record_memory_loss(now)
        case Drain(draining):
            return run.drains(draining)
        case LoseModel():
            # A person may have extended the deadline since the decision.
            return run.gave_up(now) if now >= drain.gives_up_at(run, rules.patience) else run
        case Finish(
            Reason.LEASE_OVER | Reason.OVER_BUDGET | Reason.MONTH_SPENT
        ):  # a person may have raised the limit in the meantime
            return over(run, over_by_wish(run, now, rules.shadow), now)
        case Finish():
            return over(run, action, now)
        case Rehearse(rule):
            return run.shadowed(Shadow(rule, now, run.cost(now), ends=True))
        case End(Reason.NOT_APPROVED) if run.approval and run.approval.by:  # an approver has answered in the meantime
            return run
        case End(reason, bill):
            return run.ended(reason, now, bill)


def over(run: Run, finish: Finish | None, now: datetime) -> Run:
    """Return the run after an action that begins its teardown; unchanged where there is no such action any more."""
    return run.stopping(finish.reason, finish.detail, now) if finish else run


def wanted_again(action: Action, rules: Rules) -> timedelta:
    """Return the delay until the run should be looked at again after an action."""
    match action:
        case Finish() | SaveLog() | Ask() | Alarm() | End() | LoseModel() | PutOffAutostop() | RecallModel():
            return timedelta()
        case Look() | Wonder() | NoteMemoryLoss() | Price() | SetAutostop() | TearDown() | Rehearse():
            return rules.gone
        case Drain() | FetchModel():
            return rules.gone
