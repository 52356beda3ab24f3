"""What approvers have approved of a run: its launch, and later more time or money. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bot.core.model.run import Run
from bot.core.model.run_state import LaunchFacts


@dataclass(frozen=True, slots=True)
class ApprovedFacts:
    """The facts that approvers have approved of a run, and Slack's id of the one who approved last."""

    facts: LaunchFacts
    by: str


def find_approved_facts(run: Run) -> ApprovedFacts | None:
    """Return the most that approvers have approved of a run: with its launch, or by a raise of its limits since.

    None where an approver has approved nothing, or an earlier version recorded no facts.
    """
    approval = run.approval
    approved: list[ApprovedFacts] = []
    if approval and approval.granted and approval.by and approval.facts:
        approved.append(ApprovedFacts(approval.facts, approval.by))
    approved += [ApprovedFacts(change.approved, change.by) for change in run.limits.changes if change.approved]
    return ApprovedFacts(join_facts(item.facts for item in approved), approved[-1].by) if approved else None


def join_facts(approved: Iterable[LaunchFacts]) -> LaunchFacts:
    """Return facts that cover everything that each of these covers."""
    joined, *later = approved
    for facts in later:
        most = None
        if joined.max_dollars is not None and facts.max_dollars is not None:
            most = max(joined.max_dollars, facts.max_dollars)
        joined = LaunchFacts(
            max(joined.dollars, facts.dollars),
            max(joined.gpu_hours, facts.gpu_hours),
            joined.unpriced or facts.unpriced,
            max(joined.day_dollars, facts.day_dollars),
            max_dollars=most,
        )
    return joined


def approve_last_change(before: Run, after: Run, approved: LaunchFacts | None) -> Run:
    """Return a run whose last change of a limit an approver made, with the facts that the change approves.

    Args:
        before: the run before the change. approved: None for a change that approves nothing.
    """
    if approved is None or after.limits.changes == before.limits.changes:
        return after
    *earlier, last = after.limits.changes
    return replace(after, limits=replace(after.limits, changes=(*earlier, replace(last, approved=approved))))
