"""Whether a launch, more time or more money needs an approval, by the facts of the launch. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.model.approved_facts import find_approved_facts
from bot.core.model.ledger import Ledger, RecentLaunch, count_gpus
from bot.core.model.money import compute_max_dollars
from bot.core.model.orphan import ADOPTION_TIME, ListedCluster
from bot.core.model.people import Act, Actor, Role, exclude_person
from bot.core.model.policy import APPROVAL_RULE, BUDGET_RULE, LEASE_RULE, Policy
from bot.core.model.run import Run
from bot.core.model.run_state import (
    TOLERANCE_DOLLARS,
    Approval,
    ApprovalCause,
    LaunchFacts,
    PolicyHit,
    RunStatus,
)
from bot.core.rules.limit_changes import find_raising_act
from bot.errors import Denied
from bot.phrase import N_, Phrase, Text, join_sentences, name_person

LAUNCH_WINDOW = timedelta(days=1)
"""Launches of one person within this time count together."""


def weigh_dollars(run: Run) -> float:
    """Return the dollars that one launch is weighed by: its budget, or its rate × its lease where that is more.

    It can cost at most the smaller of the two (`compute_max_dollars_of_run`), which is what an approver is shown.
    """
    hours = run.limits.lease / timedelta(hours=1)
    return max(
        run.limits.budget_dollars,
        run.spending.hourly_rate.dollars_per_hour * hours if run.spending.hourly_rate else 0.0,
    )


def compute_max_dollars_of_run(run: Run) -> float:
    """Return the most that a run can cost by its limits, in dollars, as its card says it."""
    return compute_max_dollars(run.limits.budget_dollars, run.limits.lease, run.spending.hourly_rate)


def count_launch_dollars(run: Run) -> float | None:
    """Return how many dollars a launch counts for among its requester's launches.

    That is the most it can cost, as its card says it, or its actual cost once it has ended. None for a run that ended
    before anything was provisioned: its launch was refused or never approved.
    """
    if run.closed_at is None:
        return compute_max_dollars_of_run(run)
    if run.launch.first_requested_at is None:
        return None
    cost = run.cost(run.closed_at)
    return compute_max_dollars_of_run(run) if cost is None else cost


def build_recent_launch(run: Run) -> RecentLaunch | None:
    """Return the entry of a run among recent launches; None where it does not count."""
    dollars = count_launch_dollars(run)
    return None if dollars is None else RecentLaunch(run.requester, run.created_at.timestamp(), dollars)


def build_launch_facts(run: Run, ledger: Ledger, now: datetime) -> LaunchFacts:
    """Return what a run may cost, as known now."""
    max_dollars = compute_max_dollars_of_run(run)
    other_dollars = ledger.sum_launch_dollars(run.requester, now - LAUNCH_WINDOW, excluded_run=run.id)
    gpu_hours = count_gpus(run.plan.nodes, run.plan.gpus) * (run.limits.lease / timedelta(hours=1))
    return LaunchFacts(
        weigh_dollars(run),
        gpu_hours,
        run.spending.priced_at is not None and run.spending.hourly_rate is None,
        other_dollars + max_dollars,
        max_dollars=max_dollars,
    )


def find_approval_causes(policy: Policy, facts: LaunchFacts) -> tuple[ApprovalCause, ...]:
    """Return why a launch needs an approval; empty where it needs none."""
    dollar_limit, gpu_hour_limit = policy.approve_above_dollars, policy.approve_above_gpu_hours
    applies = {
        ApprovalCause.DOLLARS: dollar_limit is not None and facts.dollars > dollar_limit,
        ApprovalCause.DAY: dollar_limit is not None and facts.dollars <= dollar_limit < facts.day_dollars,
        ApprovalCause.GPU_HOURS: gpu_hour_limit is not None and facts.gpu_hours > gpu_hour_limit,
        ApprovalCause.UNPRICED: policy.approve_unpriced and facts.unpriced,
    }
    return tuple(cause for cause, is_met in applies.items() if is_met)


WAITING_STATUSES = (RunStatus.PENDING, RunStatus.AWAITING_APPROVAL)
"""Statuses of a run for which no cluster has been requested yet."""


def update_approval(run: Run, ledger: Ledger, policy: Policy, now: datetime) -> Run:
    """Return a waiting run with the approval that it needs, by what is known of it now.

    An approval covers the facts that were approved, and no larger ones: a price that is learned later, or a higher
    one, needs a new approval.
    """
    approval = run.approval
    if run.status not in WAITING_STATUSES or (approval and approval.by and not approval.granted):
        return run
    facts = build_launch_facts(run, ledger, now)
    # A run that waits for its first answer needs it, whatever its later limits come to.
    approved = find_approved_facts(run) if approval is None or approval.granted else None
    if approved and facts.is_within(approved.facts):
        return run
    causes = find_approval_causes(policy, facts)
    # A report-only rule is recorded once, and the launch does not wait.
    if policy.is_report_only(APPROVAL_RULE):
        return run.record_policy_hit(PolicyHit(APPROVAL_RULE, now, None)) if causes else run
    if not causes:
        return run if approval is None else replace(run, approval=None, status=RunStatus.PENDING)
    # An unanswered approval keeps its approvers and its deadline; only the facts are updated.
    if approval and approval.by is None:
        return run.await_approval(replace(approval, causes=causes, facts=facts))
    approvers = exclude_person(policy.approvers, run.requester)
    return run.await_approval(Approval(approvers, now + policy.approval_timeout, run.plan.task_hash, causes, facts))


CHANGE_NEEDS_APPROVER: dict[ApprovalCause, str] = {
    ApprovalCause.DOLLARS: N_("It could then cost at most ${possible}; more than ${most} needs another approver."),
    ApprovalCause.DAY: N_(
        "The launches of {person} within a day could then cost at most ${day} together; more than ${most} needs "
        "another approver."
    ),
    ApprovalCause.GPU_HOURS: N_("It could then use {hours} GPU-hours; more than {most_hours} need another approver."),
    ApprovalCause.UNPRICED: N_("Its price is unknown, so raising its limits needs another approver."),
}

YOUR_DAY_NEEDS_APPROVER = N_(
    "Your launches within a day could then cost at most ${day} together; more than ${most} needs another approver."
)
"""The cause `DAY` for the run's owner."""

BUDGET_NEEDS_APPROVER = N_("It could then cost at most ${possible}, but a budget above ${most} needs another approver.")
LEASE_NEEDS_APPROVER = N_(
    "It could then cost at most ${possible}, but a lease worth more than ${most} needs another approver."
)
UNPRICED_BUDGET_NEEDS_APPROVER = N_("A budget above ${most} needs another approver.")

CHANGE_BEYOND_APPROVAL = N_(
    "It could then cost at most ${possible}; its approval covers ${approved}, and more needs another approver."
)
"""The cause for a run of which an approver has approved the launch, or more time or money."""


def find_change_causes(policy: Policy, facts: LaunchFacts, approved: LaunchFacts | None) -> tuple[ApprovalCause, ...]:
    """Return why more time or money needs an approval; empty where it needs none.

    Args:
        approved: what an approver has approved already; None for nothing.
    """
    causes = set(find_approval_causes(policy, facts))
    if approved:
        # What the approver was shown counts, whether or not a new launch of this size would need an approval.
        if not facts.exceeds_dollars(approved):
            causes -= {ApprovalCause.DOLLARS, ApprovalCause.DAY}
        elif policy.approve_above_dollars is not None:
            causes.add(ApprovalCause.DOLLARS)
        if facts.gpu_hours <= approved.gpu_hours:
            causes.discard(ApprovalCause.GPU_HOURS)
    return tuple(cause for cause in ApprovalCause if cause in causes)


def choose_dollars_phrase(policy: Policy, facts: LaunchFacts, budget_dollars: float) -> str:
    """Return why dollars need an approver: a limit can be above the policy's although the other one stops the run
    below it.
    """
    if facts.unpriced:
        return UNPRICED_BUDGET_NEEDS_APPROVER
    if facts.approved_dollars > (policy.approve_above_dollars or 0.0):
        return CHANGE_NEEDS_APPROVER[ApprovalCause.DOLLARS]
    return LEASE_NEEDS_APPROVER if facts.dollars > budget_dollars else BUDGET_NEEDS_APPROVER


def refuse_unapproved_change(
    before: Run, after: Run, ledger: Ledger, policy: Policy, actor: Actor, now: datetime
) -> LaunchFacts | None:
    """Raise an error if more time or money needs an approver, unless the actor is one and not the run's owner.

    Returns what the actor approves by the change; None where it needs no approver, or the launch still waits for one.

    Raises:
        UserError: another person must approve it; the message says who can.
    """
    facts = approvable = build_launch_facts(after, ledger, now)
    earlier = find_approved_facts(before)
    approved = earlier.facts if earlier else None
    if policy.is_report_only(BUDGET_RULE) or policy.is_report_only(LEASE_RULE):
        # Only one of the two limits ends the run then, so the larger of their dollars counts.
        facts = replace(facts, max_dollars=None)
        approved = replace(approved, max_dollars=None) if approved else None
    if policy.is_report_only(APPROVAL_RULE) or (approved and facts.is_within(approved)):
        return None
    causes = find_change_causes(policy, facts, approved)
    # A budget above what the lease can cost lets the launches of a day cost no more than before.
    if facts.max_dollars is not None and facts.max_dollars <= compute_max_dollars_of_run(before) + TOLERANCE_DOLLARS:
        causes = tuple(cause for cause in causes if cause is not ApprovalCause.DAY)
    if not causes:
        return None
    if actor.role >= Role.APPROVER and actor.user != before.requester:
        is_launch_decided = before.approval is None or before.approval.granted
        return approvable if is_launch_decided else None
    values: dict[str, Text] = {
        "person": name_person(before.requester),
        "day": f"{facts.day_dollars:,.2f}",
        "most": f"{policy.approve_above_dollars or 0:,.2f}",
        "possible": f"{facts.approved_dollars:,.2f}",
        "approved": f"{approved.approved_dollars:,.2f}" if approved else "",
        "hours": f"{facts.gpu_hours:,.0f}",
        "most_hours": f"{policy.approve_above_gpu_hours or 0:,.0f}",
    }
    people = exclude_person(policy.approvers, before.requester)
    dollars_phrase = choose_dollars_phrase(policy, facts, after.limits.budget_dollars)
    phrases = CHANGE_NEEDS_APPROVER | {ApprovalCause.DOLLARS: CHANGE_BEYOND_APPROVAL if approved else dollars_phrase}
    if actor.user == before.requester:
        phrases |= {ApprovalCause.DAY: YOUR_DAY_NEEDS_APPROVER}
    raise Denied(
        join_sentences(*(Phrase(phrases[cause], **values) for cause in causes)),
        "",
        people,
        find_raising_act(before, after),
        before.id,
    )


ADOPTION_EXPENSIVE = N_("Adopting it may cost ${dollars}; more than ${most} needs an approver.")
ADOPTION_UNPRICED = N_("Its price is unknown, so adopting it needs an approver.")


def refuse_expensive_adoption(policy: Policy, cluster: ListedCluster) -> None:
    """Raise an error if a launch at the cluster's price would need an approver, so that its owner may not keep it.

    Raises:
        UserError: it would need an approver; the message says who can approve.
    """
    rate, most = cluster.dollars_per_hour, policy.approve_above_dollars
    dollars = (rate or 0.0) * (ADOPTION_TIME / timedelta(hours=1))
    why: Text = ""
    if most is not None and dollars > most:
        why = Phrase(ADOPTION_EXPENSIVE, dollars=f"{dollars:,.2f}", most=f"{most:,.2f}")
    elif rate is None and policy.approve_unpriced:
        why = Phrase(ADOPTION_UNPRICED)
    if why and not policy.is_report_only(APPROVAL_RULE):
        raise Denied(why, "", policy.approvers, Act.MANAGE_CLUSTER, cluster.name)
