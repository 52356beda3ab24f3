"""Runs that never started, or have not started yet: what there is instead of their log, metrics and model. Pure."""

from bot.core.model.audit import DEMO
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.errors import UserError
from bot.phrase import N_, Phrase, Text, join_sentences, name_person

DECLINED = N_("{person} declined it.")
DECLINED_BECAUSE = N_("{person} declined it: {reason}.")
OTHER_TASK = N_("It was declined.")
UNSTARTED_PHRASES = {
    Reason.NOT_APPROVED: N_("No approver decided in time."),
    Reason.CAP_EXCEEDED: N_("It would exceed a spending limit."),
    Reason.MONTHLY_BUDGET_EXCEEDED: N_("The monthly budget is used up."),
    Reason.LAUNCH_FAILED: N_("SkyPilot could not launch it."),
}
LAUNCH_ENDS = (Reason.LAUNCH_FAILED, Reason.STOPPED, Reason.CANCELLED_EXTERNALLY)
"""Reasons that may end a launch before there is a cluster."""

STOPPED_BEFORE = N_("{person} stopped it before it had machines.")
STOPPED_LAUNCHING = N_("{person} stopped it while its machines were being launched.")


def is_unstarted(run: Run) -> bool:
    """Return whether a run has ended before it had a cluster: no machines were requested, or the launch failed or was
    cancelled, and no observation showed a cluster.
    """
    if not run.is_finished:
        return False
    never_shown = run.running_at is None and not run.was_shown
    return run.launch.first_requested_at is None or (run.reason in LAUNCH_ENDS and never_shown)


def explain_unstarted(run: Run) -> Text:
    """Return why a run never started, in sentences: who declined or stopped it, or what was in its way."""
    approval, stopped_by = run.approval, run.requests.stop_requested_by
    detail = run.detail or ""
    if run.reason is Reason.REFUSED and approval and approval.by and not approval.granted:
        reason = approval.note.strip().rstrip(".。")
        phrase = DECLINED_BECAUSE if reason else DECLINED
        return join_sentences(Phrase(phrase, person=name_person(approval.by), reason=reason), detail)
    if run.reason is Reason.REFUSED:
        return join_sentences(Phrase(OTHER_TASK), detail)
    if run.reason is Reason.STOPPED and stopped_by and stopped_by != DEMO:
        phrase = STOPPED_BEFORE if run.launch.first_requested_at is None else STOPPED_LAUNCHING
        return join_sentences(Phrase(phrase, person=name_person(stopped_by)), detail)
    known = UNSTARTED_PHRASES.get(run.reason, "") if run.reason else ""
    return join_sentences(Phrase(known) if known else "", detail)


def refuse_unstarted(run: Run) -> None:
    """Refuse what only a run that has started can show.

    Raises:
        UserError: the run never started, or has not started yet.
    """
    if is_unstarted(run):
        never = Phrase("`{run}` never started.", run=run.id)
        raise UserError(
            join_sentences(never, explain_unstarted(run)), Phrase("Launch it again: `/verl retry {run}`.", run=run.id)
        )
    if run.launch.first_requested_at is None:
        raise UserError(describe_wait(run), Phrase("`/verl status {run}` shows what it waits for.", run=run.id))


def describe_wait(run: Run) -> Phrase:
    """Return that a run has not started, and whether it needs approval."""
    waiting = N_("`{run}` has not started: it needs approval.")
    phrase = waiting if run.status is RunStatus.AWAITING_APPROVAL else N_("`{run}` has not started.")
    return Phrase(phrase, run=run.id)


def refuse_follow(run: Run) -> None:
    """Refuse to follow a log that does not grow any more.

    Raises:
        UserError: the run has ended, or needs approval: nothing is printed until an approver answers.
    """
    if run.status is RunStatus.AWAITING_APPROVAL:
        raise UserError(describe_wait(run), Phrase("Type `/verl logs {run} follow` once it runs.", run=run.id))
    if is_unstarted(run):
        refuse_unstarted(run)
    if run.is_finished:
        message = Phrase("`{run}` has ended, so its log does not grow any more.", run=run.id)
        raise UserError(message, Phrase("Its last lines: `/verl logs {run}`.", run=run.id))
