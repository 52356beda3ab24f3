"""The resume that follows a finding: from a checkpoint before it, with a setting of its advice, or not at all."""

from dataclasses import replace

import pytest

from bot.core.frameworks import FRAMEWORK
from bot.core.model.cluster import ClusterState, JobState, Observation
from bot.core.model.finding import Finding, Severity
from bot.core.model.lineage import PolicyResume
from bot.core.model.run import Run
from bot.core.model.run_plan import OptionParameter
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.actions import CheckResumePoint, ReconcileTimings, RequestTeardown
from bot.core.rules.decide import decide
from bot.core.rules.policy_resumes import (
    MAX_CHECKS,
    build_policy_launch,
    is_resume_due,
    list_sound_checkpoints,
    locate_named_checkpoint,
    must_check_checkpoint,
    plan_policy_resume,
)
from bot.core.rules.save_grace import SOUND_FINDINGS
from bot.errors import UserError
from tests.builders import at, change_run, running, up

LINE = "launch ppo volume=models"
RATE = "actor_rollout_ref.actor.optim.lr"
LEARNING_RATE = OptionParameter(RATE, "learning_rate", "1e-6", 1e-9, 0.01)
OPEN_RESUME = PolicyResume(finding="not-a-number", why="It is sick.", step=20, checkpoint="ppo-1/global_step_20")


def trained(line: str = LINE, steps: tuple[int, ...] = (20, 40), now: int = 60, resumed: int | None = None) -> Run:
    """Return a run of verl's with a volume, that has saved checkpoints at these steps and is at another."""
    run = change_run(running(), command_line=line, checkpoint_store="volume models", resumes=True, takes_overrides=True)
    folder = f"/checkpoints/{run.id}/global_step_{steps[-1]}" if steps else None
    progress = replace(
        run.training.progress,
        step=now,
        checkpoint=folder,
        checkpoint_step=steps[-1] if steps else None,
        checkpoint_steps=steps,
        resumed_step=resumed,
    )
    plan = replace(run.plan, option_parameters=(LEARNING_RATE,))
    return replace(run, plan=plan, training=replace(run.training, progress=progress))


def finding(name: str = "not-a-number", since: int = 50) -> Finding:
    return Finding(name, Severity.STOP, since, 0.0, "It is sick.", "A number says so.", "", "")


def own(run: Run, step: int) -> tuple[int, str]:
    return step, f"{run.id}/global_step_{step}"


RUN = trained()


@pytest.mark.parametrize(
    ("run", "before", "found"),
    [
        pytest.param(RUN, 50, [own(RUN, 40), own(RUN, 20)], id="all from before, the newest first"),
        pytest.param(RUN, 40, [own(RUN, 20)], id="not that of the step at which it began"),
        pytest.param(RUN, 20, [], id="none from before"),
        pytest.param(trained(now=40), 50, [own(RUN, 40), own(RUN, 20)], id="its step was printed"),
        pytest.param(trained(now=39), 50, [own(RUN, 20)], id="it may be half written"),
        pytest.param(trained(now=39), None, [own(RUN, 20)], id="half written, where only the machines are sick"),
        pytest.param(RUN, None, [own(RUN, 40), own(RUN, 20)], id="where only the machines are sick"),
        pytest.param(
            trained(f"{LINE} resume_from=ppo-7", (), 60, 45), 50, [(45, "ppo-7/global_step_45")], id="resumed itself"
        ),
        pytest.param(
            trained(f"{LINE} resume_from=ppo-7/global_step_10", (20,), 60, 10),
            50,
            [own(RUN, 20), (10, "ppo-7/global_step_10")],
            id="its own before that which it resumed from",
        ),
        pytest.param(trained(f"{LINE} resume_from=ppo-7", (), 60, 50), 50, [], id="resumed where the finding began"),
        pytest.param(change_run(RUN, id="ppo-2"), 50, [], id="in a folder that is not its own"),
    ],
)
def test_sound_checkpoints_are_those_from_before_the_finding(
    run: Run, before: int | None, found: list[tuple[int, str]]
) -> None:
    assert list_sound_checkpoints(run, before) == found


@pytest.mark.parametrize(
    ("run", "name", "setting"),
    [
        pytest.param(RUN, "not-a-number", "learning_rate=5e-07", id="the parameter of the recipe, halved"),
        pytest.param(
            trained(f"{LINE} {RATE}=4e-6"), "not-a-number", f"{RATE}=2e-06", id="an override counts before it"
        ),
        pytest.param(trained(f"{LINE} +{RATE}=4e-6"), "not-a-number", f"+{RATE}=2e-06", id="with its plus"),
        pytest.param(trained(f"{LINE} '{RATE}=${{x}}'"), "not-a-number", None, id="no number to halve"),
        pytest.param(
            replace(RUN, plan=replace(RUN.plan, option_parameters=(replace(LEARNING_RATE, value="1e-9"),))),
            "not-a-number",
            None,
            id="below what the recipe takes",
        ),
        pytest.param(
            replace(RUN, plan=replace(RUN.plan, option_parameters=())), "not-a-number", None, id="no known rate"
        ),
        pytest.param(RUN, "entropy-collapse", "actor_rollout_ref.actor.clip_ratio_high=0.28", id="an absolute value"),
        pytest.param(
            trained(f"{LINE} actor_rollout_ref.actor.clip_ratio_high=0.28"), "entropy-collapse", None, id="set already"
        ),
        pytest.param(change_run(RUN, takes_overrides=False), "entropy-collapse", None, id="a recipe without overrides"),
        pytest.param(RUN, "memory-growth", "data.dataloader_num_workers=0", id="sick machines"),
        pytest.param(RUN, "reward-parts", None, id="a finding that no setting helps against"),
    ],
)
def test_one_setting_changes_and_where_none_can_the_run_is_only_stopped(
    run: Run, name: str, setting: str | None
) -> None:
    resume = plan_policy_resume(run, finding(name))
    assert (resume.setting or None) == setting
    assert resume.is_open is (setting is not None)
    assert setting or "No setting is known that helps against" in str(resume.refusal)


def test_a_run_of_a_lineage_that_the_policy_has_resumed_is_not_resumed() -> None:
    origin = OPEN_RESUME.record_launch("ppo-2").build_origin("ppo-1")
    resume = plan_policy_resume(replace(RUN, lineage=replace(RUN.lineage, origin=origin)), finding())
    assert str(resume.refusal) == "A rule resumes a training once, and `ppo-1` was resumed already."


def test_where_only_the_machines_are_sick_the_newest_checkpoint_counts() -> None:
    assert plan_policy_resume(RUN, finding("memory-growth", since=10)).step == 40
    assert plan_policy_resume(RUN, finding("not-a-number", since=30)).step == 20
    assert "memory-growth" in SOUND_FINDINGS


def test_the_launch_has_the_checkpoint_and_the_setting_in_place_of_the_earlier_ones() -> None:
    before = trained(f"{LINE} resume_from=ppo-7 learning_rate=1e-6 nodes=2")
    launch = build_policy_launch(before, plan_policy_resume(before, finding()))
    assert launch
    assert launch.parameters == (
        ("volume", "models"),
        ("resume_from", f"{before.id}/global_step_40"),
        ("learning_rate", "5e-07"),
        ("nodes", "2"),
    )
    overridden = trained(f"{LINE} {RATE}=4e-6 a.b=1")
    launch = build_policy_launch(overridden, plan_policy_resume(overridden, finding()))
    assert launch
    assert launch.overrides == (f"{RATE}=2e-06", "a.b=1")


@pytest.mark.parametrize("line", ["list", "launch ppo 'a"])
def test_a_line_that_launches_nothing_any_more_launches_nothing(line: str) -> None:
    assert build_policy_launch(replace(RUN, command_line=line), OPEN_RESUME) is None


def stopped(resume: PolicyResume = OPEN_RESUME, status: RunStatus = RunStatus.STOPPING) -> Run:
    """Return a run that a finding has stopped, its last lines read."""
    run = change_run(RUN, status=status, reason=Reason.SICK, finished_at=at(0), log_saved_at=at(0))
    return replace(run, lineage=replace(run.lineage, resume=resume))


@pytest.mark.parametrize(
    ("resume", "is_due"),
    [
        pytest.param(OPEN_RESUME, True, id="open"),
        pytest.param(OPEN_RESUME.record_launch("ppo-2"), False, id="launched"),
        pytest.param(OPEN_RESUME.refuse("It cannot be."), False, id="refused"),
        pytest.param(OPEN_RESUME.stop("U0BEN"), False, id="stopped by a person"),
    ],
)
def test_a_resume_is_due_once_the_cluster_is_gone_and_until_it_is_made(resume: PolicyResume, is_due: bool) -> None:
    assert is_resume_due(stopped(resume, RunStatus.ENDED)) is is_due
    assert not is_resume_due(stopped(resume))


@pytest.mark.parametrize(
    ("resume", "seen", "is_checked"),
    [
        pytest.param(OPEN_RESUME, up(JobState.RUNNING), True, id="up"),
        pytest.param(OPEN_RESUME, None, False, id="not seen"),
        pytest.param(OPEN_RESUME, Observation(cluster=ClusterState.STOPPED), False, id="stopped"),
        pytest.param(OPEN_RESUME.record_whole_checkpoint(20, "x"), up(JobState.RUNNING), False, id="checked"),
        pytest.param(OPEN_RESUME.refuse("No."), up(JobState.RUNNING), False, id="refused"),
        pytest.param(OPEN_RESUME.record_failed_check(), up(JobState.RUNNING), True, id="one look failed"),
        pytest.param(replace(OPEN_RESUME, check_count=MAX_CHECKS), up(JobState.RUNNING), False, id="all looks failed"),
    ],
)
def test_a_look_at_the_checkpoint_comes_before_the_cluster_goes(
    resume: PolicyResume, seen: Observation | None, is_checked: bool
) -> None:
    run = stopped(resume)
    assert must_check_checkpoint(run, seen) is is_checked
    action = decide(run, seen, at(60), ReconcileTimings())
    assert isinstance(action, CheckResumePoint if is_checked else RequestTeardown)


@pytest.mark.parametrize("name", ["../x/global_step_1", "x;reboot/global_step_1", "-rf"])
def test_a_name_that_leads_elsewhere_is_not_looked_at(name: str) -> None:
    with pytest.raises(UserError):
        locate_named_checkpoint(change_run(RUN, checkpoint_folder="/checkpoints"), name)


def test_every_changed_setting_is_one_that_verl_knows_and_every_finding_one_that_exists() -> None:
    names = {detector.name for detector in FRAMEWORK.detectors}
    assert set(FRAMEWORK.finding_changes) <= names
    for changes in FRAMEWORK.finding_changes.values():
        for change in changes:
            key = change.override.partition("=")[0]
            assert FRAMEWORK.option_trees["verl.trainer.main_ppo"].options[key].engines
