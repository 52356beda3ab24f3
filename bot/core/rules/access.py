"""Whether a person may do what a command asks for, where it was typed. Pure."""

from collections.abc import Mapping

from bot.core.commands import command as commands
from bot.core.commands import report_command as reports
from bot.core.model.people import COSTS_OR_ENDS, Act, Actor, PersonKind, Role, exclude_person
from bot.core.model.policy import Policy
from bot.core.model.run import Run
from bot.core.model.run_state import MAX_NOTE_CHARACTERS, Approval, Reason, RunStatus
from bot.core.model.run_stub import RunStub
from bot.core.rules.unstarted_runs import explain_unstarted, is_unstarted
from bot.errors import Denied, LaunchDecided, UserError
from bot.phrase import N_, Phrase, join_sentences, name_person

NO_ACCESS_BY_KIND: Mapping[PersonKind, str] = {
    PersonKind.STRANGER: N_("I only answer members of my own workspace; you are in another one."),
    PersonKind.GUEST: N_("I only answer full members of this workspace; you are a guest."),
    PersonKind.BOT: N_("I only answer people, not other apps."),
    PersonKind.DEACTIVATED: N_("This account is deactivated."),
    PersonKind.MEMBER: N_("You have no role here."),
}
"""Refusals of a person without any role, by the kind of the person."""

OPT_IN = N_("An admin can give you a role in the policy file (docs/policy.md).")

ROLE_NEEDED_BY_ACT: Mapping[Act, str] = {
    Act.READ: N_("To see runs you need the role {needed}; here you are {role}."),
    Act.LAUNCH: N_("To launch runs you need the role {needed}; here you are {role}."),
    Act.STOP: N_("To stop others' runs you need the role {needed}; here you are {role}."),
    Act.TUNE: N_("To change this run's notices you need the role {needed}; here you are {role}."),
    Act.EXTEND: N_("To give this run more time you need the role {needed}; here you are {role}."),
    Act.SET_BUDGET: N_("To change this run's budget you need the role {needed}; here you are {role}."),
    Act.DISCARD: N_("To discard the models of others you need the role {needed}; here you are {role}."),
    Act.REPORT: N_("To schedule reports you need the role {needed}; here you are {role}."),
    Act.APPROVE: N_("To approve or refuse a launch you need the role {needed}; here you are {role}."),
    Act.SET_MONTHLY_BUDGET: N_("To set a monthly budget you need the role {needed}; here you are {role}."),
    Act.MANAGE_CLUSTER: N_("To remove, keep or adopt a cluster you need the role {needed}; here you are {role}."),
    Act.FORGET: N_("To delete this run's record you need the role {needed}; here you are {role}."),
    Act.AUDIT: N_("To read the audit you need the role {needed}; here you are {role}."),
}
ROLE_WITHOUT_HOLDERS = N_("No person has that role yet; the policy file gives it (docs/policy.md).")
CHANNEL_LIMITS_ROLE = N_("In this channel your role is at most {most}; in other channels it is {own}.")
IDENTITY_UNKNOWN = N_("I cannot check with Slack who you are, so I start, change and stop nothing: {trouble}")
TRY_AGAIN = N_("Try again in a minute. You can always stop your own runs.")


def refuse_act(policy: Policy, act: Act, actor: Actor, run: Run | RunStub | None = None) -> None:
    """Raise an error unless the actor may do this.

    Args:
        run: the run that the act changes, where that matters.

    Raises:
        UserError: the actor's role is too low here, or Slack cannot say now who the actor is.
    """
    needed, run_id = policy.least_role(act), get_run_id(run)
    minimum = needed.on_own if run is not None and run.requester == actor.user else needed.role
    if actor.role >= minimum:
        return
    # Without the channel the role here is unknown; but a person whose role is too low in every channel is refused.
    could_be_allowed = actor.person is None or actor.own_role >= minimum
    if not actor.is_known and actor.trouble and could_be_allowed:
        # Reading continues while Slack does not answer; what costs money or ends something does not.
        if act not in COSTS_OR_ENDS and minimum <= Role.VIEWER:
            return
        raise Denied(Phrase(IDENTITY_UNKNOWN, trouble=actor.trouble), Phrase(TRY_AGAIN), act=act, on=run_id)
    if actor.own_role is Role.NONE:
        kind = actor.person.kind if actor.person else PersonKind.MEMBER
        raise Denied(Phrase(NO_ACCESS_BY_KIND[kind]), Phrase(OPT_IN), policy.admins, act, run_id)
    sentence = Phrase(ROLE_NEEDED_BY_ACT[act], needed=f"`{minimum.word}`", role=f"`{actor.role.word}`")
    if actor.own_role >= minimum:
        elsewhere = Phrase(CHANNEL_LIMITS_ROLE, most=f"`{actor.role.word}`", own=f"`{actor.own_role.word}`")
        raise Denied(sentence, elsewhere, act=act, on=run_id)
    holders = exclude_person(policy.grants.list_holders(minimum), actor.user)
    # The owner of a run cannot approve its launch, so the owner is not named among those who can.
    if act is Act.APPROVE and run is not None:
        holders = exclude_person(holders, run.requester)
    raise Denied(sentence, "" if holders else Phrase(ROLE_WITHOUT_HOLDERS), holders, act, run_id)


def refuse_outdated_approval(run: Run, shown_digest: str) -> None:
    """Raise an error if the launch has changed since its card was shown: it is to stop, or has a new price or lease.

    Args:
        shown_digest: digest of the approval that the card showed; empty if it is not known.

    Raises:
        UserError: a person has requested to stop it, or the approval has changed.
    """
    refuse_stopped_launch(run)
    if shown_digest and run.approval and run.approval.digest != shown_digest:
        sentence = Phrase("The possible cost of {run} changed after you saw its card.", run=f"`{run.id}`")
        raise UserError(sentence, Phrase("Look at its card again, then approve."))


def get_run_id(run: Run | RunStub | None) -> str:
    """Return the id of the run that an act changes; empty for none."""
    if run is None:
        return ""
    return run.run_id if isinstance(run, RunStub) else run.id


def refuse_decided(run: Run, user: str, granted: bool | None, note: str = "") -> None:
    """Raise an error if the launch has been decided on, unless this person has made that same decision.

    Args:
        granted: the person's decision; None where it is not known. note: the person's reason.

    Raises:
        UserError: it has; the message says who decided, when, and what can be done now. Or the person gave another
            reason then.
    """
    approval = run.approval
    if approval is None or not approval.by:
        return
    if approval.by == user and approval.granted is granted:
        refuse_second_note(run, approval, note)
        return
    if not approval.granted:
        hint = Phrase("To launch it again, its owner types `/verl retry {run}`.", run=run.id)
    elif run.is_finished:
        hint = Phrase("It has ended since: `/verl status {run}`.", run=run.id)
    else:
        hint = Phrase("To end it, type `/verl stop {run}`.", run=run.id)
    raise LaunchDecided(run.id, approval.by, approval.at, approval.granted, hint)


def refuse_stopped_launch(run: Run) -> None:
    """Raise an error if a person has requested to stop a launch that no approver has decided on.

    Raises:
        UserError: a person has, so there is nothing to decide.
    """
    stopped_by, is_open = run.requests.stop_requested_by, run.status is RunStatus.AWAITING_APPROVAL
    if stopped_by and is_open and run.approval and not run.approval.by:
        raise UserError(
            Phrase(
                "{person} has requested to stop {run}, so it does not launch and needs no approval.",
                person=name_person(stopped_by),
                run=f"`{run.id}`",
            )
        )


def refuse_second_note(run: Run, approval: Approval, note: str) -> None:
    """Raise an error if a person gives a reason for a decision that the person has made already, with another one.

    Raises:
        UserError: the decision is recorded without this reason.
    """
    if note and approval.note != note[:MAX_NOTE_CHARACTERS]:
        phrase = SECOND_NOTE_OF_APPROVAL if approval.granted else SECOND_NOTE_OF_DECLINE
        raise UserError(Phrase(phrase, run=f"`{run.id}`"), Phrase("Give the reason in the run's thread."))


SECOND_NOTE_OF_APPROVAL = N_("You have already approved {run}, so I did not record this reason.")
SECOND_NOTE_OF_DECLINE = N_("You have already declined {run}, so I did not record this reason.")


def check_may_approve(policy: Policy, run: Run, actor: Actor, granted: bool | None = None) -> None:
    """Raise an error unless the actor may approve or decline this launch now.

    Args:
        granted: the actor's decision; None where it is not known yet.

    Raises:
        UserError: the launch waits for no approval, an approver has decided, or the actor may not approve it.
    """
    refuse_decided(run, actor.user, granted)
    if run.approval is None or (run.status is not RunStatus.AWAITING_APPROVAL and not run.approval.by):
        raise describe_closed_request(run, actor)
    if actor.user == run.requester:
        people = exclude_person(policy.approvers, actor.user)
        raise Denied(Phrase("You can't approve or decline your own launch."), "", people, Act.APPROVE, run.id)
    refuse_act(policy, Act.APPROVE, actor, run)
    refuse_stopped_launch(run)


def describe_closed_request(run: Run, actor: Actor) -> UserError:
    """Return the error for a decision on a run that waits for none: how its request ended, and what to type."""
    if not is_unstarted(run):
        none = Phrase("{run} isn't waiting for approval.", run=f"`{run.id}`")
        return UserError(none, Phrase("`/verl list` shows the runs that are."))
    message = join_sentences(Phrase("`{run}` never started.", run=run.id), explain_unstarted(run))
    if run.reason is Reason.NOT_APPROVED:
        message = Phrase("The approval request of {run} has expired: no approver decided in time.", run=f"`{run.id}`")
    hint = Phrase("To launch it again, its owner types `/verl retry {run}`.", run=run.id)
    if actor.user == run.requester:
        hint = Phrase("Launch it again: `/verl retry {run}`.", run=run.id)
    return UserError(message, hint)


def refuse_unnamed_stop(stub: RunStub, actor: Actor) -> None:
    """Refuse to stop another person's run whose name was left out: one wrong thread would end it.

    Raises:
        UserError: the run is another person's.
    """
    if stub.requester != actor.user:
        raise UserError(
            Phrase("You did not launch {run}.", run=f"`{stub.run_id}`"),
            Phrase("To stop it, type its name too: {command}.", command=f"`stop {stub.run_id}`"),
        )


ACT_BY_COMMAND: Mapping[type, Act] = {
    commands.Launch: Act.LAUNCH,
    commands.OpenLaunchForm: Act.LAUNCH,
    commands.Retry: Act.LAUNCH,
    commands.Resume: Act.LAUNCH,
    commands.Stop: Act.STOP,
    commands.Extend: Act.EXTEND,
    commands.SetBudget: Act.SET_BUDGET,
    commands.SetMonthlyBudget: Act.SET_MONTHLY_BUDGET,
    commands.Approve: Act.APPROVE,
    commands.Refuse: Act.APPROVE,
    commands.ShowAudit: Act.AUDIT,
    commands.Forget: Act.FORGET,
    reports.AddReport: Act.REPORT,
    reports.ChangeReport: Act.REPORT,
    reports.RemoveReport: Act.REPORT,
    reports.SetSummaryInterval: Act.TUNE,
}
"""The act of each command that does more than read."""


def get_act(command: commands.Command) -> Act:
    """Return the act that a command is, as far as roles distinguish acts. Some options make it another act."""
    if isinstance(command, commands.Stop) and command.save is False:
        return Act.DISCARD
    if isinstance(command, commands.ShowLogs) and command.follow:
        return Act.TUNE
    if isinstance(command, commands.Launch) and command.dry_run:
        return Act.READ
    return ACT_BY_COMMAND.get(type(command), Act.READ)
