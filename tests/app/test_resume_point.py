"""The look at a cluster for the checkpoint that a resume continues from: the newest from before the finding counts."""

from dataclasses import replace

import pytest

from bot.app.resume_point import check_resume_point
from bot.core.model.lineage import PolicyResume
from bot.core.model.run import Run
from tests.builders import change_run
from tests.core.rules.test_policy_resumes import finding, trained
from tests.doubles.cloud import FakeCloud

LOST, TORN = "It has no weights: verl has removed them.", "`actor/model_world_size_2_rank_1.pt` is missing."


def to_resume(before: int = 50) -> Run:
    """Return a run that a finding has stopped, with checkpoints of steps 20 and 40."""
    run = change_run(trained(), checkpoint_folder="/checkpoints")
    return replace(run, lineage=replace(run.lineage, resume=plan(run, before)))


def plan(run: Run, before: int) -> PolicyResume:
    return replace(PolicyResume(finding=finding().name, why="It is sick."), step=40, checkpoint="x", before_step=before)


def check(cloud: FakeCloud, run: Run) -> PolicyResume:
    assert run.lineage.resume
    return check_resume_point(cloud, run)(run.lineage.resume)


@pytest.mark.parametrize(
    ("torn", "before", "step"),
    [
        pytest.param({}, 50, 40, id="the newest"),
        pytest.param({40: LOST}, 50, 20, id="the newest is not whole"),
        pytest.param({}, 40, 20, id="not one from after the finding"),
    ],
)
def test_the_newest_whole_checkpoint_from_before_the_finding_is_taken(
    torn: dict[int, str], before: int, step: int
) -> None:
    run, cloud = to_resume(before), FakeCloud(torn=torn)
    cloud.come_up(run.cluster)
    resume = check(cloud, run)
    assert (resume.step, resume.checkpoint, resume.is_checked) == (step, f"{run.id}/global_step_{step}", True)


def test_where_none_is_whole_nothing_is_resumed_and_the_newest_says_why() -> None:
    run, cloud = to_resume(), FakeCloud(torn={40: TORN, 20: LOST})
    cloud.come_up(run.cluster)
    resume = check(cloud, run)
    assert not resume.is_open
    assert str(resume.refusal) == (
        f"No checkpoint from before the finding is complete; the newest is that of step 40: {TORN}"
    )


def test_a_cluster_that_does_not_answer_counts_as_one_failed_look() -> None:
    resume = check(FakeCloud(), to_resume())
    assert (resume.check_count, resume.is_checked, resume.is_open) == (1, False, True)


def test_a_folder_that_no_shell_can_take_is_not_looked_at() -> None:
    run, cloud = change_run(to_resume(), checkpoint_folder="/checkpoints; reboot"), FakeCloud()
    cloud.come_up(run.cluster)
    assert "leads out of the folder of checkpoints" in str(check(cloud, run).refusal)
