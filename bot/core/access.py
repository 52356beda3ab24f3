"""Access rules: who may do what to which run. A refusal says why, and who may do it instead. Pure."""

from collections.abc import Mapping

from bot.core.actor import Actor
from bot.core.people import PersonKind
from bot.core.policy import Policy
from bot.core.roles import COSTS_OR_ENDS, Act, Role, others
from bot.core.run import Run
from bot.core.run_stub import RunStub
from bot.core.status import Status
from bot.errors import Denied, UserError
from bot.language import mark, say

STRANGERS: Mapping[PersonKind, str] = {
    PersonKind.STRANGER: mark("I answer members of my own workspace, and you are in another one."),
    PersonKind.GUEST: mark("I answer full members of this workspace, and you are a guest of it."),
    PersonKind.BOT: mark("I answer people, and no other apps."),
    PersonKind.DEACTIVATED: mark("This account is deactivated."),
}
"""Refusals of a person without any role, by the kind of the person."""

NO_ROLE = mark("You have no role here.")
OPT_IN = mark("An admin can give you a role in the policy file (docs/policy.md).")

REFUSED: Mapping[Act, str] = {
    Act.READ: mark("To see runs you need the role {needed}; here you are {role}."),
    Act.LAUNCH: mark("To launch runs you need the role {needed}; here you are {role}."),
    Act.STOP: mark("To stop somebody else's run you need the role {needed}; here you are {role}."),
    Act.TUNE: mark("To change what is said of this run you need the role {needed}; here you are {role}."),
    Act.EXTEND: mark("To give this run more time or money you need the role {needed}; here you are {role}."),
    Act.DISCARD: mark("To lose the model of somebody else's run you need the role {needed}; here you are {role}."),
    Act.REPORT: mark("To schedule reports you need the role {needed}; here you are {role}."),
    Act.APPROVE: mark("To approve or refuse a launch you need the role {needed}; here you are {role}."),
    Act.SET_MONTHLY_BUDGET: mark("To set a monthly budget you need the role {needed}; here you are {role}."),
    Act.MANAGE_CLUSTER: mark("To remove, keep or adopt a cluster you need the role {needed}; here you are {role}."),
    Act.FORGET: mark("To delete what is kept of this run you need the role {needed}; here you are {role}."),
    Act.AUDIT: mark("To read who did what you need the role {needed}; here you are {role}."),
}
NOBODY_HAS_IT = mark("No person has that role yet: it is given in the policy file (docs/policy.md).")
ELSEWHERE = mark("This channel allows the role {most} at most; in another channel you are {own}.")
UNKNOWN = mark("Slack does not tell me who you are just now, so I start, change and end nothing: {trouble}")
TRY_AGAIN = mark("Try again in a minute. You can always stop your own runs.")


def refuse_act(policy: Policy, act: Act, actor: Actor, run: Run | RunStub | None = None) -> None:
    """Raise an error unless the actor may do this.

    Args:
        run: the run that the act changes, where that matters.

    Raises:
        UserError: the actor's role is too low here, or Slack cannot say now who the actor is.
    """
    needed, on = policy.needed(act), subject(run)
    least = needed.on_own if run is not None and run.requester == actor.user else needed.role
    if actor.role >= least:
        return
    # Without the channel the role here is unknown; but a person whose role is too low in every channel is refused.
    is_open = actor.person is None or actor.own_role >= least
    if not actor.is_known and actor.trouble and is_open:
        # Reading continues while Slack does not answer; what costs money or ends something does not.
        if act not in COSTS_OR_ENDS and least <= Role.VIEWER:
            return
        raise Denied(say(UNKNOWN, trouble=actor.trouble), say(TRY_AGAIN), act=act, on=on)
    if actor.own_role is Role.NONE:
        kind = actor.person.kind if actor.person else PersonKind.MEMBER
        raise Denied(say(STRANGERS.get(kind, NO_ROLE)), say(OPT_IN), policy.admins, act, on)
    refused = say(REFUSED[act], needed=f"`{least.word}`", role=f"`{actor.role.word}`")
    if actor.own_role >= least:
        elsewhere = say(ELSEWHERE, most=f"`{actor.role.word}`", own=f"`{actor.own_role.word}`")
        raise Denied(refused, elsewhere, act=act, on=on)
    holders = others(policy.grants.holders(least), actor.user)
    # The owner of a run cannot approve its launch, so the owner is not named among those who can.
    if act is Act.APPROVE and run is not None:
        holders = others(holders, run.requester)
    raise Denied(refused, "" if holders else say(NOBODY_HAS_IT), holders, act, on)


def refuse_unseen(run: Run, seen: str) -> None:
    """Raise an error if the launch has changed since its card was shown: it has a new price, or another lease.

    Args:
        shown_digest: digest of the approval that the card showed; empty if it is not known.

    Raises:
        UserError: the approval has changed.
    """
    if seen and run.approval and run.approval.digest != seen:
        changed = say("What {run} may come to has changed since its card was shown to you.", run=f"`{run.id}`")
        raise UserError(changed, say("Look at its card once more, and approve it then."))


def subject(run: Run | RunStub | None) -> str:
    """Return the id of the run that an act changes; empty for none."""
    if run is None:
        return ""
    return run.run_id if isinstance(run, RunStub) else run.id


def refuse_to_judge(policy: Policy, run: Run, actor: Actor) -> None:
    """Raise an error unless the actor may approve or refuse this launch now.

    Raises:
        UserError: the launch waits for no approval, another approver has answered, or the actor may not approve it.
    """
    approval = run.approval
    if approval is None or run.status is not Status.AWAITING_APPROVAL or approval.by not in (None, actor.user):
        raise UserError(say("{run} waits for no approval.", run=f"`{run.id}`"), say("`/verl list` shows what does."))
    if actor.user == run.requester:
        people = others(policy.approvers, actor.user)
        raise Denied(say("You cannot approve or refuse your own launch."), "", people, Act.APPROVE, run.id)
    refuse_act(policy, Act.APPROVE, actor, run)
