"""Who may say what: a lead's word on a launch, and on a budget that would have needed one. Pure."""

from bot.core.policy import APPROVAL_RULE, Policy
from bot.core.run import Run
from bot.core.status import Status
from bot.errors import UserError
from bot.language import say


def refuse_to_judge(policy: Policy, run: Run, by: str) -> None:
    """
    Raises:
        UserError: the run waits for nobody, or not for this person.
    """
    if run.approval is None or run.status is not Status.AWAITING_APPROVAL or run.approval.by not in (None, by):
        raise UserError(say("{run} waits for no approval.", run=f"`{run.id}`"), say("`/verl list` shows what does."))
    if by == run.requester:
        raise UserError(say("Nobody approves a launch of his own."), people=others(run.approval.asked, by))
    if not policy.is_lead(by):
        raise UserError(say("Only a lead may say this."), people=others(run.approval.asked, run.requester))


def refuse_to_give(policy: Policy, dollars: float, by: str, requester: str) -> None:
    """
    Raises:
        UserError: so large a budget is a lead's to give, another than who launched the run.
    """
    if not policy.wants_approval(dollars) or policy.is_shadow(APPROVAL_RULE):
        return
    if by == requester or not policy.is_lead(by):
        most, people = f"{policy.approve_over_dollars:,.2f}", others(policy.leads, requester)
        raise UserError(say("A budget of more than ${most} is another lead's to give.", most=most), people=people)


def others(people: tuple[str, ...], but: str) -> tuple[str, ...]:
    return tuple(person for person in people if person != but)
