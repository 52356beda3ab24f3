"""What is done about a finding besides posting it: nothing, a report of what would have been done, a stop, or a stop
and one resume. Pure.
"""

from collections.abc import Mapping

from bot.core.frameworks import FRAMEWORK
from bot.core.model.finding import Finding, FindingAction, Severity, finding_rule
from bot.core.model.lineage import PolicyResume
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.actions import BeginTeardown
from bot.core.rules.health.stall import STALL_NAME
from bot.core.rules.policy_resumes import plan_policy_resume
from bot.phrase import join_sentences

STOP_SAYING_FINDINGS = frozenset({STALL_NAME, *(one.name for one in FRAMEWORK.detectors if one.says_stop)})
"""Names of findings that become as grave as STOP: one update that is not finite, or one slow step, is no reason."""


def find_sick_end(run: Run, policy_actions: Mapping[str, FindingAction]) -> BeginTeardown | None:
    """Return the end that a finding requires, with what was found and the resume that follows; None without a finding
    that is to stop the run.
    """
    finding = next(iter(list_due_findings(run, policy_actions, FindingAction.STOP, FindingAction.RESUME)), None)
    if finding is None:
        return None
    resumes = choose_action(run, policy_actions, finding.name) is FindingAction.RESUME
    what = join_sentences(finding.what, finding.evidence)
    return BeginTeardown(Reason.SICK, what, plan_policy_resume(run, finding) if resumes else None)


def list_due_rules(run: Run, policy_actions: Mapping[str, FindingAction]) -> list[str]:
    """Return the names of the rules that only report that they would have stopped the run."""
    return [finding_rule(one.name) for one in list_due_findings(run, policy_actions, FindingAction.REPORT_ONLY)]


def find_missed_resume(run: Run, policy_actions: Mapping[str, FindingAction], rule: str) -> PolicyResume | None:
    """Return the resume that a finding would be followed by if its action were to resume, by the name of its rule.

    None for any other rule.
    """
    findings = list_due_findings(run, policy_actions, FindingAction.REPORT_ONLY)
    return next((plan_policy_resume(run, one) for one in findings if finding_rule(one.name) == rule), None)


def choose_action(run: Run, policy_actions: Mapping[str, FindingAction], finding: str) -> FindingAction:
    """Return what is done about a finding: as the policy says, or else the recipe."""
    return {**run.plan.finding_actions, **policy_actions}.get(finding, FindingAction.TELL)


def list_due_findings(run: Run, policy_actions: Mapping[str, FindingAction], *actions: FindingAction) -> list[Finding]:
    """Return the open findings for which the policy, or else the recipe, has one of these actions.

    A person who mutes a finding decides against the action too.
    """
    if run.status is not RunStatus.RUNNING:
        return []
    return [
        finding
        for finding in run.training.health.open_findings
        if choose_action(run, policy_actions, finding.name) in actions
        and is_grave(finding)
        and not run.requests.is_muted(finding.name)
    ]


def is_grave(finding: Finding) -> bool:
    """Return whether a finding is as grave as an action on it requires."""
    least = Severity.STOP if finding.name in STOP_SAYING_FINDINGS else Severity.WARNING
    return finding.severity.rank >= least.rank
