"""Settings that would fail on rented machines, refused before anything is launched. Pure."""

import re
from collections.abc import Sequence
from math import prod

from bot.core.model.launch_plan import LaunchPlan
from bot.core.model.parameter import parse_number
from bot.core.model.recipe import BatchRule
from bot.core.model.resources import find_node_gpus
from bot.core.model.training_framework import Framework
from bot.core.rules.override_checks import find_engine, list_override_warnings, refuse_unfit_override
from bot.errors import UnsuitableSetting
from bot.phrase import Phrase, Text, join_list

EXTERNAL_CODE = re.compile(r"external_lib=|\.(path|module_path|cls)=")
"""Overrides that name a module or a file of the team's own, which verl imports."""


def refuse_failing_settings(plan: LaunchPlan, framework: Framework) -> None:
    """Refuse a launch whose settings its own program would refuse on the machines.

    Args:
        framework: whose program the recipe runs.

    Raises:
        UserError: an override sets what the program does not know, or sizes do not fit the GPUs or one another.
    """
    tree = framework.option_trees.get(plan.recipe.program)
    if tree is not None:
        engine = find_engine(plan, tree)
        for override in plan.overrides:
            refuse_unfit_override(override, tree, engine, has_own_code(plan))
    for rule in plan.recipe.batch_rules:
        refuse_uneven_batch(plan, rule)
    if tree is not None:
        framework.get_launch_checks(plan.recipe.program).refuse(plan.task, plan.overrides)


def has_own_code(plan: LaunchPlan) -> bool:
    """Return whether a launch brings code of the team's into verl: a repository, an image, or a module by a setting."""
    settings = dict(plan.parameters)
    return plan.code is not None or "image" in settings or any(map(EXTERNAL_CODE.search, plan.overrides))


def list_launch_warnings(plan: LaunchPlan, framework: Framework) -> tuple[Text, ...]:
    """Return what is doubtful about a launch, a sentence or more each: overrides that nothing reads, sizes that will
    probably not fit.
    """
    tree = framework.option_trees.get(plan.recipe.program)
    if tree is None:
        return ()
    checks = framework.get_launch_checks(plan.recipe.program)
    return (*list_override_warnings(plan, tree), *checks.list_warnings(plan.task, plan.overrides))


def describe_checkpoint_sizes(plan: LaunchPlan, framework: Framework) -> Text:
    """Return how large the checkpoints of a launch will be; empty where that is not known, or it writes none."""
    if plan.recipe.program not in framework.option_trees or plan.recipe.checkpoints is None:
        return ""
    return framework.get_launch_checks(plan.recipe.program).describe_checkpoints(plan.task, plan.overrides)


def refuse_uneven_batch(plan: LaunchPlan, rule: BatchRule) -> None:
    """Refuse a batch that the program cannot divide among its parts and GPUs.

    Raises:
        UnsuitableSetting: the batch leaves a remainder; the hint names the values next to it.
    """
    node_gpus = find_node_gpus(plan.task)
    # SkyPilot may still choose how many GPUs there are.
    if rule.per_gpu and node_gpus is None:
        return
    gpus = plan.nodes * node_gpus if rule.per_gpu and node_gpus else 1
    settings = [read_setting(plan, rule, name) for name in rule.product]
    sizes = [size for _, size in settings if size is not None]
    if len(sizes) < len(settings) or not gpus or prod(sizes) % (rule.multiple * gpus) == 0:
        return
    raise uneven_batch_error([name for name, _ in settings], sizes, rule, gpus)


def read_setting(plan: LaunchPlan, rule: BatchRule, parameter: str) -> tuple[str, int | None]:
    """Return the name under which a parameter is set, and its whole number; None where there is none.

    An override of the program's own setting counts in place of the parameter; Hydra takes the last of several.
    """
    option = rule.options.get(parameter)
    overrides = [value for key, value in map(split_override, plan.overrides) if key == option]
    if overrides:
        return option or parameter, parse_whole_number(overrides[-1])
    target = plan.recipe.find_parameter(parameter).target.removeprefix("envs.")
    return parameter, parse_whole_number(str((plan.task.get("envs") or {}).get(target, "")))


def split_override(override: str) -> tuple[str, str]:
    """Return the key of an override without Hydra's marks, and its value."""
    key, _, value = override.partition("=")
    return key.lstrip("+~").strip(), value.strip()


def parse_whole_number(text: str) -> int | None:
    """Return a whole number; None for any other text."""
    number = parse_number(text)
    return int(number) if number is not None and number == int(number) else None


def uneven_batch_error(names: Sequence[str], sizes: Sequence[int], rule: BatchRule, gpus: int) -> UnsuitableSetting:
    """Return the error for a batch that leaves a remainder, with the values next to it."""
    first, factor, unit = names[0], prod(sizes[1:]), rule.multiple * gpus
    below, above = find_even_sizes(sizes[0], factor, unit)
    problem = Phrase(
        "{product} must be a multiple of {unit} ({multiple} × {gpus} GPUs), and is {size}.",
        product=" × ".join(f"`{name}`" for name in names),
        unit=unit,
        multiple=rule.multiple,
        gpus=gpus,
        size=prod(sizes),
    )
    if not rule.per_gpu:
        problem = Phrase("`{name}` must be a multiple of {unit}, and is {size}.", name=first, unit=unit, size=sizes[0])
    choices = join_list(f"`{first}={choice}`" for choice in (below, above) if choice)
    return UnsuitableSetting(problem, Phrase("For example {choices}.", choices=choices), setting=first)


def find_even_sizes(size: int, factor: int, unit: int) -> tuple[int, int]:
    """Return the sizes next to this one, below and above, whose product with the factor is a multiple of the unit.

    >>> find_even_sizes(257, 1, 8), find_even_sizes(5, 1, 8), find_even_sizes(33, 4, 16)
    ((256, 264), (0, 8), (32, 36))
    """
    step = next((step for step in range(1, unit + 1) if step * factor % unit == 0), unit)
    return size // step * step, (size // step + 1) * step
