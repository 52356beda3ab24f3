"""Resuming on other machines: a checkpoint is for one number of GPUs."""

from dataclasses import replace
from typing import Any

import pytest

from bot.core.frameworks import FRAMEWORK
from bot.core.model.failure import FailureKind, FailureSummary
from bot.core.model.launch_plan import LaunchPlan, build_launch_plan
from bot.core.model.progress import Progress
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.relaunch import refuse_other_gpus, refuse_resume, suggest_relaunch
from tests.builders import a_recipe, a_run, refusal_of, running

VERL = "verl.trainer.main_ppo"


def plan(gpus: str, nodes: int, program: str = VERL, run: str = '"$@"') -> LaunchPlan:
    """Return a launch on these machines."""
    recipe = a_recipe(program=program)
    task = dict(recipe.task) | {"num_nodes": nodes, "resources": {"accelerators": gpus}, "run": run}
    return build_launch_plan(replace(recipe, task=task), (), (), "toy-7f3a")


def refuse(before: tuple[str, int], launch: LaunchPlan) -> str:
    """Return what the refusal of a resume says; empty where it is accepted."""
    gpus, nodes = before
    run: Any = a_run()
    earlier = replace(run, plan=replace(run.plan, gpus=gpus, nodes=nodes))
    refusal = refusal_of(lambda: refuse_other_gpus(earlier, launch, FRAMEWORK))
    return f"{refusal} {refusal.hint}" if refusal else ""


def test_another_number_of_gpus_is_refused_with_the_machines_that_fit() -> None:
    assert refuse(("H100:1", 2), plan("H100:8", 1)) == (
        "`ppo-7f3a` can't be resumed: its checkpoint is in 2 parts, one for each of its GPUs, and this launch has 8 "
        "GPUs. Launch it with `nodes=2 gpus=H100:1`."
    )


@pytest.mark.parametrize(
    ("before", "launch"),
    [
        pytest.param(("H100:1", 2), plan("H100:1", 2), id="the same machines"),
        pytest.param(("H100:1", 2), plan("A100:2", 1), id="as many on one node"),
        pytest.param(("H100:1", 2), plan("H100:8", 1, program=""), id="a program whose checkpoints are its own"),
        pytest.param(("H100:1, A100:2", 2), plan("H100:8", 1), id="machines that were not said"),
        pytest.param(("", 2), plan("H100:8", 1), id="a run without GPUs"),
        pytest.param(("H100:1", 2), plan("H100:8", 1, run="train model_engine=megatron"), id="an engine that reshards"),
    ],
)
def test_as_many_gpus_and_what_is_not_known_are_accepted(before: tuple[str, int], launch: LaunchPlan) -> None:
    assert refuse(before, launch) == ""


@pytest.mark.parametrize(
    ("changes", "overrides"),
    [
        pytest.param({}, ("actor_rollout_ref.actor.optim.lr=5e-7",), id="a recipe of the trainer that is advised"),
        pytest.param({"program": VERL}, ("actor_rollout_ref.actor.optim.lr=5e-7",), id="the same, by its name"),
        pytest.param({"program": "verl.trainer.sft_trainer"}, (), id="a trainer that has no such setting"),
        pytest.param({"takes_overrides": False}, (), id="a recipe that takes no settings"),
    ],
)
def test_a_retry_is_filled_in_with_what_the_runs_program_takes(
    changes: dict[str, Any], overrides: tuple[str, ...]
) -> None:
    """Otherwise the bot would refuse what it has suggested itself."""
    suggestion = suggest_relaunch(a_run(failure=FailureSummary("loss is nan", FailureKind.NAN_LOSS), **changes))
    assert suggestion is not None
    assert suggestion.overrides == overrides


def test_a_run_that_never_ran_has_no_checkpoint_that_could_have_been_kept() -> None:
    declined = a_run(status=RunStatus.ENDED, reason=Reason.REFUSED)
    declined = replace(declined, plan=replace(declined.plan, resumes=True))
    refusal = refusal_of(lambda: refuse_resume(declined))
    assert refusal
    assert (
        str(refusal.sentence)
        == "`ppo-7f3a` can't be resumed: it never ran, so it has no checkpoint. `/verl retry ppo-7f3a` launches it."
    )


UNREAD = {
    "resumes": True,
    "checkpoints_ephemeral": True,
    "progress": Progress(20),
    "reason": Reason.DOWNED_EXTERNALLY,
}


def test_while_a_log_is_not_read_to_its_end_yet_a_resume_is_to_be_tried_again() -> None:
    refusal = refusal_of(lambda: refuse_resume(running(**UNREAD | {"status": RunStatus.STOPPING})))
    assert refusal
    assert str(refusal.sentence) == (
        "`ppo-7f3a` can't be resumed: I do not know yet whether it saved a checkpoint. Try again once its card says "
        "that the machines are gone."
    )
