"""Applies an action to a run's record, and computes when to look at the run again."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.model.run import Run
from bot.core.model.run_state import PolicyHit, Reason
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
    RecordOnlyAction,
    RecordPolicyHit,
    RecoverLaunch,
    RequestCheckpoint,
    RequestTeardown,
    SaveLog,
    SetAutostop,
    WaitForCheckpoint,
)
from bot.core.rules.end_causes import find_requested_end
from bot.core.rules.finding_actions import find_missed_resume, find_sick_end
from bot.core.rules.save_grace import rescue_deadline


def apply_action(
    run: Run,
    action: RecordObservation | AwaitConfirmation | NoteMemoryLoss | RecordOnlyAction | Close,
    now: datetime,
    timings: ReconcileTimings,
) -> Run:
    """Return the run after an action that changes only its record."""
    match action:
        case RecordObservation(observation):
            return run.record_observation(observation, now)
        case AwaitConfirmation(confirmation):
            return replace(run, observed=run.observed.await_confirmation(confirmation))
        case NoteMemoryLoss():
            return replace(run, observed=run.observed.record_memory_loss(now))
        case WaitForCheckpoint(save_grace):
            return run.set_save_grace(save_grace)
        case AbandonCheckpoint():
            # A person may have extended the deadline since the decision.
            return run.abandon_checkpoint(now) if now >= rescue_deadline(run, timings.checkpoint_grace) else run
        case BeginTeardown(
            Reason.LEASE_EXPIRED | Reason.BUDGET_EXCEEDED | Reason.MONTHLY_BUDGET_EXCEEDED
        ):  # a person may have raised the limit in the meantime
            return apply_finish(run, find_requested_end(run, now, timings.report_only), now)
        case BeginTeardown(Reason.SICK):  # a person may have muted the finding in the meantime
            return apply_finish(run, find_sick_end(run, timings.finding_actions), now)
        case BeginTeardown():
            return apply_finish(run, action, now)
        case RecordPolicyHit(rule):
            resume = find_missed_resume(run, timings.finding_actions, rule)
            return run.record_policy_hit(PolicyHit(rule, now, run.cost(now), ends=True, resume=resume))
        case Close(Reason.NOT_APPROVED) if run.approval and run.approval.by:  # an approver has answered in the meantime
            return run
        case Close(reason, bill):
            return run.close(reason, now, bill)


def apply_finish(run: Run, finish: BeginTeardown | None, now: datetime) -> Run:
    """Return the run after an action that begins its teardown; unchanged where there is no such action any more."""
    return run.begin_teardown(finish.reason, finish.detail, now, finish.resume) if finish else run


def requeue_after(action: Action, timings: ReconcileTimings) -> timedelta:
    """Return the delay until the run should be looked at again after an action."""
    match action:
        case (
            BeginTeardown()
            | SaveLog()
            | Provision()
            | RaiseAlarm()
            | Close()
            | AbandonCheckpoint()
            | PostponeAutostop()
            | FindDownloadedCheckpoint()
        ):
            return timedelta()
        case (
            RecordObservation()
            | AwaitConfirmation()
            | NoteMemoryLoss()
            | EstimatePrice()
            | RecoverLaunch()
            | SetAutostop()
            | RequestTeardown()
            | RecordPolicyHit()
            | RequestCheckpoint()
            | CheckResumePoint()
        ):
            return timings.teardown_confirm
        case WaitForCheckpoint() | DownloadCheckpoint():
            return timings.teardown_confirm
