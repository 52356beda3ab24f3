"""The CPUs that a launch asks for, by its GPUs."""

from typing import Any

import pytest

from bot.core.model.cpu_request import describe_cpu_need, request_cpus
from bot.core.model.recipe import CpuNeed
from tests.builders import a_recipe, refusal_of

VERL = CpuNeed(9, 3)


def ask(gpus: object, cpus: str | None = "16+", typed: str = "") -> Any:
    """Return the CPUs of a launch of a recipe with one GPU and 16 CPUs, with these GPUs in its task."""
    recipe = a_recipe(cpu_need=VERL, task={"resources": {"accelerators": "H100:1", "cpus": cpus}})
    task: dict[str, Any] = {"resources": {"accelerators": gpus, "cpus": typed or cpus}}
    request_cpus(task, recipe, {"cpus": typed} if typed else {})
    return task["resources"]["cpus"]


@pytest.mark.parametrize(
    ("gpus", "cpus", "asked"),
    [
        pytest.param("H100:1", "16+", "16+", id="the recipe's own"),
        pytest.param("H100:8", "16+", "33+", id="more GPUs"),
        pytest.param("H100:2", "64+", "15+", id="another number, fewer CPUs"),
        pytest.param("H100:1", "4", "12+", id="a recipe with too few"),
        pytest.param("H100:1", None, "12+", id="a recipe that asks for none"),
        pytest.param({"H100": 8, "A100": 4}, "16+", "33+", id="the most of a choice"),
    ],
)
def test_a_launch_asks_for_what_its_gpus_need(gpus: object, cpus: str | None, asked: str) -> None:
    assert ask(gpus, cpus) == asked


@pytest.mark.parametrize("cpus", ["33", "33+", "64"])
def test_a_person_may_ask_for_as_many_or_more(cpus: str) -> None:
    assert ask("H100:8", typed=cpus) == cpus


def test_too_few_are_refused_with_how_many_it_takes() -> None:
    refusal = refusal_of(lambda: ask("H100:8", typed="32+"))
    assert refusal is not None
    assert str(refusal).startswith("`cpus` must be at least 33, and is 32: `toy` takes 9 CPUs on each node, and 3")
    assert str(refusal.hint) == "For example `cpus=33+`."
    assert str(describe_cpu_need("sft", CpuNeed(0, 10), 8)) == "`sft` takes 10 CPUs for each GPU"


def test_a_recipe_that_needs_none_is_left_alone() -> None:
    task: dict[str, Any] = {"resources": {"accelerators": "H100:8", "cpus": "4"}}
    request_cpus(task, a_recipe(), {})
    assert task["resources"]["cpus"] == "4"
