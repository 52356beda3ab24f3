"""Whether a launch is within its bounds: each bound alone, those of role and channel together, and what is said."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.model.launch_plan import build_launch_plan
from bot.core.model.people import Role
from bot.core.model.policy import SAFE_BOUNDS, SAFE_POLICY, UNBOUNDED, Bounds
from bot.core.rules.launch_bounds import (
    LaunchRequest,
    build_launch_request,
    find_violations,
    refuse_limits_out_of_bounds,
    refuse_out_of_bounds,
)
from bot.errors import UserError
from tests.builders import a_recipe, a_run, change_run

ASK = LaunchRequest(
    recipe="grpo",
    infra="aws/us-east-1",
    recipe_infra="aws",
    image="docker:nvcr.io/pytorch",
    recipe_image="docker:nvcr.io/pytorch",
    bucket="s3://our-models/a",
    volume="",
    accelerators={"H100": 8},
    nodes=2,
    gpus=16,
    lease=timedelta(hours=12),
    budget_dollars=100,
)


@pytest.mark.parametrize(
    ("bounds", "passed"),
    [
        ({}, []),
        ({"recipes": ("g*",)}, []),
        ({"recipes": ("ppo",)}, ["recipes"]),
        ({"recipes": ()}, ["recipes"]),
        ({"infra": ("AWS*",)}, []),
        ({"infra": ("recipe",)}, []),
        ({"infra": ("gcp*", "k8s")}, ["infra"]),
        ({"images": ("recipe",)}, []),
        ({"images": ("docker:ours/*",)}, ["images"]),
        ({"buckets": ("s3://our-models/*",)}, []),
        ({"buckets": ("s3://other/*",)}, ["buckets"]),
        ({"volumes": ()}, []),  # it asks for none
        ({"accelerators": {"H100": 8}}, []),
        ({"accelerators": {"h*": 4, "*": 8}}, ["accelerators"]),
        ({"accelerators": {"L4": 8}}, ["accelerators"]),
        ({"nodes": 2}, []),
        ({"nodes": 1}, ["nodes"]),
        ({"gpu_hours": 192}, []),
        ({"gpu_hours": 191.9}, ["gpu_hours"]),
        ({"lease_hours": 12}, []),
        ({"lease_hours": 11.5}, ["lease_hours"]),
        ({"budget_dollars": 100}, []),
        ({"budget_dollars": 99.99}, ["budget_dollars"]),
        ({"nodes": 1, "budget_dollars": 5, "recipes": ("ppo",)}, ["recipes", "nodes", "budget_dollars"]),
    ],
    ids=str,
)
def test_each_bound_is_held_by_itself(bounds: dict[str, Any], passed: list[str]) -> None:
    assert [one.bound for one in find_violations(Bounds(**bounds), ASK)] == passed


@pytest.mark.parametrize(
    ("override", "passed"),
    [
        ("trainer.total_epochs=3", []),
        ("hydra.run.dir=/tmp", ["denied_overrides"]),
        ("hydra/launcher=x", ["denied_overrides"]),
        ("++actor.ray_kwargs.x=1", ["denied_overrides"]),
        ("+model.trust_remote_code=True", ["denied_overrides"]),
        ("data.custom_cls._target_=os.system", ["denied_overrides"]),
        ("a.b=${oc.env:HF_TOKEN}", ["denied_overrides"]),
        ("trainer.default_local_dir=/etc", ["absolute_outputs"]),
        ("trainer.default_local_dir=checkpoints", []),
        ("trainer.default_local_dir=../../etc", ["absolute_outputs"]),
    ],
)
def test_settings_that_run_code_or_write_elsewhere_are_denied_without_a_policy_file(
    override: str, passed: list[str]
) -> None:
    ask = replace(ASK, bucket="", nodes=1, gpus=1, lease=timedelta(hours=1), overrides=(override,))
    assert [one.bound for one in find_violations(SAFE_BOUNDS, ask)] == passed
    assert find_violations(UNBOUNDED, ask) == []


def test_only_settings_that_are_allowed_may_be_set_where_any_are_named() -> None:
    bounds = Bounds(overrides=("trainer.*",))
    ask = replace(ASK, overrides=("trainer.total_epochs=3", "actor.lr=1"))
    assert [str(one.sentence) for one in find_violations(bounds, ask)] == [
        "The setting `actor.lr` is not allowed for you here. Allowed: `trainer.*`."
    ]


def test_bounds_of_the_role_and_of_the_channel_hold_together_and_all_is_said_once() -> None:
    role, channel = Bounds(nodes=1, budget_dollars=50), Bounds(nodes=1, lease_hours=6)
    with pytest.raises(UserError) as refused:
        refuse_out_of_bounds((role, channel), ASK, ("U0EVA",))
    said = refused.value
    assert str(said.sentence) == (
        "It asks for 2 nodes; your limit is 1. Its budget is $100; your limit is $50. "
        "Its lease is 12 h; your limit is 6 h. Type `nodes=1`, `budget=50`, `lease=6` instead."
    )
    assert said.people == ("U0EVA",)
    refuse_out_of_bounds((UNBOUNDED, Bounds(nodes=2)), ASK, ())


def test_what_a_plan_asks_for_is_read_of_its_task() -> None:
    ask = build_launch_request(build_launch_plan(a_recipe(), (("nodes", "3"),), (), "toy-0001"))
    assert (ask.recipe, ask.nodes, ask.accelerators, ask.gpus) == ("toy", 3, {"H100": 1}, 3)
    assert ask.gpu_hours == 3 * (ask.lease / timedelta(hours=1))


BEFORE = a_run(gpus="H100:8", lease=timedelta(hours=12), budget_dollars=100.0)


@pytest.mark.parametrize(
    ("after", "bounds", "said"),
    [
        ({"lease": timedelta(hours=20)}, {"lease_hours": 24}, ""),
        ({"lease": timedelta(hours=30)}, {"lease_hours": 24}, "Its lease is 30 h; your limit is 24 h."),
        ({"lease": timedelta(hours=20)}, {"gpu_hours": 200}, "is 320 GPU-hours; your limit is 200."),
        ({"budget_dollars": 150.0}, {"budget_dollars": 120}, r"Its budget is \$150; your limit is \$120."),
        ({"budget_dollars": 80.0}, {"budget_dollars": 50}, ""),  # less than before is no matter
        ({"lease": timedelta(hours=13)}, {"budget_dollars": 50}, ""),  # nor is what does not change
    ],
)
def test_more_time_and_money_are_held_to_the_bounds_of_who_gives_them(
    after: dict[str, Any], bounds: dict[str, Any], said: str
) -> None:
    changed = change_run(BEFORE, **after)
    if not said:
        refuse_limits_out_of_bounds((Bounds(**bounds),), BEFORE, changed, ())
        return
    with pytest.raises(UserError, match=said):
        refuse_limits_out_of_bounds((UNBOUNDED, Bounds(**bounds)), BEFORE, changed, ())


def test_every_role_that_may_launch_has_bounds_but_admins() -> None:
    may_launch = [role for role in Role if role >= Role.LAUNCHER]
    assert [role for role in may_launch if role not in SAFE_POLICY.bounds_by_role] == [Role.ADMIN]
    assert all(bounds == SAFE_BOUNDS for bounds in SAFE_POLICY.bounds_by_role.values())
