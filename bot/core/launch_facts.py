"""Estimates what a launch may cost, and finds why it needs an approval. Pure."""

from datetime import datetime, timedelta

from bot.core.approval import ApprovalCause, LaunchFacts
from bot.core.holds import Launched, Ledger, gpu_count
from bot.core.policy import Policy
from bot.core.run import Run

DAY = timedelta(days=1)
"""Launches of one person within this time count together."""


def dollars_of(run: Run) -> float:
    """Return the most that a run may cost: its budget, or its rate × its lease where that is more."""
    hours = run.lease / timedelta(hours=1)
    return max(run.budget_dollars, run.hourly.dollars_per_hour * hours if run.hourly else 0.0)


def counted_dollars(run: Run) -> float | None:
    """Return how many dollars a launch counts for among its requester's launches.

    That is the most it may cost, or its actual cost once it has ended. None for a run that ended before anything was
    provisioned: its launch was refused or never approved.
    """
    if run.ended_at is None:
        return dollars_of(run)
    if run.first_asked_at is None:
        return None
    cost = run.cost(run.ended_at)
    return dollars_of(run) if cost is None else cost


def launched(run: Run) -> Launched | None:
    """Return the entry of a run among recent launches; None where it does not count."""
    dollars = counted_dollars(run)
    return None if dollars is None else Launched(run.requester, run.created_at.timestamp(), dollars)


def facts_of(run: Run, ledger: Ledger, now: datetime) -> LaunchFacts:
    """Return what a run may cost, as known now."""
    dollars = dollars_of(run)
    others = ledger.launched_by(run.requester, now - DAY, but=run.id)
    gpu_hours = gpu_count(run.nodes, run.gpus) * (run.lease / timedelta(hours=1))
    return LaunchFacts(dollars, gpu_hours, run.priced_at is not None and run.hourly is None, others + dollars)


def causes_of(policy: Policy, facts: LaunchFacts) -> tuple[ApprovalCause, ...]:
    """Return why a launch needs an approval; empty where it needs none."""
    over, hours = policy.approve_over_dollars, policy.approve_over_gpu_hours
    found = {
        ApprovalCause.DOLLARS: over is not None and facts.dollars > over,
        ApprovalCause.DAY: over is not None and facts.dollars <= over < facts.day_dollars,
        ApprovalCause.GPU_HOURS: hours is not None and facts.gpu_hours > hours,
        ApprovalCause.UNPRICED: policy.approve_unpriced and facts.unpriced,
    }
    return tuple(cause for cause, holds in found.items() if holds)
