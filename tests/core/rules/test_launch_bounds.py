"""What one launch may ask for."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.model.launch_plan import build_launch_plan
from bot.core.model.people import Channel, ChannelKind, Role
from bot.core.model.policy import DENIED_OVERRIDES, FROM_RECIPE, SAFE_BOUNDS, SAFE_POLICY, Bounds, Policy
from bot.core.rules.launch_bounds import (
    LaunchRequest,
    build_launch_request,
    find_violations,
    refuse_limits_out_of_bounds,
    refuse_out_of_bounds,
)
from tests.builders import a_recipe, a_run, change_run, refusal_of

BOUNDS = Bounds(
    recipes=("ppo", "sft*"),
    code=("acme/*",),
    infra=("aws*", FROM_RECIPE),
    images=(FROM_RECIPE, "docker:team/*"),
    buckets=("s3://team/*",),
    volumes=("team-*",),
    accelerators={"H100": 8, "A*": 4},
    nodes=4,
    gpu_hours=200.0,
    lease_hours=24.0,
    budget_dollars=100.0,
    keep_hours=2.0,
    overrides=("trainer.*", "actor_rollout_ref.*", "data.*", "hydra*"),
    denied_overrides=DENIED_OVERRIDES,
    absolute_outputs=False,
)
ASK = LaunchRequest(
    recipe="ppo", infra="", recipe_infra="", image="docker:own", recipe_image="docker:own", bucket="", volume="",
    accelerators={"H100": 1}, nodes=1, gpus=1, lease=timedelta(hours=1), budget_dollars=10.0,
)  # fmt: skip


def passed(bounds: Bounds = BOUNDS, **changes: Any) -> list[str]:
    return [one.bound for one in find_violations(bounds, replace(ASK, **changes))]


@pytest.mark.parametrize(
    ("asked", "bound"),
    [
        ({"recipe": "mine"}, "recipes"),
        ({"code": "evil/rl"}, "code"),
        ({"code": "acme-evil/rl"}, "code"),
        ({"infra": "gcp", "recipe_infra": "lambda"}, "infra"),
        ({"image": "docker:evil"}, "images"),
        ({"image": "docker:own/more"}, "images"),
        ({"bucket": "s3://theirs/x"}, "buckets"),
        ({"volume": "their-volume"}, "volumes"),
        ({"accelerators": {"H100": 9}}, "accelerators"),
        ({"accelerators": {"B200": 1}}, "accelerators"),
        ({"accelerators": {"H100": 1, "B200": 1}}, "accelerators"),
        ({"nodes": 5}, "nodes"),
        ({"gpus": 9, "lease": timedelta(hours=23)}, "gpu_hours"),
        ({"lease": timedelta(hours=25)}, "lease_hours"),
        ({"budget_dollars": 100.01}, "budget_dollars"),
        ({"keep": timedelta(hours=2.1)}, "keep_hours"),
        ({"overrides": ("reward.path=x",)}, "overrides"),
        ({"overrides": ("hydra.sweep.dir=x",)}, "denied_overrides"),
        ({"overrides": ("trainer.default_local_dir=/root/.ssh",)}, "absolute_outputs"),
    ],
)
def test_what_passes_a_bound_is_refused_by_its_name(asked: dict[str, Any], bound: str) -> None:
    assert passed() == []
    assert passed(**asked) == [bound]
    assert passed(Bounds(), **asked) == []


@pytest.mark.parametrize(
    "asked",
    [
        {"recipe": "SFT-small"},
        {"infra": "aws/us-east-1", "recipe_infra": "gcp"},
        {"code": "acme/rl"},
        {"image": "docker:team/verl"},
        {"bucket": "s3://team/models"},
        {"accelerators": {"h100": 8, "A100": 4}},
        {"overrides": ("trainer.total_epochs=3", "trainer.default_local_dir=checkpoints")},
    ],
)
def test_what_is_within_is_launched(asked: dict[str, Any]) -> None:
    assert passed(**asked) == []


DENIED = Bounds(denied_overrides=DENIED_OVERRIDES, absolute_outputs=False)


@pytest.mark.parametrize(
    "override",
    [
        pytest.param("hydra.run.dir=x", id="Hydra's own"),
        pytest.param("hydra/launcher=joblib", id="a group of Hydra's"),
        pytest.param("HYDRA.run.dir=x", id="in capitals"),
        pytest.param("++hydra.run.dir=x", id="added by force"),
        pytest.param("~hydra.run", id="deleted"),
        pytest.param("hydra={run: {dir: x}}", id="the group as a whole"),
        pytest.param("hydra=null", id="the group emptied"),
        pytest.param("trainer@hydra.run=big", id="by a package"),
        pytest.param("ray_init.ray_kwargs.num_cpus=1", id="Ray's arguments"),
        pytest.param("+ray.runtime_env.env_vars.X=1", id="Ray's environment"),
        pytest.param("actor_rollout_ref.model.trust_remote_code=true", id="code of a model's repository"),
        pytest.param("actor_rollout_ref.model={path: x, trust_remote_code: true}", id="nested in a value"),
        pytest.param("actor_rollout_ref.model={path: x, 'trust_remote_code' : true}", id="nested and quoted"),
        pytest.param("+reward._target_=os.system", id="a class of one's own"),
        pytest.param("actor_rollout_ref.model.external_lib=mine", id="a module of one's own"),
        pytest.param("data.path=${oc.env:WANDB_API_KEY}", id="a resolver, which reads the environment"),
        pytest.param("data.path=${oc.${trainer.kind}:WANDB_API_KEY}", id="a resolver whose name is made"),
        pytest.param("data.path=a-${ oc.env:HF_TOKEN }", id="a resolver after text"),
    ],
)
def test_settings_that_execute_or_print_what_the_recipe_has_not_are_denied(override: str) -> None:
    assert passed(DENIED, overrides=(override,)) == ["denied_overrides"]


@pytest.mark.parametrize(
    "override",
    [
        "trainer.default_local_dir=/root",
        "trainer.default_local_dir='/root'",
        "trainer.default_local_dir=~/x",
        "trainer.default_local_dir=a/../../x",
        "+trainer.rollout_data_dir=../x",
    ],
)
def test_outputs_stay_in_the_runs_folder(override: str) -> None:
    assert passed(DENIED, overrides=(override,)) == ["absolute_outputs"]


@pytest.mark.parametrize(
    "override", ["trainer.total_epochs=3", "data.max_length=${data.max_prompt_length}", "trainer.default_local_dir=out"]
)
def test_usual_settings_are_allowed(override: str) -> None:
    assert passed(DENIED, overrides=(override,)) == []


def test_everything_that_a_plan_asks_for_is_weighed() -> None:
    recipe = a_recipe()
    typed = (("nodes", "2"), ("budget", "20"), ("lease", "3"))
    found = build_launch_request(build_launch_plan(recipe, typed, ("trainer.x=1",), "toy-0001"))
    assert (found.recipe, found.nodes, found.gpus, dict(found.accelerators)) == ("toy", 2, 2, {"H100": 1})
    assert (found.gpu_hours, found.budget_dollars, found.overrides) == (6.0, 20.0, ("trainer.x=1",))


def test_those_of_the_role_and_those_of_the_channel_both_hold() -> None:
    policy = Policy(
        bounds_by_role={Role.LAUNCHER: Bounds(nodes=2)}, channel_bounds={"C0SMALL": Bounds(lease_hours=1.0)}
    )
    every = policy.bounds_for(Role.LAUNCHER, Channel("C0SMALL", ChannelKind.PUBLIC))
    ask = replace(ASK, nodes=3, lease=timedelta(hours=2))
    refused = refusal_of(lambda: refuse_out_of_bounds(every, ask, ("U0ADMIN",)))
    assert refused is not None
    assert "It asks for 3 nodes; your limit is 2." in str(refused)
    assert "Its lease is 2 h; your limit is 1 h." in str(refused)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"lease": timedelta(hours=25)}, "Its lease is 25 h; your limit is 24 h."),
        ({"lease": timedelta(hours=23), "nodes": 2, "gpus": "H100:8"}, "is 368 GPU-hours; your limit is 200."),
        ({"budget_dollars": 101.0}, "Its budget is $101; your limit is $100."),
    ],
)
def test_a_run_is_given_no_more_than_it_could_have_been_launched_with(more: dict[str, Any], said: str) -> None:
    before = a_run(nodes=more.get("nodes", 1), gpus=more.get("gpus", ""), budget_dollars=10.0)
    after = change_run(before, **more)
    refused = refusal_of(lambda: refuse_limits_out_of_bounds((BOUNDS,), before, after, ()))
    assert said in str(refused)
    assert refusal_of(lambda: refuse_limits_out_of_bounds((BOUNDS,), after, after, ())) is None


def test_without_a_file_a_launch_is_bounded_for_all_but_admins() -> None:
    public = Channel("C1", ChannelKind.PUBLIC)
    dear = replace(
        ASK, nodes=64, gpus=512, lease=timedelta(days=90), image="docker:evil", budget_dollars=1e6, code="acme/rl"
    )
    for role in (Role.LAUNCHER, Role.APPROVER):
        found = {one.bound for bounds in SAFE_POLICY.bounds_for(role, public) for one in find_violations(bounds, dear)}
        assert found == {"code", "images", "nodes", "gpu_hours", "lease_hours", "budget_dollars"}
    assert refusal_of(lambda: refuse_out_of_bounds(SAFE_POLICY.bounds_for(Role.ADMIN, public), dear, ())) is None
    assert (SAFE_BOUNDS.budget_dollars, SAFE_BOUNDS.lease_hours, SAFE_POLICY.person.runs) == (100.0, 24.0, 2)
