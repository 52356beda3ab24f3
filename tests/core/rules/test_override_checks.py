"""Overrides that Hydra would refuse on rented machines, and those that nothing reads."""

import pytest

from bot.core.commands.command import Launch
from bot.core.frameworks.verl.option_keys import OPTION_LIST
from bot.core.model.launch_plan import build_launch_plan
from bot.core.rules.override_checks import (
    MAX_WARNINGS,
    Override,
    find_engine,
    list_override_warnings,
    move_choices,
    refuse_unfit_override,
    warn_of_override,
)
from tests.builders import a_recipe, refusal_of

TREE = OPTION_LIST.trees["verl.trainer.main_ppo"]
MEGATRON = "actor_rollout_ref.actor.megatron.tensor_model_parallel_size"


def refuse(override: str, engine: str = "dp") -> str:
    """Return what the refusal of an override says; empty where it is accepted."""
    refusal = refusal_of(lambda: refuse_unfit_override(override, TREE, engine))
    return f"{refusal} {refusal.hint}".strip() if refusal else ""


@pytest.mark.parametrize(
    ("override", "said"),
    [
        pytest.param("foo.bar=3", "verl has no setting `foo.bar`.", id="nothing like it"),
        pytest.param("actor.optim.lr=1", "Did you mean `actor_rollout_ref.actor.optim.lr`?", id="no beginning"),
        pytest.param("trainer.savefreq=3", "Did you mean `trainer.save_freq`?", id="a mistyped end"),
        pytest.param("~trainer.sve_freq", "Did you mean `trainer.save_freq`?", id="nothing to delete"),
        pytest.param("trainer.logger[0]=x", "by its number, such as `trainer.logger.0`", id="brackets"),
        pytest.param("trainer.save_freq.x=1", "verl has no setting `trainer.save_freq.x`", id="below a value"),
        pytest.param("+trainer.save_freq=3", "verl has `trainer.save_freq` already", id="a plus too many"),
        pytest.param(
            "actor_rollout_ref.model.override_config.a=1", "Write `+` before it.", id="in a mapping of any names"
        ),
        pytest.param(
            "actor_rollout_ref.rollout.repetition_penalty=1.1",
            "but its configuration does not have it. Write `+` before it.",
            id="a plus too few",
        ),
        pytest.param(f"{MEGATRON}=2", "only with `model_engine=megatron`", id="a setting of another engine"),
        pytest.param("model_engine=megatorn", "For example `model_engine=megatron`.", id="no such engine"),
        pytest.param("foo@bar.x=y", "verl has no group of settings `foo@bar.x`", id="no such group"),
        pytest.param("foo/bar=y", "verl has no group of settings `foo/bar`", id="no such folder"),
        pytest.param("+foo@bar.x=y", "verl has no group of settings `foo@bar.x`", id="no such group to add"),
        pytest.param("trainer.v1={mode: sync}", "verl has no setting `trainer.v1.mode`", id="a name in a mapping"),
    ],
)
def test_what_hydra_would_refuse_is_refused_with_what_is_meant(override: str, said: str) -> None:
    assert said in refuse(override)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("trainer.save_freq=often", "`trainer.save_freq` must be a whole number, not `often`."),
        ("trainer.save_freq=2.5", "must be a whole number"),
        ("data.train_batch_size=1e3", "must be a whole number"),
        ("data.train_batch_size=None", "For no value, write `null`."),
        ("trainer.total_training_steps=None", "For no value, write `null`."),
        ("trainer.val_before_train=no", "must be `true` or `false`, not `no`"),
        ("actor_rollout_ref.actor.optim.lr=small", "must be a number, not `small`"),
        ("actor_rollout_ref.actor.ppo_epochs=null", "must have a value"),
        ("++trainer.save_freq=often", "must be a whole number"),
    ],
)
def test_a_value_of_another_kind_is_refused(override: str, said: str) -> None:
    assert said in refuse(override)


@pytest.mark.parametrize(
    "override",
    [
        "trainer.save_freq=-1",
        "trainer.save_freq=null",
        "trainer.save_freq=${trainer.test_freq}",
        "++trainer.save_freq=3",
        "~trainer.save_freq",
        "trainer.val_before_train=False",
        "actor_rollout_ref.actor.optim.lr=1e-6",
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=null",
        "trainer.logger.0=console",
        "trainer.logger=[console,file]",
        "trainer.v1={trainer_mode: sync}",
        "trainer.project_name=17",
        "+actor_rollout_ref.model.override_config.attn_implementation=sdpa",
        "+actor_rollout_ref.rollout.repetition_penalty=1.1",
        "+own.setting=1",
        "model_engine=megatron",
        "model_engine=${oc.env:ENGINE}",
        "hydra.run.dir=x",
    ],
)
def test_what_hydra_and_verl_take_is_accepted(override: str) -> None:
    assert refuse(override) == ""


def test_a_setting_of_the_engine_that_is_chosen_is_accepted() -> None:
    assert refuse(f"{MEGATRON}=2", "megatron") == ""
    assert "only with" in refuse("actor_rollout_ref.actor.fsdp_config.param_offload=True", "megatron")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        pytest.param("+trainer.own=1", "No code of verl reads `trainer.own`", id="added, and read by nothing"),
        pytest.param("++trainer.sve_freq=1", "Did you mean `trainer.save_freq`?", id="added by a mistake"),
        pytest.param(
            "actor_rollout_ref.actor.grad_clip=1",
            "Set `actor_rollout_ref.actor.optim.clip_grad` instead.",
            id="there, and read by nothing",
        ),
        pytest.param("actor_rollout_ref.nccl_timeout=1", "No code of verl reads", id="nothing instead"),
        pytest.param(f"+{MEGATRON}=1", "No code of verl reads", id="of another engine"),
        pytest.param("+actor_rollout_ref.model.override_config.x=1", "", id="any name is read"),
        pytest.param("+actor_rollout_ref.rollout.engine_kwargs.vllm.x=1", "", id="passed on"),
        pytest.param("+ray_kwargs.ray_init.runtime_env.env_vars.X=1", "", id="passed on to Ray"),
        pytest.param("+reward.reward_kwargs.max_resp_len=1", "", id="read where it is"),
        pytest.param("+actor_rollout_ref.rollout.repetition_penalty=1.1", "", id="taken by a class"),
        pytest.param("+hydra.x=1", "", id="Hydra's own"),
        pytest.param("trainer.save_freq=1", "", id="a change"),
    ],
)
def test_a_setting_that_nothing_reads_is_warned_of(override: str, said: str) -> None:
    warning = str(warn_of_override(Override.parse(override), TREE, "dp"))
    assert said in warning
    assert bool(warning) is bool(said)


def test_a_preview_warns_of_a_few_overrides() -> None:
    many = tuple(f"+trainer.own{number}=1" for number in range(20))
    assert len(list_override_warnings(build_launch_plan(a_recipe(), (), many, "toy-1"), TREE)) == MAX_WARNINGS


@pytest.mark.parametrize(
    ("script", "overrides", "engine"),
    [
        pytest.param("train", (), "dp", id="the default"),
        pytest.param("train model_engine=megatron", (), "megatron", id="the recipe's"),
        pytest.param("train model_engine=megatron", ("model_engine=veomni",), "veomni", id="the person's"),
        pytest.param("train model_engine=own", (), "dp", id="one that verl does not have"),
        pytest.param("train x.model_engine=megatron", (), "dp", id="another setting"),
    ],
)
def test_the_engine_is_the_one_that_the_launch_chooses(script: str, overrides: tuple[str, ...], engine: str) -> None:
    recipe = a_recipe()
    recipe = a_recipe(task=dict(recipe.task) | {"run": script + ' "$@"'})
    assert find_engine(build_launch_plan(recipe, (), overrides, "toy-1"), TREE) == engine


def test_a_choice_without_a_dot_is_an_override_unless_the_recipe_has_such_a_parameter() -> None:
    launch = Launch("toy", (("model_engine", "megatron"), ("nodes", "2"), ("data", "x")), ("a.b=1",))
    moved = move_choices(launch, a_recipe(), TREE)
    assert moved.parameters == (("nodes", "2"),)
    assert moved.overrides == ("model_engine=megatron", "data=x", "a.b=1")
    assert move_choices(Launch("toy", (("model", "small"),)), a_recipe(), TREE).parameters == (("model", "small"),)


def test_the_longest_override_is_judged_in_a_moment() -> None:
    for override in ("a" * 8000, "+" * 8000, "trainer.save_freq=" + "9" * 8000, "trainer.v1={" + "a:" * 3900 + "}"):
        refuse(override)
        warn_of_override(Override.parse(override), TREE, "dp")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        pytest.param("algorithm.adv_estimator=gpro", "For example `algorithm.adv_estimator=grpo`.", id="mistyped"),
        pytest.param("actor_rollout_ref.rollout.name=vlm", "`actor_rollout_ref.rollout.name=vllm`", id="an engine"),
        pytest.param(
            "actor_rollout_ref.actor.loss_agg_mode=mean", "must be one of `token-mean`", id="no team can add one"
        ),
        pytest.param("trainer.resume_mode=always", "must be one of `disable`, `auto`", id="a mode of resuming"),
        pytest.param("+algorithm.adv_estimator=gpro", "verl has `algorithm.adv_estimator` already", id="with a plus"),
        pytest.param("++algorithm.adv_estimator=gpro", "`algorithm.adv_estimator=grpo`", id="with two"),
    ],
)
def test_a_value_that_verl_does_not_know_is_refused_with_those_that_it_knows(override: str, said: str) -> None:
    assert said in refuse(override)


@pytest.mark.parametrize(
    "override",
    [
        "algorithm.adv_estimator=rloo",
        "algorithm.adv_estimator='grpo'",
        "algorithm.adv_estimator=${mine}",
        "actor_rollout_ref.actor.kl_loss_type=k3+",
        "algorithm.adv_estimator=our_own_baseline_of_2026",
    ],
)
def test_a_value_that_verl_or_a_teams_own_code_may_know_is_accepted(override: str) -> None:
    assert refuse(override) == ""


def test_of_a_name_in_a_group_that_exists_no_other_group_is_asked_about() -> None:
    refusal = refuse("trainer.totl=3")
    assert refusal.startswith("verl has no setting `trainer.totl`. It has settings such as `trainer.")
    assert "Did you mean" not in refusal
    assert "Did you mean `actor_rollout_ref.actor.optim.lr`" in refuse("actor_rollout_ref.actor.lr=1")


def test_with_code_of_the_teams_own_a_near_name_is_asked_about_and_not_refused() -> None:
    override = "algorithm.adv_estimator=drgrpo"
    assert refusal_of(lambda: refuse_unfit_override(override, TREE, "dp", has_own_code=True)) is None
    assert "your own code must register it. Did you mean `grpo`" in str(
        warn_of_override(Override.parse(override), TREE, "dp")
    )


def test_a_value_of_a_teams_own_code_is_warned_of() -> None:
    warning = warn_of_override(Override.parse("algorithm.adv_estimator=our_own_baseline_of_2026"), TREE, "dp")
    assert str(warning) == (
        "verl itself has no `our_own_baseline_of_2026` for `algorithm.adv_estimator`: your own code must register it."
    )
    assert not warn_of_override(Override.parse("algorithm.adv_estimator=rloo"), TREE, "dp")
