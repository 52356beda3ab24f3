"""Settings that would fail on rented machines, refused before anything is launched. Pure."""

from collections.abc import Mapping
from math import prod

from bot.core.model.launch_plan import LaunchPlan
from bot.core.model.near_names import find_near_names
from bot.core.model.parameter import parse_number
from bot.core.model.recipe import BatchRule, parse_accelerators
from bot.core.model.typed_text import format_inline_code
from bot.errors import UserError
from bot.phrase import Phrase, Text, join_list, join_sentences

OptionKeys = Mapping[str, frozenset[str]]
"""The settings that a program knows: the second words of each first word."""

MAX_SHOWN_KEYS = 8


def refuse_failing_settings(plan: LaunchPlan, option_keys: OptionKeys) -> None:
    """Refuse a launch whose settings its own program would refuse on the machines.

    Args:
        option_keys: the settings that the recipe's program knows.

    Raises:
        UserError: an override sets what the program does not know, or a batch cannot be divided among the GPUs.
    """
    if plan.recipe.checks_overrides:
        for override in plan.overrides:
            refuse_unknown_override(override, option_keys)
    for rule in plan.recipe.batch_rules:
        refuse_uneven_batch(plan, rule)


def refuse_unknown_override(override: str, option_keys: OptionKeys) -> None:
    """Refuse an override of a setting that the program does not know; `+key=value`, which adds one, is accepted.

    Raises:
        UserError: the program knows no such setting; the hint names the nearest ones.
    """
    key = override.partition("=")[0].lstrip("~")
    # Hydra adds a new setting after `+`, and chooses a group of settings by `group@package` or `group/sub`.
    if key.startswith(("+", "hydra.")) or "/" in key or "@" in key:
        return
    first, _, rest = key.partition(".")
    second = rest.partition(".")[0].partition("[")[0]
    if first not in option_keys:
        hint = suggest_option(first, sorted(option_keys), "")
        raise UserError(Phrase("verl has no setting {key}.", key=format_inline_code(key)), hint)
    if second and second not in option_keys[first]:
        hint = suggest_option(second, sorted(option_keys[first]), f"{first}.")
        raise UserError(Phrase("verl has no setting {key}.", key=format_inline_code(key)), hint)


def suggest_option(word: str, known: list[str], prefix: str) -> Text:
    """Return the settings that the word nearly is, else some that there are; and how to add a new one."""
    near = find_near_names(word, known)
    names = join_list(f"`{prefix}{name}`" for name in (near or known)[:MAX_SHOWN_KEYS])
    guess = (
        Phrase("Did you mean {names}?", names=names)
        if near
        else Phrase("It has settings such as {names}.", names=names)
    )
    return join_sentences(guess, Phrase("To add a new one, write `+` before it."))


def refuse_uneven_batch(plan: LaunchPlan, rule: BatchRule) -> None:
    """Refuse a batch that the program cannot divide among its parts and GPUs.

    Raises:
        UserError: the batch leaves a remainder; the hint names the values next to it.
    """
    accelerators = parse_accelerators(plan.task)
    # SkyPilot may still choose how many GPUs there are.
    if rule.per_gpu and accelerators is None:
        return
    gpus = plan.nodes * accelerators.count if rule.per_gpu and accelerators else 1
    values = [read_setting(plan, name) for name in rule.product]
    if None in values or not gpus or prod(value or 0 for value in values) % (rule.multiple * gpus) == 0:
        return
    raise uneven_batch_error(plan, rule, gpus)


def read_setting(plan: LaunchPlan, name: str) -> int | None:
    """Return a whole number that the task has for a parameter; None if there is none."""
    target = plan.recipe.find_parameter(name).target.removeprefix("envs.")
    number = parse_number(str((plan.task.get("envs") or {}).get(target, "")))
    return int(number) if number is not None and number == int(number) else None


def uneven_batch_error(plan: LaunchPlan, rule: BatchRule, gpus: int) -> UserError:
    """Return the error for a batch that leaves a remainder, with the values next to it."""
    first, *others = rule.product
    size = read_setting(plan, first) or 0
    factor = prod(read_setting(plan, name) or 0 for name in others)
    unit = rule.multiple * gpus
    below, above = find_even_sizes(size, factor, unit)
    problem = Phrase(
        "{product} must be a multiple of {unit} ({multiple} × {gpus} GPUs), and is {size}.",
        product=" × ".join(f"`{name}`" for name in rule.product),
        unit=unit,
        multiple=rule.multiple,
        gpus=gpus,
        size=size * factor,
    )
    if not rule.per_gpu:
        problem = Phrase("`{name}` must be a multiple of {unit}, and is {size}.", name=first, unit=unit, size=size)
    choices = join_list(f"`{first}={choice}`" for choice in (below, above) if choice)
    return UserError(problem, Phrase("Such as {choices}.", choices=choices))


def find_even_sizes(size: int, factor: int, unit: int) -> tuple[int, int]:
    """Return the sizes next to this one, below and above, whose product with the factor is a multiple of the unit.

    >>> find_even_sizes(257, 1, 8), find_even_sizes(5, 1, 8), find_even_sizes(33, 4, 16)
    ((256, 264), (0, 8), (32, 36))
    """
    step = next((step for step in range(1, unit + 1) if step * factor % unit == 0), unit)
    return size // step * step, (size // step + 1) * step
