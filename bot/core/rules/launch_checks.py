"""Settings that would fail on rented machines, refused before anything is launched. Pure."""

from collections.abc import Mapping, Sequence
from math import prod

from bot.core.model.launch_plan import LaunchPlan
from bot.core.model.near_names import find_near_names
from bot.core.model.parameter import parse_number
from bot.core.model.recipe import BatchRule, parse_accelerators
from bot.core.model.typed_text import format_inline_code
from bot.errors import UnsuitableSetting
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
        raise UnsuitableSetting(Phrase("verl has no setting {key}.", key=format_inline_code(key)), hint, setting=key)
    if second and second not in option_keys[first]:
        hint = suggest_option(second, sorted(option_keys[first]), f"{first}.")
        raise UnsuitableSetting(Phrase("verl has no setting {key}.", key=format_inline_code(key)), hint, setting=key)


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
        UnsuitableSetting: the batch leaves a remainder; the hint names the values next to it.
    """
    accelerators = parse_accelerators(plan.task)
    # SkyPilot may still choose how many GPUs there are.
    if rule.per_gpu and accelerators is None:
        return
    gpus = plan.nodes * accelerators.count if rule.per_gpu and accelerators else 1
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
    return UnsuitableSetting(problem, Phrase("Such as {choices}.", choices=choices), setting=first)


def find_even_sizes(size: int, factor: int, unit: int) -> tuple[int, int]:
    """Return the sizes next to this one, below and above, whose product with the factor is a multiple of the unit.

    >>> find_even_sizes(257, 1, 8), find_even_sizes(5, 1, 8), find_even_sizes(33, 4, 16)
    ((256, 264), (0, 8), (32, 36))
    """
    step = next((step for step in range(1, unit + 1) if step * factor % unit == 0), unit)
    return size // step * step, (size // step + 1) * step
