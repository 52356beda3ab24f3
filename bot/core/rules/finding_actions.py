"""What is done about a finding besides posting it: nothing, a report of what would have been done, or a stop. Pure."""

from collections.abc import Mapping

from bot.core.frameworks import FRAMEWORK
from bot.core.model.finding import Finding, FindingAction, Severity, finding_rule
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.actions import BeginTeardown
from bot.core.rules.health.stall import STALL_NAME
from bot.phrase import join_sentences

STOP_SAYING_FINDINGS = frozenset({STALL_NAME, *(one.name for one in FRAMEWORK.detectors if one.says_stop)})
"""Names of findings that become as grave as STOP: one update that is not finite, or one slow step, is no reason."""


def find_sick_end(run: Run, policy_actions: Mapping[str, FindingAction]) -> BeginTeardown | None:
    """Return the end that a finding requires, with what was found; None without one that is to stop the run."""
    findings = list_due_findings(run, policy_actions, FindingAction.STOP)
    return BeginTeardown(Reason.SICK, join_sentences(findings[0].what, findings[0].evidence)) if findings else None


def list_due_rules(run: Run, policy_actions: Mapping[str, FindingAction]) -> list[str]:
    """Return the names of the rules that only report that they would have stopped the run."""
    return [finding_rule(one.name) for one in list_due_findings(run, policy_actions, FindingAction.REPORT_ONLY)]


def list_due_findings(run: Run, policy_actions: Mapping[str, FindingAction], action: FindingAction) -> list[Finding]:
    """Return the open findings for which the policy, or else the recipe, has this action.

    A person who mutes a finding decides against the action too.
    """
    if run.status is not RunStatus.RUNNING:
        return []
    actions = {**run.plan.finding_actions, **policy_actions}
    return [
        finding
        for finding in run.training.health.open_findings
        if actions.get(finding.name) is action and is_grave(finding) and not run.requests.is_muted(finding.name)
    ]


def is_grave(finding: Finding) -> bool:
    """Return whether a finding is as grave as an action on it requires."""
    least = Severity.STOP if finding.name in STOP_SAYING_FINDINGS else Severity.WARNING
    return finding.severity.rank >= least.rank
