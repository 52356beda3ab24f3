"""Estimates what a launch may cost, and finds why it needs an approval. Pure."""

from datetime import datetime, timedelta

from bot.core.approval import ApprovalCause, LaunchFacts
from bot.core.holds import Ledger, RecentLaunch, count_gpus
from bot.core.policy import Policy
from bot.core.run import Run

LAUNCH_WINDOW = timedelta(days=1)
"""Launches of one person within this time count together."""


def estimate_max_dollars(run: Run) -> float:
    """Return the most that a run may cost: its budget, or its rate × its lease where that is more."""
    hours = run.lease / timedelta(hours=1)
    return max(run.budget_dollars, run.hourly_rate.dollars_per_hour * hours if run.hourly_rate else 0.0)


def count_launch_dollars(run: Run) -> float | None:
    """Return how many dollars a launch counts for among its requester's launches.

    That is the most it may cost, or its actual cost once it has ended. None for a run that ended before anything was
    provisioned: its launch was refused or never approved.
    """
    if run.closed_at is None:
        return estimate_max_dollars(run)
    if run.first_launch_requested_at is None:
        return None
    cost = run.cost(run.closed_at)
    return estimate_max_dollars(run) if cost is None else cost


def build_recent_launch(run: Run) -> RecentLaunch | None:
    """Return the entry of a run among recent launches; None where it does not count."""
    dollars = count_launch_dollars(run)
    return None if dollars is None else RecentLaunch(run.requester, run.created_at.timestamp(), dollars)


def build_launch_facts(run: Run, ledger: Ledger, now: datetime) -> LaunchFacts:
    """Return what a run may cost, as known now."""
    dollars = estimate_max_dollars(run)
    other_dollars = ledger.sum_launch_dollars(run.requester, now - LAUNCH_WINDOW, excluded_run=run.id)
    gpu_hours = count_gpus(run.nodes, run.gpus) * (run.lease / timedelta(hours=1))
    return LaunchFacts(
        dollars, gpu_hours, run.priced_at is not None and run.hourly_rate is None, other_dollars + dollars
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
