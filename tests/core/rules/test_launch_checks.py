"""Settings that would fail on rented machines: refused before the launch, with what would work."""

from dataclasses import replace
from typing import Any

import pytest

from bot.adapters.files.recipe_files import RecipeFolder
from bot.config.operation_settings import SOURCE_RECIPES
from bot.core.frameworks import FRAMEWORK
from bot.core.model.code_version import CodeVersion
from bot.core.model.launch_plan import LaunchPlan, build_launch_plan
from bot.core.model.parameter import Parameter, ParameterKind
from bot.core.model.recipe import BatchRule
from bot.core.rules.launch_checks import (
    describe_checkpoint_sizes,
    find_even_sizes,
    list_launch_warnings,
    refuse_failing_settings,
)
from tests.builders import a_recipe, refusal_of

PROGRAM = "verl.trainer.main_ppo"
BATCH = Parameter(
    name="batch", kind=ParameterKind.INTEGER, meaning="prompts of a step", target="envs.BATCH", default="64"
)
SAMPLES = Parameter(
    name="samples", kind=ParameterKind.INTEGER, meaning="answers to a prompt", target="envs.SAMPLES", default="4"
)


def plan(*overrides: str, rule: BatchRule | None = None, task: dict[str, Any] | None = None) -> LaunchPlan:
    """Return the plan of a launch with two nodes of eight GPUs, a batch of 100 and three samples."""
    recipe = a_recipe()
    recipe = a_recipe(
        program=PROGRAM,
        batch_rules=(rule,) if rule else (),
        parameters=(*recipe.parameters, BATCH, SAMPLES),
        task=dict(recipe.task)
        | {"envs": {**recipe.task["envs"], "BATCH": "100", "SAMPLES": "3"}, "resources": {"accelerators": "H100:8"}}
        | (task or {}),
    )
    return build_launch_plan(recipe, (("nodes", "2"),), overrides, "toy-7f3a")


def refuse(launch: LaunchPlan) -> str:
    """Return what the refusal of a launch says; empty where it may be launched."""
    refusal = refusal_of(lambda: refuse_failing_settings(launch, FRAMEWORK))
    return f"{refusal} {refusal.hint}" if refusal else ""


@pytest.mark.parametrize(
    "override",
    [
        pytest.param("trainer.total_epochs=3", id="a setting that verl has"),
        pytest.param("trainer.logger.0=console", id="an entry of a list"),
        pytest.param("~trainer.logger", id="a setting taken out"),
        pytest.param("+mine.own=1", id="a new setting"),
        pytest.param("++trainer.own=1", id="a setting that is added or changed"),
        pytest.param("hydra.run.dir=x", id="Hydra's own"),
        pytest.param("hydra/launcher=basic", id="a choice of Hydra's own"),
        pytest.param("actor@actor_rollout_ref.actor=dp_actor", id="a choice of a group"),
    ],
)
def test_what_verl_or_hydra_would_take_is_launched(override: str) -> None:
    assert refuse(plan(override)) == ""


@pytest.mark.parametrize(
    ("override", "said"),
    [
        pytest.param("trainr.logger=x", "Did you mean `trainer.logger`?", id="a mistyped beginning"),
        pytest.param("trainer.total_epoch=3", "Did you mean `trainer.total_epochs`?", id="a mistyped setting"),
        pytest.param("zzz.a=1", "It has settings such as `actor_rollout_ref`,", id="no beginning that is near"),
        pytest.param("~data.zzzzzz", "`data.custom_cls`", id="nothing near to take out"),
    ],
)
def test_a_setting_that_verl_does_not_know_is_refused_with_those_that_it_has(override: str, said: str) -> None:
    refusal = refuse(plan(override))
    assert said in refusal
    assert "write `+` before it" in refusal


def test_a_recipe_of_the_sft_trainer_is_checked_by_that_trainers_settings() -> None:
    recipe = RecipeFolder(SOURCE_RECIPES).get("sft")
    assert refuse(build_launch_plan(recipe, (("batch_size", "65"),), ("optim.lr=1e-6",), "sft-7f3a")) == ""
    assert "Did you mean `optim.lr`?" in refuse(build_launch_plan(recipe, (), ("optimm.lr=1e-6",), "sft-7f3a"))
    uneven = build_launch_plan(recipe, (("gpus", "H100:2"), ("cpus", "20+"), ("batch_size", "65")), (), "sft-7f3a")
    assert "65" in refuse(uneven)


def test_a_recipe_that_does_not_check_takes_any_override() -> None:
    launch = build_launch_plan(a_recipe(), (), ("zzz=1", "+a.b=1"), "toy-7f3a")
    assert refuse(launch) == ""
    assert list_launch_warnings(launch, FRAMEWORK) == ()
    assert describe_checkpoint_sizes(launch, FRAMEWORK) == ""


def test_a_launch_is_warned_of_what_nothing_reads_and_of_what_will_not_fit() -> None:
    launch = plan("+trainer.own=1", "actor_rollout_ref.model.path=Qwen/Qwen2.5-72B", "algorithm.adv_estimator=grpo")
    first, *others = map(str, list_launch_warnings(launch, FRAMEWORK))
    assert "No code of verl reads `trainer.own`" in first
    assert "about 72 GB on each GPU" not in " ".join(others)
    launch = plan("actor_rollout_ref.model.path=Qwen/Qwen2.5-235B", "algorithm.adv_estimator=grpo")
    assert "about 235 GB on each GPU, and one H100 has 80 GB" in str(list_launch_warnings(launch, FRAMEWORK)[-1])
    assert str(describe_checkpoint_sizes(launch, FRAMEWORK)) == "checkpoints: about 2,820 GB each, and all are kept"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        pytest.param(BatchRule(("batch",)), "must be a multiple of 16 (1 × 16 GPUs), and is 100", id="a batch"),
        pytest.param(BatchRule(("batch",)), "`batch=96`, `batch=112`", id="the batches next to it"),
        pytest.param(BatchRule(("batch", "samples"), 2), "must be a multiple of 32", id="a product of two"),
        pytest.param(BatchRule(("batch",), 64, per_gpu=False), "must be a multiple of 64, and is 100", id="no GPUs"),
        pytest.param(BatchRule(("batch",), 200, per_gpu=False), "For example `batch=200`.", id="none below"),
        pytest.param(BatchRule(("batch",), 50, per_gpu=False), "", id="a multiple"),
        pytest.param(BatchRule(("model",)), "", id="what is no number is not judged"),
    ],
)
def test_a_batch_that_leaves_a_remainder_is_refused_with_the_next_ones(rule: BatchRule, said: str) -> None:
    refusal = refuse(plan(rule=rule))
    assert said in refusal
    assert bool(refusal) is bool(said)


def test_a_batch_is_not_judged_while_the_number_of_gpus_is_open() -> None:
    task = {"resources": {"any_of": [{"accelerators": "H100:8"}, {"accelerators": "L4:1"}]}}
    assert refuse(plan(rule=BatchRule(("batch",)), task=task)) == ""


@pytest.mark.parametrize(("size", "factor", "unit"), [(257, 1, 8), (33, 4, 16), (7, 3, 5), (1, 1, 1), (10**9, 7, 96)])
def test_the_sizes_next_to_a_batch_divide_and_none_between_them_does(size: int, factor: int, unit: int) -> None:
    below, above = find_even_sizes(size, factor, unit)
    assert below <= size < above
    assert below * factor % unit == above * factor % unit == 0
    assert not any(between * factor % unit == 0 for between in range(below + 1, min(above, below + 1000)))


NEARLY_VERLS = "algorithm.adv_estimator=drgrpo"


@pytest.mark.parametrize(
    ("overrides", "changes"),
    [
        pytest.param((), {"code": CodeVersion("acme/rl")}, id="a repository"),
        pytest.param((), {"parameters": (("image", "docker:acme/verl:2"),)}, id="an image"),
        pytest.param(("actor_rollout_ref.model.external_lib=acme.rl",), {}, id="a module"),
    ],
)
def test_a_name_near_one_of_verls_may_be_of_the_teams_own_code(
    overrides: tuple[str, ...], changes: dict[str, Any]
) -> None:
    assert "must be one of" in refuse(plan(NEARLY_VERLS))
    assert refuse(replace(plan(NEARLY_VERLS, *overrides), **changes)) == ""
