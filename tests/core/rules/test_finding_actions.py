"""A finding may act, if its recipe or the policy says so: first it only reports, then it stops the run."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bot.core.model.finding import Finding, FindingAction, Severity
from bot.core.model.health_state import HealthState
from bot.core.model.run import Run
from bot.core.model.run_state import Mute, PolicyHit, Reason
from bot.core.rules.actions import BeginTeardown, ReconcileTimings, RecordPolicyHit
from bot.core.rules.apply_action import apply_action
from bot.core.rules.decide import decide
from bot.core.rules.finding_actions import find_sick_end
from tests.builders import at, running, up

NAN, MEMORY, RULE = "not-a-number", "memory-growth", "findings.not-a-number"
TELL, REPORT_ONLY, STOP = FindingAction.TELL, FindingAction.REPORT_ONLY, FindingAction.STOP
RESUME = FindingAction.RESUME


def sick(name: str = NAN, severity: Severity = Severity.STOP, recipe: Mapping[str, FindingAction] | None = None) -> Run:
    """Return a run whose training shows this finding, and what its recipe does about findings."""
    finding = Finding(name, severity, 40, 2400.0, "It is sick.", "A number says so.", "Mend it.", "")
    run = running()
    plan = replace(run.plan, finding_actions=recipe or {})
    return replace(run, plan=plan, training=replace(run.training, health=HealthState(open_findings=(finding,))))


def muted(run: Run) -> Run:
    """Return the run after a person has muted the finding."""
    return replace(run, requests=run.requests.mute_finding(Mute(NAN, "U0BEN", at(50))))


@pytest.mark.parametrize(
    ("run", "policy", "ends"),
    [
        pytest.param(sick(), {}, False, id="the default tells"),
        pytest.param(sick(), {NAN: TELL}, False, id="the policy says tell"),
        pytest.param(sick(), {NAN: REPORT_ONLY}, False, id="it only reports"),
        pytest.param(sick(), {NAN: STOP}, True, id="the policy says stop"),
        pytest.param(sick(), {NAN: RESUME}, True, id="the policy says resume"),
        pytest.param(sick(recipe={NAN: STOP}), {}, True, id="the recipe says stop"),
        pytest.param(sick(recipe={NAN: STOP}), {NAN: TELL}, False, id="the policy counts before the recipe"),
        pytest.param(sick(severity=Severity.WARNING), {NAN: STOP}, False, id="one update that is not finite"),
        pytest.param(sick(MEMORY, Severity.WARNING), {MEMORY: STOP}, True, id="a finding that is never graver"),
        pytest.param(sick(MEMORY, Severity.NOTE), {MEMORY: STOP}, False, id="a note"),
        pytest.param(muted(sick()), {NAN: STOP}, False, id="a person has muted it"),
        pytest.param(sick(), {MEMORY: STOP}, False, id="another finding"),
        pytest.param(running(), {NAN: STOP}, False, id="a healthy run"),
    ],
)
def test_a_finding_ends_a_run_where_the_recipe_or_the_policy_says_so(
    run: Run, policy: Mapping[str, FindingAction], ends: bool
) -> None:
    end = find_sick_end(run, policy)
    assert (end.reason if end else None) is (Reason.SICK if ends else None)
    assert (end is not None and end.resume is not None) is (policy.get(NAN) is RESUME)


def test_the_end_says_what_was_found() -> None:
    action = decide(sick(), up(), at(100), ReconcileTimings(finding_actions={NAN: STOP}))
    assert isinstance(action, BeginTeardown)
    assert (action.reason, str(action.detail)) == (Reason.SICK, "It is sick. A number says so.")


def test_a_finding_that_only_reports_is_recorded_once_with_its_time_and_cost() -> None:
    timings, run = ReconcileTimings(finding_actions={NAN: REPORT_ONLY}), sick()
    action = decide(run, up(), at(3600), timings)
    assert action == RecordPolicyHit(RULE)
    recorded = apply_action(run, RecordPolicyHit(RULE), at(3600), timings)
    (hit,) = recorded.policy_hits
    assert hit == PolicyHit(RULE, at(3600), run.cost(at(3600)), ends=True, resume=hit.resume)
    assert hit.resume is not None
    assert decide(recorded, up(), at(3700), timings) != action


def test_a_person_who_mutes_a_finding_in_time_keeps_the_run() -> None:
    timings = ReconcileTimings(finding_actions={NAN: STOP})
    action = find_sick_end(sick(), timings.finding_actions)
    assert action is not None
    assert apply_action(sick(), action, at(100), timings).reason is Reason.SICK
    assert apply_action(muted(sick()), action, at(100), timings).reason is None
