"""The CPUs that a launch asks for, where its program needs some for each GPU. Pure."""

from collections.abc import Mapping
from typing import Any

from bot.core.model.recipe import CPUS, CpuNeed, Recipe, Task
from bot.core.model.resources import count_choice_gpus, list_resources
from bot.errors import UnsuitableSetting
from bot.phrase import Phrase, Text


def request_cpus(task: dict[str, Any], recipe: Recipe, settings: Mapping[str, str]) -> None:
    """Write the CPUs into the task that its program needs for its GPUs, unless the person typed how many.

    With fewer, the program waits for ever: a launch asks for what the largest choice of GPUs needs. The recipe's own
    number counts while the number of GPUs is the recipe's, and is enough.

    Raises:
        UnsuitableSetting: the person typed too few.
    """
    if recipe.cpu_need is None:
        return
    gpus, usual = count_node_gpus(task), count_node_gpus(recipe.task)
    need = recipe.cpu_need.count(gpus)
    resources = task.get("resources") or {}
    cpus = read_cpus(resources.get("cpus"))
    if CPUS.name in settings:
        if cpus is not None and cpus < need:
            raise UnsuitableSetting(
                Phrase(
                    "`cpus` must be at least {need}, and is {cpus}: {reason}.",
                    need=need,
                    cpus=f"{cpus:g}",
                    reason=describe_cpu_need(recipe.name, recipe.cpu_need, gpus),
                ),
                Phrase("For example {choices}.", choices=f"`cpus={need}+`"),
                setting=CPUS.name,
            )
    elif cpus is None or cpus < need or gpus != usual:
        task["resources"] = {**resources, "cpus": f"{need}+"}


def describe_cpu_need(recipe: str, need: CpuNeed, gpus: int) -> Text:
    """Return how many CPUs the program of a recipe takes on a node with so many GPUs."""
    if need.base:
        return Phrase(
            "`{recipe}` takes {base} CPUs on each node, and {per_gpu} more for each GPU there ({gpus})",
            recipe=recipe,
            base=need.base,
            per_gpu=need.per_gpu,
            gpus=gpus,
        )
    return Phrase("`{recipe}` takes {per_gpu} CPUs for each GPU", recipe=recipe, per_gpu=need.per_gpu)


def count_node_gpus(task: Task) -> int:
    """Return the GPUs of one node, the most among the choices of SkyPilot."""
    return max(count_choice_gpus(choice, 1) for choice in list_resources(task))


def read_cpus(value: object) -> float | None:
    """Return the number of CPUs that a task asks for; None where it asks for none, or it is no number.

    >>> read_cpus("16+"), read_cpus(8), read_cpus(None), read_cpus("x")
    (16.0, 8.0, None, None)
    """
    text = str(value or "").strip().removesuffix("+")
    return float(text) if len(text) < 10 and text.replace(".", "", 1).isdecimal() else None
