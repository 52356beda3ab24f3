"""A policy in a few lines for the person who installs the bot: `verlbot policy check`, the doctor, the start."""

from collections.abc import Iterator

from bot.core.policy import Policy
from bot.core.roles import ROLES_IN_FILE, Role


def summarize_policy(policy: Policy) -> Iterator[str]:
    """Yield the lines of a policy: who has which role, the limits of a launcher's run, what needs approval."""
    for role in reversed(ROLES_IN_FILE):
        if holders := policy.grants.holders_by_role.get(role):
            yield f"{role.word}: {', '.join(holders)}"
    if not policy.grants.holders_by_role.get(Role.LAUNCHER):
        yield "launcher: nobody but those above"
    bounds = policy.bounds.get(Role.LAUNCHER)
    if bounds is not None:
        limits = {
            "$": bounds.budget_dollars,
            "h lease": bounds.lease_hours,
            "nodes": bounds.nodes,
            "GPU-hours": bounds.gpu_hours,
        }
        words = [
            f"${most:g}" if unit == "$" else f"{most:g} {unit}" for unit, most in limits.items() if most is not None
        ]
        yield f"a launcher's run: at most {', '.join(words)}" if words else "a launcher's run: no limit"
    runs = policy.person.runs
    yield f"runs of one person at once: {'no limit' if runs is None else runs}"
    yield f"launches that wait for an approver: {', '.join(list_approval_rules(policy)) or 'none'}"


def list_approval_rules(policy: Policy) -> Iterator[str]:
    """Yield the kinds of launches that need approval."""
    if policy.approve_above_dollars is not None:
        yield f"over ${policy.approve_above_dollars:g}"
    if policy.approve_above_gpu_hours is not None:
        yield f"over {policy.approve_above_gpu_hours:g} GPU-hours"
    if policy.approve_unpriced:
        yield "without a known price"
